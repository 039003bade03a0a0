"""Accounts at the landmark of onboarding: who succeeded, what became of them, and both kinds made comparable."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from cs_research.definitions.models import Claims
from cs_research.finding import Estimate
from cs_research.numbers import count, number
from cs_research.scorecards import zero_based
from cs_research.studies import aipw, stats
from cs_research.studies.evidence import KEY, Evidence, clusters, health_without, last_month_before

# Measures made of what success is made of rise with it by construction.
MADE_OF = {"milestones": ("milestones", "onboarding"), "stock": ("stock",)}


def landmarks(evidence: Evidence) -> pd.DataFrame:
    """One row per account alive at its landmark, the month in which onboarding should have ended.

    Out: account_id, start_date, deadline (start + the months of onboarding), landmark (first day of the month
    that holds the day before), segment, cluster.
    """
    months = pd.DateOffset(months=evidence.definitions.outcomes.onboarding.months)
    starts = evidence.history.groupby("account_id", as_index=False)["start_date"].min()
    starts["deadline"] = starts["start_date"] + months
    starts["landmark"] = (starts["deadline"] - pd.Timedelta(days=1)).dt.to_period("M").dt.to_timestamp()
    alive = evidence.history[["account_id", "month", "segment", "owner"]].rename(columns={"month": "landmark"})
    frame = starts.merge(alive, on=["account_id", "landmark"])
    return frame.assign(cluster=clusters(frame)).drop(columns="owner")


def stock_at_landmark(evidence: Evidence) -> pd.DataFrame:
    """account_id, landmark, stock_per_seat two months after the start, where it is measured and the definitions name a
    mark for it (003)."""
    stock = evidence.measures[["account_id", "month", "stock", "seats"]].rename(columns={"month": "landmark"})
    frame = landmarks(evidence)[["account_id", "landmark"]].merge(stock, on=["account_id", "landmark"])
    frame["stock_per_seat"] = frame["stock"] / frame["seats"].where(frame["seats"] > 0)
    is_judged = frame["stock_per_seat"].notna() & (evidence.definitions.outcomes.onboarding.stock_per_seat is not None)
    return frame.loc[is_judged, ["account_id", "landmark", "stock_per_seat"]]


def successes(evidence: Evidence) -> tuple[pd.Series, str]:
    """account_id -> whether onboarding succeeded, and in words what that means; empty when not measured.

    Every required milestone done by its due date and never later than the deadline; a missing row is not done.
    Without milestones: stock per seat at the landmark.
    """
    plan = evidence.definitions.outcomes.onboarding
    if evidence.milestones is not None and len(evidence.milestones):
        required = plan.required_milestones or tuple(sorted(evidence.milestones["milestone"].unique()))
        words = " and ".join(required) if len(required) < 3 else f"all {len(required)} milestones"
        accounts = landmarks(evidence)[["account_id", "deadline"]]
        rows = evidence.milestones[evidence.milestones["milestone"].isin(required)].merge(accounts, on="account_id")
        in_time = rows[rows["completed_date"] <= rows[["due_date", "deadline"]].min(axis=1)]
        done = in_time.groupby("account_id")["milestone"].nunique().reindex(accounts["account_id"], fill_value=0)
        return done == len(required), f"{words} done in time"
    stock = stock_at_landmark(evidence)
    if stock.empty:
        return pd.Series(dtype=bool), ""
    return (stock.set_index("account_id")["stock_per_seat"] >= plan.stock_per_seat - 1e-9,
            f"{number(plan.stock_per_seat, 0)} per seat {plan.months} months after the start")


def with_success(frame: pd.DataFrame, succeeded: pd.Series) -> pd.DataFrame:
    """The accounts whose success is measured, with is_success."""
    told = frame.assign(is_success=frame["account_id"].map(succeeded)).dropna(subset="is_success")
    return told.astype({"is_success": bool})


def shared_indicators(evidence: Evidence) -> tuple[str, ...]:
    """Ids of the card's indicators made of what success is made of: they rise with it by construction."""
    by_milestones = evidence.milestones is not None and len(evidence.milestones)
    made_of = MADE_OF["milestones" if by_milestones else "stock"]
    return tuple(i.id for i in evidence.card.indicators
                 if any(str(name).startswith(made_of) for name in (i.value, i.numerator, i.denominator)))


@dataclass(frozen=True)
class Cohort:
    """Accounts with a known success and a known fate some months later; how many were left out and why.

    rows: account_id, is_success, cluster, landmark, is_here (later), health (0-based, churned 0, empty where a
    customer has no score), points (the card's own scale, churned 0), health_before (last month before the first due
    date); the same three with `rest_` in front, without the shared indicators; baseline (that health in the first
    full month); covariates under their names in words.
    """

    rows: pd.DataFrame
    left_out: dict[str, int]
    success_words: str
    reach: str
    later_words: str  # "a year later"
    shared: tuple[str, ...]  # indicators that success itself moves


BASELINE = "health in the first full month"
COVARIATES = ("contract size", "segment", "industry", "goal", "start quarter")


def cohort(evidence: Evidence) -> Cohort:
    """Who enters: alive at the landmark, the months after it over, and gone or still there at their end."""
    plan = evidence.definitions.outcomes.onboarding
    succeeded, words = successes(evidence)
    frame, shared = landmarks(evidence), shared_indicators(evidence)
    frame["later_month"] = frame["landmark"] + pd.DateOffset(months=plan.horizon_months)
    alive, seen = len(frame), pd.MultiIndex.from_frame(evidence.history[KEY])
    there = int(pd.MultiIndex.from_frame(frame[["account_id", "later_month"]]).isin(seen).sum())
    reach = f"{count(there)} of {count(alive, 'account')} reach month {plan.months + plan.horizon_months}"
    frame = with_success(frame, succeeded)
    known = len(frame)
    frame = frame[frame["later_month"] <= evidence.history["month"].max()].reset_index(drop=True)
    over = len(frame)
    if over:
        frame = _with_covariates(_with_fate(frame, evidence), evidence)
        scores = evidence.history[[*KEY, "health"]].rename(columns={"health": "points"})
        frame = _with_health(frame, scores.assign(health=zero_based(scores["points"], evidence.card)), "")
        if shared:
            rest = health_without(evidence, shared)
            frame = _with_health(frame, rest, "rest_").assign(baseline=_at(rest, "health", frame, "first_full_month"))
    left_out = {"without a measured success": alive - known, "not over yet": known - over,
                "gone with an unknown outcome": over - len(frame)}
    later = "a year later" if plan.horizon_months == 12 else f"{count(plan.horizon_months, 'month')} later"
    return Cohort(frame, left_out, words, reach, later, shared)


def _with_fate(frame: pd.DataFrame, evidence: Evidence) -> pd.DataFrame:
    """The accounts still there later or known to have churned, with is_here, before (the last month before the first
    due date) and first_full_month."""
    ends = evidence.outcomes.merge(frame[["account_id", "landmark", "later_month"]], on="account_id")
    ends = ends[ends["due_date"] > ends["landmark"] + pd.offsets.MonthEnd(0)]
    left = ends[(ends["outcome"] == "churned") & (ends["due_date"] <= ends["later_month"] + pd.offsets.MonthEnd(0))]
    seen = pd.MultiIndex.from_frame(evidence.history[KEY])
    due = ends.groupby("account_id")["due_date"].min().reindex(frame["account_id"]).set_axis(frame.index)
    start = frame["start_date"]
    later = frame.assign(
        is_here=pd.MultiIndex.from_frame(frame[["account_id", "later_month"]]).isin(seen),
        before=last_month_before(due - pd.Timedelta(days=1)),
        first_full_month=(start - pd.Timedelta(days=1)).dt.to_period("M").dt.to_timestamp() + pd.DateOffset(months=1))
    return later[later["is_here"] | later["account_id"].isin(left["account_id"])].reset_index(drop=True)


def _with_health(frame: pd.DataFrame, scores: pd.DataFrame, prefix: str) -> pd.DataFrame:
    values = {name: _at(scores, name, frame, "later_month").where(frame["is_here"], 0.0)
              for name in ("health", "points")}
    values["health_before"] = _at(scores, "health", frame, "before")
    return frame.assign(**{prefix + name: series for name, series in values.items()})


def _at(scores: pd.DataFrame, name: str, frame: pd.DataFrame, month: str) -> pd.Series:
    """A column of `scores` in each account's own month."""
    known = scores.set_index(KEY)[name]
    return pd.Series(known.reindex(pd.MultiIndex.from_frame(frame[["account_id", month]])).to_numpy(), frame.index)


def _with_covariates(frame: pd.DataFrame, evidence: Evidence) -> pd.DataFrame:
    """What was known at the start (size, quarter), and segment, industry and goal as of today."""
    first = evidence.history[["account_id", "month", "arr", "seats"]].sort_values("month")
    first = first.drop_duplicates("account_id").set_index("account_id")
    size = first["arr"] if (first["arr"] > 0).all() else first["seats"]
    facts = pd.DataFrame() if evidence.facts is None else evidence.facts.set_index("account_id")
    named = {name: frame["account_id"].map(facts.get(name, {})).astype(object) for name in ("industry", "goal")}
    quarter = frame["start_date"].dt.to_period("Q").astype(str).str.replace("Q", " Q")
    return frame.assign(**{"contract size": np.log(frame["account_id"].map(size.where(size > 0)).astype(float)),
                           "start quarter": quarter, **named})


@dataclass(frozen=True)
class Comparison:
    """Accounts that succeeded and the others made comparable, for one form of health (`prefix` of its columns)."""

    rows: pd.DataFrame
    design: aipw.Design
    prefix: str
    rules: Claims

    @classmethod
    def of(cls, group: Cohort, rules: Claims, prefix: str = "", with_baseline: bool = False) -> "Comparison":
        """By the covariates of the cohort, and by health in the first full month where asked for."""
        rows = group.rows.rename(columns={"baseline": BASELINE})
        covariates = rows[[*([BASELINE] if with_baseline else []), *COVARIATES]]
        design = aipw.design(covariates, rows["is_success"])
        return cls(rows[design.kept].reset_index(drop=True), design, prefix, rules)

    @cached_property
    def weight(self) -> np.ndarray:
        """1 over the chance that a customer of that kind has a score; 0 for customers without one."""
        matrix = np.column_stack([self.design.matrix, self.rows["is_success"]])
        return aipw.chance_weight(self.rows[self.prefix + "health"].notna(), self.rows["is_here"], matrix)

    @cached_property
    def health(self) -> aipw.Arms:
        """Later health from 0, churned = 0."""
        return self._arms(self.prefix + "health", self.weight)

    @cached_property
    def stays(self) -> aipw.Arms:
        """Whether still a customer later."""
        return self._arms("is_here")

    def points(self) -> aipw.Arms:
        """Later health on the card's own scale, churned = 0."""
        return self._arms(self.prefix + "points", self.weight)

    def before(self) -> aipw.Arms:
        """Health in the last month before the first due date, where there is one."""
        return self._arms(self.prefix + "health_before", self.rows[self.prefix + "health_before"].notna())

    def _arms(self, column: str, weight: Any = None) -> aipw.Arms:
        rows = self.rows
        return aipw.arms(rows[column], rows["is_success"], self.design.matrix, rows["cluster"], weight)

    def told(self, form: str, of: aipw.Arms, per: aipw.Arms | None = None, within: Any = None) -> Estimate:
        """A contrast, with n of those who stayed where it is about them."""
        found = aipw.contrast(of, form, within, per)
        return found if per is None else replace(found, n=of.count(self.rows["is_here"]))

    def line(self, what: str, form: str, of: aipw.Arms, per: aipw.Arms | None = None,
             within: Any = None) -> dict[str, Any]:
        """A row of the table: both arms' adjusted means and their contrast; empty under the floor of either arm."""
        if not self.rules.are_enough(of.smaller_arm(within)):
            return table_line(what, form, None, None, replace(stats.NOTHING, n=of.count(within)))
        success, others, found = (self.told(name, of, per, within) for name in ("in_time", "others", form))
        return table_line(what, form, success.value, others.value, found)


def table_line(what: str, form: str, success: float | None, others: float | None, found: Estimate) -> dict[str, Any]:
    """What was compared and how, the mean of both arms, and the estimate: a row of the Finding's table."""
    return {"what": what, "form": form, "success": success, "others": others, "clusters": found.clusters, **found.row()}
