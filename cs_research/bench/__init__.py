"""Measures the suite against the bare engine on the same files, in one run: ratios travel to other machines.

This layer may not compute anything of a report: it makes data of a given size and times what the suite does with it.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cs_research.bench.data import Size
from cs_research.bench.ingest import measure_ingest, measure_simulator
from cs_research.bench.page import write_page
from cs_research.bench.panel import measure_panel, measure_scaling
from cs_research.bench.report import measure_report
from cs_research.docpage import made
from cs_research.runs import write_json

__all__ = ["KINDS", "Size", "measure"]

KINDS = {"panel": measure_panel, "scaling": measure_scaling, "ingest": measure_ingest, "simulate": measure_simulator,
         "report": measure_report}


def measure(what: str, size: Size, repeat: int, out: Path | None = None, json: Path | None = None,
            tell: Callable[[str], None] = print) -> dict[str, Any]:
    """Measure one of KINDS; write it to the page `out` and to `json`, where given. Raises CannotWrite."""
    began = time.monotonic()
    found = KINDS[what](size, repeat, tell)
    asked = [f"--{name} {value}" for name, value in found["asked"].items() if value]
    command = " ".join(["cs-research bench", what, *asked, f"--repeat {repeat}"])
    found |= made(command, time.monotonic() - began, "duckdb", "pandas", "pyarrow")
    for name, entry in found["ratios"].items():
        limit = f" (at most {entry['limit']:g})" if entry["limit"] else ""
        tell(f"{name}: {entry['ratio']:.2f} by the clock, {entry['cpu_ratio']:.2f} by processors{limit}")
    if json:
        write_json(json, found)
    if out:
        write_page(out, what, found)
    return found
