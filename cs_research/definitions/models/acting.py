"""When something is due: conditions on the fields of an account's month."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from cs_research.definitions.models.base import Frozen, Name, Text

Months = Annotated[int, Field(ge=1)]
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
