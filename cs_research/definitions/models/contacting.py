"""Whom to contact in a week: response points and what they look at."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from cs_research.definitions.models.acting import Condition, When
from cs_research.definitions.models.base import Count, Frozen, Name, Text
from cs_research.definitions.models.canonical import Needs

_TERMS, _MEETINGS, _RATINGS = Needs(tables=("contracts",)), Needs(tables=("meetings",)), Needs(tables=("ratings",))
_HELD, _CONTACTS = Needs(tables=("meetings",), columns=("held",)), Needs(tables=("touches", "meetings"))
# What is known of an account on the eve of a week (sql/contact_week.sql), and what a data set must hold for it.
WEEK_FIELDS: dict[str, Needs] = {
    "age_months": _TERMS, "arr": _TERMS, "months_since_meeting": _HELD, "meetings_held": _HELD,
    "days_to_meeting": _MEETINGS, "days_since_contact": _CONTACTS, "contacted_weeks": _CONTACTS,
    "contact_days": _CONTACTS, "answered_days": _CONTACTS, "keyman_relation": _RATINGS, "stop_request": _RATINGS,
}


class Mark(Frozen):
    """A name for accounts of which all conditions hold: why one is left alone, or how to reach it."""

    name: Name
    title: Text
    when: Annotated[When, Field(min_length=1)]


class Factor(Mark):
    """Points added to an account's sum, or a number that the sum is multiplied by, where all conditions hold."""

    points: Annotated[float, Field(ge=0)] | None = None
    times: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _is_one_of_two(self) -> "Factor":
        if (self.points is None) == (self.times is None):
            raise ValueError("give either points or times")
        return self


class Tuning(Frozen):
    """What weights were tuned on, and how they rank out of sample beside the ones before (precision at capacity)."""

    date: str
    tuned_from: str
    feedback: Count
    weeks: Count
    precision_before: float | None
    precision_after: float | None
    difference: float | None
    lower: float | None
    upper: float | None
    verdict: Literal["adopt", "keep"]


class ResponsePoints(Frozen):
    """Whom to contact in a week: response points, who is left alone, the capacity of a manager (002).

    `contact_types` are touches that count as a contact, `answered_types` those of them that are an answer by
    themselves; `verdicts` say of each word of feedback whether the account was rightly on the list. Tuning needs
    `min_feedback` judged entries; `shrinkage` is how strongly it holds to the formula, the less the more there are.
    """

    kind: Literal["response_points"]
    version: str
    source: str
    capacity_per_manager: Annotated[int, Field(ge=1)]
    contact_types: tuple[str, ...]
    answered_types: tuple[str, ...] = ()
    contact_weeks: Annotated[int, Field(ge=1)]
    verdicts: dict[str, bool]
    min_feedback: Count
    shrinkage: Annotated[float, Field(gt=0)]
    factors: tuple[Factor, ...]
    suppressed: tuple[Mark, ...] = ()
    flags: tuple[Mark, ...] = ()
    evidence: Tuning | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> "ResponsePoints":
        names = [mark.name for mark in self.marks]
        if len(set(names)) != len(names):
            raise ValueError("expected each name of a factor, suppression or flag once")
        for mark in self.marks:
            if any(c.field in WEEK_FIELDS and {"rises_by", "falls_by"} & {*c.tests} for c in mark.when):
                raise ValueError(f"'{mark.name}': rises_by and falls_by compare months, not what a week knows")
        return self

    @property
    def marks(self) -> tuple[Mark, ...]:
        """Factors, suppressions and flags."""
        return (*self.factors, *self.suppressed, *self.flags)

    @property
    def reads(self) -> tuple[str, ...]:
        """The fields of the last closed month that the conditions test, each once."""
        names = [c.field for c in self.conditions.values() if c.field not in WEEK_FIELDS]
        return tuple(dict.fromkeys(names))

    @property
    def conditions(self) -> dict[tuple[str | int, ...], Condition]:
        """Where each condition stands in the file -> the condition."""
        parts = {"factors": self.factors, "suppressed": self.suppressed, "flags": self.flags}
        return {(part, n, "when", m): condition for part, marks in parts.items() for n, mark in enumerate(marks)
                for m, condition in enumerate(mark.when)}
