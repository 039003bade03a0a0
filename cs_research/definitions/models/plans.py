"""What accounts get and where they stand: touch points, quadrants, stages, segments."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from cs_research.definitions.models.base import Count, Frozen, Name, Share, Text


class Level(Frozen):
    """Points for reaching a share of the content."""

    at: Share
    points: Annotated[float, Field(ge=0)]


class TouchType(Frozen):
    """How one touch type earns points (000, touch score table)."""

    channel: Literal["online", "offline"]
    points: Annotated[float, Field(ge=0)] = 0.0
    levels: tuple[Level, ...] = ()
    rule: Literal["each", "once_per_user_and_day", "once_per_user_content_and_day",
                  "highest_per_user_and_content"]
    ladder: Name | None = None
    per_recipient: bool = True
    synced: bool = True


class TouchPoints(Frozen):
    """The touch point table."""

    kind: Literal["touch_points"]
    version: str
    source: str
    levels: Literal["highest", "cumulative"]
    months: Annotated[int, Field(ge=1, le=12)]
    types: dict[Name, TouchType]

    @model_validator(mode="after")
    def _ladders_are_one(self) -> "TouchPoints":
        for name, first in self.types.items():
            for other, kind in self.types.items():
                if first.ladder and kind.ladder == first.ladder and (
                        kind.channel, kind.synced, kind.rule) != (first.channel, first.synced, first.rule):
                    raise ValueError(f"'{name}' and '{other}' share the ladder '{first.ladder}': "
                                     "expected the same channel, synced and rule")
        return self


class Quadrants(Frozen):
    """Health by touch: the cuts and the words for the four corners."""

    kind: Literal["quadrants"]
    version: str
    health_cut: float
    touch_cut: float
    health_jump: Annotated[float, Field(gt=0)] = 5.0   # points in a month: an account that moves so far is told
    names: dict[Literal["A", "B", "C", "D"], Text]


class Stage(Frozen):
    """A lifecycle stage: whole months since the first start, from (inclusive) to (exclusive)."""

    name: Name
    title: Text
    from_month: Count
    to_month: Count | None


class Stages(Frozen):
    """The lifecycle plan; it covers every age once."""

    kind: Literal["stages"]
    version: str
    renewal_due_days: Count
    stages: tuple[Stage, ...]

    @model_validator(mode="after")
    def _covers_every_age(self) -> "Stages":
        edge: int | None = 0
        for stage in self.stages:
            if edge is None or stage.from_month != edge:
                raise ValueError(f"stage '{stage.name}' must begin at month {edge}, without gap or overlap")
            edge = stage.to_month
        if edge is not None:
            raise ValueError("the last stage must have to_month: null")
        return self


class Segments(Frozen):
    """Account segments and the team in charge of each by stage."""

    kind: Literal["segments"]
    version: str
    enterprise_share: Share
    teams: dict[str, dict[Name, str]]
