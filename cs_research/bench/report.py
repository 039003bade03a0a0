"""A whole report against its own notebooks with nothing in them but their imports."""

import ast
import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from cs_research.bench.data import DATASET, Size, write_canonical
from cs_research.bench.panel import panel
from cs_research.bench.timing import Task, ratios, run_tasks, sql, typical
from cs_research.definitions import load_definitions
from cs_research.monthly import GIVEN, RECIPE, Request
from cs_research.pipeline import run_month
from cs_research.report.notebooks import Job, execute_notebooks, read_jobs

SAMPLE = RECIPE.parent.parent / "data" / "sample"
RECORD = """import pathlib
results = pathlib.Path(run_dir, "results")
results.mkdir(exist_ok=True)
(results / "{}.json").write_text("{{}}")"""
# ratio -> (task, what it is measured by, the most it should be)
RATIOS = {"sample_to_imports": ("sample", "imports", 2.0), "company_to_panel": ("beyond", "panel", 4.0)}


def measure_report(size: Size, repeat: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Seconds of a report of data/sample, of its notebooks with only their imports, and of the report and the panel of
    a company of that size: `beyond` is what its report takes more than the imports."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        sizes = write_canonical(folder / "canonical", size)
        _write_exports(folder)
        tasks: dict[str, Task] = {"imports": _only_imports, "sample": partial(_report, SAMPLE),
                                  "company": partial(_report, folder / "exports"),
                                  "panel": partial(panel, load_definitions())}
        runs = run_tasks(tasks, folder, repeat, tell)
    for task in ("imports", "sample", "company"):
        runs[task] = [{kind: run[kind] for kind in ("seconds", "cpu")} for run in runs[task]]  # memory is the kernels'
    runs["beyond"] = [{kind: company[kind] - imports[kind] for kind in company}
                      for company, imports in zip(runs["company"], runs["imports"], strict=True)]
    return {"asked": asdict(size), "sizes": sizes, "repeat": repeat, "tasks": typical(runs),
            "ratios": ratios(runs, RATIOS)}


def _write_exports(folder: Path) -> None:
    """The canonical files as a customer would export them: moments with their zone."""
    (folder / "exports").mkdir()
    (folder / "exports" / "dataset.yml").write_text(DATASET)
    for name, table in load_definitions().tables.items():
        if (folder / "canonical" / f"{name}.parquet").exists():
            stamps = [key for key, column in table.columns.items() if column.type == "stamp"]
            zoned = ", ".join(f"timezone('UTC', {key}) AS {key}" for key in stamps)
            sql(folder, f"COPY (SELECT * {f'REPLACE ({zoned})' if zoned else ''} "
                        f"FROM '{{folder}}/canonical/{name}.parquet') TO '{{folder}}/exports/{name}.parquet'")


def _report(data: Path, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as out:
        run_month(Request(data, Path(out)))


def _only_imports(folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as name:
        run = Path(name, "run")
        run.mkdir()
        jobs = [_bare(job, Path(name)) for job in read_jobs(RECIPE, GIVEN)]
        execute_notebooks(jobs, run, dict.fromkeys(GIVEN, str(run)))


def _bare(job: Job, folder: Path) -> Job:
    """The same notebook with its parameters, its imports and a result alone, as often as the report may run it."""
    notebook = json.loads(job.source.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code" and "parameters" not in cell["metadata"].get("tags", []):
            lines = ast.parse("".join(cell["source"])).body
            imports = [one for one in lines if isinstance(one, ast.Import | ast.ImportFrom)]
            cell["source"] = "\n".join(map(ast.unparse, imports))
    notebook["cells"][-1] |= {"cell_type": "code", "source": RECORD.format(job.source.stem), "outputs": [],
                              "execution_count": None}
    path = folder / job.source.name
    path.write_text(json.dumps(notebook), encoding="utf-8")
    often = [str(number) for number in range(job.at_most)] if job.each else []
    return replace(job, source=path, values=dict(zip(often, often, strict=True)))
