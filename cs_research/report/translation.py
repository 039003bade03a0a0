"""Pages whose texts were made in English, in the language that is spoken: those of accounts, and the Monday list."""

import re
from collections.abc import Iterator, Mapping
from html import unescape
from itertools import cycle
from textwrap import shorten
from typing import Any

from markupsafe import escape
from pydantic import BaseModel

from cs_research.definitions import Definitions
from cs_research.definitions.models import Text
from cs_research.report.phrases import gaps, label, language, phrases

MARKS = {", ": "、", "; ": "；", " (": "（", ")": "）"}
# Texts and the marks between them: an enumeration, brackets at the end, a number before or after.
PARTS = (r"(.+?)(, |; | · )(?![^(]*\))(.+)", r"(.+)( \()(.+)(\))", r"([▾\d.,−+]+)( )(.+)", r"(.+)( )([\d.,−+]+)")


def english(definitions: Definitions) -> dict[str, str]:
    """What the labels of all definitions, and the names of words.yml, are in the language of the page."""
    labels = [text for part in vars(definitions).values() for text in _labels(part)]
    named = {name.replace("_", " "): label(text) for name, text in definitions.words.items()}
    return {shown: label(text) for text in labels for shown in (
        text.en, text.en[:1].lower() + text.en[1:], shorten(text.en, 26, placeholder="…"))} | named


def _labels(part: Any) -> Iterator[Text]:
    if isinstance(part, Text):
        yield part
    elif isinstance(part, BaseModel | dict | tuple):
        for inner in part.values() if isinstance(part, dict) else vars(part).values() if isinstance(
                part, BaseModel) else part:
            yield from _labels(inner)


def translated(text: str, words: Mapping[str, str]) -> str:
    """A text made in English, in the language of the page: by `words` (`english`), else by `pages` of the phrases, the
    gaps of its patterns too, else piece by piece; as it is where none of them has it.

    >>> from cs_research.report.phrases import speaking
    >>> with speaking("ja"):
    ...     translated("login rate −1.5 (seats +0.5), 3 goals", {"login rate": "ログイン率", "seats": "ID数"})
    'ログイン率 −1.5（ID数 +0.5）、目標3件'
    """
    if text in words:
        return words[text]
    for pattern, phrase in phrases()["pages"].items():
        # What stands in a sentence may be a list, what stands in an item of a list is none.
        if (values := gaps(pattern, text, "." if re.search("[.:,]", pattern) else "[^,;·]")) is not None:
            return phrase.format(*(translated(value, words) for value in values))
    for pieces in filter(None, (re.fullmatch(parts, text) for parts in PARTS)):
        told = [piece if mark else translated(piece, words) for mark, piece in zip(cycle((0, 1)), pieces.groups())]
        if told != [*pieces.groups()]:
            return "".join(MARKS.get(piece, piece) for piece in told)
    return text


def in_language(html: str, words: Mapping[str, str]) -> str:
    """A page made in English with its texts and spoken labels `translated`, names (in <h1> and <bdi>) left alone."""
    def one(found: re.Match[str]) -> str:
        text = unescape(found[0]).strip()
        told = translated(text, words)
        return found[0] if told == text else found[0].replace(found[0].strip(), str(escape(told)))

    if language() == "en":
        return html
    head, body = html.split("<body", 1)
    return f"{head}<body" + re.sub(r'(?<!<h1>)(?<!<bdi>)(?<=>)[^<>]*\w[^<>]*(?=<)|(?<=aria-label=")[^"]+', one, body)
