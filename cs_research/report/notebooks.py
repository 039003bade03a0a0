"""Runs the notebooks of a report by Papermill, and believes a notebook only on evidence.

An unknown parameter, a cell left out, a kernel that died or a `sys.exit` all leave a notebook that looks
finished. So parameters are checked against the notebook's own cell before anything runs; afterwards every
code cell must be completed and the notebook's results file must be there.
"""

import ast
import json
import multiprocessing
import os
import re
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, Literal

from cs_research.definitions.models.base import Count, Frozen, Name
from cs_research.definitions.strict_yaml import load
from cs_research.errors import FULL, CannotWrite, NotebookFailed, Refused

CELL_SECONDS = 900
_PARAMETER = re.compile(r"[a-z][a-z0-9_]{0,40}")
# One kernel, one thread, no settings from the home folder: the same bytes whoever runs it.
_KERNEL_ENVIRONMENT = {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
                       "JUPYTER_PREFER_ENV_PATH": "1"}


class Entry(Frozen):
    """One notebook of a report and what it is given beyond the run itself.

    `each: account_id` makes a page for every account that the first page lists, `at_most` so many.
    """

    notebook: str
    parameters: dict[Name, str] = {}
    each: Literal["account_id"] | None = None
    at_most: Count = 30


class Recipe(Frozen):
    """Which notebooks make a report, in the order of its pages."""

    kind: Literal["recipe"]
    notebooks: tuple[Entry, ...]


@dataclass(frozen=True)
class Job:
    """A notebook that is ready to run: it exists and declares every parameter it is given.

    With `each`, the notebook runs once for every value of that parameter, into `<name>/<stem of the page>`, all in
    one kernel: `values` has the value behind each stem.
    """

    name: str
    source: Path
    parameters: dict[str, str]
    each: str | None = None
    at_most: int = 0
    values: Mapping[str, str] = field(default_factory=dict)


def read_jobs(recipe: Path, given: Sequence[str]) -> list[Job]:
    """The notebooks of a recipe, checked. `given` names the parameters that every notebook gets.

    The notebooks lie in the folder `notebooks` beside the folder of the recipe. Raises Refused with the
    nearest name for a notebook or a parameter that is not there.
    """
    if not recipe.is_file():
        raise Refused(f"There is no recipe at {recipe}", "run from a clone of the repository or give --recipe")
    folder = recipe.resolve().parent.parent / "notebooks"
    jobs = []
    for entry in load(recipe, Recipe).notebooks:
        source = folder / f"{entry.notebook}.ipynb"
        if not source.is_file():
            near = _nearest(entry.notebook, [path.stem for path in folder.glob("*.ipynb")])
            raise Refused(f"{recipe.name}: there is no notebook '{entry.notebook}' in {folder}", near)
        _refuse_unknown(source, [*given, *entry.parameters, *([entry.each] if entry.each else [])])
        jobs.append(Job(entry.notebook, source, dict(entry.parameters), entry.each, entry.at_most))
    return jobs


def declared_parameters(source: Path) -> list[str]:
    """The names assigned in the cell tagged `parameters`, in order; empty without such a cell."""
    names: list[str] = []
    # Read as JSON, which it is: nbformat takes seconds to load.
    for cell in json.loads(source.read_text(encoding="utf-8"))["cells"]:
        if "parameters" in cell["metadata"].get("tags", []):
            for node in ast.parse("".join(cell["source"])).body:
                targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
                names += [target.id for target in targets if isinstance(target, ast.Name)]
    return names


def _refuse_unknown(source: Path, names: Sequence[str]) -> None:
    declared = declared_parameters(source)
    for name in names:
        # Papermill writes names into the notebook as code, so a name must be a plain word.
        if not _PARAMETER.fullmatch(name) or name not in declared:
            raise Refused(f"{source.name} has no parameter '{name}'", _nearest(name, declared))


def _nearest(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"did you mean '{near[0]}'" if near else f"it must be one of {', '.join(known) or 'none'}"


def execute_notebooks(
    jobs: Sequence[Job], run: Path, given: Mapping[str, str], at_once: int = 2,
    progress: Callable[[str, float], object] = lambda name, seconds: None, cell_seconds: int = CELL_SECONDS,
) -> list[Path]:
    """Run each notebook into `<run>/notebooks/`, `at_once` at a time; returns the executed ones in order, those of
    a job with `each` after one another.

    `progress` is told each name when it is done, and how many seconds it took. Raises NotebookFailed for the first
    that failed; those not yet begun are then not begun.
    """
    (run / "notebooks").mkdir(exist_ok=True)
    done = {}
    # Processes, because Papermill leaves event loops and sockets behind in threads.
    # What the kernels lay down lies where the next run sweeps, should this one be killed.
    with (tempfile.TemporaryDirectory(prefix="making-", dir=run.resolve().parent, ignore_cleanup_errors=True) as home,
          ProcessPoolExecutor(at_once, multiprocessing.get_context("spawn"), _prepare_worker, (home, run)) as pool):
        longest_first = sorted(jobs, key=lambda job: -len(job.values))  # that no processor waits for it at the end
        futures = {pool.submit(_run_job, job, run, dict(given), cell_seconds): job.name for job in longest_first}
        try:
            for future in as_completed(futures):
                done[futures[future]], seconds = future.result()
                progress(futures[future], seconds)
        except BrokenProcessPool as error:
            raise NotebookFailed("The process that runs the notebooks was killed, perhaps for want of memory",
                                 "free memory or run with --jobs 1") from error
        finally:
            pool.shutdown(cancel_futures=True)
    return [path for job in jobs for path in done[job.name]]


def _prepare_worker(home: str, run: Path) -> None:
    begin_worker()
    # Matplotlib's folder outlives the run, for it lists the fonts of the machine there, which takes a while.
    os.environ.update(_KERNEL_ENVIRONMENT, IPYTHONDIR=home, JUPYTER_RUNTIME_DIR=home, TMPDIR=home,
                      MPLCONFIGDIR=str(run.parent.resolve() / "matplotlib"))
    os.environ.pop("MATPLOTLIBRC", None)
    # What kernels say of themselves; a notebook's own words are in its cells.
    with (run / "kernels.log").open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


def begin_worker() -> None:
    """Let this process end with its parent, for a worker whose run was killed would wait for ever; its own workers
    and kernels end by themselves when it does.
    """
    # jsonschema imports this at a cost of three seconds, for a format that no notebook uses.
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]

    def wait() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _run_job(job: Job, run: Path, given: Mapping[str, str], cell_seconds: int) -> tuple[list[Path], float]:
    start = time.perf_counter()
    done = _execute_each(job, run, given, cell_seconds) if job.each else [_execute(job, run, given, cell_seconds)]
    return done, time.perf_counter() - start


def _execute_each(job: Job, run: Path, given: Mapping[str, str], cell_seconds: int) -> list[Path]:
    """Run a notebook for each of its values in one kernel, for starting one and importing costs seconds."""
    from jupyter_client import KernelManager

    (run / "notebooks" / job.name).mkdir(exist_ok=True)
    kernel, done = KernelManager(kernel_name="python3"), []
    try:
        for stem, value in job.values.items():
            one = replace(job, name=f"{job.name}/{stem}", parameters={**job.parameters, str(job.each): value})
            done.append(_execute(one, run, given, cell_seconds, kernel))
            _result(run, one).unlink()  # each must give its own; what is said of one account is no finding of the run
    except NotebookFailed as error:
        raise NotebookFailed(f"{error.sentence} for {job.each} '{value}'", error.remedy) from error
    finally:
        if kernel.has_kernel:
            kernel.shutdown_kernel(now=True)
    return done


def _result(run: Path, job: Job) -> Path:
    return run / "results" / f"{job.source.stem}.json"


def _execute(job: Job, run: Path, given: Mapping[str, str], cell_seconds: int, kernel: Any = None) -> Path:
    import nbformat
    import papermill

    output = run / "notebooks" / f"{job.name}.ipynb"
    try:
        notebook = papermill.execute_notebook(
            nbformat.read(job.source, as_version=4),
            str(output).replace("{", "{{").replace("}", "}}"),  # Papermill formats paths
            parameters={**given, **job.parameters}, kernel_name="python3", progress_bar=False, engine_name=_engine(),
            execution_timeout=cell_seconds, resources={"metadata": {"path": str(job.source.parent)}},
            extra_arguments=["--HistoryManager.enabled=False"],
            shutdown_kernel="immediate",  # all it had to say is said, so a second of farewells is spared
            **({"km": kernel} if kernel else {}),
        )
    except Exception as error:
        if any(os.strerror(number) in str(error) for number in FULL):
            sentence = f"The disk took no more while notebook {job.name} ran"
            raise CannotWrite(sentence, "make room, then run again") from error
        raise NotebookFailed(f"Notebook {job.name} stopped {_where(error, output)}", _look_at(output)) from error
    _demand_completed(notebook, job.name, output)
    if not _result(run, job).is_file():
        raise NotebookFailed(f"Notebook {job.name} ran but recorded no result",
                             f"end it with run.record(\"{job.source.stem}\", ...)")
    _name_injected_cell(notebook)
    nbformat.write(notebook, output)
    return output


@cache
def _engine() -> str:
    """The name of Papermill's engine that saves a notebook when it has run, or has failed. The usual one saves before
    and after each cell, which took a quarter of the time of the accounts' pages."""
    from papermill.engines import NBClientEngine, papermill_engines

    class SavedOnce(NBClientEngine):
        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, *args: Any, **kwargs: Any) -> None:
            path, nb_man.output_path = nb_man.output_path, None
            try:
                super().execute_managed_notebook(nb_man, *args, **kwargs)
            finally:
                nb_man.output_path = path  # Papermill saves when it comes back

    papermill_engines.register("saved_once", SavedOnce)
    return "saved_once"


def _where(error: Exception, output: Path) -> str:
    """In which cell and why, from what Papermill saved."""
    import nbformat

    message = re.sub(r"\x1b\[[0-9;]*m", "", str(getattr(error, "evalue", error))).strip()
    name = getattr(error, "ename", type(error).__name__)
    why = f"({name}: {message.splitlines()[0][:200]})" if message else f"({name})"
    if not output.exists():
        return why
    begun = [n for n, cell in _code_cells(nbformat.read(output, as_version=4)) if _state(cell).get("start_time")]
    return f"in code cell {begun[-1]} {why}" if begun else why


def _demand_completed(notebook: Any, name: str, output: Path) -> None:
    for number, cell in _code_cells(notebook):
        # Papermill calls cells that never began completed too, so its word alone is not enough.
        completed = _state(cell).get("status") == "completed" and _state(cell).get("end_time")
        failed = not completed or any(out.output_type == "error" for out in cell.outputs)
        if cell.source.strip() and (failed or cell.execution_count is None):
            raise NotebookFailed(f"Notebook {name} ended early, in code cell {number}", _look_at(output))


def _code_cells(notebook: Any) -> list[tuple[int, Any]]:
    """The code cells as its author counts them, from 1, the injected one left out."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return list(enumerate((c for c in cells if "injected-parameters" not in c.metadata.get("tags", [])), start=1))


def _state(cell: Any) -> dict[str, Any]:
    return cell.metadata.get("papermill", {})


def _look_at(output: Path) -> str:
    return f"see {output} (kept until the next run); earlier reports are as they were"


def _name_injected_cell(notebook: Any) -> None:
    for cell in notebook.cells:
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell["id"] = "injected-parameters"  # Papermill's is random
