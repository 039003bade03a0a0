"""Writes the page of all months, `<out>/index.html`: what is published, the newest first, each with its key numbers.

A month never changes, so this page alone is written anew, last of all; it reads what is published and nothing else.
"""

from pathlib import Path
from typing import Any

from markupsafe import Markup

from cs_research.definitions.strict_yaml import read_yaml
from cs_research.errors import CannotWrite, CsError
from cs_research.finding import Finding
from cs_research.report import formats
from cs_research.report.phrases import say, speaking
from cs_research.report.rendering import environment, stylesheet
from cs_research.run import open_run, published_months
from cs_research.runs import superseded, write_text

OF_A_YEAR = ("net_revenue_retention", "gross_revenue_retention", "logo_churn")
NUMBERS = {"net_revenue_retention": "tile_nrr", "gross_revenue_retention": "tile_grr", "logo_churn": "tile_logo_churn",
           "healthy_in_touch": "tile_a", "share_green": "ar_best", "onboarding_success": "tile_onboarding"}


def write_archive(out: Path, lang: str = "en") -> Path:
    """Write the page of the months published in `out`, in a language; returns it.

    A month whose files have changed since is listed without numbers, with a word on why. Raises CannotWrite where a
    page of someone else's stands in the way.
    """
    path = out / "index.html"
    mark = '<ol class="months">'
    if path.exists() and mark not in path.read_text(encoding="utf-8", errors="replace"):
        raise CannotWrite(f"{path} is not a page made by this program", "move it away, then run again")
    with speaking(lang):
        months = [_month(out, name) for name in reversed(published_months(out))]
        write_text(path, environment().get_template("archive.html.j2").render(
            lang=lang, page_title=say("ar_title"), css=stylesheet(), say=say, mark=Markup(mark), months=months))
    return path


def _month(out: Path, name: str) -> dict[str, Any]:
    entry = {"name": name, "pdf": f"{name}.pdf" if (out / f"{name}.pdf").exists() else "",
             "earlier": f".runs/superseded-{name}/index.html" if superseded(out, name) else ""}
    try:
        run = open_run(out / name)
        plan, _ = read_yaml(run.checked("definitions/outcomes.yml"))
        is_of_a_year = plan.get("retention_basis", "trailing_12") == "trailing_12"  # as the page of the month is
        found = {key: one for key, one in run.findings.items() if is_of_a_year or key not in OF_A_YEAR}
    except (CsError, OSError, ValueError, KeyError, TypeError) as error:  # of another version, or damaged
        return {**entry, "fault": getattr(error, "sentence", str(error))}
    return {**entry, "title": formats.day(run.month, "month"), "company": run.dataset["name"],
            "known": say("ar_known", day=formats.day(run.as_of)), "simulated": run.dataset["simulated"],
            "numbers": [(say(title), *_number(found[key])) for key, title in NUMBERS.items()
                        if key in found and found[key].estimate is not None]}


def _number(found: Finding) -> tuple[str, str]:
    known = found.lower is not None and found.upper is not None
    return formats.percent(found.estimate), formats.percents(found.lower, found.upper) if known else ""
