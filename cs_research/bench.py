"""Measures ingest against the bare engine on the same files, in one run: ratios travel to other machines.

Each task runs in a process of its own, in turn, so that memory is that of the task and load falls on all alike.
"""

import resource
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import duckdb

from cs_research.ingest import ingest, open_dataset

ACCOUNTS = 7_000
EVENTS = """
    SELECT 'E' || lpad(i::VARCHAR, 10, '0') AS event_id,
           'A' || lpad((hash(i) % {accounts})::VARCHAR, 5, '0') AS account_id,
           'U' || lpad((hash(i) % (50 * {accounts}))::VARCHAR, 6, '0') AS user_id,
           timezone('UTC', TIMESTAMP '2023-01-01' + to_seconds(i * 94608000 // {events})) AS occurred_at,
           ['login', 'card_scan', 'key_feature', 'view'][1 + (hash(i + 7) % 4)::INTEGER] AS event_type,
           CASE WHEN hash(i + 9) % 3 = 0 THEN (1 + hash(i) % 5)::DECIMAL(18, 4) END AS quantity
    FROM range({events}) t(i)"""
# ratio -> (task, what it is measured by, the most it should be)
RATIOS = {"parquet": ("ingest_parquet", "rewrite_parquet", 3.0), "csv": ("ingest_csv", "read_csv", 2.0),
          "csv_kept": ("ingest_csv", "rewrite_csv", 2.0)}


def measure_ingest(events: int, repeat: int, tell: Callable[[str], None] = print) -> dict[str, Any]:
    """Seconds (by the clock, of the processors) and peak memory (MB) of every task, the median of `repeat`; ratios.

    `parquet`: ingest over a plain scan and rewrite; `csv`: ingest over a strict read into memory; `csv_kept`: over a
    strict read into Parquet, which is what ingest leaves behind.
    """
    runs: dict[str, list[dict[str, float]]] = {task: [] for task in TASKS}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        _write_data(folder, events)
        for _ in range(repeat):
            for task in TASKS:
                with ProcessPoolExecutor(1, get_context("spawn")) as process:
                    found = process.submit(timed, task, folder).result()
                tell(f"{task}: {found['seconds']:.1f} s, {found['cpu']:.1f} s of processors, {found['mb']:,.0f} MB")
                runs[task].append(found)
    tasks = {task: {name: (max if name == "mb" else median)(run[name] for run in found) for name in found[0]}
             for task, found in runs.items()}
    ratios = {name: {"ratio": round(tasks[one]["seconds"] / tasks[other]["seconds"], 2),
                     "cpu_ratio": round(tasks[one]["cpu"] / tasks[other]["cpu"], 2), "limit": limit}
              for name, (one, other, limit) in RATIOS.items()}
    return {"events": events, "repeat": repeat, "tasks": tasks, "ratios": ratios}


def _write_data(folder: Path, events: int) -> None:
    with duckdb.connect() as con:
        con.execute("SET enable_progress_bar = false; SET TimeZone = 'UTC'")
        for kind in ("parquet", "csv"):
            data = folder / kind
            data.mkdir()
            (data / "dataset.yml").write_text("kind: dataset\nname: Bench\nzone: Asia/Tokyo\nas_of: 2025-12-31\n")
            con.execute(f"COPY (SELECT 'A' || lpad(i::VARCHAR, 5, '0') AS account_id, 'C' || i AS contract_id, "
                        f"DATE '2022-01-01' AS start_date, NULL AS end_date, 50 AS seats FROM range({ACCOUNTS}) t(i)) "
                        f"TO '{data}/contracts.csv'")
        file, rows = f"{folder}/parquet/usage_events.parquet", EVENTS.format(accounts=ACCOUNTS, events=events)
        con.execute(f"COPY ({rows}) TO '{file}'")
        con.execute(f"COPY (SELECT * REPLACE (strftime(occurred_at::TIMESTAMP, '%Y-%m-%dT%H:%M:%SZ') AS occurred_at) "
                    f"FROM '{file}') TO '{folder}/csv/usage_events.csv'")


def timed(task: str, folder: Path) -> dict[str, float]:
    """The seconds that a task takes, by the clock and of the processors, and the most memory of the process so far."""
    start, busy = perf_counter(), process_time()
    TASKS[task](folder)
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes here
    return {"seconds": perf_counter() - start, "cpu": process_time() - busy,
            "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6}


def _ingest(kind: str) -> Callable[[Path], None]:
    def task(folder: Path) -> None:
        with tempfile.TemporaryDirectory(dir=folder) as out:
            ingest(open_dataset(folder / kind), Path(out))
    return task


def _bare(statement: str) -> Callable[[Path], None]:
    def task(folder: Path) -> None:
        columns = "event_id, account_id, user_id, occurred_at, event_type, quantity".replace(",", ": 'VARCHAR',")
        strict = f"""read_csv('{folder}/csv/usage_events.csv', columns = {{{columns}: 'VARCHAR'}}, header = true,
            auto_detect = false, delim = ',', quote = '"', escape = '"', comment = '', null_padding = false,
            strict_mode = true, store_rejects = true)"""
        with duckdb.connect() as con:
            con.execute("SET enable_progress_bar = false")
            con.execute(statement.format(strict=strict, folder=folder))
    return task


TASKS = {
    "rewrite_parquet": _bare("COPY (FROM '{folder}/parquet/usage_events.parquet') TO '{folder}/out.parquet'"),
    "ingest_parquet": _ingest("parquet"),
    "read_csv": _bare("CREATE TEMP TABLE t AS FROM {strict}"),
    "rewrite_csv": _bare("COPY (FROM {strict}) TO '{folder}/out.parquet'"),
    "ingest_csv": _ingest("csv"),
}
