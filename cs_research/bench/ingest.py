"""Ingest against a plain read and rewrite of the same files."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from cs_research.bench.timing import Task, ratio, run_tasks, sql, typical
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


def measure_ingest(events: int, repeat: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Seconds (by the clock, of the processors) and peak memory (MB) of every task, the median of `repeat`; ratios.

    `parquet`: ingest over a plain scan and rewrite; `csv`: ingest over a strict read into memory; `csv_kept`: over a
    strict read into Parquet, which is what ingest leaves behind.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        _write_data(Path(name), events)
        runs = run_tasks(TASKS, Path(name), repeat, tell)
    ratios = {name: {"ratio": ratio(runs, one, other), "cpu_ratio": ratio(runs, one, other, "cpu"), "limit": limit}
              for name, (one, other, limit) in RATIOS.items()}
    return {"events": events, "repeat": repeat, "tasks": typical(runs), "ratios": ratios}


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


def _ingest(kind: str, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as out:
        ingest(open_dataset(folder / kind), Path(out))


_COLUMNS = "event_id, account_id, user_id, occurred_at, event_type, quantity".replace(",", ": 'VARCHAR',")
_STRICT = f"""read_csv('{{folder}}/csv/usage_events.csv', columns = {{{{{_COLUMNS}: 'VARCHAR'}}}}, header = true,
    auto_detect = false, delim = ',', quote = '"', escape = '"', comment = '', null_padding = false,
    strict_mode = true, store_rejects = true)"""
TASKS: dict[str, Task] = {
    "rewrite_parquet": partial(sql, statement="COPY (FROM '{folder}/parquet/usage_events.parquet') "
                                              "TO '{folder}/out.parquet'"),
    "ingest_parquet": partial(_ingest, "parquet"),
    "read_csv": partial(sql, statement=f"CREATE TEMP TABLE t AS FROM {_STRICT}"),
    "rewrite_csv": partial(sql, statement=f"COPY (FROM {_STRICT}) TO '{{folder}}/out.parquet'"),
    "ingest_csv": partial(_ingest, "csv"),
}
