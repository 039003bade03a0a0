"""Do the studies find what is true? Simulated companies whose truth is known, studied as a report studies them.

This layer may not compute a study of its own: it hands simulated lives to the studies and counts how often they
were right.
"""

import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from cs_research.docpage import made
from cs_research.errors import Refused
from cs_research.proof.page import Goal, goals, record, text
from cs_research.proof.recover import TRIED, recover, summary, through_events
from cs_research.runs import write_json, write_text

__all__ = ["prove", "recover", "summary", "through_events"]


def prove(replicates: int, sizes: tuple[int, ...], worlds: tuple[str, ...], with_events: bool, seed: int, jobs: int,
          out: Path, json: Path | None, progress: Callable[[str, float], None]) -> list[Goal]:
    """Write the page `out` (and its cells to `json`); returns the goals that were missed. No `worlds` means all.

    Raises Refused for an unknown world, CannotWrite.
    """
    for unknown in sorted(set(worlds) - set(TRIED)):
        raise Refused(f"There is no world '{unknown}'", f"choose from {', '.join(TRIED)}")
    began, worlds = time.monotonic(), worlds or TRIED
    share = 0.85 if with_events else 1.0
    rows = recover(replicates, sizes, worlds, seed, jobs=jobs, progress=lambda done, total: progress(
        f"Companies studied: {done:,} of {total:,}", share * done / total))
    apart = through_events(worlds, seed=seed, progress=lambda done, total: progress(
        f"Through events: {done} of {total}", share + (1 - share) * done / total)) if with_events else pd.DataFrame()
    asked = [f"--replicates {replicates}", f"--accounts {','.join(map(str, sizes))}", f"--seed {seed}",
             *([] if worlds == TRIED else [f"--world '{name}'" for name in worlds]),
             *([] if with_events else ["--no-events"])]
    about = made(" ".join(["cs-research recover", *asked]), time.monotonic() - began,
                 "numpy", "scipy", "pandas", "statsmodels")
    found = record(rows, apart, about)
    write_text(out, text(found))
    if json:
        write_json(json, found)
    return [goal for goal in goals(found) if goal.missed]
