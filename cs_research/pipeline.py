"""The story of a monthly report: read, compute, run the notebooks, write the pages, keep, publish.

This layer names the steps and their order; how a step is done stands in the layer it belongs to.
"""

import json
import os
import shlex
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from cs_research import provenance, runs
from cs_research.definitions import read_card, with_card
from cs_research.errors import Held, Refused
from cs_research.ingest import Dataset, Ingested, held, ingest, open_dataset
from cs_research.privacy import personal_holds
from cs_research.report.notebooks import Job, execute_notebooks, read_jobs
from cs_research.report.pdf import find_browser, write_pdf
from cs_research.report.phrases import LANGUAGES
from cs_research.run import Run, open_run
from cs_research.tables import build_tables, horizon, write_table

RECIPE = provenance.PACKAGE.parent / "reports" / "monthly.yml"
RESCORE = RECIPE.with_name("rescore.yml")
GIVEN = ("run_dir", "month", "scorecard", "lang")  # what every notebook is given


def _silent(*_: object) -> None: ...


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
    pdf: bool = False          # whether the first page is printed, too, to <out>/<month>.pdf
    tell: Callable[[str], None] = field(default=_silent, compare=False)
    progress: Callable[[str, float], None] = field(default=_silent, compare=False)  # step, share done


def run_month(request: Request) -> Path:
    """Make the report of a month, or find it made, and publish it; returns the path of its index.html.

    Raises Refused (2), NotebookFailed (3), Held (4: built, kept, not published), CannotWrite (74), Busy (75).
    Whatever is raised, the reports published before stay as they are.
    """
    _refuse_language(request.lang)
    if request.pdf:
        find_browser()
    notebooks = read_jobs(request.recipe, GIVEN)
    dataset = open_dataset(request.data, request.zone, request.as_of)
    with runs.locked(request.out):
        making = runs.new_folder(request.out, str(os.getpid()))
        inputs = provenance.inputs(dataset)
        # Without a declared as-of only the rows can say which month is the last complete one.
        ingested = None if dataset.as_of else _ingest(dataset, making, request, inputs)
        as_of = dataset.as_of or ingested.as_of
        month = request.month or last_complete_month(as_of)
        if month > f"{as_of:%Y-%m}":
            raise Refused(f"The month {month} is outside the data, which end on {as_of}",
                          f"the last complete month is {last_complete_month(as_of)}")
        if request.card:
            dataset = replace(dataset, definitions=with_card(dataset.definitions, request.card, month))
        provenance.refuse_changed_versions(dataset, request.out, month)
        request.tell(f"{dataset.name}: {month}, as of {as_of}{' (SIMULATED DATA)' if dataset.simulated else ''}")
        about = provenance.described(dataset, month, as_of, notebooks, request.recipe, request.lang, request.card,
                                     inputs, _rows_before(request, dataset, month))
        folder = runs.find(request.out, month, about["id"])
        if folder:
            request.tell("Nothing has changed since this report was made: its files are whole, it is published again.")
            shutil.rmtree(making)
        else:
            ingested = ingested or _ingest(dataset, making, request, inputs)
            _make(making, about, request, dataset, ingested, notebooks)
            folder = runs.keep(making, month, about["id"])
        if not request.card:
            _hold(folder, request)
        return _publish(folder, request, month)


def rescore(request: Request) -> tuple[Path, Run]:
    """Score all history by `request.card` too; returns the page that compares the two and the opened run.

    The run is kept apart from the reports, under `<out>/rescored/<card>-<version>/<month>`; a report takes the new
    card once its file lies in the data set's `definitions/`. Raises as `run_month`.
    """
    card = read_card(request.card)
    index = run_month(replace(request, out=request.out / "rescored" / f"{card.name}-{card.version}", recipe=RESCORE))
    return index.with_name("rescore.html"), open_run(index.parent)


def last_complete_month(as_of: date) -> str:
    """The last month whose last day is the as-of or earlier.

    >>> last_complete_month(date(2026, 10, 31)), last_complete_month(date(2026, 1, 30))
    ('2026-10', '2025-12')
    """
    return f"{(as_of + timedelta(days=1)).replace(day=1) - timedelta(days=1):%Y-%m}"


def _refuse_language(lang: str) -> None:
    if lang not in LANGUAGES:
        raise Refused(f"--lang '{lang}' is not possible", f"it is {' or '.join(LANGUAGES)}")


def _ingest(dataset: Dataset, making: Path, request: Request, inputs: dict[str, str]) -> Ingested:
    """Read the exports, of which `inputs` are the hashes; refuse them when they changed while being read."""
    ingested = ingest(dataset, making, lambda text: request.progress(f"Exports: {text}", 0.1))
    now = provenance.inputs(dataset)
    changed = sorted(name for name in {*inputs, *now} if inputs.get(name) != now.get(name))
    if changed:
        raise Refused(f"The data changed while they were read ({', '.join(changed)})",
                      "run again when nothing writes to them")
    for row in ingested.files.to_dict("records"):
        parts = [f"{row[name]:,} {name}" for name in ("accepted", "quarantined", "excluded")]
        request.tell(f"  {row['file']}: {row['rows_in']:,} rows in = {' + '.join(parts)}")
    return ingested


def _make(making: Path, about: dict[str, Any], request: Request, dataset: Dataset, ingested: Ingested,
          notebooks: list[Job]) -> None:
    """Fill the folder of a run, from canonical tables to pages."""
    refuse_before_first(about["month"], ingested, request.data)
    seconds: dict[str, float] = {}
    tables = making / "tables"
    first = date.fromisoformat(f"{about['month']}-01")
    about["holds"] = [asdict(hold) for hold in held(ingested, first, about["rows_before"])]
    provenance.copy_definitions(dataset, making / "definitions")
    with _timed("tables", seconds):
        definitions = dataset.definitions.in_use(about["month"])
        about["rows"] = build_tables(ingested.folder, definitions, horizon(first, ingested.as_of), tables,
                                     lambda text: request.progress(f"Tables: {text}", 0.25), dataset.scorecard)
        about["rows"]["files"] = write_table(ingested.files, tables / "files.parquet")
        runs.write_json(making / "run.json", about)
    with _timed("notebooks", seconds):
        notebooks = _executed(making, about, request, notebooks)
    with _timed("pages", seconds):
        request.progress("Writing the pages", 0.9)
        about["rows"]["findings"] = _write_pages(open_run(making), notebooks)
    with _timed("privacy", seconds):
        places = (request.out, request.data, provenance.PACKAGE.parent)
        about["holds"] += map(asdict, personal_holds(making, [place.resolve() for place in places]))
    runs.write_json(making / "run.json", {**about, "seconds": seconds})


def _executed(making: Path, about: dict[str, Any], request: Request, notebooks: list[Job]) -> list[Job]:
    """Run the notebooks, those of single accounts for the accounts that the first page will name, which they return
    with."""
    done: list[str] = []
    if any(job.each for job in notebooks):
        from cs_research.report.page import accounts_listed

        run = open_run(making)
        notebooks = [replace(job, values=accounts_listed(run, job.at_most)) if job.each else job for job in notebooks]

    def tick(name: str) -> None:
        done.append(name)
        request.progress(f"Notebook {name} done", 0.35 + 0.55 * len(done) / len(notebooks))

    request.progress(f"Running {len(notebooks)} notebooks", 0.35)
    values = (str(making.resolve()), about["month"], about["dataset"]["scorecard"], request.lang)
    execute_notebooks(notebooks, making, dict(zip(GIVEN, values, strict=True)), request.jobs, tick)
    return notebooks


def _write_pages(run: Run, notebooks: list[Job]) -> int:
    """Gather the Findings, then write every page; returns the number of Findings."""
    # Late, for these load scipy, which a run that is found made does without.
    import pandas as pd

    from cs_research.finding import Finding
    from cs_research.report.export import write_notebook_pages
    from cs_research.report.page import write_index

    records = [finding.as_record() for finding in run.findings.values()]
    table = pd.DataFrame(records, columns=[*Finding("", "").as_record()])
    count = write_table(table, run.folder / "tables" / "findings.parquet")
    write_index(run, run.about["parameters"]["lang"])
    write_notebook_pages(run, [job.name for job in notebooks if not job.each],
                         {stem: value for job in notebooks for stem, value in job.values.items()})
    return count


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


def _rows_before(request: Request, dataset: Dataset, month: str) -> dict[str, int]:
    """Rows of each table in the report of the month before, if that is there: a shrunken export shows by them."""
    before = date.fromisoformat(f"{month}-01") - timedelta(days=1)
    folder = request.out / f"{before:%Y-%m}"
    if not (folder / "run.json").is_file():
        return {}
    run = open_run(folder)
    rows = run.files.groupby("table")["rows_in"].sum()
    return {str(name): int(count) for name, count in rows.items()} if run.dataset["name"] == dataset.name else {}


def _publish(folder: Path, request: Request, month: str) -> Path:
    """Lead readers to a kept run, last from the page of all months.

    A PDF lies beside the link, for a run never changes; one that shows another run goes.
    """
    from cs_research.report.archive import write_archive

    pdf = request.out / f"{month}.pdf"
    is_new = (request.out / month).resolve() != folder.resolve()
    index = runs.publish(folder, request.out, month) / "index.html"
    if is_new:
        pdf.unlink(missing_ok=True)
    if request.pdf:
        request.progress("Printing the first page", 0.98)
        write_pdf(index, pdf)
    write_archive(request.out, request.lang)
    return index


def _hold(folder: Path, request: Request) -> None:
    holds = Run(folder).about["holds"]
    waiting = [hold for hold in holds if hold["code"] not in request.acknowledged]
    if waiting:
        codes = dict.fromkeys(hold["code"] for hold in holds)
        command = _command(replace(request, month=Run(folder).about["month"]), [*codes])
        raise Held(f"Built but not published: {'; '.join(hold['sentence'].rstrip('.') for hold in waiting)}",
                   f"look at {folder / 'index.html'}, then publish it by `{command}`")


def _command(request: Request, codes: list[str]) -> str:
    """The command of a request as it may be typed, with every option that is not as usual."""
    usual, words = Request(request.data), ["cs-research", "run", str(request.data)]
    for name in ("month", "out", "zone", "as_of", "lang", "recipe", "jobs"):
        value = getattr(request, name)
        if value != getattr(usual, name):
            words += [f"--{name.replace('_', '-')}", str(value)]
    words += ["--pdf"] if request.pdf else []
    return shlex.join([*words, *(word for code in codes for word in ("--acknowledge", code))])


@contextmanager
def _timed(step: str, seconds: dict[str, float]) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[step] = round(time.perf_counter() - start, 3)
