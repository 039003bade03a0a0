"""Writes the page that leadership reads: index.html, whole in itself, from the tables and Findings of a run.

Nothing in the page changes between two builds of one run: no clock, no random ids, everything in a fixed order.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from cs_research.display import page_stem
from cs_research.report import formats
from cs_research.report.phrases import phrases, say
from cs_research.report.sections.actions import actions_section, jobs
from cs_research.report.sections.claims import claims_section
from cs_research.report.sections.cohorts import cohorts_section
from cs_research.report.sections.footer import footer_section
from cs_research.report.sections.movers import movers_section
from cs_research.report.sections.quadrant import quadrant_section
from cs_research.report.sections.renewals import Due, renewals_section
from cs_research.report.sections.summary import summary_section
from cs_research.report.sections.tables import page_tables
from cs_research.report.sections.tiles import tiles
from cs_research.report.spreadsheet import write_tables
from cs_research.report.view import View


def write_index(run: Any) -> Path:
    """Write `index.html` into the run's folder and return its path.

    In: an opened run with the tables scores, history, indicators, outcomes, retention, account_facts and files.
    What the data set does not hold is left out with a word on why.
    """
    path, view = Path(run.folder) / "index.html", View(run)
    due = Due(view)
    tables = page_tables(view, due, jobs(due))
    write_tables(path.with_name("exports") / "index", tables, {"Page": "index", "Month": f"{view.month:%Y-%m}"})
    path.write_text(page(run, list(tables)), encoding="utf-8", newline="\n")
    return path


def accounts_listed(run: Any, at_most: int) -> dict[str, str]:
    """The accounts that the page names, as many as may be: page_stem -> account_id, in the order of the page."""
    view = View(run)
    due = Due(view)
    movers_section(view), renewals_section(due), actions_section(due, jobs(due))
    return {page_stem(account): account for account in list(view.listed)[:at_most]}


def page(run: Any, tables: Sequence[str] = ()) -> str:
    """The text of the page, with a link to each of the tables written beside it."""
    view = View(run)
    due = Due(view)
    found = jobs(due)
    return environment().get_template("index.html.j2").render(
        head=_head(view), summary=summary_section(view, due, found), tiles=tiles(view),
        quadrant=quadrant_section(view), cohorts=cohorts_section(view), movers=movers_section(view),
        renewals=renewals_section(due), claims=claims_section(view), actions=actions_section(due, found),
        footer=footer_section(view), tables=tables, say=say, css=stylesheet())


def stylesheet(*names: str) -> Markup:
    """The style sheet of all pages, with those of `names` after it, to stand inside a <style> element."""
    return Markup("\n".join((Path(__file__).parent / f"{name}.css").read_text(encoding="utf-8")
                            for name in ("style", *names)))


@cache
def environment() -> Environment:
    """The one environment of all templates: everything is escaped that is not marked as markup."""
    return Environment(loader=PackageLoader("cs_research.report"), autoescape=True, undefined=StrictUndefined,
                       trim_blocks=True, lstrip_blocks=True)


def _head(view: View) -> dict:
    about, n = view.run.dataset, len(view.now)
    arr = view.arr(view.now)
    size = say("size", n=n) if arr is None else say("size_money", n=n, arr=formats.money(arr, view.currency))
    whole = view.run.as_of >= view.month_end.date()
    return {"lang": phrases()["lang"], "month": formats.month(view.month), "company": about["name"],
            "simulated": bool(about.get("simulated")), "is_complete": whole,
            "complete": say("complete" if whole else "incomplete", day=formats.day(view.run.as_of)),
            "sources": say("sources", n=len(view.tables), zone=about["zone"]), "size": size}
