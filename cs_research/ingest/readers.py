"""Reads an opened file into DuckDB as it stands: text stays text, every row that fails to load is set aside.

It may not change a value. Each file becomes the relation `raw_<n>` with `_row` (its record's number, from 1) and
one column per source column, `c0`, `c1`, ...
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cs_research.ingest.columns import identifier, quoted
from cs_research.ingest.gate import Opened
from cs_research.ingest.mapping import TableFiles
from cs_research.ingest.records import fault_of, lines_of, suspects
from cs_research.ingest.rules import Rejected, first_line

REJECTS = {"INVALID ENCODING": "R_ENCODING", "MISSING COLUMNS": "R_FIELD_COUNT", "TOO MANY COLUMNS": "R_FIELD_COUNT",
           "UNQUOTED VALUE": "R_QUOTE", "INVALID STATE": "R_QUOTE", "LINE SIZE OVER MAXIMUM": "R_TEXT_TOO_LONG"}
MAX_LINE = 8_000_000
MEMORY = "1GB"  # what does not fit is kept on disk


class Unloaded(NamedTuple):
    """A record that the loader could not split into fields."""

    code: str
    text: str


@dataclass
class Raw:
    """A loaded file: its relation, the SQL type of every source column, and the records that did not load.

    `was` holds the fingerprints of corrected records.
    """

    opened: Opened
    relation: str
    types: tuple[str, ...]
    unloaded: dict[int, Unloaded] = field(default_factory=dict)
    was: dict[int, str] = field(default_factory=dict)

    def lines_of(self, records: Iterable[int]) -> dict[int, int]:
        """First physical line of each of the records; nothing where the file has no lines (Parquet)."""
        if self.opened.format != "csv":
            return {}
        above, (path, delimiter) = self.opened.skipped_records, (self.opened.path, self.opened.delimiter)
        found = lines_of(path, delimiter, {record + above for record in records})
        return {record - above: line for record, line in found.items()}


def connect(temporary: str, threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """A DuckDB for one ingest: deterministic order, UTC, spilling to `temporary`, and the NFKC folding."""
    con = duckdb.connect(config={"memory_limit": MEMORY})
    con.execute("SET enable_progress_bar = false")  # standard output is not ours
    # two at least: a lone thread cuts Parquet into other row groups, and the bytes would differ
    con.execute(f"SET threads = {max(2, threads or os.cpu_count() or 2)}")
    con.execute(f"SET temp_directory = {quoted(temporary)}; SET TimeZone = 'UTC'; SET preserve_insertion_order = true")
    con.create_function("nfkc", lambda values: pc.utf8_normalize(values, form="NFKC"), ["VARCHAR"], "VARCHAR",
                        type="arrow")
    return con


def load(con: duckdb.DuckDBPyConnection, opened: Opened, relation: str) -> Raw:
    """Load an opened file as `relation`. Raises Rejected when records and rows do not add up."""
    return (_load_parquet if opened.format == "parquet" else _load_csv)(con, opened, relation)


def query(con: duckdb.DuckDBPyConnection, spec: TableFiles, relation: str) -> Raw:
    """The output of a query over sources as `relation`; no row of the source `each` may be missing in it.

    Raises Rejected (F_QUERY, F_QUERY_DROPS).
    """
    try:
        con.execute(f"CREATE TEMP TABLE result_{relation} AS {spec.query}")
    except duckdb.Error as error:
        raise Rejected("F_QUERY", first_line(error)) from None
    types = {row[0]: row[1] for row in con.execute(f"DESCRIBE result_{relation}").fetchall()}
    if types.pop("_row", None) is None:
        raise Rejected("F_QUERY", f"its output needs the column _row of {spec.each}")
    dropped = _count(con, f"(FROM {identifier(spec.each or '')} ANTI JOIN result_{relation} USING (_row))")
    if dropped:
        raise Rejected("F_QUERY_DROPS", f"{dropped:,} rows of {spec.each} do not show in it")
    con.execute(f"CREATE TEMP VIEW {relation} AS SELECT rowid + 1 AS _row, {_numbered(types)} FROM result_{relation}")
    return Raw(Opened(Path(), "query", tuple(types), _count(con, relation)), relation, tuple(types.values()))


def _load_parquet(con: duckdb.DuckDBPyConnection, opened: Opened, relation: str) -> Raw:
    scan = f"read_parquet({quoted(str(opened.path))}, file_row_number = true)"
    types = {row[0]: row[1] for row in
             con.execute(f"DESCRIBE SELECT * EXCLUDE (file_row_number) FROM {scan}").fetchall()}
    con.execute(f"CREATE TEMP VIEW {relation} AS SELECT file_row_number + 1 AS _row, {_numbered(types)} FROM {scan}")
    _check_count(opened, _count(con, relation), 0)
    return Raw(opened, relation, tuple(types.values()))


def _load_csv(con: duckdb.DuckDBPyConnection, opened: Opened, relation: str) -> Raw:
    columns = ", ".join(f"c{index}: 'VARCHAR'" for index in range(len(opened.header)))
    loaded = f"loaded_{relation}"
    try:
        con.execute(f"""
            CREATE TEMP TABLE {loaded} AS SELECT * FROM read_csv({quoted(str(opened.path))},
                columns = {{{columns}}}, header = true, skip = {opened.skip}, auto_detect = false,
                delim = {quoted(opened.delimiter)}, quote = '"', escape = '"', comment = '', null_padding = false,
                strict_mode = true, max_line_size = {MAX_LINE}, store_rejects = true,
                rejects_table = 'rejects_{relation}', rejects_scan = 'scans_{relation}')""")
    except duckdb.InvalidInputException as error:  # some stray quotes stop it, whatever it is told to set aside
        raise Rejected("F_COUNT", first_line(error)) from None
    errors = dict(con.execute(f"""
        SELECT line_byte_position - 1, arg_min(error_type::VARCHAR, error_type) FROM rejects_{relation}
        GROUP BY ALL""").fetchall())
    refused, misread = _unloaded(opened, errors)
    count = _count(con, loaded)
    unloaded = refused | misread
    if unloaded and count == len(misread) and all(item.code == "R_FIELD_COUNT" for item in unloaded.values()):
        raise Rejected("F_FIELD_COUNT", f"{len(unloaded):,} rows against {len(opened.header)} header names")
    _check_count(opened, count, len(refused))
    if not unloaded:
        con.execute(f"CREATE TEMP VIEW {relation} AS SELECT rowid + 1 AS _row, * FROM {loaded}")
    else:
        taken = np.delete(np.arange(1, opened.records + 1), np.array(list(refused), dtype=np.int64) - 1)
        con.register("taken", pa.table({"_row": taken}))
        con.execute(f"""
            CREATE TEMP TABLE {relation} AS SELECT taken._row, l.* FROM {loaded} l POSITIONAL JOIN taken
            WHERE taken._row NOT IN (SELECT unnest(?::BIGINT[]))""", [list(misread)])
        con.execute(f"DROP TABLE {loaded}")
    return Raw(opened, relation, ("VARCHAR",) * len(opened.header), unloaded)


def _unloaded(opened: Opened, errors: dict[int, str]) -> tuple[dict[int, Unloaded], dict[int, Unloaded]]:
    """The records that the loader refused, `errors` by their first byte, and those that it misread."""
    refused: dict[int, Unloaded] = {}
    misread: dict[int, Unloaded] = {}
    if errors or not opened.is_regular:
        for found in suspects(opened.path, opened.delimiter, len(opened.header), errors):
            record, text = found.record - opened.skipped_records, found.text[:MAX_LINE]
            text = text.decode("utf-8", errors="backslashreplace").rstrip("\r\n")
            if found.error:
                code = REJECTS.get(found.error, "R_QUOTE") if text.strip() else "R_ROW_EMPTY"
                refused[record] = Unloaded(code, text)
            elif record > 0 and (code := fault_of(found.text, opened.delimiter, len(opened.header))):
                misread[record] = Unloaded(code, text)
    if len(refused) < len(errors):
        lost = len(errors) - len(refused)
        raise Rejected("F_COUNT", f"{lost} unreadable records begin where the counter sees none")
    return refused, misread


def _check_count(opened: Opened, loaded: int, refused: int) -> None:
    if loaded + refused != opened.records:
        raise Rejected("F_COUNT", f"{opened.records:,} records counted, {loaded + refused:,} loaded")


def _count(con: duckdb.DuckDBPyConnection, relation: str) -> int:
    ((found,),) = con.execute(f"SELECT count(*) FROM {relation}").fetchall()
    return found


def _numbered(names: Iterable[str]) -> str:
    return ", ".join(f"{identifier(name)} AS c{index}" for index, name in enumerate(names))
