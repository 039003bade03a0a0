"""What the events of one month alone decide, kept from run to run, so that a new month costs its own events.

    <folder>/user_month-24322-<print>.<sha256>.parquet

The print is of the month's events, whatever their order, of the statement, its roles and the engine's version: a late,
corrected or missing row, or another definition, gives another print, and the month is computed anew. The second part
is of the file itself. This layer may not know what a month means to an account.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

import duckdb

KEPT = 3  # versions of a month: as last month knew it, as this one does, and one made between
_MONTH = "YEAR(occurred_at) * 12 + MONTH(occurred_at)"
_PRINT = f"""SELECT {_MONTH} AS month_number, COUNT(*), SUM(hash(account_id, user_id, occurred_at, event_type, quantity,
    recorded_at)) FROM usage_events GROUP BY ALL ORDER BY month_number"""


def build(con: duckdb.DuckDBPyConnection, steps: dict[str, str], folder: Path) -> list[int]:
    """Create `steps` (name -> statement over usage_events, or over a step before) from what `folder` holds of each
    month and the events of the months that it lacks, which it holds afterwards; returns the numbers of those months.

    The rows are those of the statements run over all events, in another order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made_of = repr((duckdb.__version__, steps, con.execute("FROM event_roles ORDER BY ALL").fetchall()))
    files = {month: {step: f"{step}-{month}-{_short((made_of + repr(seen)).encode())}" for step in steps}
             for month, *seen in con.execute(_PRINT).fetchall()}
    held = {month: {step: path for step, name in names.items() if (path := _whole(folder, name))}
            for month, names in files.items()}
    anew = [month for month in files if len(held[month]) < len(steps)]
    if anew:
        _compute(con, steps, anew)
        held |= {month: {step: _keep(con, step, month, folder, name) for step, name in files[month].items()}
                 for month in anew}
        for step in steps:
            con.execute(f"DROP TABLE temp.{step}")
    for step, statement in steps.items():
        paths = [str(held[month][step]) for month in files]
        con.execute(f"CREATE VIEW {step} AS FROM read_parquet({paths})" if paths
                    else f"CREATE TABLE {step} AS {statement}")
    return anew


def _compute(con: duckdb.DuckDBPyConnection, steps: dict[str, str], months: list[int]) -> None:
    """Run the statements over the events of some months, into temporary tables."""
    first, last = (f"make_date({(month - 1) // 12}, {(month - 1) % 12 + 1}, 1)"
                   for month in (months[0], months[-1] + 1))
    con.execute(f"CREATE TEMP VIEW usage_events AS FROM memory.main.usage_events "
                f"WHERE {_MONTH} IN ({', '.join(map(str, months))}) "
                f"AND occurred_at >= {first} AND occurred_at < {last}")  # Parquet skips what lies outside
    for step, statement in steps.items():
        con.execute(f"CREATE TEMP TABLE {step} AS {statement}")
    con.execute("DROP VIEW temp.usage_events")


def _short(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _version(path: Path) -> str:
    """What the file holds, whatever the order of its rows: two commands at once may write the same in two files."""
    return path.name.partition(".")[0]


def _whole(folder: Path, name: str) -> Path | None:
    """The file of that name, if it is there and its content is what it was."""
    for path in folder.glob(f"{name}.*.parquet"):
        if _short(path.read_bytes()) == path.name.split(".")[1]:
            os.utime(path)
            return path
        path.unlink()
    return None


def _keep(con: duckdb.DuckDBPyConnection, table: str, month: int, folder: Path, name: str) -> Path:
    """Write a month's rows under a name that tells their content; the oldest versions of the month go."""
    new = folder / f".{name}.{os.getpid()}.new"
    con.table(f"temp.{table}").filter(f"month_number = {month}").write_parquet(str(new), compression="zstd")
    path = folder / f"{name}.{_short(new.read_bytes())}.parquet"
    os.replace(new, path)
    with suppress(FileNotFoundError):  # which another command has taken away at this moment
        files = sorted(folder.glob(f"{table}-{month}-*.parquet"), key=lambda path: path.stat().st_mtime, reverse=True)
        newest = [*dict.fromkeys(map(_version, files))][:KEPT]
        for old in files:
            if _version(old) not in newest:
                old.unlink()
    return path
