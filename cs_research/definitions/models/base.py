"""What every definition is made of: frozen models that know no other keys, and the words of two languages."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=60)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class Frozen(BaseModel):
    """No unknown keys, no coercion, no change after reading."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Text(Frozen):
    """A label in the two languages of the reports."""

    en: str
    ja: str


class Words(Frozen):
    """What names are called on a page: bands, groups, segments, teams, tables, measures and counters."""

    kind: Literal["words"]
    words: dict[str, Text]
