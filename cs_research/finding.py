"""A Finding: what a study has to say, as numbers, a verdict and one sentence made by code.

This layer may not read a table or estimate anything. It holds the rule that turns an estimate into a
verdict (one function), and the few ways in which a study writes a number.
"""

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from html import escape
from typing import Any, NamedTuple

from cs_research.definitions.models import Claim, Claims
from cs_research.numbers import count, number, percent, percents, signed

VERDICTS = {
    "": "", "supported": "Supported", "contradicted": "Contradicted", "cannot_tell": "Cannot tell",
    "adopt": "Adopt", "keep": "Keep", "investigate": "Investigate",
}
TOO_FEW = "too few"  # in a table, instead of a number
CLOSE = 1e-9  # means of ratios arrive as .49999999999999994


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval, the rows behind it and the clusters that the interval counts.

    Bounds are None where no interval can be had (one cluster, no spread); `value` is None without rows.
    """

    value: float | None
    lower: float | None
    upper: float | None
    n: int
    clusters: int

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies wholly on one side of zero."""
        return self.lower is not None and self.upper is not None and (self.lower > 0 or self.upper < 0)

    def row(self, name: str = "estimate") -> dict[str, Any]:
        """What a line of a table holds of it: the value under `name`, lower, upper and n."""
        return {name: self.value, "lower": self.lower, "upper": self.upper, "n": self.n}

    @classmethod
    def of_row(cls, row: dict[str, Any], name: str = "estimate") -> "Estimate":
        """What `row` made a line of; the clusters where the line holds them too, else 0."""
        return cls(row[name], row["lower"], row["upper"], row["n"], row.get("clusters", 0))


@dataclass(frozen=True)
class Finding:
    """The answer to one question: a sentence, the estimate behind it and a verdict where a claim is judged.

    `details` holds what is beside it, as plain JSON: `rows` (the table), `notes` (what a reader must know),
    `left_out` (counts), `form`, `claimed` and `tolerance` of a claim.

    >>> Finding("share_green", "23% of 381 accounts are green.", .23, .20, .27, n=381).as_record()["n"]
    381
    """

    question: str
    sentence: str
    estimate: float | None = None
    lower: float | None = None
    upper: float | None = None
    n: int = 0
    verdict: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ValueError(f"'{self.verdict}' is no verdict: expected one of {', '.join(VERDICTS)}")
        for name in ("estimate", "lower", "upper", "details"):
            object.__setattr__(self, name, plain(getattr(self, name)))
        object.__setattr__(self, "n", int(self.n))

    @classmethod
    def of(cls, question: str, sentence: str, found: Estimate, verdict: str = "", **details: Any) -> "Finding":
        """The answer that an estimate gives; `details` by their names."""
        return cls(question, sentence, found.value, found.lower, found.upper, found.n, verdict, details)

    @classmethod
    def not_measured(cls, question: str, why: str, verdict: str = "") -> "Finding":
        """The answer where data lack; `why` ends the sentence "Not measured: ..."."""
        return cls(question, f"Not measured: {why.rstrip('.')}.", verdict=verdict)

    def as_record(self) -> dict[str, Any]:
        """The row of the table `findings`: `details` as JSON text with sorted keys."""
        details = json.dumps(self.details, ensure_ascii=False, sort_keys=True, allow_nan=False)
        return {**asdict(self), "details": details}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Finding":
        """The Finding of a row that `as_record` made (also after Parquet has turned None into NaN)."""
        details = record.get("details") or "{}"
        return cls(**{**record, "details": json.loads(details) if isinstance(details, str) else details})

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The table behind the sentence, empty where there is none."""
        return self.details.get("rows", [])

    @property
    def table(self) -> Any:
        """The same as a DataFrame, `month` and `*_date` as datetime64."""
        import pandas as pd  # late: what a Finding is needs no table

        frame = pd.DataFrame(self.rows)
        dates = [name for name in frame if name == "month" or name.endswith("_date")]
        return frame.assign(**{name: pd.to_datetime(frame[name], errors="coerce") for name in dates})

    def _repr_html_(self) -> str:
        word = VERDICTS[self.verdict]
        verdict = f'<strong class="verdict {self.verdict}">{word}.</strong> ' if word else ""
        notes = "".join(f"<br><small>{escape(note)}</small>" for note in self.details.get("notes", []))
        rows = f'<p class="lab">{count(len(self.rows), "row")} in .table</p>' if self.rows else ""
        return f'<p class="finding">{verdict}{escape(self.sentence)}{notes}</p>{rows}'


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: dates as text, NaN and NaT as None, numpy numbers as Python's.

    >>> plain({"rate": float("nan"), "n": 3})
    {'rate': None, 'n': 3}
    """
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if value is None or isinstance(value, str | bool):
        return value
    if hasattr(value, "isoformat"):
        return value.isoformat()[:10] if value == value else None
    if hasattr(value, "item"):
        return plain(value.item())
    return None if value != value or (isinstance(value, float) and math.isinf(value)) else value


# ---------------------------------------------------------------- the rule of verdicts


class Judgement(NamedTuple):
    """A verdict and the clause that says why."""

    verdict: str
    reason: str


def judgement(claim: Claim, rules: Claims, estimate: Estimate, difference: Estimate | None = None,
              tolerance: float | None = None, accounts: int | None = None) -> Judgement:
    """The verdict on a claim; `accounts` are those behind the estimate (None: each of its rows is one).

    Contradicted: the interval excludes the claimed value and the estimate is further from it than the
    tolerance. Supported: the estimate is within the tolerance, the interval is narrow enough, and the
    accounts differ from all others (`difference`: a difference of rates, or the log of a ratio). Otherwise
    it cannot be told. Ratios are compared as logarithms. A claim about direction counts `estimate` as
    positive when it points the way that is claimed; `tolerance` replaces the rules' in its own unit.

    >>> from cs_research.definitions import load_definitions
    >>> rules = load_definitions().claims
    >>> judgement(rules.claims["bad_health_churns_half"], rules, Estimate(.64, .54, .76, 81, 30)).reason
    'higher than claimed'
    """
    if estimate.value is None or not rules.are_enough(estimate.n if accounts is None else accounts):
        return Judgement("cannot_tell", "too few accounts")
    if estimate.clusters < rules.min_clusters:
        return Judgement("cannot_tell", f"fewer than {rules.min_clusters} groups to judge chance by")
    if estimate.lower is None or estimate.upper is None:
        return Judgement("cannot_tell", "no interval can be had")
    apart = _in_tolerances((estimate.lower, estimate.value, estimate.upper), claim, rules, tolerance)
    if apart is None:
        return Judgement("cannot_tell", "no interval can be had")
    lower, value, upper = apart
    if claim.form == "direction":
        if lower > 0:
            return Judgement("supported", "as claimed")
        if upper < 0:
            return Judgement("contradicted", "the other way round")
        if max(-lower, upper) <= 1 + CLOSE:
            return Judgement("contradicted", "practically no effect")
        return Judgement("cannot_tell", "the interval includes no effect")
    if abs(value) > 1 + CLOSE:
        if lower > 0 or upper < 0:
            return Judgement("contradicted", "higher than claimed" if value > 0 else "lower than claimed")
        return Judgement("cannot_tell", "the interval reaches the claim")
    widest = (math.log(rules.ratio_half_width) / math.log(rules.ratio_tolerance) if claim.form == "ratio"
              else rules.rate_half_width / (tolerance or rules.rate_tolerance))
    if (upper - lower) / 2 > widest + CLOSE:
        return Judgement("cannot_tell", "the interval is too wide")
    if difference is None or not difference.excludes_zero:
        return Judgement("cannot_tell", "no clear difference from all other accounts")
    return Judgement("supported", "as claimed")


def _in_tolerances(values: Iterable[float], claim: Claim, rules: Claims,
                   tolerance: float | None = None) -> tuple[float, ...] | None:
    """How many tolerances each value lies above the claim; None for ratios without a logarithm."""
    if claim.form != "ratio":
        return tuple((x - (claim.value or 0.0)) / (tolerance or rules.rate_tolerance) for x in values)
    if not claim.value or min(values) <= 0:
        return None
    return tuple(math.log(x / claim.value) / math.log(rules.ratio_tolerance) for x in values)


def tolerances(found: Finding, claim: Claim, rules: Claims) -> tuple[float, ...] | None:
    """Lower end, estimate and upper end in tolerances from the claim, as pictures show them; None without a figure."""
    if found.estimate is None:
        return None
    values = [found.estimate if x is None else x for x in (found.lower, found.estimate, found.upper)]
    return _in_tolerances(values, claim, rules, found.details.get("tolerance"))


# ---------------------------------------------------------------- estimates in sentences

FORMS: dict[str, Callable[[float], str]] = {
    "rate": percent,
    "points": lambda x: signed(100 * x, 0) + " points",
    "ratio": lambda x: number(x, 2),
    "difference": lambda x: signed(x, 2),
}


def value_text(estimate: Estimate, form: str) -> str:
    """The estimate alone: a rate, a difference of rates in points, a ratio, or a difference in its own unit.

    >>> value_text(Estimate(.09, .02, .15, 1889, 40), "points")
    '+9 points'
    """
    return "no figure" if estimate.value is None else FORMS[form](estimate.value)


def interval_text(estimate: Estimate, form: str) -> str:
    """The interval and n, as they stand in brackets.

    >>> interval_text(Estimate(.09, .02, .15, 1889, 40), "points")
    '95% interval +2 to +15, n = 1,889'
    """
    if estimate.lower is None or estimate.upper is None:
        return f"no interval, n = {count(estimate.n)}"
    low, high = (FORMS[form](bound).removesuffix(" points") for bound in (estimate.lower, estimate.upper))
    shown = percents(estimate.lower, estimate.upper) if form == "rate" else f"{low} to {high}"
    return f"95% interval {shown}, n = {count(estimate.n)}"


def with_interval(estimate: Estimate, form: str = "rate") -> str:
    """The estimate with its interval and n in brackets.

    >>> with_interval(Estimate(.64, .54, .76, 81, 30))
    '64% (95% interval 54–76%, n = 81)'
    """
    return f"{value_text(estimate, form)} ({interval_text(estimate, form)})"
