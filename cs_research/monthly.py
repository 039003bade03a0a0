"""How a run is made: read the exports, compute the tables, run the notebooks, write the pages, keep the folder.

This layer names the steps of one run and their order; which months are made and shown stands in pipeline.
"""

import json
import shlex
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from cs_research import provenance, runs
from cs_research.errors import Refused
from cs_research.ingest import Dataset, Ingested, held, ingest
from cs_research.privacy import personal_holds
from cs_research.report.notebooks import Job, execute_notebooks
from cs_research.run import Run, open_run
from cs_research.steps import Making, link, log
from cs_research.tables import build_tables, horizon, write_table

RECIPE = provenance.PACKAGE.parent / "reports" / "monthly.yml"
GIVEN = ("run_dir", "month", "scorecard")  # what every notebook is given
_TAKEN = ("canonical", "quarantine", "tables")  # what is taken in once, for all months


def silent(*_: object) -> None: ...


@dataclass(frozen=True)
class Request:
    """What is asked for. `month` is "2026-10", or None for the last complete month of the data."""

    data: Path
    out: Path = Path("reports")
    month: str | None = None
    zone: str | None = None
    as_of: str | None = None
    lang: str = "en"
    recipe: Path = RECIPE
    acknowledged: frozenset[str] = frozenset()
    jobs: int = 2
    card: Path | None = None   # a card to try on all history, beside those of the data set
    engine: str = "duckdb"     # or spark, which decides no number
    memory_limit: str | None = None  # such as 2GB, beyond which the tables are computed on the disk
    pdf: bool = False          # whether the first page is printed, too, to <out>/<month>.pdf
    first: str | None = None   # the first of several months, of which `month` is the last
    later: bool = False        # whether the published months after it that were made of other data are made, too
    resume: bool = True        # whether the complete steps of a start that failed are taken up
    tell: Callable[[str], None] = field(default=silent, compare=False)
    progress: Callable[[str, float], None] = field(default=silent, compare=False)  # step, share done


@dataclass(frozen=True)
class Work:
    """What the runs of one command share; `parts` is what they are made of, whichever the month, `data` its id."""

    request: Request
    dataset: Dataset
    notebooks: list[Job]
    parts: dict[str, Any]
    data: str


def take_in(work: Work) -> Ingested:
    """Read the exports, or take up what a start before this one read of the same: once for all months."""
    import pandas as pd

    making = Making(work.request.out, work.data)
    folder = making.folder
    told = making.step("ingest", lambda: _ingest(work, folder), *_TAKEN)
    (folder / "quarantine").mkdir(exist_ok=True)  # without a row set aside it is empty
    files = pd.read_parquet(folder / "tables" / "files.parquet")
    for row in files.to_dict("records"):
        parts = [f"{row[name]:,} {name}" for name in ("accepted", "quarantined", "excluded")]
        work.request.tell(f"  {row['file']}: {row['rows_in']:,} rows in = {' + '.join(parts)}")
    return Ingested(folder / "canonical", files, folder / "quarantine", date.fromisoformat(told["as_of"]))


def _ingest(work: Work, folder: Path) -> dict[str, Any]:
    """Read the exports; refuse them when they changed while being read."""
    ingested = ingest(work.dataset, folder, lambda text: work.request.progress(f"Exports: {text}", 0.1))
    inputs, now = work.parts["inputs"], provenance.inputs(work.dataset)
    changed = sorted(name for name in {*inputs, *now} if inputs.get(name) != now.get(name))
    if changed:
        raise Refused(f"The data changed while they were read ({', '.join(changed)})",
                      "run again when nothing writes to them")
    write_table(ingested.files, folder / "tables" / "files.parquet")
    return {"as_of": ingested.as_of.isoformat()}


def refuse_before_first(month: str, ingested: Ingested, data: Path) -> None:
    """Raise Refused for a month before the first contract."""
    import pandas as pd

    starts = pd.read_parquet(ingested.folder / "contracts.parquet", columns=["start_date"])["start_date"]
    if starts.empty:
        rows = ingested.files[ingested.files["table"] == "contracts"]
        codes = ", ".join(sorted({code for codes in rows["codes"] for code in json.loads(codes) if code[0] == "R"}))
        raise Refused(f"No contract can be used: of {rows['rows_in'].sum():,} rows {rows['quarantined'].sum():,} were "
                      f"set aside ({codes or 'none'}) and {rows['excluded'].sum():,} excluded by dataset.yml",
                      f"`cs-research check {shlex.quote(str(data))}` tells why, and where the rows lie")
    if month < f"{starts.min():%Y-%m}":
        raise Refused(f"The month {month} is outside the data, which begin in {starts.min():%Y-%m}",
                      "give a later --month")


def make(work: Work, about: dict[str, Any], ingested: Ingested) -> Path:
    """Make a run, from canonical tables to pages, and keep it; what an earlier start completed is taken up."""
    month, identity = about["month"], about["id"]
    making = Making(work.request.out, f"{work.data}-{month}-{identity}", ingested.folder.parent, month=month,
                    run=identity)
    folder = making.folder
    with making.watched():
        about |= making.step("tables", lambda: _write_tables(work, about, ingested, folder),
                             *_TAKEN, "definitions")
        runs.write_json(folder / "run.json", about)
        with making.logged("notebooks"):
            notebooks = _executed(work, about, making)
        told = making.step("pages", lambda: _write_pages(work, open_run(folder), notebooks),
                           "*.html", "accounts", "exports", "tables/findings.parquet")
        about["rows"]["findings"], about["tiles"] = told["findings"], told["tiles"]
        places = [place.resolve() for place in (work.request.out, work.request.data, provenance.PACKAGE.parent)]
        told = making.step("privacy", lambda: {"holds": [*map(asdict, personal_holds(folder, places))]})
        about["holds"] += told["holds"]
        seconds = {name: step["seconds"] for name, step in making.steps.items()}
        runs.write_json(folder / "run.json", {**about, "seconds": seconds})
        with making.logged("keep"):  # watched, so that no manifest is of changed files
            runs.seal(folder)
    return runs.keep(folder, month, identity)


def _write_tables(work: Work, about: dict[str, Any], ingested: Ingested, folder: Path) -> dict[str, Any]:
    """Fill the folder of a run with everything up to the tables; returns their rows, and why to hold the run."""
    first, definitions = date.fromisoformat(f"{about['month']}-01"), work.dataset.definitions
    for name in _TAKEN:
        shutil.copytree(ingested.folder.with_name(name), folder / name, copy_function=link, dirs_exist_ok=True)
    provenance.copy_definitions(work.dataset, folder / "definitions")
    rows = build_tables(ingested.folder, definitions.in_use(about["month"]), horizon(first, ingested.as_of),
                        folder / "tables", lambda text: work.request.progress(f"Tables: {text}", 0.25),
                        work.dataset.scorecard, work.request.out / ".runs" / "months", work.request.engine,
                        work.request.memory_limit)
    return {"engine": work.request.engine, "rows": {**rows, "files": len(ingested.files)},
            "holds": [asdict(hold) for hold in held(ingested, first, about["rows_before"])]}


def _executed(work: Work, about: dict[str, Any], making: Making) -> list[Job]:
    """Run the notebooks, those of single accounts for the accounts that the first page will name, which they return
    with."""
    request, folder, notebooks = work.request, making.folder, work.notebooks
    if any(job.each for job in notebooks):
        from cs_research.report.page import accounts_listed

        run = open_run(folder)
        notebooks = [replace(job, values=accounts_listed(run, job.at_most)) if job.each else job for job in notebooks]
    waiting = [job for job in notebooks if f"notebook {job.name}" not in making.steps]

    def complete(name: str, seconds: float) -> None:
        making.complete(f"notebook {name}", seconds, {}, f"notebooks/{name}", f"notebooks/{name}.ipynb",
                        f"results/{name}.json")
        log(request.out, month=about["month"], run=about["id"], step=f"notebook {name}", seconds=round(seconds, 3))
        done = sum(step.startswith("notebook") for step in making.steps)
        request.progress(f"Notebook {name} done", 0.35 + 0.55 * done / len(notebooks))

    request.progress(f"Running {len(waiting)} notebooks", 0.35)
    values = (str(folder.resolve()), about["month"], about["dataset"]["scorecard"])
    execute_notebooks(waiting, folder, dict(zip(GIVEN, values, strict=True)), request.jobs, complete)
    return notebooks


def _write_pages(work: Work, run: Run, notebooks: list[Job]) -> dict[str, Any]:
    """Gather the Findings, then write every page; returns the rows of the table findings and the numbers shown."""
    # Late, for these load scipy, which a run that is found made does without.
    import pandas as pd

    from cs_research.finding import Finding
    from cs_research.report.export import write_notebook_pages
    from cs_research.report.page import write_index
    from cs_research.report.sections.tiles import key_numbers
    from cs_research.report.view import View

    work.request.progress("Writing the pages", 0.9)
    records = [finding.as_record() for finding in run.findings.values()]
    table = pd.DataFrame(records, columns=[*Finding("", "").as_record()])
    count = write_table(table, run.folder / "tables" / "findings.parquet")
    view = View(run)
    write_index(view, run.about["parameters"]["lang"])
    write_notebook_pages(run, [job.name for job in notebooks if not job.each],
                         {stem: value for job in notebooks for stem, value in job.values.items()},
                         run.about["parameters"]["lang"])
    return {"findings": count, "tiles": key_numbers(view)}
