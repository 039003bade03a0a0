"""Rows that were set aside, corrected by hand and laid in `corrections/`: each takes the place of the record it was.

It may not take a row twice, nor put one in the place of a record that is no longer the one that was corrected.
"""

import csv
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

import duckdb

from cs_research.ingest.readers import Raw
from cs_research.ingest.rules import Rejected

PLACE = ("_file", "_record", "_was")


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

    def add(self, entry: int, raw: Raw) -> None:
        """Note the rows of a corrections file. Raises Rejected (F_COLUMN_MISSING)."""
        if missing := [name for name in PLACE if name not in raw.opened.header]:
            raise Rejected("F_COLUMN_MISSING", f"missing {', '.join(missing)}: copy the rows from a quarantine file")
        for row, *values in self.con.execute(f"SELECT * FROM {raw.relation} ORDER BY _row").fetchall():
            correction = Correction(entry, row, dict(zip(raw.opened.header, values, strict=True)))
            number = correction.cells["_record"] or ""
            mine = self.waiting.setdefault(correction.cells["_file"] or "", {})
            record = int(number) if number.isdecimal() else -row
            if record in mine:
                self._unfit(mine[record])
            mine[record] = correction

    def apply(self, entry: int, file: str, raw: Raw) -> None:
        """Put the corrected rows of a loaded file in the place of their records, each told as W_REPAIRED."""
        mine = self.waiting.pop(file, {})
        if not mine:
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
            self.con.execute("INSERT INTO warnings VALUES (?, ?, 0, '', 'W_REPAIRED', NULL)", [entry, record])
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
    found: dict[int, list[str]] = {record: [item.text] for record, item in raw.unloaded.items()}
    cells = ", ".join(f"CAST(c{index} AS VARCHAR)" for index in range(len(raw.types)))
    for record, *values in con.execute(f"SELECT _row, {cells} FROM {raw.relation} WHERE _row IN (SELECT unnest(?))",
                                       [list(records)]).fetchall():
        found[record] = values
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
