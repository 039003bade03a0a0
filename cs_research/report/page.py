"""Writes the page that leadership reads: index.html, whole in itself, from the tables and Findings of a run.

Nothing in the page changes between two builds of one run: no clock, no random ids, everything in a fixed order.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cs_research.display import page_stem
from cs_research.report import formats
from cs_research.report.phrases import LANGUAGES, language, say, speaking
from cs_research.report.rendering import environment, stylesheet
from cs_research.report.sections.actions import Job, actions_section, jobs
from cs_research.report.sections.claims import claims_section
from cs_research.report.sections.cohorts import cohorts_section
from cs_research.report.sections.footer import footer_section
from cs_research.report.sections.movers import movers_section
from cs_research.report.sections.quadrant import quadrant_section
from cs_research.report.sections.renewals import Due, renewals_section
from cs_research.report.sections.summary import summary_section
from cs_research.report.sections.tables import page_tables, table_names
from cs_research.report.sections.tiles import tiles
from cs_research.report.spreadsheet import write_tables
from cs_research.report.view import View


def write_index(view: View, lang: str = "en") -> Path:
    """Write the page in every language into the run's folder: `index.html` in `lang`, beside it `index.ja.html` and so
    on, each with links to the others and to the tables in `exports/`. Returns the path of the first.

    In: the view of an opened run with the tables scores, history, indicators, outcomes, retention, account_facts and
    files. What the data set does not hold is left out with a word on why.
    """
    run, folder = view.run, Path(view.run.folder)
    due = Due(view)
    found = jobs(due)
    tables = page_tables(view, due, found)
    called = run.dataset["name"] + (" (simulated)" if run.dataset["simulated"] else "")
    with speaking(lang):
        kickers = table_names(due)
        write_tables(folder / "exports" / "index", {kickers[name]: table for name, table in tables.items()},
                     {"Page": "index", "Data set": called, "Month": f"{view.month:%Y-%m}", "As of": f"{run.as_of}"})
    names = {one: "index.html" if one == lang else f"index.{one}.html" for one in LANGUAGES}
    for one, name in names.items():
        (folder / name).write_text(_page(due, found, one, names, tables), encoding="utf-8", newline="\n")
    return folder / "index.html"


def accounts_listed(run: Any, at_most: int) -> dict[str, str]:
    """The accounts that the page names, as many as may be: page_stem -> account_id, in the order of the page."""
    view = View(run)
    due = Due(view)
    movers_section(view), renewals_section(due), actions_section(due, jobs(due))
    return {page_stem(account): account for account in list(view.listed)[:at_most]}


def page(run: Any, lang: str = "en") -> str:
    """The text of the page in a language, alone: without links to other languages and tables."""
    due = Due(View(run))
    return _page(due, jobs(due), lang, {}, ())


def _page(due: Due, found: list[Job], lang: str, names: Mapping[str, str], tables: Iterable[str]) -> str:
    view, others = due.view, [(one, name, LANGUAGES[one]) for one, name in names.items() if one != lang]
    with speaking(lang):
        kickers = table_names(due)
        return environment().get_template("index.html.j2").render(
            head=_head(view), others=others, summary=summary_section(view, due, found), tiles=tiles(view),
            quadrant=quadrant_section(view), cohorts=cohorts_section(view), movers=movers_section(view),
            renewals=renewals_section(due), claims=claims_section(view), actions=actions_section(due, found),
            footer=footer_section(view), tables=[kickers[name] for name in tables], say=say, css=stylesheet())


def _head(view: View) -> dict:
    about, n = view.run.dataset, len(view.now)
    arr = view.arr(view.now)
    size = say("size", n=n) if arr is None else say("size_money", n=n, arr=formats.money(arr, view.currency))
    whole = view.run.as_of >= view.month_end.date()
    return {"lang": language(), "month": formats.day(view.month, "month"), "company": about["name"],
            "simulated": bool(about.get("simulated")), "is_complete": whole,
            "complete": say("complete" if whole else "incomplete", day=formats.day(view.run.as_of)),
            "sources": say("sources", n=len(view.tables), zone=about["zone"]), "size": size}
