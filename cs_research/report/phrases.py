"""Every sentence of the page, in phrases_<language>.yml; `say` fills the gaps and escapes what fills them.

The language is that of the page being rendered (`speaking`). Nothing before that step knows of one, so that tables
and Findings are the same in all languages.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

from markupsafe import Markup, escape

from cs_research.definitions.models import Text
from cs_research.definitions.strict_yaml import read_yaml
from cs_research.numbers import count

LANGUAGES = {"en": "English", "ja": "日本語"}  # each by its own name
_LANGUAGE = ContextVar("language", default="en")


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Everything worded within is in this language, one of those with a phrases_<language>.yml."""
    token = _LANGUAGE.set(language)
    try:
        yield
    finally:
        _LANGUAGE.reset(token)


def language() -> str:
    """The language of the page being rendered."""
    return _LANGUAGE.get()


@cache
def _phrases(language: str) -> dict:
    path = Path(__file__).parent / f"phrases_{language}.yml"
    return read_yaml(path)[0]


def phrases() -> dict:
    """All phrases of the language by key; `f_glossary` maps a word to its meaning."""
    return _phrases(language())


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


def joined(parts: Iterable[object], by: str = "comma") -> Markup:
    """Parts of a sentence, or (`by` "gap") sentences, one after another; empty ones are left out.

    >>> joined(["1 holds", "", "2 fail"])
    Markup('1 holds, 2 fail')
    """
    return Markup(phrases()[by]).join(part for part in parts if part)


def clauses(text: str) -> str:
    """A headline whose clauses a browser keeps whole; in Japanese nothing else tells it where they end.

    >>> with speaking("ja"):
    ...     clauses(Markup("失い、拡大した。"))
    Markup('<span class="clause">失い、</span><span class="clause">拡大した。</span>')
    """
    return _marked("(?:（.*?）|[^、。（])+[、。]?", r'<span class="clause">\g<0></span>', text)


def breakable(name: str) -> str:
    """The head of a narrow column, with leave to break where a Japanese compound is likely to: between scripts, and
    after two characters of four.

    >>> with speaking("ja"):
    ...     breakable("契約アカウント率"), breakable("主要機能率")
    (Markup('契約<wbr>アカウント率'), Markup('主要<wbr>機能率'))
    """
    kanji, kana = "[一-鿿]", "[ァ-ヶ]"
    return _marked(f"{kanji}{{2}}(?={kanji}{{2}})|[ぁ-ヶー](?={kanji}{{2}})|{kanji}(?={kana})", r"\g<0><wbr>", name)


def _marked(pattern: str, by: str, text: str) -> str:
    return Markup(re.sub(pattern, by, str(escape(text)))) if language() == "ja" else text


def label(text: Text) -> str:
    """A label of a definition in the language of the page."""
    return getattr(text, language())


def called(words: Mapping[str, Text], name: str) -> str:
    """What a name is called (words.yml); a name without an entry is called by itself.

    >>> called({"smb": Text(en="SMB", ja="中小")}, "smb"), called({}, "login_users")
    ('SMB', 'login users')
    """
    return label(words[name]) if name in words else name.replace("_", " ")


def told(sentence: str, words: Mapping[str, Text]) -> str:
    """A sentence that a Finding or a hold carries, in the language of the page: by `told` of the phrases, whose
    patterns hold {0}, {1} ... for what differs; the last one catches all. English is told as it is."""
    for pattern, phrase in phrases()["told"].items():
        if (values := gaps(pattern, sentence)) is not None:
            return phrase.format(*(label(words[value]) if value in words else value for value in values))
    return sentence


def gaps(pattern: str, text: str, within: str = ".") -> list[str] | None:
    """What stands in {0}, {1} ... of a pattern, characters of `within`; None where the text is not of it.

    >>> gaps("{0} of {1}", "3 of 7"), gaps("{0} of {1}", "three")
    (['3', '7'], None)
    """
    found = _pattern(pattern, within).fullmatch(text)
    return None if found is None else [value for _, value in sorted(found.groupdict().items())]


@cache
def _pattern(pattern: str, within: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\d)\\\}", rf"(?P<g\1>{within}+?)", re.escape(pattern)))
