"""Scorecards: indicators, their points, and the bands of the total."""

from typing import Literal

from pydantic import model_validator

from cs_research.definitions.models.base import Count, Frozen, Name, Share, Text


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
    def reads(self) -> tuple[str, ...]:
        """Names of the measures that the card reads, each once."""
        names = [m for i in self.indicators for m in (i.value, i.numerator, i.denominator) if m]
        return tuple(dict.fromkeys(names))
