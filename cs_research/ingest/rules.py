"""The rules as data (rules.yml): code, severity, sentence and remedy, each in one place.

A code's first letter is its severity: F refuses the file, R quarantines the row, W is told, H holds the report.
"""

from functools import cache
from pathlib import Path
from typing import Literal

from cs_research.definitions import strict_yaml
from cs_research.definitions.models.base import Frozen, Name


class Rule(Frozen):
    """What a code says and what to do about it."""

    sentence: str
    remedy: str


class Rules(Frozen):
    """The file rules.yml."""

    kind: Literal["rules"]
    rules: dict[Name, Rule]


class Rejected(Exception):
    """A file that cannot be taken at all; `detail` tells what was found in it, and `line` where."""

    def __init__(self, code: str, detail: str = "", rows_in: int | None = None, line: int | None = None):
        super().__init__(code, detail)
        self.code, self.detail, self.rows_in, self.line = code, detail, rows_in, line


@cache
def all_rules() -> dict[str, Rule]:
    """Every rule by its code.

    >>> all_rules()["R_ID_MISSING"].remedy
    'give the id'
    """
    return strict_yaml.load(Path(__file__).with_name("rules.yml"), Rules).rules


def sentence(code: str, detail: str = "") -> str:
    """The rule's sentence with what was found."""
    text = all_rules()[code].sentence
    return f"{text} ({detail})" if detail else text
