"""Scorecards: indicators, their points, the groups they add up in, and the bands of the total."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from cs_research.definitions.models.base import Count, Frozen, Name, Share, Text

Month = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]
Band = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=60)]
Weight = Annotated[float, Field(gt=0)]


class Indicator(Frozen):
    """One indicator: a measure, or a ratio of two, and how its value earns points.

    Points come by colour (`cuts` are the lower bounds of all but the worst) or by a `scale` of (value, points)
    between which they rise in a straight line. `weight` is its part in its group; without one the most points it
    can earn. `carry_months`: for how long the last measured value stands in for a missing one.
    """

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
    scale: tuple[tuple[float, float], ...] = ()
    weight: Weight | None = None
    when_empty: Literal["worst", "not_measured"] = "worst"
    when_missing: Literal["leave_out", "worst", "carry_forward"] = "leave_out"
    carry_months: Count = 0
    above_one: Literal["plain", "warn"] = "plain"
    missing: str = ""

    @model_validator(mode="after")
    def _is_whole(self) -> "Indicator":
        ratio = self.numerator is not None and self.denominator is not None
        if ratio == (self.value is not None):
            raise ValueError("give either value, or numerator and denominator")
        if len(self.points) != len(self.cuts) + 1:
            raise ValueError("expected one more entry in points than in cuts")
        if list(self.points) != sorted(self.points) or self.points[-1] == 0:
            raise ValueError("expected points that never fall from worst to best and end above 0")
        ordered = sorted(self.cuts, reverse=self.better == "lower")
        if list(self.cuts) != ordered or len(set(self.cuts)) != len(self.cuts):
            raise ValueError("expected cuts ordered from the worst colour to the best")
        if (self.when_missing == "carry_forward") != (self.carry_months > 0):
            raise ValueError("expected carry_months with when_missing: carry_forward, and only with it")
        if self.scale:
            self._refuse_scale()
        return self

    def _refuse_scale(self) -> None:
        values, points = zip(*self.scale, strict=True)
        if len(values) < 2 or list(values) != sorted(set(values)):
            raise ValueError("expected a scale of at least two entries [value, points] with rising values")
        if list(points) != sorted(points, reverse=self.better == "lower") or min(points) < 0 or max(points) == 0:
            raise ValueError("expected points of the scale that go one way with better, from 0 up")

    @property
    def best(self) -> float:
        """The most points that it can earn."""
        return max(points for _, points in self.scale) if self.scale else float(self.points[-1])

    @property
    def worst(self) -> float:
        """The fewest points that it can earn."""
        return min(points for _, points in self.scale) if self.scale else float(self.points[0])


class Group(Frozen):
    """A group of indicators or of groups: its weight among those it stands beside."""

    title: Text
    weight: Weight
    within: Name | None = None


class CardException(Frozen):
    """Where an indicator (`among`: ids or groups, of groups too; none: any) has one of the bands, health is capped.

    "One red makes red" is `{name: one_red, bands: [red], health_at_most: 17.0}` on a card whose red ends at 17.5.
    """

    name: Name
    among: tuple[Name, ...] = ()
    bands: Annotated[tuple[Band, ...], Field(min_length=1)]
    health_at_most: float


class Choice(Frozen):
    """Which card scores an account: the first choice whose segment and stage, where given, are the account's."""

    card: Name
    segment: str | None = None
    stage: Name | None = None


class Scorecard(Frozen):
    """A health score. `outcome_groups`: without an indicator measured in these it is of usage only,
    always so where the card has none of them.

    `combine`: `mean` is the weighted mean of what each indicator earns of its best, times `total`; `bad_run` counts
    the months in the worst colour (002). A card that is made of `choose` takes each account's score from another
    card. `in_use_from`: the month from which this version leads, for a card with more than one.
    """

    kind: Literal["scorecard"]
    name: Name
    version: str
    title: Text
    source: str
    in_use_from: Month | None = None
    combine: Literal["mean", "bad_run"] = "mean"
    total: Annotated[float, Field(gt=0)] = 40.0
    bands: tuple[Band, ...] = ("red", "orange", "yellow", "green")
    indicator_bands: tuple[Band, ...] = ("red", "orange", "yellow", "green")
    overall_cuts: tuple[float, ...]
    quadrant_cut: float | None = None   # of health; without it the quadrant plan's, which is made for a total of 40
    min_measured_share: Share = 0.6
    min_first_month_days: Count = 15
    outcome_groups: tuple[Name, ...] = ()
    groups: dict[Name, Group] = {}
    exceptions: tuple[CardException, ...] = ()
    choose: tuple[Choice, ...] = ()
    indicators: tuple[Indicator, ...] = ()

    @model_validator(mode="after")
    def _is_whole(self) -> "Scorecard":
        cuts = list(self.overall_cuts)
        if len(cuts) != len(self.bands) - 1 or cuts != sorted(set(cuts)):
            raise ValueError("expected rising overall_cuts, one fewer than bands")
        if self.combine == "bad_run" and (cuts != [*range(1, len(cuts) + 1)] or self.total != len(cuts)):
            raise ValueError("expected with combine: 'bad_run' overall_cuts 1, 2, ... up to the total")
        if repeated := [key for key in ("bands", "indicator_bands") if len({*getattr(self, key)}) < len(
                getattr(self, key))]:
            raise ValueError(f"expected each of '{repeated[0]}' once")
        self._refuse_choices()
        self._refuse_groups()
        self._refuse_indicators()
        self._refuse_points_off_the_card()
        return self

    def _refuse_choices(self) -> None:
        if self.choose and (self.choose[-1].segment or self.choose[-1].stage):
            raise ValueError("expected a last choice without segment and stage, the default")
        for key in ("indicators", "groups", "exceptions", "outcome_groups") if self.choose else ():
            if getattr(self, key):
                raise ValueError(f"expected no '{key}' on a card that takes its score from others (choose)")

    def _refuse_points_off_the_card(self) -> None:
        points = [("overall_cuts", cut) for cut in self.overall_cuts]
        points += [("health_at_most", exception.health_at_most) for exception in self.exceptions]
        for key, value in [*points, ("quadrant_cut", self.quadrant_cut or 0)]:
            if not 0 <= value <= self.total:
                raise ValueError(f"expected '{key}' from 0 to the total, {self.total:g}")

    def _refuse_indicators(self) -> None:
        ids = [indicator.id for indicator in self.indicators]
        if len(set(ids)) != len(ids) or not (ids or self.choose):
            raise ValueError("expected at least one indicator, each id once")
        if any(len(i.points) != len(self.indicator_bands) for i in self.indicators):
            raise ValueError("expected one entry of points per band in every indicator")
        if twice := [name for name in ids if name in (*self.groups, "health", "health_band", "measured_share")]:
            raise ValueError(f"'{twice[0]}' is an indicator and something else of the card")
        empty = [name for name in self.outcome_groups if not self.within((name,))]
        if empty and self.within(self.outcome_groups):
            raise ValueError(f"'{empty[0]}' of outcome_groups has no indicator")
        for exception in self.exceptions:
            unknown = [name for name in exception.among if not self.within((name,))]
            unknown += [band for band in exception.bands if band not in self.indicator_bands]
            if unknown:
                raise ValueError(f"exception '{exception.name}' names '{unknown[0]}', which the card does not have")

    def _refuse_groups(self) -> None:
        for name, group in self.groups.items():
            above, seen = group.within, {name}
            while above is not None:
                if above not in self.groups or above in seen:
                    raise ValueError(f"group '{name}' must lie within a group of the card, and not within itself")
                seen.add(above)
                above = self.groups[above].within
        loose = [i.group for i in self.indicators if self.groups and i.group not in self.groups]
        if loose:
            raise ValueError(f"expected a group '{loose[0]}' with its weight under groups")

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the measures that the card reads, each once."""
        names = [m for i in self.indicators for m in (i.value, i.numerator, i.denominator) if m]
        return tuple(dict.fromkeys(names))

    def within(self, names: Iterable[str]) -> list[str]:
        """Ids of the indicators that are named or lie in a group so named, however deep."""
        return [i.id for i in self.indicators if not {i.id, *self._groups_of(i)}.isdisjoint(names)]

    def _groups_of(self, indicator: Indicator) -> Iterable[str]:
        name: str | None = indicator.group
        while name:
            yield name
            name = self.groups[name].within if name in self.groups else None

    @property
    def parts(self) -> dict[str, str]:
        """Each indicator and group of the card -> the group it lies in, "" for the card itself."""
        groups = {name: group.within or "" for name, group in self.groups.items()}
        return groups | {i.id: i.group if self.groups else "" for i in self.indicators}
