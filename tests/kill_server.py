"""Runs `cs-research` in forked children of one process that has loaded everything, so that a run begins at once.

In: one JSON line for each run, `{"arguments": [...], "log": path, "steps": true}`. Out: the child's process id; with
`steps` the name of every step as it begins, at which the child waits for a byte; then `! <exit code>`, negative when
a signal ended it. Steps are what the progress tells, and every renaming and linking.
"""

import gc
import json
import os
import sys
from dataclasses import replace
from datetime import datetime, tzinfo
from functools import cache
from importlib import import_module
from pathlib import Path

from cs_research import __main__, pipeline, provenance
from cs_research.definitions import load_definitions, loader
from cs_research.report import notebooks

sys.modules["rfc3987_syntax"] = None  # as the command line does, before jsonschema is loaded
for name in ("jsonschema", "nbformat", "pyarrow.dataset", "pyarrow.parquet", "statsmodels.api",
             "cs_research.report.export", "cs_research.report.page"):
    import_module(name)
loader.read_definition = cache(loader.read_definition)  # the package's own, read once for all runs
load_definitions()
gc.freeze()  # a child need not look through all that is loaded

SAY = os.dup(1)
SWAPS = ("os.rename", "os.symlink")


def say(text: str) -> None:
    os.write(SAY, f"{text}\n".encode())


def wait(name: str) -> None:
    say(name)
    os.read(0, 1)


def stop_at_steps(out: str) -> None:
    run_month = pipeline.run_month
    pipeline.run_month = lambda request: run_month(replace(request, progress=lambda text, share: wait(text)))

    def hook(event: str, arguments: tuple) -> None:
        # What is kept of each month's events is named after them, so no step has the same name with other data.
        if event in SWAPS and str(arguments[1]).startswith(out) and "/.runs/months/" not in str(arguments[1]):
            wait(f"{event} {Path(arguments[1]).name}")

    sys.addaudithook(hook)


def set_clock(now: str) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.fromisoformat(now)

    provenance.datetime = Clock


def child(arguments: list[str], log: str, steps: bool, cell_seconds: int = 0, now: str = "") -> None:
    os.setpgid(0, 0)
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    if cell_seconds:
        first = notebooks.execute_notebooks.__defaults__[:-1]
        notebooks.execute_notebooks.__defaults__ = (*first, cell_seconds)
    if now:
        set_clock(now)
    if steps:
        stop_at_steps(arguments[arguments.index("--out") + 1])
    __main__.main(arguments)


def serve() -> None:
    for line in iter(sys.stdin.readline, ""):
        pid = os.fork()
        if pid == 0:
            child(**json.loads(line))
        say(str(pid))
        say(f"! {os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}")


if __name__ == "__main__":
    serve()
