"""Scores accounts: bands and points of indicators, health, quadrants, stages.

Pure functions, table in, table out. This layer reads no file and knows no outcome.
"""

import numpy as np
import pandas as pd

from cs_research.definitions import Definitions, models

TOLERANCE = 1e-9  # means of ratios arrive as .49999999999999994


def indicators(measures: pd.DataFrame, card: models.Scorecard) -> pd.DataFrame:
    """Value, colour and points of each indicator of a card.

    In: account_id, month and the measures that the card names. Out, one row per row of `measures` and
    indicator: account_id, month, scorecard, indicator, value, numerator, denominator, is_measured, band, points
    (band and points empty where not measured). Rule: 000, DEAR example; a value on a cut has the better colour.

    >>> from cs_research.definitions import load_definitions
    >>> row = pd.DataFrame({"account_id": ["001"], "month": [pd.Timestamp("2026-10-01")], "seats": [32.0],
    ...                     "target_users": [100.0]})
    >>> card = load_definitions().scorecards["dear"]
    >>> card = card.model_copy(update={"indicators": card.indicators[:1]})
    >>> indicators(row, card)[["indicator", "value", "band", "points"]].values.tolist()
    [['D-1', 0.32, 'orange', 2.0]]
    """
    frames = [_indicator(measures, card, indicator) for indicator in card.indicators]
    return pd.concat(frames, ignore_index=True)


def health(indicator_rows: pd.DataFrame, card: models.Scorecard) -> pd.DataFrame:
    """The card's total by account and month.

    Out: account_id, month, scorecard, version, health, health_band, measured_share, is_usage_only. health = total
    x points / maximum points of the measured indicators; empty under `min_measured_share`.
    """
    best = {indicator.id: max(indicator.points) for indicator in card.indicators}
    outcome = {indicator.id: indicator.group in card.outcome_groups for indicator in card.indicators}
    rows = indicator_rows.assign(
        best=indicator_rows["indicator"].map(best).where(indicator_rows["is_measured"]),
        outcome=indicator_rows["indicator"].map(outcome) & indicator_rows["is_measured"])
    total = rows.groupby(["account_id", "month"], as_index=False).agg(
        points=("points", "sum"), best=("best", "sum"), measured=("is_measured", "mean"),
        outcome=("outcome", "any"))
    enough = total["measured"] >= card.min_measured_share - TOLERANCE
    score = (card.total * total["points"] / total["best"].where(total["best"] > 0)).where(enough)
    return pd.DataFrame({
        "account_id": total["account_id"], "month": total["month"], "scorecard": card.name,
        "version": card.version, "health": score, "health_band": bands(score, card.overall_cuts, card.bands),
        "measured_share": total["measured"],
        "is_usage_only": ~total["outcome"] & bool(card.outcome_groups)})


def bands(values: pd.Series, cuts: tuple[float, ...], names: tuple[str, ...]) -> pd.Series:
    """The band of each value; a value on a cut belongs to the better band, an empty one to none.

    >>> bands(pd.Series([17.4, 17.5, 26.0, None]), (17.5, 25, 32.5), ("red", "orange", "yellow", "green")).tolist()
    ['red', 'orange', 'yellow', nan]
    """
    position = np.searchsorted(np.asarray(cuts) - TOLERANCE, values.to_numpy(float), side="right")
    named = pd.Series(np.asarray(names, dtype=object)[position], index=values.index, dtype="str")
    return named.where(values.notna())


def zero_based(health_values: pd.Series, card: models.Scorecard) -> pd.Series:
    """Health on the scale from 0 to the card's total, on which ratios mean something (methods 1).

    total x (points - minimum) / (maximum - minimum), for a card whose worst colour earns the same everywhere.
    """
    lowest = lowest_total(card)
    return card.total * (health_values - lowest) / (card.total - lowest)


def lowest_total(card: models.Scorecard) -> float:
    """The total of an account whose every indicator has the worst colour: 10 for dear."""
    worst = sum(min(indicator.points) for indicator in card.indicators)
    return card.total * worst / sum(max(indicator.points) for indicator in card.indicators)


def score_table(measures: pd.DataFrame, health_rows: pd.DataFrame, facts: pd.DataFrame,
                definitions: Definitions) -> pd.DataFrame:
    """Health, touch, quadrant, stage and segment by account and month (output table `scores`).

    In: measures of one view, `health` rows of one card, account_facts (account_id, segment, owner). A first
    month with too few days of contract gets no score.
    """
    card = definitions.scorecards[health_rows["scorecard"].iloc[0]] if len(health_rows) else None
    frame = health_rows.merge(measures, on=["account_id", "month"], validate="one_to_one").merge(
        facts[["account_id", "segment", "owner"]], on="account_id", how="left", validate="many_to_one")
    if card is not None:
        early = (frame["age_months"] == 0) & (frame["days_since_start"] < card.min_first_month_days)
        frame[["health", "health_band"]] = frame[["health", "health_band"]].mask(early)
    frame["quadrant"] = quadrants(frame["health"], frame["touch_score"], definitions.quadrants)
    frame["moved_into_a"] = moves_into_a(frame)
    frame["stage"] = stages(frame["age_months"], definitions.stages)
    return frame[["account_id", "month", "scorecard", "version", "health", "health_band", "measured_share",
                  "is_usage_only", "touch_score", "touch_score_month", "touch_score_synced", "quadrant",
                  "moved_into_a", "stage", "segment", "owner", "arr", "seats", "start_date", "age_months"]]


def quadrants(health_values: pd.Series, touch: pd.Series, plan: models.Quadrants) -> pd.Series:
    """A healthy and in touch, B in touch only, C healthy only, D neither; empty where one is not measured.

    Rule: 000, structure of the touch score; on the cut is high.
    """
    healthy = health_values >= plan.health_cut - TOLERANCE
    touched = touch >= plan.touch_cut - TOLERANCE
    letters = np.select([healthy & touched, touched, healthy], ["A", "B", "C"], "D")
    return pd.Series(letters, index=health_values.index, dtype="str").where(health_values.notna() & touch.notna())


def moves_into_a(frame: pd.DataFrame) -> pd.Series:
    """True where an account is in A and was measured outside A the month before (the KPI of 000).

    In: account_id, month, quadrant, one row per account and month in any order.
    """
    previous = previous_quadrants(frame)
    return (frame["quadrant"] == "A") & previous.notna() & (previous != "A")


def previous_quadrants(frame: pd.DataFrame) -> pd.Series:
    """The quadrant of each row's account a month before, empty where it was not measured; in and order as above."""
    accounts, months = frame["account_id"], frame["month"].dt.year * 12 + frame["month"].dt.month
    before = pd.Series(frame["quadrant"].to_numpy(), index=pd.MultiIndex.from_arrays([accounts, months + 1]))
    previous = before.reindex(pd.MultiIndex.from_arrays([accounts, months])).to_numpy()
    return pd.Series(previous, index=frame.index)


def stages(age_months: pd.Series, plan: models.Stages) -> pd.Series:
    """The lifecycle stage by whole months since the first start (000, lifecycle).

    >>> from cs_research.definitions import load_definitions
    >>> stages(pd.Series([1, 2, 12, 24]), load_definitions().stages).tolist()
    ['introduction', 'operation', 'utilisation', 'established']
    """
    edges = [stage.from_month for stage in plan.stages]
    names = np.asarray([stage.name for stage in plan.stages], dtype=object)
    position = np.searchsorted(edges, age_months.to_numpy(), side="right") - 1
    return pd.Series(names[position], index=age_months.index, dtype="str")


def teams(frame: pd.DataFrame, plan: models.Segments) -> pd.Series:
    """The team in charge of each row by segment and stage (000, teams by size and phase); empty where none is named.

    >>> from cs_research.definitions import load_definitions
    >>> rows = pd.DataFrame({"segment": ["smb", None], "stage": "introduction"})
    >>> teams(rows, load_definitions().segments).tolist()
    ['Onboarding Group', nan]
    """
    named = [plan.teams.get(segment, {}).get(stage) for segment, stage in
             zip(frame["segment"], frame["stage"], strict=True)]
    return pd.Series(named, index=frame.index, dtype="str")


def _indicator(measures: pd.DataFrame, card: models.Scorecard, indicator: models.Indicator) -> pd.DataFrame:
    if indicator.value:
        numerator = denominator = pd.Series(np.nan, index=measures.index)
        value = measures[indicator.value].astype(float)
        measured = value.notna()
    else:
        numerator = measures[indicator.numerator].astype(float)
        denominator = measures[indicator.denominator].astype(float)
        value = numerator / denominator.where(denominator > 0)
        measured = numerator.notna() & denominator.notna()
        if indicator.when_empty == "not_measured":
            measured &= denominator > 0
    position = _positions(value, indicator).where(measured)
    points = position.map(dict(enumerate(map(float, indicator.points))))
    band = position.map(dict(enumerate(card.bands))).astype("str")
    return pd.DataFrame({
        "account_id": measures["account_id"], "month": measures["month"], "scorecard": card.name,
        "indicator": indicator.id, "value": value.where(measured), "numerator": numerator,
        "denominator": denominator, "is_measured": measured, "band": band.where(measured), "points": points})


def _positions(value: pd.Series, indicator: models.Indicator) -> pd.Series:
    """0 for the worst colour up to the number of cuts; a rate over nobody is the worst (a dead account)."""
    sign = 1 if indicator.better == "higher" else -1
    reached = [sign * value >= sign * cut - TOLERANCE for cut in indicator.cuts]
    return pd.concat(reached, axis=1).sum(axis=1).astype(float)
