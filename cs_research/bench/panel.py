"""The account-by-month panel against a scan, a bare group-by and pandas, all on the same canonical files."""

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import date
from functools import partial
from math import log2
from pathlib import Path
from time import perf_counter
from typing import Any

import pandas as pd

from cs_research.bench import pandas_panel
from cs_research.bench.data import Size, write_canonical
from cs_research.bench.timing import Task, ratios, run_tasks, sql, typical
from cs_research.definitions import Definitions, load_definitions
from cs_research.engine import Horizon, Panel

LAST = date(2026, 10, 31)
NEEDED = ("account_id", "user_id", "occurred_at", "event_type", "quantity", "recorded_at")
# A hash needs every value, where a maximum would be read from the statistics of the file.
SCAN = f"SELECT bit_xor(hash({', '.join(NEEDED)})) FROM '{{folder}}/canonical/usage_events.parquet'"
BARE = """CREATE TEMP TABLE user_month AS
    SELECT account_id, user_id, date_trunc('month', occurred_at) AS month, count(*) AS events
    FROM '{folder}/canonical/usage_events.parquet' GROUP BY ALL"""
# ratio -> (task, what it is measured by, the most it should be; None: reported)
RATIOS = {"panel_to_bare": ("panel", "bare", 3.0), "bare_to_scan": ("bare", "scan", None),
          "pandas_to_panel": ("pandas", "panel", None), "incremental_to_panel": ("incremental", "panel", 0.1)}
FOR_PANDAS = 30_000_000  # events; of more, pandas is given those of some accounts, or it would need 33 GB
TOLERANCE = 1e-9         # of measures that are no whole numbers
LIMIT = "2GB"            # of memory, for a small machine


def measure_panel(size: Size, repeat: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """What `bench panel --json` writes: medians in seconds (`pandas_s` null where it had a sample of the accounts),
    `peak_mb` of the panel, `identical`, ratios within the rounds, seconds by step, sizes."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder, definitions = Path(name), load_definitions()
        sizes, part = _prepare(folder, size, tell)
        once: dict[str, Task] = {"state": partial(_state, definitions), "pandas": partial(_pandas, definitions, part),
                                 "limited": partial(panel, definitions, memory_limit=LIMIT),
                                 "steps": partial(_steps, definitions)}
        runs = run_tasks(once, folder, 1, tell)
        tasks = _tasks(definitions) | {"incremental": partial(_incremental, definitions)}
        runs |= run_tasks(tasks, folder, repeat, tell)
        found = _compared(folder)
    if part == "sample":
        tell(f"pandas had the events of some accounts only ({runs.pop('pandas')[0]['seconds']:.0f} s)")
    took = typical(runs)
    return {**{f"{name}_s": round(took[name]["seconds"], 3) if name in took else None
               for name in ("scan", "bare", "panel", "pandas", "incremental")},
            "peak_mb": round(took["panel"]["mb"]), **found, "compared_on": part, "asked": asdict(size), "sizes": sizes,
            "repeat": repeat, "tasks": took, "ratios": ratios(runs, RATIOS)}


def _prepare(folder: Path, size: Size, tell: Callable[[str], None]) -> tuple[dict[str, int], str]:
    """Write the canonical files, and as they were a month before; returns the sizes and the folder for pandas."""
    began = perf_counter()
    sizes = write_canonical(folder / "canonical", size)
    known = f"coalesce(recorded_at, occurred_at) < DATE '{LAST.replace(day=1)}'"
    _write_part(folder, "before", {"usage_events": known})
    tell(", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in sizes.items())
         + f"; made in {perf_counter() - began:.0f} s")
    if size.events <= FOR_PANDAS:
        return sizes, "canonical"
    chosen = f"hash(account_id) % {-(-size.events // (FOR_PANDAS // 10))} = 0"
    _write_part(folder, "sample", dict.fromkeys(("usage_events", "touches", "contracts"), chosen))
    return sizes, "sample"


def _compared(folder: Path) -> dict[str, Any]:
    """Whether all ways to the panel lead to the same numbers; and the seconds of its steps."""
    whole, pandas, incremental, limited, steps = (
        pd.read_parquet(folder / f"{task}.parquet") for task in ("panel", "pandas", "incremental", "limited", "steps"))
    apart, same = differences(whole, pandas), incremental.equals(whole) and limited.equals(whole)
    return {"identical": same and not any(apart.values()), "differences": apart,
            "steps": dict(zip(steps["step"], steps["seconds"].round(3), strict=True))}


def measure_scaling(size: Size, repeat: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Seconds of the bare group-by and of the panel, with each size halved in turn, and the power that follows:
    1 where half of it takes half the time, 0 where it does not matter."""
    whole = replace(size, users=size.users or 50 * size.accounts)
    cells = {"all": whole} | {name: replace(whole, **{name: getattr(whole, name) // 2}) for name in asdict(whole)}
    rows = []
    for name, asked in cells.items():
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            tell(f"{name}: {'as asked' if name == 'all' else 'half'}")
            sizes = write_canonical(Path(folder) / "canonical", asked)
            tasks = _tasks(load_definitions())
            found = typical(run_tasks({task: tasks[task] for task in ("bare", "panel")}, Path(folder), repeat, tell))
        rows.append({"halved": name, **sizes, **{f"{task}_s": round(found[task]["seconds"], 3) for task in found},
                     "panel_cpu_s": round(found["panel"]["cpu"], 3)})
        rows[-1]["power"] = round(log2(rows[0]["panel_cpu_s"] / rows[-1]["panel_cpu_s"]), 2)
    return {"asked": asdict(whole), "repeat": repeat, "grid": rows, "ratios": {}}


def differences(ours: pd.DataFrame, theirs: pd.DataFrame) -> dict[str, float]:
    """By measure of `theirs` the largest difference that is none of rounding, else 0; infinite where rows are missing.

    Whole numbers must be equal, others within TOLERANCE. Both have account_id, month (a date or its number) and
    is_history; `ours` may hold more accounts and measures.
    """
    keys = ["account_id", "month", "is_history"]
    month = ours["month"].dt.year * 12 + ours["month"].dt.month
    theirs = theirs.astype({"account_id": str}).set_index(keys).sort_index().astype(float)
    ours = ours.assign(month=month)[ours["account_id"].isin(theirs.index.levels[0])].set_index(keys).sort_index()
    if not ours.index.equals(theirs.index):
        return dict.fromkeys(theirs, float("inf"))
    apart = (ours[theirs.columns].astype(float) - theirs).abs().mask(ours[theirs.columns].isna() != theirs.isna(), 9e99)
    allowed = (theirs % 1 > 0).any() * TOLERANCE
    return apart.max().where(apart.max() > allowed, 0.0).to_dict()


def _tasks(definitions: Definitions) -> dict[str, Task]:
    return {"scan": partial(sql, statement=SCAN), "bare": partial(sql, statement=BARE),
            "panel": partial(panel, definitions)}


def panel(definitions: Definitions, folder: Path, part: str = "canonical", **how: Any) -> pd.DataFrame:
    """Derive all tables of the files in the folder `part`; returns the measures."""
    return Panel(folder / part, definitions, Horizon(LAST.replace(day=1), LAST, LAST), **how).measures()


def _state(definitions: Definitions, folder: Path) -> None:
    panel(definitions, folder, "before", state=folder / "state")


def _incremental(definitions: Definitions, folder: Path) -> pd.DataFrame:
    """The panel from the state of the month before: new are the events of the month and what was recorded in it."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        shutil.copytree(folder / "state", name, copy_function=os.link, dirs_exist_ok=True)
        return panel(definitions, folder, state=Path(name))


def _pandas(definitions: Definitions, part: str, folder: Path) -> pd.DataFrame:
    return pandas_panel.measures(folder / part, definitions, pd.Timestamp(LAST))


def _steps(definitions: Definitions, folder: Path) -> pd.DataFrame:
    """The seconds of each step of the panel, in a run of its own."""
    marks: list[tuple[str, float]] = [("setting up", perf_counter())]

    def mark(step: str) -> None:
        marks.append((step, perf_counter()))

    panel = Panel(folder / "canonical", definitions, Horizon(LAST.replace(day=1), LAST, LAST), mark)
    mark("measures, as a DataFrame")
    panel.measures()
    steps = pd.DataFrame(marks, columns=["step", "seconds"])
    return steps.assign(seconds=-steps["seconds"].diff(-1).fillna(steps["seconds"].iloc[-1] - perf_counter()))


def _write_part(folder: Path, part: str, where: dict[str, str]) -> None:
    """The canonical files anew in the folder `part`: of these tables the rows of which a condition is true."""
    shutil.copytree(folder / "canonical", folder / part, copy_function=os.link)
    for name, condition in where.items():
        path = folder / part / f"{name}.parquet"
        path.unlink()
        sql(folder, f"COPY (FROM '{{folder}}/canonical/{name}.parquet' WHERE {condition}) TO '{path}'")
