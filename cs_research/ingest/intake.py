"""The story of an ingest: gate, load, judge rows, judge across tables, close the books, write what was accepted.

It changes no value that it does not record, and writes nothing when a file is rejected.
"""

import csv
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from cs_research.definitions.models import Table
from cs_research.errors import Refused
from cs_research.ingest import across, headers, rows
from cs_research.ingest.columns import Zones, identifier, quoted
from cs_research.ingest.dataset import Dataset, Part, TableFiles
from cs_research.ingest.gate import Opened, open_file
from cs_research.ingest.ledger import Entry, files_table, settle
from cs_research.ingest.quarantine import write_quarantine
from cs_research.ingest.readers import Raw, connect, load
from cs_research.ingest.rules import Rejected, all_rules

QUARANTINE_SHARE = 0.01
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Hold:
    """A reason to hold a report back until someone acknowledges it."""

    code: str
    sentence: str


@dataclass(frozen=True)
class Ingested:
    """What an ingest wrote: `folder` holds one Parquet file per table, `files` is the table of the data contract."""

    folder: Path
    files: pd.DataFrame
    quarantine: Path
    as_of: date
    holds: tuple[Hold, ...]
    available: dict[str, set[str]]


def ingest(dataset: Dataset, out: Path, progress: Progress | None = None, threads: int | None = None) -> Ingested:
    """Take a data set in: canonical tables to `out`/canonical, set-aside rows to `out`/quarantine.

    The files are the same bytes whatever the number of threads.

    Raises Refused when a file is rejected; nothing is written then.

    >>> ingest(open_dataset("data/crm"), Path("run")).files.query("file == 'subscription.csv'").excluded
    7206
    """
    with tempfile.TemporaryDirectory(prefix="ingest-", dir=_made(out)) as work:
        intake = _Intake(dataset, Path(work), progress or (lambda text: None), threads)
        intake.examine()
        intake.refuse_rejected()
        available = intake.write_tables(out / "canonical")
        for entry in intake.entries:
            write_quarantine(intake.con, entry, _made(out / "quarantine"))
        return Ingested(out / "canonical", files_table(intake.entries), out / "quarantine", intake.as_of,
                        intake.holds(), available)


def check(dataset: Dataset) -> dict[str, Any]:
    """Judge a data set without keeping anything: the content of `check --json` (data contract, "Checked")."""
    with tempfile.TemporaryDirectory(prefix="check-") as work:
        intake = _Intake(dataset, Path(work), lambda text: None)
        intake.examine()
        return {"files": [entry.as_json() for entry in sorted(intake.entries, key=lambda entry: entry.file)],
                "ok": not any(entry.rejected for entry in intake.entries)}


class _Intake:
    """One pass over a data set, in a DuckDB of its own."""

    def __init__(self, dataset: Dataset, work: Path, progress: Progress, threads: int | None = None):
        self.dataset, self.work, self.progress = dataset, work, progress
        self.con = connect(str(work), threads)
        self.entries: list[Entry] = []
        self.tables: dict[str, Table] = {name: dataset.definitions.tables[name] for name in dataset.tables}
        self.zones = Zones(dataset.zone, dataset.naive_zone)
        self._warnings: dict[int, tuple[str, ...]] = {}
        self._as_of = dataset.as_of

    @property
    def as_of(self) -> date:
        if self._as_of is None:
            raise Refused(f"No row of {self.dataset.folder} has a date", "give --as-of, such as --as-of 2025-12-31")
        return self._as_of

    def examine(self) -> None:
        """Judge every file; what is wrong stands in the entries afterwards."""
        rows.create_ledgers(self.con)
        self.con.execute("CREATE TEMP TABLE ids_seen (account_id VARCHAR)")
        for name, table in self.tables.items():
            rows.create_table(self.con, name, table)
        for name, part in self.dataset.sources.items():
            self._take_source(name, part)
        sources_whole = not any(entry.rejected for entry in self.entries)
        if sources_whole:
            self._create_views()
        for name, part in self.dataset.tables.items():
            if isinstance(part.spec, TableFiles) and part.spec.query:
                if sources_whole:
                    self._take_query(name, part.spec)
            else:
                for path in part.paths:
                    self._take_file(name, part, path)
        for path in self.dataset.unused:
            self._entry(self.dataset.relative(path), "").codes["W_FILE_UNUSED"] = 1
        if not any(entry.rejected for entry in self.entries):
            self._as_of = self._as_of or across.latest_day(self.con, self.tables)
        if self._as_of or not any(entry.rejected for entry in self.entries):
            owners = not any(entry.rejected and entry.table in across.OWNERS for entry in self.entries)
            across.judge_across(self.con, self.tables, self.as_of, owners)
        for entry in self.entries:
            if entry.raw is not None:
                settle(self.con, entry, self._warnings[entry.number])

    def refuse_rejected(self) -> None:
        """Raise Refused when any file was rejected; the first is told in full."""
        rejected = [entry for entry in self.entries if entry.rejected]
        if rejected:
            others = ", ".join(f"{entry.file} {entry.rejected}" for entry in rejected[1:])
            also = f" (also rejected: {others})" if others else ""
            raise Refused(rejected[0].told() + also, all_rules()[rejected[0].rejected or ""].remedy)

    def write_tables(self, folder: Path) -> dict[str, set[str]]:
        """Write the canonical tables; returns the columns of each that hold any value."""
        shutil.rmtree(folder, ignore_errors=True)
        _made(folder)
        available = {}
        for name, table in self.tables.items():
            self.progress(f"write {name}")
            rest = [column for column in table.columns if column not in table.key]
            shown = f"FROM t_{name} t WHERE {across.GOOD} AND {across.visible(table, self.as_of)}"
            path = folder / f"{name}.parquet"
            self.con.execute(f"""
                COPY (SELECT {', '.join(table.columns)} {shown} ORDER BY {', '.join((*table.key, *rest))})
                TO {quoted(str(path))} (FORMAT parquet, COMPRESSION zstd)""")
            available[name] = {row[0] for row in self.con.execute(f"""
                SELECT path_in_schema FROM parquet_metadata({quoted(str(path))})
                GROUP BY 1 HAVING sum(num_values) > sum(stats_null_count)""").fetchall()}
        return available

    def holds(self) -> tuple[Hold, ...]:
        """Reasons found in the data to hold a report back."""
        found = []
        for name in self.tables:
            mine = [entry for entry in self.entries if entry.table == name]
            total, aside = sum(e.rows_in or 0 for e in mine), sum(e.quarantined for e in mine)
            if total and aside / total > QUARANTINE_SHARE:
                found.append(Hold("H_QUARANTINE", f"{aside:,} of {total:,} rows of {name} are in quarantine"))
        return tuple(found)

    def _entry(self, file: str, table: str) -> Entry:
        entry = Entry(len(self.entries), file, table)
        self.entries.append(entry)
        self.progress(f"read {file}")
        return entry

    def _take_file(self, name: str, part: Part, path: Path) -> None:
        entry = self._entry(self.dataset.relative(path), name)
        table = self.tables[name]
        try:
            opened = open_file(path, part.spec, self.dataset.limits, self._work(entry))
            header = headers.matched(opened, table, part.spec)
            raw = load(self.con, opened, f"raw_{entry.number}")
            self._judge(entry, raw, name, part, header.positions)
        except Rejected as fault:
            entry.reject(fault.code, fault.detail, fault.rows_in)
            return
        self._warnings[entry.number] = (*opened.warnings, *header.warnings)
        if name in across.OWNERS:
            self._note_unloaded_ids(raw, header.positions["account_id"])

    def _judge(self, entry: Entry, raw: Raw, name: str, part: Part, positions: dict[str, int]) -> None:
        touch_types = tuple(self.dataset.definitions.touch_points.types)
        plan = rows.planned(name, self.tables[name], part.spec, raw, positions, self.zones, touch_types)
        rows.judge(self.con, plan, entry.number)
        entry.raw = raw

    def _note_unloaded_ids(self, raw: Raw, position: int) -> None:
        """An account whose row could not be split is still seen: its events are no orphans."""
        for item in raw.unloaded:
            fields = next(csv.reader([item.text], delimiter=raw.opened.delimiter), [])
            if len(fields) > position:
                self.con.execute("INSERT INTO ids_seen VALUES (?)", [fields[position].strip()])

    def _take_source(self, name: str, part: Part) -> None:
        views = []
        for path in part.paths:
            entry = self._entry(self.dataset.relative(path), f"source {name}")
            try:
                opened = open_file(path, part.spec, self.dataset.limits, self._work(entry))
                headers.check_source_header(opened)
                raw = load(self.con, opened, f"raw_{entry.number}")
                rows.judge_source(self.con, raw, part.spec, entry.number, f"source_{entry.number}")
            except Rejected as fault:
                entry.reject(fault.code, fault.detail, fault.rows_in)
                continue
            entry.raw, self._warnings[entry.number] = raw, opened.warnings
            views.append(f"SELECT * FROM source_{entry.number}")
        if views:
            self.con.execute(f"CREATE TEMP VIEW {identifier(name)} AS {' UNION ALL BY NAME '.join(views)}")

    def _create_views(self) -> None:
        for name, query in self.dataset.views.items():
            try:
                self.con.execute(f"CREATE TEMP VIEW {identifier(name)} AS {query}")
            except duckdb.Error as error:
                raise Refused(f"F_QUERY {self.dataset.folder / 'dataset.yml'}: views.{name}: {told(error)}",
                              all_rules()["F_QUERY"].remedy) from None

    def _take_query(self, name: str, spec: TableFiles) -> None:
        """Run a query over sources; its output is judged like a file, with a ledger of its own."""
        entry = self._entry(f"query:{name}", name)
        relation = f"raw_{entry.number}"
        try:
            described = self._run_query(spec, relation)
            opened = Opened(Path(), "query", tuple(described)[1:], self._count(relation))
            header = headers.matched(opened, self.tables[name], spec)
            raw = Raw(opened, relation, opened.header, tuple(described.values())[1:])
            self._judge(entry, raw, name, Part(name, spec, ()), header.positions)
        except Rejected as fault:
            entry.reject(fault.code, fault.detail, fault.rows_in)
            return
        self._warnings[entry.number] = header.warnings

    def _run_query(self, spec: TableFiles, relation: str) -> dict[str, str]:
        try:
            self.con.execute(f"CREATE TEMP TABLE result_{relation} AS {spec.query}")
        except duckdb.Error as error:
            raise Rejected("F_QUERY", told(error)) from None
        described = {row[0]: row[1] for row in self.con.execute(f"DESCRIBE result_{relation}").fetchall()}
        if "_row" not in described:
            raise Rejected("F_QUERY", f"its output needs the column _row of {spec.each}")
        described = {"_row": described.pop("_row"), **described}
        each = identifier(spec.each or "")
        dropped = self._count(f"(SELECT _row FROM {each} ANTI JOIN result_{relation} USING (_row))")
        if dropped:
            raise Rejected("F_QUERY_DROPS", f"{dropped:,} rows of {spec.each} do not show in it")
        shown = ", ".join(f"{identifier(column)} AS c{index}" for index, column in enumerate(list(described)[1:]))
        self.con.execute(f"CREATE TEMP VIEW {relation} AS SELECT rowid AS _row, {shown} FROM result_{relation}")
        return described

    def _count(self, relation: str) -> int:
        return self.con.execute(f"SELECT count(*) FROM {relation}").fetchone()[0]

    def _work(self, entry: Entry) -> Path:
        return _made(self.work / str(entry.number))


def told(error: Exception) -> str:
    """The first line of what DuckDB says."""
    return str(error).strip().splitlines()[0][:300]


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
