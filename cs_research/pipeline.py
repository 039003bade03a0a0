"""The story of the monthly reports: which months are asked for, made, held back and published.

This layer names the months and their order; how the run of one is made stands in monthly.
"""

import shlex
from collections.abc import Generator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from cs_research import keeping, provenance, runs
from cs_research.definitions import read_card, with_card
from cs_research.errors import Held, NotebookFailed, Refused
from cs_research.ingest import Ingested, open_dataset
from cs_research.monthly import GIVEN, RECIPE, Request, Work, make, refuse_before_first, silent, take_in
from cs_research.report.notebooks import begin_worker, read_jobs
from cs_research.report.pdf import find_browser
from cs_research.report.phrases import LANGUAGES
from cs_research.run import Run, open_run
from cs_research.spark import refuse_without_spark
from cs_research.steps import logged

RESCORE = RECIPE.with_name("rescore.yml")


def run_month(request: Request) -> Path:
    """Make the report of a month, or find it made, and publish it; returns the path of its index.html.

    With `first` those of every month from that one on, with `later` those after it that were made of other data,
    `jobs` at a time; returned is the path of the last.

    Raises Refused (2), NotebookFailed (3), Held (4: built, kept, not published), CannotWrite (74), Busy (75).
    Whatever is raised, the reports published before stay as they are.
    """
    with logged(request.out, step="run", month=request.month) as line:
        refuse_language(request.lang)
        if request.pdf:
            find_browser()
        if request.engine == "spark":
            refuse_without_spark()
        notebooks = read_jobs(request.recipe, GIVEN)
        dataset = open_dataset(request.data, request.zone, request.as_of)
        with runs.locked(request.out):
            runs.sweep(request.out)
            parts = provenance.parts(dataset, notebooks, request.recipe)
            # A changed notebook is another run, but no reason to read the exports again.
            suite = {name: digest for name, digest in parts["sources"].items() if name.startswith("cs_research/")}
            data = runs.run_id({**parts, "sources": suite, "as_of": str(dataset.as_of)})
            runs.sweep_making(request.out, data if request.resume else "")
            return _run_months(Work(request, dataset, notebooks, parts, data), line)


def _run_months(work: Work, line: dict[str, Any]) -> Path:
    request, dataset = work.request, work.dataset
    # Without a declared as-of only the rows can say which month is the last complete one.
    ingested = None if dataset.as_of else take_in(work)
    as_of = dataset.as_of or ingested.as_of
    asked = _months(request, as_of)
    later = provenance.made_of_other_data(request.out, asked[-1], dataset.name, work.parts["inputs"])
    months = [*asked, *(later if request.later else ())]
    line["month"] = months[-1]
    if request.card:
        work = replace(work, dataset=replace(
            dataset, definitions=with_card(dataset.definitions, request.card, months[-1])))
    for month in months:
        provenance.refuse_changed_versions(work.dataset, request.out, month)
    request.tell(f"{dataset.name}: {' to '.join(dict.fromkeys([months[0], months[-1]]))}, as of {as_of}"
                 f"{' (SIMULATED DATA)' if dataset.simulated else ''}")
    parameters = {"lang": request.lang, **{job.name: job.parameters for job in work.notebooks}}
    abouts = [provenance.described(work.parts, work.dataset.definitions, month, as_of, parameters, request.card,
                                   _rows_before(work, month) if month == months[0] else {}) for month in months]
    found = [runs.find(request.out, about["month"], about["id"]) for about in abouts]
    missing = [about for about, folder in zip(abouts, found, strict=True) if not folder]
    if missing:
        ingested = ingested or take_in(work)
        refuse_before_first(missing[0]["month"], ingested, request.data)
    index, held = request.out, {}
    with closing(_made(work, missing, ingested)) as made:  # no process makes a run once the folder is free
        for about, folder in zip(abouts, found, strict=True):
            if folder:
                request.tell(f"Nothing has changed since the report of {about['month']} was made: its files are "
                             "whole, it is published again.")
            folder = folder or next(made)
            if holds := [] if request.card else keeping.waiting(folder, request.acknowledged):
                held[folder] = holds
            else:
                request.progress(f"Publishing {about['month']}", 0.98)
                index = keeping.publish(folder, request.out, request.lang, request.pdf)
    runs.sweep_making(request.out)
    request = replace(request, month=asked[-1])
    if later and not request.later:
        request.tell(f"Made of other data and as they were: {', '.join(later)}. Make them anew, too, by "
                     f"`{_command(replace(request, later=True), [])}`.")
    if held:
        raise _held_back(held, request)
    return index


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


def refuse_language(lang: str) -> None:
    if lang not in LANGUAGES:
        raise Refused(f"--lang '{lang}' is not possible", f"it is {' or '.join(LANGUAGES)}")


def _months(request: Request, as_of: date) -> list[str]:
    """The months that are asked for, the last of them the last complete one unless it is named."""
    last = request.month or last_complete_month(as_of)
    if last > f"{as_of:%Y-%m}":
        raise Refused(f"The month {last} is outside the data, which end on {as_of}",
                      f"the last complete month is {last_complete_month(as_of)}")
    first = request.first or last
    if first > last:
        raise Refused(f"--from {first} is later than the last month, {last}", "give an earlier month")
    begin, end = (int(month[:4]) * 12 + int(month[5:]) - 1 for month in (first, last))
    return [f"{number // 12}-{number % 12 + 1:02}" for number in range(begin, end + 1)]


def _made(work: Work, missing: list[dict[str, Any]], ingested: Ingested | None) -> Generator[Path, None, None]:
    """Make the runs, several at once where there are several; gives each in order when it is kept."""
    request, number = work.request, len(missing)
    if number < 2:
        yield from (make(work, about, ingested) for about in missing)
        return
    quiet = replace(work, request=replace(request, jobs=1, tell=silent, progress=silent))
    with ProcessPoolExecutor(min(request.jobs, number), get_context("spawn"), begin_worker) as pool:
        futures = [pool.submit(make, quiet, about, ingested) for about in missing]
        try:
            for nth, (about, future) in enumerate(zip(missing, futures, strict=True)):
                request.progress(f"{about['month']}: {nth} of {number} months made", 0.1 + 0.88 * nth / number)
                yield future.result()
        except BrokenProcessPool as error:
            raise NotebookFailed("A process that makes a month was killed, perhaps for want of memory",
                                 "free memory or run with --jobs 1; months that are made stay") from error
        finally:
            pool.shutdown(cancel_futures=True)


def _rows_before(work: Work, month: str) -> dict[str, int]:
    """Rows of each table in the report of the month before, where other data made it: an export that shrank shows."""
    before = date.fromisoformat(f"{month}-01") - timedelta(days=1)
    run = provenance.published_run(work.request.out, f"{before:%Y-%m}", work.dataset.name)
    if not run or run.about["inputs"] == work.parts["inputs"]:
        return {}
    return {str(name): int(count) for name, count in run.files.groupby("table")["rows_in"].sum().items()}


def _held_back(held: dict[Path, list[dict[str, str]]], request: Request) -> Held:
    codes = dict.fromkeys(hold["code"] for folder in held for hold in Run(folder).holds)
    reasons = dict.fromkeys(hold["sentence"].rstrip(".") for holds in held.values() for hold in holds)
    months = f" ({', '.join(folder.name[:7] for folder in held)})" if request.first or request.later else ""
    look = next(iter(held)) / "index.html"
    return Held(f"Built but not published{months}: {'; '.join(reasons)}",
                f"look at {look}, then publish it by `{_command(request, [*codes])}`")


def _command(request: Request, codes: list[str]) -> str:
    """The command of a request as it may be typed, with every option that is not as usual."""
    usual, words = Request(request.data), ["cs-research", "run", str(request.data)]
    for name in ("first", "month", "out", "zone", "as_of", "lang", "recipe", "jobs", "engine", "memory_limit"):
        value = getattr(request, name)
        if value != getattr(usual, name):
            words += ["--from" if name == "first" else f"--{name.replace('_', '-')}", str(value)]
    flags = [f"--{name}" for name in ("pdf", "later") if getattr(request, name)]
    return shlex.join([*words, *flags, *(word for code in codes for word in ("--acknowledge", code))])
