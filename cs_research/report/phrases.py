"""Every sentence of the page, in phrases_<language>.yml; `say` fills the gaps and escapes what fills them."""

from functools import cache
from pathlib import Path

import yaml
from markupsafe import Markup

from cs_research.report.formats import count


@cache
def phrases(language: str = "en") -> dict:
    """All phrases of a language by key; `f_glossary` maps a word to its meaning."""
    path = Path(__file__).parent / f"phrases_{language}.yml"
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def say(key: str, **values: object) -> Markup:
    """The phrase `key` with its gaps filled; text is escaped, whole numbers get their separators.

    >>> say("accounts", n=1200), say("m_fell", n=3)
    (Markup('1,200 accounts'), Markup('3 fell'))
    """
    phrase = phrases()[key]
    if "|" in phrase:
        one, many = phrase.split("|")
        phrase = one if values.get("n") == 1 else many
    shown = {k: count(v) if isinstance(v, int) and not isinstance(v, bool) else v for k, v in values.items()}
    return Markup(phrase).format(**shown)
