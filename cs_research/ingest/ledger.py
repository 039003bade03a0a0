"""The books of an ingest: for every file rows in = accepted + quarantined + excluded, with codes and places."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pandas as pd

from cs_research.ingest.readers import Raw
from cs_research.ingest.rules import Rejected, sentence

WARNINGS = "(FROM warnings ANTI JOIN faults USING (_file, _row))"  # what is set aside is not warned of
COUNTS = ("rows_in", "accepted", "quarantined", "excluded")
SHOWN_WARNINGS = 100  # places listed per code and file; all are counted


@dataclass
class Entry:
    """One file, or the output of one query, and what became of its rows."""

    number: int
    file: str
    table: str
    raw: Raw | None = None
    rejected: str | None = None
    detail: str = ""
    rows_in: int | None = 0
    accepted: int = 0
    quarantined: int = 0
    excluded: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def outcome(self) -> str:
        """accept, accept_warn, quarantine or reject_file."""
        if self.rejected:
            return "reject_file"
        return "quarantine" if self.quarantined else "accept_warn" if self.codes else "accept"

    def as_json(self) -> dict[str, Any]:
        """The file in the form of `check --json` (data contract)."""
        return {"file": self.file, "table": self.table, "outcome": self.outcome,
                **{name: getattr(self, name) for name in COUNTS}, "codes": dict(sorted(self.codes.items())),
                "rows": self.rows}

    def reject(self, fault: Rejected) -> None:
        """Close the file as rejected."""
        self.rejected, self.detail, self.rows_in = fault.code, fault.detail, fault.rows_in
        self.raw, self.codes = None, Counter({fault.code: 1})
        self.rows = [{"record": None, "line": fault.line, "column": "", "code": fault.code, "value": fault.detail}]

    def told(self) -> str:
        """The rejection in words."""
        return f"{self.rejected} {self.file}: {sentence(self.rejected or '', self.detail)}"


def settle(con: duckdb.DuckDBPyConnection, entry: Entry) -> None:
    """Close the books of a loaded file from the ledgers in DuckDB; raises AssertionError when they do not add up."""
    assert entry.raw is not None
    raw, mine = entry.raw, f"WHERE _file = {entry.number}"
    (entry.excluded, faulty, loaded), = con.execute(f"""
        SELECT (SELECT count(DISTINCT _row) FROM excluded {mine}), (SELECT count(DISTINCT _row) FROM faults {mine}),
               (SELECT count(*) FROM {raw.relation})""").fetchall()
    entry.rows_in, entry.quarantined = raw.opened.records, faulty + len(raw.unloaded)
    entry.accepted = loaded - faulty - entry.excluded
    entry.codes.update(dict(con.execute(f"""
        SELECT code, count(DISTINCT _row) FROM (
            SELECT code, _row FROM faults {mine} UNION ALL SELECT code, _row FROM {WARNINGS} {mine}
            UNION ALL SELECT name, _row FROM excluded {mine} AND name = 'W_REPLACED')
        GROUP BY code""").fetchall()))
    entry.codes.update(item.code for item in raw.unloaded.values())
    entry.rows = _places(con, entry)
    total = entry.accepted + entry.quarantined + entry.excluded
    assert total == entry.rows_in, f"{entry.file}: {entry.rows_in:,} rows in, {total:,} accounted for"


def files_table(entries: list[Entry]) -> pd.DataFrame:
    """The table `files` of the data contract: one row per file, codes as JSON text."""
    columns = ["file", "table", "outcome", *COUNTS, "codes"]
    files = pd.DataFrame([entry.as_json() for entry in entries], columns=columns)
    return files.assign(codes=files["codes"].map(json.dumps)).sort_values("file", ignore_index=True)


def _places(con: duckdb.DuckDBPyConnection, entry: Entry) -> list[dict[str, Any]]:
    """Record, line, column, code and value of every fault, and of the first warnings of each code."""
    assert entry.raw is not None
    found = con.execute(f"""
        SELECT _row, column_name, code, value FROM faults WHERE _file = {entry.number}
        UNION ALL SELECT _row, column_name, code, value FROM (
            SELECT *, row_number() OVER (PARTITION BY code ORDER BY _row, position) AS nth
            FROM {WARNINGS} WHERE _file = {entry.number}) WHERE nth <= {SHOWN_WARNINGS}
        ORDER BY ALL""").fetchall()
    places = found + [(record, "", item.code, item.text[:1000]) for record, item in entry.raw.unloaded.items()]
    if not places:
        return []
    places.sort(key=lambda place: place[:3])
    lines = entry.raw.lines_of(place[0] for place in places)
    return [{"record": record, "line": lines.get(record), "column": column, "code": code, "value": value}
            for record, column, code, value in places]
