"""The shape of every definition file: one frozen model per `kind`.

A model says what a key means, its unit and its limits; what the defaults are stands in `defaults/`.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

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


# ---------------------------------------------------------------- canonical tables and measures


class Column(Frozen):
    """One column of a canonical table.

    `required`: every row holds a value; `present`: the source must have the column, cells may be empty.
    """

    type: Literal["id", "text", "category", "date", "stamp", "integer", "money", "quantity", "real", "share",
                  "boolean"]
    required: bool = False
    present: bool = False
    values: tuple[str, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None
    about: str = ""


class Table(Frozen):
    """One canonical table: what a row is, its key, its columns and the column that dates a row.

    Rows dated after the as-of are invisible, unless the table looks `ahead` (signed terms, booked meetings).
    """

    row: str
    key: tuple[Name, ...]
    time: Name | None = None
    ahead: bool = False
    delivery: Literal["snapshot", "append"]
    columns: dict[Name, Column]


class Tables(Frozen):
    """The canonical tables (data contract)."""

    kind: Literal["tables"]
    tables: dict[Name, Table]


class Needs(Frozen):
    """What a data set must hold for a measure to be measured: one of the tables, and in it columns and role."""

    tables: tuple[Name, ...] = ()
    columns: tuple[Name, ...] = ()
    role: Literal["login", "core_action", "key_feature"] | None = None


class Measure(Frozen):
    """One column of the account-by-month panel that a card may use."""

    about: str
    unit: Literal["count", "share", "months", "score", "money", "quantity"]
    needs: Needs = Needs()


class Measures(Frozen):
    """All measures that the SQL panel yields."""

    kind: Literal["measures"]
    measures: dict[Name, Measure]


class Counter(Frozen):
    """A monthly sum over chosen event types: their rows or their quantity."""

    about: str
    event_types: tuple[str, ...]
    sum: Literal["rows", "quantity"] = "rows"


class Events(Frozen):
    """What the event types of a data set stand for."""

    kind: Literal["events"]
    login: tuple[str, ...]
    core_action: tuple[str, ...]
    key_feature: tuple[str, ...]
    counters: dict[Name, Counter] = {}


# ---------------------------------------------------------------- scorecards


class Indicator(Frozen):
    """One indicator: a measure, or a ratio of two, and the cuts of its colours (lower bounds of 2, 3, 4)."""

    id: Name
    name: Text
    group: Name
    value: Name | None = None
    numerator: Name | None = None
    denominator: Name | None = None
    unit: Literal["share", "per_seat", "months", "score", "count"] = "share"
    better: Literal["higher", "lower"] = "higher"
    cuts: tuple[float, ...]
    points: tuple[Count, ...] = (1, 2, 3, 4)
    when_empty: Literal["worst", "not_measured"] = "worst"
    above_one: Literal["plain", "warn"] = "plain"
    missing: str = ""

    @model_validator(mode="after")
    def _is_whole(self) -> "Indicator":
        ratio = self.numerator is not None and self.denominator is not None
        if ratio == (self.value is not None):
            raise ValueError("give either value, or numerator and denominator")
        if len(self.points) != len(self.cuts) + 1:
            raise ValueError("expected one more entry in points than in cuts")
        if list(self.points) != sorted(self.points):
            raise ValueError("expected points that never fall from worst to best")
        ordered = sorted(self.cuts, reverse=self.better == "lower")
        if list(self.cuts) != ordered or len(set(self.cuts)) != len(self.cuts):
            raise ValueError("expected cuts ordered from the worst colour to the best")
        return self


class Scorecard(Frozen):
    """A health score: indicators, their points, and the bands of the total."""

    kind: Literal["scorecard"]
    name: Name
    version: str
    title: Text
    source: str
    total: float = 40.0
    bands: tuple[Name, ...] = ("red", "orange", "yellow", "green")
    overall_cuts: tuple[float, ...]
    min_measured_share: Share = 0.6
    min_first_month_days: Count = 15
    outcome_groups: tuple[Name, ...] = ()
    indicators: tuple[Indicator, ...]

    @model_validator(mode="after")
    def _is_whole(self) -> "Scorecard":
        ids = [indicator.id for indicator in self.indicators]
        if not ids or len(set(ids)) != len(ids):
            raise ValueError("expected at least one indicator, each id once")
        cuts = list(self.overall_cuts)
        if len(cuts) != len(self.bands) - 1 or cuts != sorted(set(cuts)):
            raise ValueError("expected rising overall_cuts, one fewer than bands")
        if any(len(indicator.points) != len(self.bands) for indicator in self.indicators):
            raise ValueError("expected one entry of points per band in every indicator")
        return self

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of the measures that the card reads, each once."""
        names = [m for i in self.indicators for m in (i.value, i.numerator, i.denominator) if m]
        return tuple(dict.fromkeys(names))


# ---------------------------------------------------------------- touches, quadrants, stages, segments


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


# ---------------------------------------------------------------- outcomes and claims


class Reading(Frozen):
    """When the score is read and until when the outcome is watched (methods 0)."""

    mode: Literal["renewal", "horizon", "landmark"]
    months_before: Count = 3
    min_term_months: Count = 6
    every_months: Count = 12
    horizon_months: Count = 12
    days_after_start: Count = 30


class Onboarding(Frozen):
    """What counts as onboarding success and when health is read again."""

    months: Count
    horizon_months: Count
    recent_months: Annotated[int, Field(ge=1)] = 3   # those whose onboardings make the current rate
    required_milestones: tuple[str, ...] = ()
    stock_per_seat: float | None = None


class Outcomes(Frozen):
    """Renewal outcomes, the reading of scores and onboarding success.

    `is_renewable: false`: a term runs once, its end is no loss and no renewal is expected. Where more than
    `max_unknown_share` of the accounts left with an unknown outcome, no rate is given.
    """

    kind: Literal["outcomes"]
    version: str
    grace_days: Count
    change_tolerance: Share
    is_renewable: bool = True
    max_unknown_share: Share
    churn_line: Annotated[float, Field(gt=0, le=1)] = 0.10   # yearly churn to reach before investing in growth (004)
    reading: Reading
    onboarding: Onboarding


class Claim(Frozen):
    """One claim of the source documents and how far from it still counts as agreeing."""

    text: Text
    form: Literal["rate", "ratio", "direction"]
    value: float | None = None


class Claims(Frozen):
    """The claims under test and the rule of their verdicts."""

    kind: Literal["claims"]
    version: str
    rate_tolerance: Share
    ratio_tolerance: float
    rate_half_width: Share
    ratio_half_width: float
    min_accounts: Count
    min_clusters: Count
    negligible_share: Share = 0.05   # of the width of a band: a smaller change of health is worth no touch
    claims: dict[Name, Claim]

    def are_enough(self, accounts: int) -> bool:
        """Whether a rate of so many accounts may be told; of fewer it is "too few"."""
        return accounts >= self.min_accounts


KINDS: dict[str, type[Frozen]] = {
    "tables": Tables, "measures": Measures, "events": Events, "scorecard": Scorecard,
    "touch_points": TouchPoints, "quadrants": Quadrants, "stages": Stages, "segments": Segments,
    "outcomes": Outcomes, "claims": Claims,
}


def model_of(data: Any) -> type[Frozen] | None:
    """The model for a file's `kind:`, or None when it has none that is known."""
    kind = data.get("kind") if isinstance(data, dict) else None
    return KINDS.get(kind) if isinstance(kind, str) else None
