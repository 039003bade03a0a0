"""Rows that were set aside: written whole, corrected by hand, laid in `corrections/`, taken for the record they were.

It may not take a row twice, nor put one in the place of a record that is no longer the one that was corrected.
"""

import csv
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from cs_research.ingest.ledger import Entry
from cs_research.ingest.readers import Raw
from cs_research.ingest.rules import Rejected, all_rules

PLACE = ("_file", "_record", "_was")
FRONT = (*PLACE, "_line", "_column", "_value", "_codes", "_remedy")


@dataclass(frozen=True)
class Correction:
    """A row of a corrections file: where it stands itself, and its cells by name."""

    entry: int
    row: int
    cells: dict[str, str | None]


@dataclass
class Corrections:
    """The corrections of a data set, by file and record; the last one of a record holds."""

    con: duckdb.DuckDBPyConnection
    waiting: dict[str, dict[int, Correction]] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        """Note the rows of a corrections file. Raises Rejected (F_COLUMN_MISSING)."""
        raw = entry.raw
        assert raw is not None
        if missing := [name for name in PLACE if name not in raw.opened.header]:
            raise Rejected("F_COLUMN_MISSING", f"missing {', '.join(missing)}: copy the rows from a quarantine file")
        for row, *values in self.con.execute(f"SELECT * FROM {raw.relation} ORDER BY _row").fetchall():
            correction = Correction(entry.number, row, dict(zip(raw.opened.header, values, strict=True)))
            number = correction.cells["_record"] or ""
            mine = self.waiting.setdefault(correction.cells["_file"] or "", {})
            record = int(number) if number.isdecimal() else -row
            if record in mine:
                self._unfit(mine[record])
            mine[record] = correction

    def apply(self, entry: Entry) -> None:
        """Put the corrected rows of a loaded file in the place of their records, each told as W_REPAIRED."""
        raw, mine = entry.raw, self.waiting.pop(entry.file, {})
        if not mine or raw is None:
            return
        was = fingerprints(self.con, raw, mine)
        columns = ", ".join(f"c{index} {kind}" for index, kind in enumerate(raw.types))
        self.con.execute(f"CREATE TEMP TABLE fixed_{raw.relation} (_row BIGINT, {columns})")
        for record, correction in mine.items():
            values = _values(correction.cells, raw) if was.get(record) == correction.cells["_was"] else None
            if values is None or not self._insert(raw, record, values):
                self._unfit(correction)
                continue
            raw.was[record] = was[record]
            raw.unloaded.pop(record, None)
            self.con.execute("INSERT INTO warnings VALUES (?, ?, 0, '', 'W_REPAIRED', NULL)", [entry.number, record])
        self.con.execute(f"""
            CREATE TEMP VIEW with_{raw.relation} AS SELECT * FROM {raw.relation}
            WHERE _row NOT IN (SELECT _row FROM fixed_{raw.relation}) UNION ALL FROM fixed_{raw.relation}""")
        raw.relation = f"with_{raw.relation}"

    def close(self) -> None:
        """What names a file that is not there fits nothing."""
        for mine in self.waiting.values():
            for correction in mine.values():
                self._unfit(correction)

    def _insert(self, raw: Raw, record: int, values: list[str | None]) -> bool:
        """Whether the values have the types of the file (those of Parquet are not all text)."""
        cells = ", ".join(f"CAST(? AS {kind})" for kind in raw.types)
        try:
            self.con.execute(f"INSERT INTO fixed_{raw.relation} SELECT ?, {cells}", [record, *values])
        except duckdb.ConversionException:
            return False
        return True

    def _unfit(self, correction: Correction) -> None:
        self.con.execute("INSERT INTO faults VALUES (?, ?, 1, '_record', 'R_CORRECTION', ?)",
                         [correction.entry, correction.row, correction.cells["_record"]])


def fingerprints(con: duckdb.DuckDBPyConnection, raw: Raw, records: Iterable[int]) -> dict[int, str]:
    """Twelve hex digits for each of the records as it stands; a correction must name those of its record.

    An empty cell and none are alike, as they are in CSV. Records that are not there are left out.
    """
    found = {record: [item.text] for record, item in raw.unloaded.items()} | _cells(con, raw, records)
    digests = {record: hashlib.sha256("\x1f".join(cell or "" for cell in values).encode()).hexdigest()[:12]
               for record, values in found.items()}
    return {**digests, **raw.was}


def _values(cells: dict[str, str | None], raw: Raw) -> list[str | None] | None:
    """The corrected cells in the order of the file, or those of `_text`; None where they are not such a file's."""
    if any(name not in cells for name in raw.opened.header):
        return None
    values = [cells[name] for name in raw.opened.header]
    if any(values) or not cells.get("_text"):
        return values
    fields = next(csv.reader((cells["_text"] or "").splitlines(keepends=True), delimiter=raw.opened.delimiter), [])
    return [text or None for text in fields] if len(fields) == len(raw.opened.header) else None


def write_quarantine(con: duckdb.DuckDBPyConnection, entry: Entry, target: Path) -> None:
    """Write the quarantined rows of one file, if there are any, to `target`.

    Columns: those of FRONT, the source columns as they stand, and `_text` for records that could not be split.
    Corrected and laid in the `corrections/` of the data set, the file is read again (docs/bring-your-own-data.md).
    """
    raw = entry.raw
    if not entry.quarantined or raw is None:
        return
    places: dict[int, list[dict]] = {}
    for place in entry.rows:
        if not place["code"].startswith("W_"):
            places.setdefault(place["record"], []).append(place)
    whole = {record: [*cells, ""] for record, cells in _cells(con, raw, places).items()}
    whole |= {record: [*[""] * len(raw.types), item.text] for record, item in raw.unloaded.items()}
    was = fingerprints(con, raw, whole)
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w", encoding="utf-8-sig", newline="") as file:  # without a mark Excel misreads Japanese
        writer = csv.writer(file)
        writer.writerow([*FRONT, *raw.opened.header, "_text"])
        for record in sorted(whole):
            first, codes = places[record][0], dict.fromkeys(place["code"] for place in places[record])
            writer.writerow([entry.file, record, was[record], first["line"], first["column"], first["value"],
                             " ".join(codes), "; ".join(all_rules()[code].remedy for code in codes), *whole[record]])


def quarantine_name(file: str, table: str = "") -> str:
    """Where the rows set aside of a file lie in the quarantine folder, which is laid out like the data set; with the
    table where several are read from the file.

    >>> quarantine_name("2025-05/touches.csv"), quarantine_name("query:touches")
    ('2025-05/touches.csv.quarantine.csv', 'query_touches.quarantine.csv')
    """
    return re.sub("^query:", "query_", file) + (f".{table}" if table else "") + ".quarantine.csv"


def _cells(con: duckdb.DuckDBPyConnection, raw: Raw, records: Iterable[int]) -> dict[int, list[str | None]]:
    """The source columns of loaded records, as text."""
    shown = ", ".join(f"CAST(c{index} AS VARCHAR)" for index in range(len(raw.types)))
    found = con.execute(f"SELECT _row, {shown} FROM {raw.relation} WHERE _row IN (SELECT unnest(?::BIGINT[]))",
                        [list(records)]).fetchall()
    return {record: cells for record, *cells in found}
