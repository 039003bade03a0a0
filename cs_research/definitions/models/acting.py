"""When something is due: conditions on the fields of an account's month."""

from pydantic import Field, model_validator

from cs_research.definitions.models.base import Count, Frozen

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
    among: tuple[str, ...] | None = None
    rises_by: float | None = Field(None, gt=0)
    falls_by: float | None = Field(None, gt=0)
    months: Count = 1

    @model_validator(mode="after")
    def _is_one_test(self) -> "Condition":
        if len(self.tests) != 1:
            raise ValueError(f"expected exactly one of {', '.join(_TESTS)}")
        return self

    @property
    def tests(self) -> dict[str, float | tuple[str, ...]]:
        """The test and its value; one entry in every condition that was accepted."""
        return {name: value for name in _TESTS if (value := getattr(self, name)) is not None}


When = tuple[Condition, ...]
"""All of them must hold."""
