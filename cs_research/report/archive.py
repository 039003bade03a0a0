"""Writes the page of all months, `<out>/index.html`: what is published, the newest first, each with its key numbers.

A month never changes, so this page alone is written anew, last of all; it reads what is published and nothing else.
"""

from pathlib import Path
from typing import Any

from markupsafe import Markup

from cs_research.errors import CannotWrite, CsError
from cs_research.report import formats
from cs_research.report.phrases import say, speaking
from cs_research.report.rendering import environment, stylesheet
from cs_research.run import open_run
from cs_research.runs import published_months, superseded, write_text

TITLES = {"tile_green": "ar_best", "tile_red": "ar_worst"}  # of no card's own words
RETENTION = {"tile_nrr", "tile_grr", "tile_arr_churn", "tile_logo_churn", "tile_logo_churn_month"}


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
        tiles = run.about.get("tiles")  # none where an earlier version made the run
    except (CsError, OSError, ValueError, KeyError, TypeError):  # damaged; `verify` says where, which is no reader's
        return {**entry, "fault": say("ar_damaged")}
    return {**entry, "title": formats.day(run.month, "month"), "company": run.dataset["name"],
            "known": say("ar_known", day=formats.day(run.as_of)), "simulated": run.dataset["simulated"],
            "numbers": [_number(tile) for tile in tiles or ()],
            "why": say("ar_older") if tiles is None else
            "" if RETENTION & {tile["key"] for tile in tiles} else say("ar_no_retention")}


def _number(tile: dict[str, Any]) -> tuple[str, str, str]:
    """Title, number and interval of a tile of the month's first page."""
    key, value, lower, upper = (tile[part] for part in ("key", "value", "lower", "upper"))
    return (say(TITLES.get(key, key)), formats.count(value) if key == "tile_accounts" else formats.percent(value),
            "" if lower is None else formats.percents(lower, upper))
