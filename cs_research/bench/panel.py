"""The account-by-month panel against a scan, a bare group-by and pandas, all on the same canonical files."""

import tempfile
from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import pandas as pd

from cs_research.bench import Runs, Task, ratio, run_tasks, sql, typical
from cs_research.bench.data import Size, write_canonical
from cs_research.definitions import Definitions, load_definitions
from cs_research.engine import Horizon, Panel

NEEDED = ("account_id", "user_id", "occurred_at", "event_type", "quantity", "recorded_at")
SCAN = f"SELECT {', '.join(f'max({name})' for name in NEEDED)} FROM '{{folder}}/canonical/usage_events.parquet'"
BARE = """CREATE TEMP TABLE user_month AS
    SELECT account_id, user_id, date_trunc('month', occurred_at) AS month, count(*) AS events
    FROM '{folder}/canonical/usage_events.parquet' GROUP BY ALL"""
# ratio -> (task, what it is measured by, the most it should be; None: reported)
RATIOS = {"panel_to_bare": ("panel", "bare", 3.0), "bare_to_scan": ("bare", "scan", None)}


def measure_panel(size: Size, repeat: int, tell: Callable[[str], None] = print) -> dict[str, Any]:
    """Medians in seconds, the most memory of the panel (MB), ratios within the rounds, and the sizes of the data."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder, began = Path(name), perf_counter()
        sizes = write_canonical(folder / "canonical", size)
        tell(", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in sizes.items())
             + f"; made in {perf_counter() - began:.0f} s")
        tasks: dict[str, Task] = {"scan": partial(sql, statement=SCAN), "bare": partial(sql, statement=BARE),
                                  "panel": partial(_panel, load_definitions())}
        runs = run_tasks(tasks, folder, repeat, tell)
    return {**{f"{name}_s": round(task["seconds"], 3) for name, task in typical(runs).items()},
            "peak_mb": round(typical(runs)["panel"]["mb"]), "asked": asdict(size), "sizes": sizes, "repeat": repeat,
            "tasks": typical(runs), "ratios": _ratios(runs)}


def _ratios(runs: Runs) -> dict[str, dict[str, float | None]]:
    return {name: {"ratio": ratio(runs, one, other), "cpu_ratio": ratio(runs, one, other, "cpu"), "limit": limit}
            for name, (one, other, limit) in RATIOS.items() if runs.get(one) and runs.get(other)}


def _panel(definitions: Definitions, folder: Path) -> pd.DataFrame:
    last = date(2026, 10, 31)
    return Panel(folder / "canonical", definitions, Horizon(date(2026, 10, 1), last, last)).measures()
