"""Many simulated companies of every world and size, studied at the same time; how often the studies were right."""

import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cs_research.definitions import Definitions, load_definitions
from cs_research.pipeline import Request, run_month
from cs_research.proof.company import evidence_of
from cs_research.proof.trials import told
from cs_research.run import Run, open_run
from cs_research.simulate import lives, simulate
from cs_research.simulate.calendar import Calendar
from cs_research.simulate.draws import LAST_MONTH, draw
from cs_research.simulate.life import Life
from cs_research.simulate.truth import truth_of
from cs_research.simulate.worlds import WORLDS, World, world_of
from cs_research.studies import Evidence

NULL_CHURNS = (30, 50)  # percent, beside that of the world of null itself
TRIED = (*WORLDS, *(f"null {churn}" for churn in NULL_CHURNS))
SIZES = (500, 2000, 7000)
TRUTH_TIMES, TRUTH_FEWEST = 15, 20_000  # as many accounts as make the truth's own error small beside a replicate's
MONTHS = 30
Progress = Callable[[int, int], None]


def recover(replicates: int, sizes: tuple[int, ...] = SIZES, worlds: tuple[str, ...] = TRIED, seed: int = 1,
            jobs: int = 2, progress: Progress | None = None) -> pd.DataFrame:
    """Every study of `replicates` simulated companies of each world and size.

    Out: one row per world, accounts, replicate and quantity, with the columns of `Told`. The same arguments give the
    same rows, whatever the `jobs`. `progress(done, total)` counts companies.

    >>> recover(1, (500,), ("claims",))["quantity"].nunique()  # doctest: +SKIP
    37
    """
    tasks = [(name, accounts, number) for name in worlds for accounts in sorted(sizes, reverse=True)
             for number in range(replicates)]
    with _workers(jobs) as pool:
        known = [max(TRUTH_FEWEST, TRUTH_TIMES * max(sizes))] * len(worlds)
        truths = dict(zip(worlds, pool.map(_truth, worlds, known), strict=True))
        coming = [pool.submit(_tried, *task, seed, truths[task[0]]) for task in tasks]
        for done, _ in enumerate(as_completed(coming), 1):
            if progress:
                progress(done, len(tasks))
    return pd.concat([one.result() for one in coming], ignore_index=True)


def through_events(worlds: tuple[str, ...] = TRIED, accounts: int = 1000, seed: int = 1,
                   progress: Progress | None = None) -> pd.DataFrame:
    """One company of each world, written as exports, read and studied by a whole monthly run, beside the same company
    studied straight from what happened: world and the columns of `both_ways`."""
    frames = []
    for done, name in enumerate(worlds, 1):
        world, churn = _world(name)
        life = next(lives(accounts, seed, world, Calendar(LAST_MONTH, MONTHS)))
        with tempfile.TemporaryDirectory(prefix="cs-research-") as work:
            data, out = Path(work) / "data", Path(work) / "reports"
            simulate(data, accounts, MONTHS, seed, name.split()[0], truth_accounts=1, base_churn=churn)
            frames.append(both_ways(life, open_run(run_month(Request(data, out)).parent)).assign(world=name))
        if progress:
            progress(done, len(worlds))
    return pd.concat(frames, ignore_index=True)


def both_ways(life: Life, run: Run) -> pd.DataFrame:
    """A life studied straight from what happened, and by the run of its exports.

    Out: quantity, drawn, lower, upper (straight), run (by the run); apart: how far the two lie from each other, in half
    widths of the interval.
    """
    by_run = Evidence.from_run(run)
    straight, other = (pd.DataFrame([asdict(one) for one in told(life, evidence, {})]).set_index("quantity")
                       for evidence in (evidence_of(life, by_run.definitions), by_run))
    table = straight[["estimate", "lower", "upper"]].rename(columns={"estimate": "drawn"}).join(
        other["estimate"].rename("run")).dropna().reset_index()
    return table.assign(apart=(table["run"] - table["drawn"]).abs() / ((table["upper"] - table["lower"]) / 2))


# ---------------------------------------------------------------- what the replicates say


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per world, accounts and quantity: replicates, told (with an interval), truth, mean, bias (of ratios and
    amounts relative to the truth, else the difference), bias_error, coverage, coverage_error, rejects (the share of
    intervals that exclude the value that means nothing), supported, contradicted, cannot_tell, adopt, keep and
    investigate (shares). Errors are Monte-Carlo standard errors.
    """
    return pd.DataFrame([dict(zip(("world", "accounts", "quantity"), key, strict=True)) | _summed(part)
                         for key, part in rows.groupby(["world", "accounts", "quantity"], sort=False)])


def _summed(part: pd.DataFrame) -> dict[str, Any]:
    judged = part["verdict"].value_counts(normalize=True)
    verdicts = {name: float(judged.get(name, 0)) if part["verdict"].any() else np.nan
                for name in ("supported", "contradicted", "cannot_tell", "adopt", "keep", "investigate")}
    n, known = len(part), part.dropna(subset=["lower", "truth"])
    off = known["estimate"] - known["truth"]
    if is_relative(part["quantity"].iloc[0]):
        off = off / known["truth"]
    inside = known["truth"].between(known["lower"], known["upper"])
    away = part.dropna(subset=["lower", "nothing"])
    rejects = (away["lower"] > away["nothing"]) | (away["upper"] < away["nothing"])
    return {"replicates": n, "told": int(part["lower"].notna().sum()), "truth": known["truth"].mean(),
            "mean": part["estimate"].mean(), "bias": off.mean(), "bias_error": off.std() / np.sqrt(max(len(off), 1)),
            "coverage": inside.mean() if len(known) else np.nan,
            "coverage_error": np.sqrt(inside.mean() * (1 - inside.mean()) / len(known)) if len(known) else np.nan,
            "rejects": rejects.mean() if len(away) else np.nan} | verdicts


def is_relative(quantity: str) -> bool:
    """Whether the bias of a quantity is told as a share of its truth: ratios and amounts."""
    return "ratio" in quantity or quantity.startswith("ARR")


# ---------------------------------------------------------------- the workers


def _tried(name: str, accounts: int, number: int, seed: int, truth: dict[str, Any]) -> pd.DataFrame:
    life: Life = draw(_world(name)[0], accounts, seed + number, MONTHS)
    rows = [asdict(one) for one in told(life, evidence_of(life, _definitions()), truth)]
    return pd.DataFrame(rows).assign(world=name, accounts=accounts, replicate=number)


def _truth(name: str, accounts: int) -> dict[str, Any]:
    return truth_of(_world(name)[0], accounts, MONTHS)


def _world(name: str) -> tuple[World, int | None]:
    """The world, and the base churn behind it where it is not its own: "null 30" is null at 30 percent."""
    kind, _, churn = name.partition(" ")
    return world_of(kind, int(churn) if churn else None), int(churn) if churn else None


@cache
def _definitions() -> Definitions:
    return load_definitions().in_use(LAST_MONTH)


@contextmanager
def _workers(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Processes with one thread of algebra each: two that share two processors take three times as long."""
    before = os.environ.get("OPENBLAS_NUM_THREADS")
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    try:
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            yield pool
    finally:
        os.environ.pop("OPENBLAS_NUM_THREADS")
        if before is not None:
            os.environ["OPENBLAS_NUM_THREADS"] = before
