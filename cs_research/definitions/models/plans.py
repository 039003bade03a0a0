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
    """A stage of the lifecycle: an age, up to an event, or the time in which a renewal is due.

    By age: whole months since the first start, `from_month` (inclusive) to `to_month` (exclusive). By event: it
    lasts `until` the required milestones are complete (onboarded) or the first to ninth renewal has passed.
    `during: renewal_due` splits the time before a renewal from whatever stage an account is in.
    """

    name: Name
    title: Text
    from_month: Count | None = None
    to_month: Count | None = None
    until: Annotated[str, Field(pattern=r"^(onboarded|renewal_[1-9])$")] | None = None
    during: Literal["renewal_due"] | None = None


class Stages(Frozen):
    """The lifecycle plan; it covers every age, or runs from event to event to a last stage without end."""

    kind: Literal["stages"]
    version: str
    by: Literal["age", "event"] = "age"
    renewal_due_days: Count
    stages: tuple[Stage, ...]

    @model_validator(mode="after")
    def _has_no_gap(self) -> "Stages":
        (self._covers_every_age if self.by == "age" else self._runs_from_event_to_event)()
        return self

    def _covers_every_age(self) -> None:
        edge: int | None = 0
        for stage in self.lifecycle:
            if stage.until:
                raise ValueError(f"stage '{stage.name}' ends at an event: expected by: event")
            if edge is None or stage.from_month != edge:
                raise ValueError(f"stage '{stage.name}' must begin at month {edge}, without gap or overlap")
            edge = stage.to_month
        if edge is not None:
            raise ValueError("the last stage must have to_month: null")

    def _runs_from_event_to_event(self) -> None:
        before = ""
        for stage in self.lifecycle[:-1]:
            if stage.until is None or stage.until <= before:
                raise ValueError(f"stage '{stage.name}' must have an until, later than that of the stage before")
            before = stage.until
        if self.lifecycle[-1].until is not None:
            raise ValueError(f"stage '{self.lifecycle[-1].name}' is the last: expected no until")
        if dated := [stage.name for stage in self.lifecycle if stage.from_month or stage.to_month]:
            raise ValueError(f"stage '{dated[0]}' has months: expected by: age")

    @property
    def lifecycle(self) -> tuple[Stage, ...]:
        """The stages that follow one another, without the one before a renewal."""
        return tuple(stage for stage in self.stages if not stage.during)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all stages, in their order."""
        return tuple(stage.name for stage in self.stages)


class Segments(Frozen):
    """Account segments and the team in charge of each by stage."""

    kind: Literal["segments"]
    version: str
    enterprise_share: Share
    teams: dict[str, dict[Name, str]]

    @property
    def stage_names(self) -> tuple[str, ...]:
        """The stages that have a team."""
        return tuple(name for teams in self.teams.values() for name in teams)


class RoadmapStage(Frozen):
    """What is to be achieved in a stage, and who does what: the customer, we, both together (001)."""

    stage: Name
    state: Text
    joint: tuple[Text, ...] = ()
    customer: tuple[Text, ...] = ()
    ours: tuple[Text, ...] = ()
    positive: tuple[Text, ...] = ()
    challenge: tuple[Text, ...] = ()


class Roadmap(Frozen):
    """The success roadmap: what each stage of the lifecycle is for."""

    kind: Literal["roadmap"]
    version: str
    stages: tuple[RoadmapStage, ...]

    @property
    def stage_names(self) -> tuple[str, ...]:
        """The stages that it describes."""
        return tuple(stage.stage for stage in self.stages)
