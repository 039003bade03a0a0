"""When something is due: conditions on what is known of an account, and the alerts and contacts that follow."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from cs_research.definitions.models.base import Count, Frozen, Name, Text
from cs_research.definitions.models.canonical import Needs

Months = Annotated[int, Field(ge=1)]
_TERMS, _MEETINGS, _RATINGS = Needs(tables=("contracts",)), Needs(tables=("meetings",)), Needs(tables=("ratings",))
_HELD, _CONTACTS = Needs(tables=("meetings",), columns=("held",)), Needs(tables=("touches", "meetings"))
# What is known of an account on the eve of a week (sql/contact_week.sql), and what a data set must hold for it.
WEEK_FIELDS: dict[str, Needs] = {
    "age_months": _TERMS, "arr": _TERMS, "months_since_meeting": _HELD, "meetings_held": _HELD,
    "days_to_meeting": _MEETINGS, "days_since_contact": _CONTACTS, "contacted_weeks": _CONTACTS,
    "contact_days": _CONTACTS, "answered_days": _CONTACTS, "keyman_relation": _RATINGS, "stop_request": _RATINGS,
}
_TESTS = ("at_least", "at_most", "above", "below", "among", "rises_by", "falls_by")


class Condition(Frozen):
    """One test of one field of an account's month, such as `{field: health, below: 17.5}`.

    `rises_by` and `falls_by` compare with the value `months` before; where either is missing nothing holds.
    """

    field: str
    at_least: float | None = None
    at_most: float | None = None
    above: float | None = None
    below: float | None = None
    among: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    rises_by: float | None = Field(None, gt=0)
    falls_by: float | None = Field(None, gt=0)
    months: Months = 1

    @model_validator(mode="after")
    def _is_one_test(self) -> "Condition":
        if len(self.tests) != 1:
            raise ValueError(f"expected exactly one of {', '.join(_TESTS)}")
        if "months" in self.model_fields_set and self.rises_by is None and self.falls_by is None:
            raise ValueError("expected 'months' only with rises_by or falls_by")
        return self

    @property
    def tests(self) -> dict[str, float | tuple[str, ...]]:
        """The test and its value; one entry in every condition that was accepted."""
        return {name: value for name in _TESTS if (value := getattr(self, name)) is not None}


When = tuple[Condition, ...]
"""All of them must hold."""


class AlertRule(Frozen):
    """One indicator that acts: when it opens, what is to be done, and when it closes by itself (001).

    `kind`: a positive rule tells an opportunity, a challenge a risk. `stages`: where it applies (empty:
    everywhere). Without `until` it closes where `when` no longer holds. `team`: empty is the one in charge
    (segments.yml). It opens and closes after so many measured months in a row.
    """

    id: Name
    title: Text
    kind: Literal["positive", "challenge"]
    stages: tuple[Name, ...] = ()
    when: Annotated[When, Field(min_length=1)]
    until: When = ()
    open_after_months: Months = 1
    close_after_months: Months = 1
    action: Text
    team: str | None = None

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the fields that the rule tests, each once."""
        return tuple(dict.fromkeys(condition.field for condition in (*self.when, *self.until)))


class Alerts(Frozen):
    """The rules under which alerts open and close."""

    kind: Literal["alerts"]
    version: str
    rules: Annotated[tuple[AlertRule, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _has_each_rule_once(self) -> "Alerts":
        ids = [rule.id for rule in self.rules]
        if twice := sorted({name for name in ids if ids.count(name) > 1}):
            raise ValueError(f"the rule '{twice[0]}' stands twice")
        return self

    @property
    def conditions(self) -> dict[tuple[str | int, ...], Condition]:
        """Where each condition stands in the file -> the condition."""
        return {("rules", n, key, m): condition for n, rule in enumerate(self.rules)
                for key, when in (("when", rule.when), ("until", rule.until)) for m, condition in enumerate(when)}

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the fields that the rules test, each once."""
        return tuple(dict.fromkeys(condition.field for condition in self.conditions.values()))


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
