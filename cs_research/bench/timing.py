"""Times tasks, each in a process of its own, in turn, so that memory is that of the task and load falls on all alike.
"""

import os
import resource
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import duckdb
import pandas as pd

from cs_research.report.notebooks import begin_worker

Task = Callable[[Path], Any]
Runs = dict[str, list[dict[str, float]]]


def run_tasks(tasks: Mapping[str, Task], folder: Path, repeat: int, tell: Callable[[str], None]) -> Runs:
    """What each task took, `repeat` times, one after the other within each round."""
    runs: Runs = {name: [] for name in tasks}
    for _ in range(repeat):
        for name, task in tasks.items():
            with ProcessPoolExecutor(1, get_context("spawn"), begin_worker) as process:
                found = process.submit(timed, task, folder, folder / f"{name}.parquet").result()
            tell(f"{name}: {found['seconds']:.1f} s, {found['cpu']:.1f} s of processors, {found['mb']:,.0f} MB")
            runs[name].append(found)
    return runs


def timed(task: Task, folder: Path, kept: Path) -> dict[str, float]:
    """The seconds that a task takes, by the clock and of the processors, and the most memory of the process so far.

    A table that it returns is written to `kept`, after the clock has stopped.
    """
    start, busy = perf_counter(), _busy()
    found = task(folder)
    taken = {"seconds": perf_counter() - start, "cpu": _busy() - busy, "mb": _most_memory()}
    if isinstance(found, pd.DataFrame):
        found.to_parquet(kept)
    return taken


def _busy() -> float:
    """Seconds of processors that this process took, and those that it started and that have ended."""
    return sum(os.times()[:4])


def _most_memory() -> float:
    """Of this process so far, in MB. What Linux gives to getrusage may be that of the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line[:6] == "VmHWM:") / 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def typical(runs: Runs) -> dict[str, dict[str, float]]:
    """By task the medians of its seconds, and the most memory."""
    return {task: {name: (max if name == "mb" else median)(run[name] for run in found) for name in found[0]}
            for task, found in runs.items()}


def ratio(runs: Runs, one: str, other: str, of: str = "seconds") -> float:
    """The median over the rounds of what one task took to what the other took in the same round; of a task that ran
    once, what it took to the other's median."""
    if len(runs[one]) != len(runs[other]):
        return round(median(run[of] for run in runs[one]) / median(run[of] for run in runs[other]), 3)
    return round(median(a[of] / b[of] for a, b in zip(runs[one], runs[other], strict=True)), 3)


def ratios(runs: Runs, of: Mapping[str, tuple[str, str, float | None]]) -> dict[str, dict[str, float | None]]:
    """Each ratio (name -> task, what it is measured by, the most it should be) of which both tasks ran."""
    return {name: {"ratio": ratio(runs, one, other), "cpu_ratio": ratio(runs, one, other, "cpu"), "limit": limit}
            for name, (one, other, limit) in of.items() if one in runs and other in runs}


def sql(folder: Path, statement: str) -> None:
    """Run a statement in a DuckDB of its own; `{folder}` stands for the folder."""
    with duckdb.connect() as con:
        con.execute("SET enable_progress_bar = false")
        con.execute(statement.format(folder=folder))
