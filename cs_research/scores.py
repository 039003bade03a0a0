"""Scores of accounts: a card's health beside touch, quadrant, stage and segment.

Pure functions, table in, table out. This layer reads no file and knows no outcome.
"""

from itertools import pairwise

import numpy as np
import pandas as pd

from cs_research.definitions import Definitions, models
from cs_research.scorecards import KEY, TOLERANCE, earlier


def score_table(measures: pd.DataFrame, health_rows: pd.DataFrame, facts: pd.DataFrame,
                definitions: Definitions, card: models.Scorecard) -> pd.DataFrame:
    """Health, touch, quadrant, stage and segment by account and month (output table `scores`).

    In: measures of one view, `health` rows of the card, account_facts (account_id, segment, owner). A first
    month with too few days of contract gets no score.
    """
    frame = health_rows.merge(measures, on=["account_id", "month"], validate="one_to_one").merge(
        facts[["account_id", "segment", "owner"]], on="account_id", how="left", validate="many_to_one")
    early = (frame["age_months"] == 0) & (frame["days_since_start"] < card.min_first_month_days)
    frame[["health", "health_band"]] = frame[["health", "health_band"]].mask(early)
    frame["quadrant"] = quadrants(frame["health"], frame["touch_score"], definitions.quadrants, card,
                                  frame["segment"])
    frame["moved_into_a"] = moves_into_a(frame)
    frame["stage"] = stages(frame, definitions.stages)
    days_left = (frame["next_due_date"] - frame["month_end"]).dt.days
    frame["is_renewal_due"] = days_left <= definitions.stages.renewal_due_days
    for stage in definitions.stages.stages:
        frame["stage"] = frame["stage"].mask(frame["is_renewal_due"] & (stage.during == "renewal_due"), stage.name)
    frame["taken_from"] = pd.Series(None, index=frame.index, dtype="str")
    return frame[[
        "account_id", "month", "scorecard", "version", "taken_from", "health", "health_band", "measured_share",
        "is_usage_only", "capped_by", "touch_score", "touch_score_month", "touch_score_synced", "quadrant",
        "moved_into_a", "stage", "is_renewal_due", "segment", "owner", "arr", "seats", "start_date", "age_months"]]


def chosen(score_rows: pd.DataFrame, card: models.Scorecard, definitions: Definitions) -> pd.DataFrame:
    """Scores of a card that takes each account's from another, by segment and stage, under its own name and version.

    In: `score_table` of the cards it chooses among. Out: the same columns; `taken_from` names the card of a row.
    """
    rows = score_rows[score_rows.set_index(["scorecard", "version"]).index.isin(
        [(name, definitions.scorecards[name].version) for name in {choice.card for choice in card.choose}])]
    wanted = pd.Series("", index=rows.index)
    for choice in reversed(card.choose):
        fits = pd.Series(True, index=rows.index)
        if choice.segment:
            fits &= rows["segment"] == choice.segment
        if choice.stage:
            fits &= rows["stage"] == choice.stage
        wanted = wanted.mask(fits, choice.card)
    rows = rows[rows["scorecard"] == wanted].reset_index(drop=True)
    rows = rows.assign(taken_from=rows["scorecard"], scorecard=card.name, version=card.version)
    return rows.assign(moved_into_a=moves_into_a(rows))


def indicators_chosen(indicator_rows: pd.DataFrame, rows: pd.DataFrame, card: models.Scorecard,
                      definitions: Definitions) -> pd.DataFrame:
    """The indicators behind `chosen` scores, under the name of the card that chose."""
    behind = rows[[*KEY, "taken_from"]].rename(columns={"taken_from": "scorecard"})
    behind["version"] = behind["scorecard"].map({name: c.version for name, c in definitions.scorecards.items()})
    return indicator_rows.merge(behind, on=[*KEY, "scorecard", "version"]).assign(scorecard=card.name)


def quadrants(health_values: pd.Series, touch: pd.Series, plan: models.Quadrants,
              card: models.Scorecard | None = None, segment: pd.Series | None = None) -> pd.Series:
    """A healthy and in touch, B in touch only, C healthy only, D neither; empty where one is not measured.

    Rule: 000, structure of the touch score; on the cut is high. The cut of health is the card's own, else the plan's as
    a part of the card's total; with `segment`, the cut of touch is the segment's.
    """
    healthy = health_values >= health_cut(plan, card) - TOLERANCE
    touched = touch >= (plan.touch_cut if segment is None else touch_cuts(segment, plan)) - TOLERANCE
    letters = np.select([healthy & touched, touched, healthy], ["A", "B", "C"], "D")
    return pd.Series(letters, index=health_values.index, dtype="str").where(health_values.notna() & touch.notna())


def health_cut(plan: models.Quadrants, card: models.Scorecard | None = None) -> float:
    """Where health is high on a card: its `quadrant_cut`, else the plan's cut, which is made for a total of 40.

    >>> from cs_research.definitions import load_definitions
    >>> health_cut(load_definitions().quadrants, load_definitions().scorecards["dear"])
    25.0
    """
    if card is None:
        return plan.health_cut
    return plan.health_cut * card.total / 40 if card.quadrant_cut is None else card.quadrant_cut


def touch_cuts(segment: pd.Series, plan: models.Quadrants) -> pd.Series:
    """From which touch score on an account is in touch: the cut of its segment, else that of all."""
    return segment.map(plan.touch_cuts).astype(float).fillna(plan.touch_cut)


def moves_into_a(frame: pd.DataFrame) -> pd.Series:
    """True where an account is in A and was measured outside A the month before (the KPI of 000).

    In: account_id, month, quadrant, one row per account and month in any order.
    """
    previous = previous_quadrants(frame)
    return (frame["quadrant"] == "A") & previous.notna() & (previous != "A")


def previous_quadrants(frame: pd.DataFrame) -> pd.Series:
    """The quadrant of each row's account a month before, empty where it was not measured; in and order as above."""
    return earlier(frame, "quadrant")


def stages(frame: pd.DataFrame, plan: models.Stages) -> pd.Series:
    """The lifecycle stage of each row (000, lifecycle), by age or by the last event that has passed.

    In: age_months, or onboarding_share and renewals where the plan goes `by: event`. A later event stands for those
    before it: who has renewed once is past onboarding, whatever is still open. What is not measured has not passed.

    >>> from cs_research.definitions import load_definitions
    >>> stages(pd.DataFrame({"age_months": [1, 2, 12, 24]}), load_definitions().stages).tolist()
    ['introduction', 'operation', 'utilisation', 'established']
    """
    position = pd.Series(0, index=frame.index)
    for number, (stage, following) in enumerate(pairwise(plan.lifecycle), 1):
        if plan.by == "age":
            has_passed = frame["age_months"] >= following.from_month
        elif stage.until == "onboarded":
            has_passed = frame["onboarding_share"] >= 1 - TOLERANCE
        else:
            has_passed = frame["renewals"] >= int(stage.until[-1])
        position = position.mask(has_passed, number)
    return position.map(dict(enumerate(stage.name for stage in plan.lifecycle))).astype("str")


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
