"""Personal data: hidden where a name field holds some, and looked for in what a report shows.

Account names and small counts are meant to be read; what leads to a single person at a customer is not. This layer
reads texts and files and says where something stands, never what it is.
"""

import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from html import unescape
from pathlib import Path
from zipfile import ZipFile

import duckdb
import pandas as pd

from cs_research.ingest.holds import Hold
from cs_research.numbers import count

HIDDEN = "•••"
NAMES = ("account_name", "owner", "industry", "goal")  # of account_facts: what people wrote, and pages show
PLURALS = {"mail address": "mail addresses"}
SHOWN = ("*.html", "accounts/*.html", "exports/*")     # the edition for leadership, within a run

_SPACE, _DASH = r"[ \u3000\xa0]", r"[-‐‑‒–—―−－ーｰ()（）]"
_HOST = re.compile(rf"{_SPACE}?(?:[@＠]|[(\[（]at[)\]）]){_SPACE}?[\w-]+(?:[.．][\w-]+)*[.．][^\W\d_]{{2,}}")
_MAIL = re.compile(rf"(?<![A-Za-z0-9._%+-])(?:[A-Za-z0-9._%+-]+|[^\x00-\x7f]{{1,20}})?{_HOST.pattern}")
_GAP = rf"(?:{_SPACE}?{_DASH}{{1,2}}{_SPACE}?|{_SPACE}{{0,2}})"
_COUNTRY = rf"[+＋]\d{{1,3}}{_GAP}(?:[(（][0０][)）]{_GAP})?\d{{1,4}}"  # +81 3, +81(0)3
_NUMBERS = (rf"(?:{_COUNTRY}|[(（]?[0０]\d{{1,4}}){_GAP}\d{{1,4}}{_GAP}\d{{3,4}}",
            r"[0０]\d{1,4}\.\d{1,4}\.\d{3,4}", r"(?:\(\d{3}\) ?|\d{3}[-.])\d{3}[-.]\d{4}")  # the latter (415) 555-0123
_PHONE = re.compile(rf"(?:(?<![\dA-Za-z])(?<!\d[.-])|(?<![A-Za-z])(?i:tel|fax|phone)[.．]?)(?:{'|'.join(_NUMBERS)})"
                    r"(?!\d|-\d|(?<=\d{10})[A-Za-z])")
_PATH = (r"(?:(?<![\w/.:-])|file://)/(?:home|Users|root|tmp|private|var/folders|mnt|media|srv|opt)/[\w.-]|"
         r"(?<!\w)[A-Za-z]:(?:\\\w|/Users/)|(?<!\\)\\\\[\w.-]+\\\w|/\.runs/")
_PLAIN, _WORD = (re.compile(r"[\w.@+-]+", flag) for flag in (re.ASCII, re.UNICODE))
_DRAWN = re.compile(r"<style>.*?</style>|\b(?:d|points|transform|viewBox)=\"[^\"]*\"|base64,[A-Za-z0-9+/=]+", re.DOTALL)


def personal(text: str) -> Iterator[re.Match[str]]:
    """Where a text holds a mail address or a phone number (10 or 11 digits, 9 to 15 after a +).

    >>> [found[0] for found in personal("山田 <yamada@example.co.jp> 03-1234-5678, +81 90 1234 5678, 00119-001")]
    ['yamada@example.co.jp', '03-1234-5678', '+81 90 1234 5678']
    """
    yield from _MAIL.finditer(text)
    for found in _PHONE.finditer(text):
        digits = sum(map(str.isdecimal, found[0]))
        if 9 <= digits <= 15 if re.search("[+＋]", found[0]) else digits in (10, 11):
            yield found


def hidden(text: str) -> str:
    """The text with a mark for each mail address and phone number in it.

    >>> hidden("Aoba K.K. (taro@example.jp, tel 090-1234-5678)")
    'Aoba K.K. (•••, tel •••)'
    """
    for found in sorted(personal(text), key=re.Match.start, reverse=True):
        text = text[:found.start()] + HIDDEN + text[found.end():]
    return text


def without_persons(facts: pd.DataFrame) -> pd.DataFrame:
    """`account_facts` with what its name fields hide of persons hidden.

    A manager who is known by a mail address keeps what stands before the @, for the list is the managers' own.
    """
    shown = {}
    for name in NAMES:
        words = facts[name].dropna()
        clean = words.map(lambda word, at=name: hidden(_HOST.sub("", word) if at == "owner" else word))
        if (clean != words).any():  # else the column stays as it is, its type too
            shown[name] = clean.reindex(facts.index)
    return facts.assign(**shown)


def personal_holds(run: Path, places: Iterable[Path]) -> list[Hold]:
    """Why the pages and exports of a finished run may not be published unseen.

    H_PERSONAL: a mail address, a phone number or a user id of the data. H_LOCAL_PATH: a path of this machine, such
    as one of `places`. An id of an account is no number and none of a user; one of fewer than four characters, or of
    fewer than eight digits without a leading zero, cannot be told from a count.
    """
    texts = {path.relative_to(run).as_posix(): _text(path) for pattern in SHOWN for path in sorted(run.glob(pattern))}
    words = {name: _words(text) for name, text in texts.items()}
    users, accounts = _ids(run, set().union(*words.values()))
    near = [f"{place}/" for place in (Path.home(), Path(sys.prefix), Path(tempfile.gettempdir()), *places)
            if len(place.parts) > 2]
    path = re.compile(rf"(?:{'|'.join([_PATH, *map(re.escape, near)])})[^\s<>\"']*")
    found: dict[str, list[str]] = {}
    for name, text in texts.items():
        here = [("mail address" if match.re is _MAIL else "phone number", match.start())
                for match in personal(text) if match.re is _MAIL or match[0] not in accounts]
        here += [("user id", text.find(user)) for user in sorted(users)
                 if user in words[name] or not _PLAIN.fullmatch(user) and user in text]
        here += [("path", match.start()) for match in path.finditer(text)]
        for kind, start in here:
            found.setdefault(kind, []).append(f"{name} line {text.count(chr(10), 0, start) + 1}")
    paths = found.pop("path", [])
    holds = [Hold("H_PERSONAL", f"The pages show personal data: {_told(found)}")] if found else []
    return holds + ([Hold("H_LOCAL_PATH", f"The pages show where files lie on this machine: {_told({'path': paths})}")]
                    if paths else [])


def _text(path: Path) -> str:
    """What a file shows, line by line, as a reader sees it; drawings and styles, which are numbers, left out."""
    if path.suffix == ".xlsx":
        with ZipFile(path) as book:
            words = {"xl/sharedStrings.xml", "xl/workbook.xml"} & {*book.namelist()}
            return unescape("\n".join(book.read(name).decode() for name in sorted(words)))
    return unescape(_DRAWN.sub(lambda drawn: "\n" * drawn[0].count("\n"), path.read_text(encoding="utf-8")))


def _words(text: str) -> set[str]:
    """The words of a text, those within a run of letters of another script too."""
    return {word.strip(".+-") for pattern in (_PLAIN, _WORD) for word in pattern.findall(text)}


def _ids(run: Path, words: set[str]) -> tuple[set[str], set[str]]:
    """The ids of users of which a word is one of these, and all ids and names of accounts."""
    files = [str(path) for name in ("users", "usage_events", "touches")
             if (path := run / "canonical" / f"{name}.parquet").exists()]
    with duckdb.connect() as con:
        facts = con.execute("SELECT account_id, account_name, parent_id FROM read_parquet(?)",
                            [str(run / "tables" / "account_facts.parquet")]).fetchall()
        con.register("words", pd.DataFrame({"word": sorted(words)}, dtype="str"))
        users = con.execute("WITH ids AS MATERIALIZED (SELECT DISTINCT user_id FROM read_parquet(?)) FROM ids WHERE "
                            "user_id IN (SELECT word FROM words) OR NOT regexp_full_match(user_id, ?)",
                            [files, _PLAIN.pattern]).fetchall() if files else []
    accounts = {word for row in facts for word in row if word}
    told = {user for (user,) in users if len(user) > 3 and not words.isdisjoint(_words(user))
            and (not user.isdecimal() or len(user) > 7 or user[0] == "0")}
    return told - accounts, accounts


def _told(found: Mapping[str, list[str]]) -> str:
    """In words what was found and where it first stands."""
    return "; ".join(f"{count(len(lines), kind, PLURALS.get(kind, ''))} ({lines[0]})" for kind, lines in found.items())
