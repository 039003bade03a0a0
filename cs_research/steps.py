"""The steps of a run: a start after a failure goes on from the last complete one, and each leaves a line in the log.

This layer may not know what a step does; what it makes lies in files of its own.
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cs_research.errors import CannotWrite, code_of
from cs_research.runs import file_hashes, making_folder, sha256, write_json

LOG, _STEPS = "log.jsonl", "steps.json"


class Making:
    """A folder that is filled step by step, named after all that its content is made of.

    What an earlier start left in it stays as long as every file of its complete steps is whole, so that this start
    goes on from there; otherwise all of it goes, for steps rest on those before them. `source` is the folder, filled
    likewise, of which files are laid into this one. `line` stands in every line of its log.
    """

    def __init__(self, out: Path, name: str, source: Path | None = None, **line: Any):
        self.folder, self._out, self._source, self._line = making_folder(out, name), out, source, line
        self.steps = _noted(self.folder)
        if self._changed():
            self.steps = {}
        whole = {_STEPS}.union(*(step["files"] for step in self.steps.values()))
        for path in sorted(self.folder.rglob("*"), reverse=True):  # what is in a folder before the folder
            if path.is_dir():
                with suppress(OSError):  # it still holds something
                    path.rmdir()
            elif path.relative_to(self.folder).as_posix() not in whole:
                path.unlink()

    def _changed(self) -> list[Path]:
        """The files that are not as they were when their step was complete, in this folder or in its source."""
        known = _hashes(self.folder, self.steps)
        if self._source:
            taken = _noted(self._source)
            known |= _hashes(self._source, taken) | (_hashes(self.folder, taken) if self.steps else {})
        return [path for path, digest in known.items() if not path.is_file() or sha256(path) != digest]

    def step(self, name: str, work: Callable[[], dict[str, Any]], *made: str) -> dict[str, Any]:
        """Do the work of a step unless that is done already; returns what it tells, now or when it was done.

        `made` are patterns of the files and folders that it makes.
        """
        if name in self.steps:
            log(self._out, **self._line, step=name, outcome="taken up")
        else:
            start = time.perf_counter()
            with self.logged(name):
                told = work()
                self.complete(name, time.perf_counter() - start, told, *made)
        return deepcopy(self.steps[name]["told"])

    def complete(self, name: str, seconds: float, told: dict[str, Any], *made: str) -> None:
        """Note that a step is complete, what it told and what it made, so that a later start takes it up."""
        paths = [path for pattern in made for one in self.folder.glob(pattern) for path in (one, *one.rglob("*"))]
        files = file_hashes((path for path in paths if path.is_file()), self.folder)
        self.steps[name] = {"seconds": round(seconds, 3), "told": told, "files": files}
        write_json(self.folder / _STEPS, self.steps)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """However what is done here ends, raise CannotWrite where a file of a complete step or of the source has
        changed; the steps are then forgotten, for they may rest on it."""
        try:
            yield
        finally:
            if changed := self._changed():
                shutil.rmtree(self.folder, ignore_errors=True)
                raise CannotWrite(f"{changed[0]} has changed since it was written", "look at the disk, then run again")

    def logged(self, step: str) -> Any:
        """`logged`, with the line of this folder."""
        return logged(self._out, **self._line, step=step)


def _noted(folder: Path) -> dict[str, Any]:
    """The complete steps of a folder; none where their note is not there, or damaged."""
    try:
        steps = json.loads((folder / _STEPS).read_text(encoding="utf-8"))
        return {name: {**step, "files": dict(step["files"])} for name, step in steps.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _hashes(folder: Path, steps: dict[str, Any]) -> dict[Path, str]:
    return {folder / name: digest for step in steps.values() for name, digest in step["files"].items()}


@contextmanager
def logged(out: Path, **line: Any) -> Iterator[dict[str, Any]]:
    """Write a line to the log of `out` when what is done here ends: how long it took, how it ended, its exit code."""
    start = time.perf_counter()
    ended: dict[str, Any] = {}
    try:
        yield line
    except BaseException as error:
        code = code_of(error)
        ended = {"outcome": "held" if code == 4 else "failed", "exit_code": code, "sentence": str(error)}
        raise
    finally:
        log(out, **line, **ended, seconds=round(time.perf_counter() - start, 3))


def log(out: Path, **line: Any) -> None:
    """Add a line to the log of `out`. One that cannot be written, or a folder without runs, stops nothing."""
    told = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "pid": os.getpid(), "outcome": "done",
            "exit_code": 0, **line}
    with suppress(OSError), (out / ".runs" / LOG).open("a", encoding="utf-8") as file:
        file.write(json.dumps(told, ensure_ascii=False, default=str) + "\n")


def link(source: str, target: str) -> None:
    """Lay a file into another place, too: the same bytes where the disk can, else a copy."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
