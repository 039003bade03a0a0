"""Writes the rows that were set aside, whole: one CSV per file, with the place, the code and the remedy in front."""

import csv
import re
from pathlib import Path

import duckdb

from cs_research.ingest.corrections import fingerprints
from cs_research.ingest.ledger import Entry
from cs_research.ingest.rules import all_rules

FRONT = ("_file", "_record", "_was", "_line", "_column", "_value", "_codes", "_remedy")


def write_quarantine(con: duckdb.DuckDBPyConnection, entry: Entry, folder: Path) -> Path | None:
    """Write the quarantined rows of one file to `folder`; None when there are none.

    Columns: those of FRONT, the source columns as they stand, and `_text` for records that could not be split.
    Corrected and laid in the `corrections/` of the data set, the file is read again (docs/bring-your-own-data.md).
    """
    if not entry.quarantined or entry.raw is None:
        return None
    target = folder / quarantine_name(entry.file)
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*FRONT, *entry.raw.opened.header, "_text"])
        writer.writerows(_rows(con, entry))
    return target


def quarantine_name(file: str) -> str:
    """Where the rows set aside of a file lie in the quarantine folder, which is laid out like the data set.

    >>> quarantine_name("2025-05/touches.csv"), quarantine_name("query:touches")
    ('2025-05/touches.csv.quarantine.csv', 'query_touches.quarantine.csv')
    """
    return re.sub("^query:", "query_", file) + ".quarantine.csv"


def _rows(con: duckdb.DuckDBPyConnection, entry: Entry) -> list[list[object]]:
    raw = entry.raw
    assert raw is not None
    places: dict[int, list[dict]] = {}
    for place in entry.rows:
        if not place["code"].startswith("W_"):
            places.setdefault(place["record"], []).append(place)
    cells = ", ".join(f"CAST(c{index} AS VARCHAR)" for index in range(len(raw.types)))
    faulty = con.execute(f"SELECT _row, {cells} FROM {raw.relation} "
                         f"WHERE _row IN (SELECT _row FROM faults WHERE _file = {entry.number})").fetchall()
    whole = {row: [*cells, ""] for row, *cells in faulty}
    whole |= {record: [*[""] * len(raw.types), item.text] for record, item in raw.unloaded.items()}
    was = fingerprints(con, raw, whole)
    return [[entry.file, record, was[record], *_told(places[record]), *whole[record]] for record in sorted(whole)]


def _told(places: list[dict]) -> list[object]:
    first = places[0]
    codes = list(dict.fromkeys(place["code"] for place in places))
    remedies = "; ".join(all_rules()[code].remedy for code in codes)
    return [first["line"], first["column"], first["value"], " ".join(codes), remedies]
