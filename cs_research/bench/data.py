"""A company of a given size as canonical tables, made by SQL in seconds from numbers that are always the same.

Nothing here is true of anybody; only sizes, skews and the order of rows are like those of a company.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

from cs_research.definitions import load_definitions
from cs_research.definitions.models import Table
from cs_research.ingest.intake import PARQUET

EVENTS_EACH = 4.8  # of a user who is active in a month, wanted; more, as some months get none
MOST_ACTIVE = 0.6  # of the seats, in a month
TOUCHES = 0.02     # of the events
DATASET = "kind: dataset\nname: Bench\nzone: Asia/Tokyo\nas_of: 2026-11-01\n"  # beside the company's exports


@dataclass(frozen=True)
class Size:
    """How much: the last month is October 2026, users (0: fifty per account) are about as many as said."""

    events: int = 20_000_000
    accounts: int = 7_000
    users: int = 0
    months: int = 36


def write_canonical(folder: Path, size: Size) -> dict[str, int]:
    """Write the canonical Parquet files of a company, as ingest leaves them, each by time; returns its cardinalities.

    Half of the accounts are there from the first month, at the end of a year 12 % leave; accounts and users differ in
    how active they are; a tenth of the events and touches is recorded up to 20 days later, a third of that in a later
    month.

    >>> write_canonical(Path("canonical"), Size(events=60_000, accounts=100))["events"]  # doctest: +SKIP
    60000
    """
    folder.mkdir(parents=True)
    with duckdb.connect() as con:
        # Joins keep the order of their left side, which is that of time.
        con.execute("SET enable_progress_bar = false; SET disabled_optimizers = 'join_order,build_side_probe_side'")
        wanted = asdict(size) | {"users": size.users or 50 * size.accounts, "most_active": MOST_ACTIVE,
                                 "active_months": size.events / EVENTS_EACH}
        for name, value in wanted.items():
            con.execute(f"SET VARIABLE {name} = {value}")
        con.execute(Path(__file__).with_name("company.sql").read_text(encoding="utf-8"))
        months = con.execute("SELECT k, epoch(month)::BIGINT, 86400 * (next - month), count(rank) "
                             "FROM months LEFT JOIN active USING (k) GROUP BY ALL ORDER BY k").fetchall()
        counts = {"usage_events": size.events, "touches": int(size.events * TOUCHES)}
        views = {row[0] for row in con.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()}
        for name, table in load_definitions().tables.items():
            if name in counts:
                _write(con, folder / f"{name}.parquet", table, _each_month(f"{name}_of", months, counts[name]))
            elif name in views:
                _write(con, folder / f"{name}.parquet", table, f"FROM {name}")
        return _cardinalities(con, folder, size)


def _write(con: duckdb.DuckDBPyConnection, path: Path, table: Table, query: str) -> None:
    """A canonical table with all its columns, in their order and types."""
    given = set(con.sql(query).columns)
    columns = ", ".join(f'CAST({key if key in given else "NULL"} AS {column.sql_type}) AS "{key}"'
                        for key, column in table.columns.items())
    con.execute(f"COPY (SELECT {columns} FROM ({query})) TO '{path}' ({PARQUET})")


def _each_month(macro: str, months: list[tuple[int, ...]], rows: int) -> str:
    """So many rows of a macro, month after month, as many in each as users are active in it."""
    active, done, parts = sum(month[-1] for month in months), 0, []
    for month in months:
        start, done = rows * done // active, done + month[-1]
        count = rows * done // active - start
        parts.append(f"FROM {macro}({', '.join(map(str, (*month, start, count)))})")
    return " UNION ALL ".join(parts)


def _cardinalities(con: duckdb.DuckDBPyConnection, folder: Path, size: Size) -> dict[str, int]:
    late = con.execute(f"""SELECT count(*), count(*) FILTER (
        date_trunc('month', recorded_at) > date_trunc('month', occurred_at))
        FROM '{folder}/usage_events.parquet' WHERE recorded_at IS NOT NULL""").fetchall()[0]
    user_months = con.execute(f"""SELECT count(*) FROM (SELECT DISTINCT user_id, date_trunc('month', occurred_at)
        FROM '{folder}/usage_events.parquet')""").fetchall()[0][0]  # a user's id begins with that of the account
    rows = {name: con.execute(f"SELECT count(*) FROM '{folder}/{name}.parquet'").fetchall()[0][0]
            for name in ("usage_events", "touches", "accounts", "users")}
    return {"events": rows.pop("usage_events"), **rows, "months": size.months, "user_months": user_months,
            "events_recorded_late": late[0], "events_recorded_in_a_later_month": late[1],
            "bytes_of_events": (folder / "usage_events.parquet").stat().st_size}
