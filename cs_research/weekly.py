"""The Monday list and the tuning of its weights: read the data set, compute, write what was asked for.

This layer names the steps; points are counted in actions, the list is judged in studies, the page stands in report.
"""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from cs_research.definitions import Definitions, definition_text
from cs_research.display import page_stem
from cs_research.errors import Refused
from cs_research.ingest import Dataset, ingest, open_dataset
from cs_research.pipeline import Request, last_complete_month, refuse_before_first, refuse_language
from cs_research.run import Run
from cs_research.runs import published_months, write_json, write_new, write_text
from cs_research.tables import build_tables, horizon
from cs_research.weeks import monday_of, next_monday, week_name


@dataclass(frozen=True)
class Computed:
    """A data set and a run of its tables alone, while it is there; `week` is the one that was asked for."""

    dataset: Dataset
    definitions: Definitions
    week: str
    run: Run

    def judged_entries(self) -> pd.DataFrame:
        """The words of feedback beside their accounts (studies.weekly_list)."""
        from cs_research.studies.weekly_list import judged_entries

        return judged_entries(self.run.actions, self.run.action_factors, self.run.canonical("feedback"),
                              self.run.outcomes, self.definitions.response_points)


def write_week(request: Request, week: str | None = None) -> Path:
    """Write `<out>/weekly/<week>/list.html` and `list.csv` of a week, the coming one if not given; returns the page.

    Raises Refused where there is no such week or the data do not reach it, CannotWrite.
    """
    from cs_research.report.phrases import speaking
    from cs_research.report.translation import english, in_language
    from cs_research.report.weekly_list import csv, page
    from cs_research.studies.weekly_list import list_precision

    refuse_language(request.lang)
    with _computed(request, week) as computed:
        entries = computed.judged_entries()
        proof = list_precision(entries[entries["week"] < computed.week], computed.definitions)
        actions = computed.run.actions.query("week == @computed.week")
        if actions.empty:
            raise Refused(f"No account is under contract in the week {computed.week}", "give a later --week")
        tables = ("action_factors", "account_facts", "outcomes", "not_measured")
        shown = {"actions": actions, **{name: computed.run.table(name) for name in tables}}
        folder = request.out / "weekly" / computed.week
        folder.mkdir(parents=True, exist_ok=True)
        plan, about = computed.definitions.response_points, computed.dataset
        write_text(folder / "list.csv", csv(shown, plan))
        with speaking(request.lang):
            html = page(shown, plan, about, computed.run.as_of, computed.week, proof,
                        _account_pages(request.out, actions["account_id"]))
            write_text(folder / "list.html", in_language(html, english(computed.definitions)))
    return folder / "list.html"


def _account_pages(out: Path, accounts: Iterable[str]) -> dict[str, str]:
    """account_id -> where its page lies, seen from a weekly list, in the newest report of `out` that has one."""
    months = published_months(out)
    there = {path.stem for path in out.glob(f"{months[-1]}/accounts/*.html")} if months else set()
    return {account: f"../../{months[-1]}/accounts/{stem}.html" for account in accounts
            if (stem := page_stem(account)) in there}


def write_tuned(request: Request, path: Path | None = None) -> str:
    """Write a new response_points file with weights tuned on all feedback; returns the sentence about it.

    With too little feedback nothing is written and the sentence says so. Raises CannotWrite where the file is there.
    """
    from cs_research.studies.weekly_list import tuned

    with _computed(request, None) as computed:
        entries, plan = computed.judged_entries(), computed.definitions.response_points
        new = tuned(entries, computed.definitions, computed.run.as_of.isoformat())
    if new is None or new.evidence is None:
        return (f"Too little feedback to tune on: {len(entries)} judged entries, where {plan.min_feedback} of both "
                "verdicts are needed. Nothing is written.")
    path = path or Path(f"response_points-{new.version}.yml")
    write_new(path, definition_text(new))
    proof = new.evidence
    gain = ("no week could be judged out of sample" if proof.difference is None else
            f"precision out of sample {proof.precision_before:.0%} before, {proof.precision_after:.0%} after")
    what = {"adopt": "Adopt it by laying it into the definitions folder of the data set.",
            "keep": "Keep the current weights: that the new ones are better cannot be told."}[proof.verdict]
    return f"{path}: version {new.version} from {proof.feedback} judged entries; {gain}. {what}"


@contextmanager
def _computed(request: Request, week: str | None) -> Iterator[Computed]:
    """The tables of a data set up to its last complete month, with those of the week; gone afterwards."""
    dataset = open_dataset(request.data, request.zone, request.as_of)
    monday = week and monday_of(week)
    if week and not monday:
        raise Refused(f"--week '{week}' is not possible", "write an ISO week such as 2026-W44")
    with tempfile.TemporaryDirectory(prefix="cs-research-") as work:
        folder = Path(work)
        ingested = ingest(dataset, folder, lambda text: request.progress(f"Exports: {text}", 0.1))
        monday = monday or next_monday(ingested.as_of)
        if monday - timedelta(days=7) > ingested.as_of:
            raise Refused(f"The week {week} is outside the data, which end on {ingested.as_of}",
                          f"the last one possible is {week_name(next_monday(ingested.as_of))}")
        month = last_complete_month(ingested.as_of)
        refuse_before_first(month, ingested, request.data)
        seen = replace(horizon(date.fromisoformat(f"{month}-01"), ingested.as_of), week=monday)
        definitions = dataset.definitions.in_use(month)
        build_tables(ingested.folder, definitions, seen, folder / "tables",
                     lambda text: request.progress(f"Tables: {text}", 0.5), dataset.scorecard)
        write_json(folder / "run.json", {"month": month, "as_of": str(ingested.as_of), "dataset": {}})
        yield Computed(dataset, definitions, week_name(monday), Run(folder))

