"""What every page is rendered with: the templates, and the style sheet that stands in each."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from cs_research.report.phrases import breakable, clauses


def stylesheet(*names: str) -> Markup:
    """The style sheet of all pages, with those of `names` after it, to stand inside a <style> element."""
    return Markup("\n".join((Path(__file__).parent / f"{name}.css").read_text(encoding="utf-8")
                            for name in ("style", *names)))


@cache
def environment() -> Environment:
    """The one environment of all templates: everything is escaped that is not marked as markup."""
    made = Environment(loader=PackageLoader("cs_research.report"), autoescape=True, undefined=StrictUndefined,
                       trim_blocks=True, lstrip_blocks=True)
    made.filters |= {"clauses": clauses, "breakable": breakable}
    return made
