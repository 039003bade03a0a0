"""Ingest against a plain read and rewrite of the same files; and what writes files, the simulator."""

import tempfile
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from cs_research.bench.data import DATASET, Size, write_canonical
from cs_research.bench.timing import Task, ratios, run_tasks, sql, typical
from cs_research.ingest import ingest, open_dataset
from cs_research.simulate import simulate

# ratio -> (task, what it is measured by, the most it should be)
RATIOS = {"parquet": ("ingest_parquet", "rewrite_parquet", 3.0), "csv": ("ingest_csv", "read_csv", 2.0),
          "csv_kept": ("ingest_csv", "rewrite_csv", 2.0)}


def measure_ingest(size: Size, repeat: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Seconds (by the clock, of the processors) and peak memory (MB) of every task, the median of `repeat`; ratios.

    `parquet`: ingest over a plain scan and rewrite; `csv`: ingest over a strict read into memory; `csv_kept`: over a
    strict read into Parquet, which is what ingest leaves behind.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        _write_exports(Path(name), size)
        runs = run_tasks(TASKS, Path(name), repeat, tell)
    return {"asked": asdict(size), "repeat": repeat, "tasks": typical(runs), "ratios": ratios(runs, RATIOS)}


def measure_simulator(size: Size, repeat: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """What it takes to simulate so many accounts and months, and the rows and bytes of that."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        out = Path(name) / "simulated"
        runs = run_tasks({"simulate": partial(_simulate, size)}, Path(name), repeat, tell)
        sizes = {table: pq.read_metadata(out / f"{table}.parquet").num_rows for table in ("usage_events", "touches")}
        sizes["bytes"] = sum(path.stat().st_size for path in out.iterdir())
    return {"asked": {"accounts": size.accounts, "months": size.months}, "sizes": sizes, "repeat": repeat,
            "tasks": typical(runs), "ratios": {}}


def _simulate(size: Size, folder: Path) -> None:
    simulate(folder / "simulated", size.accounts, size.months, seed=1)


def _write_exports(folder: Path, size: Size) -> None:
    write_canonical(folder / "canonical", size)
    rows = f"FROM '{folder}/canonical/usage_events.parquet'"
    utc = ", ".join(f"timezone('UTC', {name}) AS {name}" for name in ("occurred_at", "recorded_at"))
    text = ", ".join(f"strftime({name}, '%Y-%m-%dT%H:%M:%SZ') AS {name}" for name in ("occurred_at", "recorded_at"))
    for kind, stamps in (("parquet", utc), ("csv", text)):
        (folder / kind).mkdir()
        (folder / kind / "dataset.yml").write_text(DATASET)
        sql(folder, f"""COPY (FROM '{folder}/canonical/contracts.parquet') TO '{folder}/{kind}/contracts.csv';
                        COPY (SELECT * REPLACE ({stamps}) {rows}) TO '{folder}/{kind}/usage_events.{kind}'""")


def _ingest(kind: str, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as out:
        ingest(open_dataset(folder / kind), Path(out))


_COLUMNS = "event_id, account_id, user_id, occurred_at, event_type, quantity, recorded_at".replace(",", ": 'VARCHAR',")
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
