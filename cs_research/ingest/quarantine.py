"""Writes the rows that were set aside, whole: one CSV per file, with the place, the code and the remedy in front."""

import csv
from pathlib import Path

import duckdb

from cs_research.ingest.ledger import Entry
from cs_research.ingest.rules import all_rules

FRONT = ("_file", "_record", "_line", "_column", "_value", "_codes", "_remedy")


def write_quarantine(con: duckdb.DuckDBPyConnection, entry: Entry, folder: Path) -> Path | None:
    """Write the quarantined rows of one file to `folder`; None when there are none.

    Columns: those of FRONT, the source columns as they stand, and `_text` for records that could not be split.
    """
    if not entry.quarantined or entry.raw is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / (entry.file.replace("/", "__").replace(":", "_") + ".quarantine.csv")
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*FRONT, *entry.raw.names, "_text"])
        writer.writerows(_rows(con, entry))
    return target


def _rows(con: duckdb.DuckDBPyConnection, entry: Entry) -> list[list[object]]:
    raw = entry.raw
    assert raw is not None
    places: dict[int, list[dict]] = {}
    for place in entry.rows:
        if not place["code"].startswith("W_"):
            places.setdefault(place["record"], []).append(place)
    faulty = con.execute(f"""
        SELECT * EXCLUDE (_row), _row FROM {raw.relation}
        WHERE _row IN (SELECT _row FROM faults WHERE _file = {entry.number}) ORDER BY _row""").fetchnumpy()
    numbers = raw.records_of(faulty.pop("_row"))
    cells = list(zip(*faulty.values(), strict=True)) if len(numbers) else []
    whole = {int(number): [*row, ""] for number, row in zip(numbers, cells, strict=True)}
    blank = [""] * len(raw.names)
    whole |= {item.record: [*blank, item.text] for item in raw.unloaded}
    return [[entry.file, record, *_told(places[record]), *whole[record]] for record in sorted(whole)]


def _told(places: list[dict]) -> list[object]:
    first = places[0]
    codes = list(dict.fromkeys(place["code"] for place in places))
    remedies = "; ".join(all_rules()[code].remedy for code in codes)
    return [first["line"], first["column"], first["value"], " ".join(codes), remedies]
