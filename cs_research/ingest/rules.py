"""The rules as data (rules.yml): code, severity, sentence and remedy, each in one place.

A code's first letter is its severity: F refuses the file, R quarantines the row, W is told, H holds the report.
"""

from functools import cache
from pathlib import Path
from typing import Literal

from cs_research.definitions import strict_yaml
from cs_research.definitions.models.base import Frozen, Name

SEVERITIES = {"F": "The file is refused, and the run with it", "R": "The row is set aside, the rest goes on",
              "W": "The row or file is taken, and that is told", "H": "The report is held back until acknowledged"}


class Rule(Frozen):
    """What a code says and what to do about it; for a rule on cells, in which of them it is broken (rules.yml)."""

    sentence: str
    remedy: str
    types: tuple[str, ...] = ()
    where: str = ""
    of_plain: bool = False
    of_typed: bool = False


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


def rules_page() -> str:
    """The text of docs/ingest-rules.md: every rule, by severity."""
    lines = ["# Rules of ingest", "", "Made by `make docs` from `cs_research/ingest/rules.yml`; edit that."]
    for letter, heading in SEVERITIES.items():
        lines += ["", f"## {heading}", "", "| code | what it is | what to do |", "|---|---|---|"]
        lines += [f"| {code} | {rule.sentence} | {rule.remedy} |"
                  for code, rule in all_rules().items() if code[0] == letter]
    return "\n".join(lines) + "\n"


def sentence(code: str, detail: str = "") -> str:
    """The rule's sentence with what was found."""
    text = all_rules()[code].sentence
    return f"{text} ({detail})" if detail else text


def first_line(error: BaseException) -> str:
    """The first line of what a library says."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:300]
