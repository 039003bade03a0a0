"""What accounts get and where they stand: touch points, quadrants, content plan, stages, segments."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from cs_research.definitions.models.base import Count, Frozen, Name, Share, Text

Corner = Literal["A", "B", "C", "D"]


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

    @model_validator(mode="after")
    def _earns_in_one_way(self) -> "TouchType":
        if self.levels and self.points:
            raise ValueError("give either 'points' or levels")
        shares, points = [level.at for level in self.levels], [level.points for level in self.levels]
        if shares != sorted(set(shares)) or points != sorted(points):
            raise ValueError("expected 'levels' with rising at, and points that never fall")
        return self


class Reaction(Frozen):
    """A reaction rate (003): `of` over `per`, each the `<touch type>_count` of the month or a measure."""

    about: Text
    of: Name
    per: Name


class TouchPoints(Frozen):
    """The touch point table, and how customers react to touches."""

    kind: Literal["touch_points"]
    version: str
    source: str
    levels: Literal["highest", "cumulative"]
    months: Annotated[int, Field(ge=1, le=12)]
    types: dict[Name, TouchType]
    reactions: dict[Name, Reaction] = {}

    @property
    def counts(self) -> dict[str, str]:
        """The measures that count touches, each with its type: those that a reaction reads."""
        named = {f"{name}_count": name for name in self.types}
        return {side: named[side] for r in self.reactions.values() for side in (r.of, r.per) if side in named}

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the measures that the reactions read beside those counts."""
        return tuple(side for r in self.reactions.values() for side in (r.of, r.per) if side not in self.counts)

    @model_validator(mode="after")
    def _reactions_are_of_touches(self) -> "TouchPoints":
        for name, reaction in self.reactions.items():
            if side := {reaction.of, reaction.per} & {*self.reactions}:
                raise ValueError(f"'{name}': expected counts or measures, '{min(side)}' is a reaction")
        return self

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
    """Health by touch: the cuts and the words for the four corners.

    `touch_cuts`: other cuts for some segments, since one event is 1.0 at 10 seats and .01 at 1,000.
    """

    kind: Literal["quadrants"]
    version: str
    health_cut: float
    touch_cut: float
    touch_cuts: dict[str, float] = {}
    health_jump: Annotated[float, Field(gt=0)] = 5.0   # points in a month: an account that moves so far is told
    names: dict[Corner, Text]

    @property
    def touch_words(self) -> str:
        """The touch cut and those of some segments, as "0.5 (enterprise 0.1)"."""
        others = ", ".join(f"{segment} {cut:g}" for segment, cut in self.touch_cuts.items())
        return f"{self.touch_cut:g}" + (f" ({others})" if others else "")


def _whole(spans: tuple[Any, ...]) -> tuple[Any, ...]:
    """The spans, which follow each other from month 0 on, without gap or overlap, to no end; else ValueError."""
    edge: int | None = 0
    for span in spans:
        name = f"stage '{span.name}'" if isinstance(span, Stage) else f"the age from month {span.from_month}"
        if edge is None or span.from_month != edge or span.to_month in range(edge + 1):
            raise ValueError(f"{name} must begin at month {edge}, without gap or overlap, and end after it")
        edge = span.to_month
    if edge is not None:
        raise ValueError("the last one must have to_month: null")
    return spans


class Content(Frozen):
    """What accounts of an age get: whole months since the first start, from (inclusive) to (exclusive)."""

    from_month: Count
    to_month: Count | None
    content: Text


Ages = Annotated[tuple[Content, ...], AfterValidator(_whole)]


class CornerPlan(Frozen):
    """What accounts in one corner of health and touch get by age, and towards which corner it is to lead them."""

    toward: Corner
    ages: Ages


class Corners(Frozen):
    """A plan for each corner, in the order of the path."""

    D: CornerPlan
    B: CornerPlan
    C: CornerPlan
    A: CornerPlan


class ContentPlan(Frozen):
    """Which content an account gets, by quadrant and time since its start (000)."""

    kind: Literal["content_plan"]
    version: str
    source: str
    quadrants: Corners


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
        if not self.lifecycle:
            raise ValueError("expected 'stages' that follow one another, beside those during renewal_due")
        if twice := [name for name in self.names if self.names.count(name) > 1]:
            raise ValueError(f"the stage '{twice[0]}' stands twice")
        (self._covers_every_age if self.by == "age" else self._runs_from_event_to_event)()
        return self

    def _covers_every_age(self) -> None:
        for stage in self.lifecycle:
            if stage.until:
                raise ValueError(f"stage '{stage.name}' ends at an event: expected by: event")
        _whole(self.lifecycle)

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
