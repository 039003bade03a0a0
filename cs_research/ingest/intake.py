"""The story of an ingest: gate, load, judge rows, judge across tables, close the books, write what was accepted.

It changes no value that it does not record, and writes nothing when a file is rejected.
"""

import csv
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from cs_research.definitions.models import Column, Table
from cs_research.errors import CannotWrite, Refused
from cs_research.ingest import across, headers, rows
from cs_research.ingest.columns import identifier, quoted, zones
from cs_research.ingest.corrections import Corrections, quarantine_name, write_quarantine
from cs_research.ingest.dataset import Dataset, Part
from cs_research.ingest.gate import open_file
from cs_research.ingest.ledger import Entry, files_table, settle
from cs_research.ingest.mapping import Files, TableFiles
from cs_research.ingest.readers import Raw, connect, load, query
from cs_research.ingest.rules import Rejected, all_rules, first_line

HELD_ROWS = 300_000  # typed rows of a table up to this size are kept; those of a larger one made whenever they are read
# what repeats less than this often in a row group is no gain as a dictionary, and costs most of the writing
PARQUET = ("FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, COMPRESSION_LEVEL 1, WRITE_BLOOM_FILTER false, "
           "DICTIONARY_SIZE_LIMIT 10000")
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Ingested:
    """What an ingest wrote: `folder` holds one Parquet file per table, `files` is the table of the data contract."""

    folder: Path
    files: pd.DataFrame
    quarantine: Path
    as_of: date


def ingest(dataset: Dataset, out: Path, progress: Progress | None = None, threads: int | None = None) -> Ingested:
    """Take a data set in: canonical tables to `out`/canonical, set-aside rows to `out`/quarantine.

    The files are the same bytes whatever the number of threads. Both folders appear when they are whole: who is
    interrupted leaves none, and `out` may not hold them before.

    Raises Refused when a file is rejected (nothing is written then), CannotWrite when `out` holds tables.

    >>> ingest(open_dataset("data/crm"), Path("run")).files.query("file == 'subscription.csv'").excluded
    7206
    """
    if (out / "canonical").exists():
        raise CannotWrite(f"{out / 'canonical'} holds tables already", "give a folder that holds none")
    with tempfile.TemporaryDirectory(prefix="ingest-", dir=_made(out)) as work:
        intake = _Intake(dataset, Path(work), progress or (lambda text: None), threads)
        intake.examine()
        intake.refuse_rejected()
        intake.write_tables(_made(Path(work) / "canonical"))
        intake.write_quarantine(_made(Path(work) / "quarantine"))
        for name in ("quarantine", "canonical"):
            os.replace(Path(work) / name, out / name)
        return Ingested(out / "canonical", files_table(intake.entries), out / "quarantine", intake.as_of)


def check(dataset: Dataset, quarantine: Path | None = None, progress: Progress | None = None) -> dict[str, Any]:
    """Judge a data set without taking it in: the content of `check --json` (data contract, "Checked").

    The rows set aside are written to the folder `quarantine`, where one is given, in place of those of last time.
    """
    with tempfile.TemporaryDirectory(prefix="check-") as work:
        intake = _Intake(dataset, Path(work), progress or (lambda text: None))
        intake.examine()
        if quarantine is not None:
            for path in quarantine.rglob("*.quarantine.csv"):
                path.unlink()
            intake.write_quarantine(quarantine)
        return {"files": [entry.as_json() for entry in sorted(intake.entries, key=lambda entry: entry.file)],
                "ok": not any(entry.rejected for entry in intake.entries)}


class _Intake:
    """One pass over a data set, in a DuckDB of its own."""

    def __init__(self, dataset: Dataset, work: Path, progress: Progress, threads: int | None = None):
        self.dataset, self.work, self.progress = dataset, work, progress
        self.con = connect(str(work), threads)
        self.entries: list[Entry] = []
        self.tables: dict[str, Table] = {
            name: _as_judged(dataset.definitions.tables[name], dataset.definitions.touch_points.types)
            for name in dataset.tables}
        self.zones = zones(self.con, dataset.zone, dataset.naive_zone)
        self.corrections = Corrections(self.con)
        self._judged: dict[str, list[str]] = {name: [] for name in dataset.tables}
        self._as_of = dataset.as_of

    @property
    def as_of(self) -> date:
        if self._as_of is None:
            raise Refused(f"No row of {self.dataset.folder} that could be used tells the last day of the data",
                          "give --as-of, such as --as-of 2025-12-31; check with it tells what was set aside")
        return self._as_of

    def examine(self) -> None:
        """Judge every file; what is wrong stands in the entries afterwards."""
        rows.create_ledgers(self.con)
        self.con.execute("CREATE TEMP TABLE ids_seen (account_id VARCHAR)")
        for path in self.dataset.corrections:
            self._take_corrections(path)
        for name, part in self.dataset.sources.items():
            self._take_source(name, part)
        if not self._any_rejected():
            self._create_views()
        sources_whole = not self._any_rejected()
        for name, part in self.dataset.tables.items():
            if not (isinstance(part.spec, TableFiles) and part.spec.query):
                for path in part.paths:
                    self._take_file(name, part.spec, path)
            elif sources_whole:
                self._take_query(name, part.spec)
        self.corrections.close()
        for path in self.dataset.unused:
            self._entry(self.dataset.relative(path), "").codes["W_FILE_UNUSED"] = 1
        self._judge_across()
        for entry in self.entries:
            if entry.raw is not None:
                settle(self.con, entry)

    def refuse_rejected(self) -> None:
        """Raise Refused when any file was rejected; the first is told in full."""
        rejected = [entry for entry in self.entries if entry.rejected]
        if rejected:
            others = ", ".join(f"{entry.file} {entry.rejected}" for entry in rejected[1:])
            also = f" (also rejected: {others})" if others else ""
            raise Refused(rejected[0].told() + also, all_rules()[rejected[0].rejected or ""].remedy)

    def write_tables(self, folder: Path) -> None:
        """Write the canonical tables."""
        for name in self.tables:
            self.progress(f"write {name}")
            table, path = self.dataset.definitions.tables[name], quoted(str(folder / f"{name}.parquet"))
            entries = [entry for entry in self.entries if entry.table == name]
            self.con.execute(
                f"COPY ({across.accepted(self.con, name, table, entries, self.as_of)}) TO {path} ({PARQUET})")

    def write_quarantine(self, folder: Path) -> None:
        """Write the rows that were set aside."""
        self.progress("write quarantine")
        read = Counter(entry.file for entry in self.entries)
        for entry in self.entries:
            name = quarantine_name(entry.file, entry.table if read[entry.file] > 1 else "")
            write_quarantine(self.con, entry, folder / name)

    def _any_rejected(self, tables: tuple[str, ...] = ()) -> bool:
        return any(entry.rejected for entry in self.entries if not tables or entry.table in tables)

    def _judge_across(self) -> None:
        """Lay out the typed rows of each table and apply the rules that need more than one row."""
        self.progress("judge across tables")
        for name, judged in self._judged.items():
            size = sum(entry.raw.opened.records for entry in self.entries if entry.raw and entry.table == name)
            self.con.execute(f"CREATE TEMP {'TABLE' if size <= HELD_ROWS else 'VIEW'} t_{name} AS "
                             f"{rows.typed(self.tables[name], judged)}")
        if not self._any_rejected():
            self._as_of = self._as_of or across.latest_day(self.con, self.tables)
        if self._as_of or not self._any_rejected():
            across.judge_across(self.con, self.tables, self.as_of, not self._any_rejected(across.OWNERS))

    def _entry(self, file: str, table: str) -> Entry:
        entry = Entry(len(self.entries), file, table)
        self.entries.append(entry)
        self.progress(f"read {file}")
        return entry

    @contextmanager
    def _taking(self, file: str, table: str) -> Iterator[Entry]:
        """An entry for the file, closed as rejected when it cannot be taken."""
        entry = self._entry(file, table)
        try:
            yield entry
        except Rejected as fault:
            entry.reject(fault)

    def _read(self, entry: Entry, path: Path, spec: Files, table: Table | None = None) -> headers.Header:
        """Pass a file through the gate, match its header (free where it is of no table) and load it."""
        opened = open_file(path, spec, self.dataset.limits, _made(self.work / str(entry.number)))
        entry.codes.update(opened.warnings)
        header = headers.matched(opened, table, spec)
        entry.raw = load(self.con, opened, f"raw_{entry.number}")
        return header

    def _take_corrections(self, path: Path) -> None:
        with self._taking(self.dataset.relative(path), "corrections") as entry:
            self._read(entry, path, Files())
            self.corrections.add(entry)

    def _take_file(self, name: str, spec: Files, path: Path) -> None:
        if (day := self.dataset.delivered(path)) and "delivered_at" not in spec.defaults:
            spec = spec.model_copy(update={"defaults": {**spec.defaults, "delivered_at": f"{day}T00:00:00Z"}})
        with self._taking(self.dataset.relative(path), name) as entry:
            header = self._read(entry, path, spec, self.tables[name])
            self._judge(entry, spec, header)
            if name in across.OWNERS:
                self._note_unloaded_ids(entry.raw, header.positions["account_id"])

    def _judge(self, entry: Entry, spec: Files, header: headers.Header) -> None:
        self.corrections.apply(entry)
        plan = rows.Plan(entry.raw, self.tables[entry.table].columns, spec, header.positions, self.zones)
        self._judged[entry.table].append(rows.judge(self.con, plan, entry.number))
        entry.codes.update(header.warnings)

    def _note_unloaded_ids(self, raw: Raw, position: int) -> None:
        """An account whose row could not be split is still seen: its events are no orphans."""
        for item in raw.unloaded.values():
            fields = next(csv.reader([item.text], delimiter=raw.opened.delimiter), [])
            if len(fields) > position:
                self.con.execute("INSERT INTO ids_seen VALUES (?)", [fields[position].strip()])

    def _take_source(self, name: str, part: Part) -> None:
        views = []
        for path in part.paths:
            with self._taking(self.dataset.relative(path), f"source {name}") as entry:
                self._read(entry, path, part.spec)
                self.corrections.apply(entry)
                rows.judge_source(self.con, entry.raw, part.spec, entry.number, f"source_{entry.number}")
                views.append(f"SELECT * FROM source_{entry.number}")
        if views:
            self.con.execute(f"CREATE TEMP VIEW {identifier(name)} AS {' UNION ALL BY NAME '.join(views)}")

    def _create_views(self) -> None:
        for name, statement in self.dataset.views.items():
            try:
                self.con.execute(f"CREATE TEMP VIEW {identifier(name)} AS {statement}")
            except duckdb.Error as error:
                raise Refused(f"F_QUERY {self.dataset.folder / 'dataset.yml'}: views.{name}: {first_line(error)}",
                              all_rules()["F_QUERY"].remedy) from None

    def _take_query(self, name: str, spec: TableFiles) -> None:
        """Run a query over sources; its output is judged like a file, with a ledger of its own."""
        with self._taking(f"query:{name}", name) as entry:
            entry.raw = query(self.con, spec, f"raw_{entry.number}")
            self._judge(entry, spec, headers.matched(entry.raw.opened, self.tables[name], spec))


def _as_judged(table: Table, touch_types: Collection[str]) -> Table:
    """The table with the column that tells of which delivery a row is (it is not stored), and with all touch types."""
    columns = {**table.columns, "delivered_at": Column(type="stamp")}
    if (kind := columns.get("touch_type")) is not None and kind.values is None:
        columns["touch_type"] = kind.model_copy(update={"values": tuple(touch_types)})
    return table.model_copy(update={"columns": columns})


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
