"""Reads an opened file into DuckDB as it stands: text stays text, every row that fails to load is set aside.

It may not change a value. Each file becomes the relation `raw_<n>` with `_row` (0, 1, ... in file order) and one
column per source column, `c0`, `c1`, ...
"""

import os
from bisect import bisect_left
from dataclasses import dataclass, field

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cs_research.ingest.columns import identifier, quoted
from cs_research.ingest.gate import Opened
from cs_research.ingest.records import lines_of, locate, misread
from cs_research.ingest.rules import Rejected

REJECTS = {"INVALID ENCODING": "R_ENCODING", "MISSING COLUMNS": "R_FIELD_COUNT", "TOO MANY COLUMNS": "R_FIELD_COUNT",
           "UNQUOTED VALUE": "R_QUOTE", "INVALID STATE": "R_QUOTE", "LINE SIZE OVER MAXIMUM": "R_TEXT_TOO_LONG"}
MAX_LINE = 8_000_000
MEMORY = "1GB"  # what does not fit is kept on disk


@dataclass(frozen=True)
class Unloaded:
    """A record that the loader could not split into fields (record numbers from 1, without the header)."""

    record: int
    code: str
    text: str


@dataclass
class Raw:
    """A loaded file: its relation, the SQL type of every source column, and the records that did not load.

    `gaps` numbers the records that the loader could not take; `joined` those of them that a correction brought back,
    as rows after the last; `was` holds the fingerprints of corrected records.
    """

    opened: Opened
    relation: str
    names: tuple[str, ...]
    types: tuple[str, ...]
    unloaded: list[Unloaded] = field(default_factory=list)
    gaps: list[int] = field(default_factory=list)
    joined: list[int] = field(default_factory=list)
    was: dict[int, str] = field(default_factory=dict)

    @property
    def loaded(self) -> int:
        """The rows that the loader took; corrections of the others come after them."""
        return self.opened.records - len(self.gaps)

    def records_of(self, rows: np.ndarray) -> np.ndarray:
        """Record numbers (from 1) of rows (from 0): the unloaded ones lie between them."""
        gaps = np.array(self.gaps, dtype=np.int64)
        before = gaps - np.arange(1, len(gaps) + 1)  # loaded rows ahead of each gap
        numbers = rows + 1 + np.searchsorted(before, rows, side="right")
        late = rows >= self.loaded
        numbers[late] = np.array(self.joined, dtype=np.int64)[rows[late] - self.loaded]
        return numbers

    def row_of(self, record: int) -> int:
        """The row (from 0) of a record (from 1)."""
        if record in self.joined:
            return self.loaded + self.joined.index(record)
        return record - 1 - bisect_left(self.gaps, record)

    def lines_of(self, records: np.ndarray) -> np.ndarray:
        """First physical line of the records; 0 where the file has no lines (Parquet)."""
        if self.opened.format != "csv":
            return np.zeros(len(records), dtype=np.int64)
        first = self.opened.skipped_records
        return lines_of(self.opened.path, self.opened.delimiter, records + first)[0]


def connect(temporary: str, threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """A DuckDB for one ingest: deterministic order, UTC, spilling to `temporary`, and the NFKC folding."""
    con = duckdb.connect(config={"memory_limit": MEMORY})
    con.execute("SET enable_progress_bar = false")  # standard output is not ours
    # two at least: a lone thread cuts Parquet into other row groups, and the bytes would differ
    con.execute(f"SET threads = {max(2, threads or os.cpu_count() or 2)}")
    con.execute(f"SET temp_directory = {quoted(temporary)}; SET TimeZone = 'UTC'; SET preserve_insertion_order = true")
    con.create_function("nfkc", _nfkc, ["VARCHAR"], "VARCHAR", type="arrow")
    return con


def _nfkc(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.utf8_normalize(values, form="NFKC")


def load(con: duckdb.DuckDBPyConnection, opened: Opened, relation: str) -> Raw:
    """Load an opened file as `relation`. Raises Rejected when records and rows do not add up."""
    raw = (_load_parquet if opened.format == "parquet" else _load_csv)(con, opened, relation)
    raw.gaps = sorted(item.record for item in raw.unloaded)
    loaded = con.execute(f"SELECT count(*) FROM (SELECT * FROM {relation})").fetchone()[0]
    if loaded == 0 and raw.unloaded and all(item.code == "R_FIELD_COUNT" for item in raw.unloaded):
        raise Rejected("F_FIELD_COUNT", f"{len(raw.unloaded):,} rows against {len(opened.header)} header names")
    if loaded + len(raw.unloaded) != opened.records:
        raise Rejected("F_COUNT", f"{opened.records:,} records counted, {loaded + len(raw.unloaded):,} loaded")
    return raw


def _load_parquet(con: duckdb.DuckDBPyConnection, opened: Opened, relation: str) -> Raw:
    scan = f"read_parquet({quoted(str(opened.path))}, file_row_number = true)"
    described = con.execute(f"DESCRIBE SELECT * EXCLUDE (file_row_number) FROM {scan}").fetchall()
    columns = ", ".join(f"{identifier(row[0])} AS c{index}" for index, row in enumerate(described))
    con.execute(f"CREATE TEMP VIEW {relation} AS SELECT file_row_number AS _row, {columns} FROM {scan}")
    return Raw(opened, relation, opened.header, tuple(row[1] for row in described))


def _load_csv(con: duckdb.DuckDBPyConnection, opened: Opened, relation: str) -> Raw:
    columns = ", ".join(f"c{index}: 'VARCHAR'" for index in range(len(opened.header)))
    try:
        con.execute(f"""
            CREATE TEMP TABLE loaded_{relation} AS SELECT * FROM read_csv({quoted(str(opened.path))},
                columns = {{{columns}}}, header = true, skip = {opened.skip}, auto_detect = false,
                delim = {quoted(opened.delimiter)}, quote = '"', escape = '"', comment = '', null_padding = false,
                strict_mode = true, max_line_size = {MAX_LINE}, store_rejects = true,
                rejects_table = 'rejects_{relation}', rejects_scan = 'scans_{relation}')""")
    except duckdb.InvalidInputException as error:  # some stray quotes stop it, whatever it is told to set aside
        raise Rejected("F_COUNT", str(error).splitlines()[0]) from None
    raw = Raw(opened, relation, opened.header, ("VARCHAR",) * len(opened.header))
    raw.unloaded.extend(_unloaded(con, opened, relation))
    if raw.unloaded or not opened.is_regular:
        _unload_misread(con, raw)
    con.execute(f"CREATE TEMP VIEW {relation} AS SELECT rowid AS _row, * FROM loaded_{relation}")
    return raw


def _unload_misread(con: duckdb.DuckDBPyConnection, raw: Raw) -> None:
    """Take out the rows that the loader let pass although their fields are not what they seem."""
    opened, table = raw.opened, f"loaded_{raw.relation}"
    known = {item.record for item in raw.unloaded}
    found = {record - opened.skipped_records: code for record, code in misread(
        opened.path, opened.delimiter, len(opened.header)).items()}
    extra = np.array(sorted(record for record in found if record > 0 and record not in known), dtype=np.int64)
    if not len(extra):
        return
    rows = extra - 1 - np.searchsorted(np.sort(np.array(list(known), dtype=np.int64)), extra)
    con.execute(f"CREATE TEMP TABLE kept AS SELECT * FROM {table} WHERE rowid NOT IN (SELECT unnest(?::BIGINT[])) "
                "ORDER BY rowid", [rows.tolist()])
    con.execute(f"DROP TABLE {table}; ALTER TABLE kept RENAME TO {table}")
    raw.unloaded.extend(Unloaded(int(record), found[record], text)
                        for record, text in zip(extra, _texts(opened, extra), strict=True))


def _texts(opened: Opened, records: np.ndarray) -> list[str]:
    """The text of whole records, readable whatever they hold."""
    numbers = np.concatenate((records, records + 1)) + opened.skipped_records
    starts = lines_of(opened.path, opened.delimiter, numbers)[1].tolist()
    found = []
    with opened.path.open("rb") as file:
        for start, end in zip(starts[:len(records)], starts[len(records):], strict=True):
            file.seek(start)
            data = file.read(min(end - start if end else MAX_LINE, MAX_LINE))
            found.append(data.decode("utf-8", errors="backslashreplace").rstrip("\r\n"))
    return found


def _unloaded(con: duckdb.DuckDBPyConnection, opened: Opened, relation: str) -> list[Unloaded]:
    rows = con.execute(f"""
        SELECT line_byte_position - 1, arg_min(error_type::VARCHAR, error_type) FROM rejects_{relation}
        GROUP BY ALL ORDER BY 1""").fetchall()
    if not rows:
        return []
    starts = np.array([row[0] for row in rows], dtype=np.int64)
    records = locate(opened.path, opened.delimiter, starts)
    lost = records < 0
    if lost.any():
        raise Rejected("F_COUNT", f"{int(lost.sum())} unreadable records begin where the counter sees none")
    found = []
    for record, (_, error), text in zip(records, rows, _texts(opened, records - opened.skipped_records),
                                        strict=True):
        code = "R_ROW_EMPTY" if not text.strip() else REJECTS.get(error, "R_QUOTE")
        found.append(Unloaded(int(record) - opened.skipped_records, code, text))
    return found
