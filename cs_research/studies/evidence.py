"""What a study looks at: the history of one card, what became of the accounts, and how the two are joined."""

from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from cs_research.definitions import Definitions, models
from cs_research.history import CLOSED
from cs_research.numbers import count
from cs_research.scorecards import TOLERANCE
from cs_research.tables import horizon

KEY = ["account_id", "month"]
NOTE_TODAY = "Managers and segments are those of today: they carry no history."


@dataclass(frozen=True)
class Readings:
    """Scores joined to outcomes, one row per account and window, and how many windows were left out and why.

    rows: account_id, month (of the reading), due_date, health, health_band, touch_score, stage, segment,
    cluster, outcome, is_churned, is_expanded (empty where neither ARR nor seats tell). Health may be empty.
    `rows_have_own_ends`: due_date is the end of the row's own window, not of the data.
    """

    rows: pd.DataFrame
    left_out: dict[str, int]
    basis: str
    churn_words: str
    rows_have_own_ends: bool = True

    def notes(self) -> list[str]:
        """What a reader must know about the rows, in words."""
        out = [f"{count(n)} {why}" for why, n in self.left_out.items() if n]
        return [f"{self.basis[0].upper()}{self.basis[1:]}.", *([f"Left out: {'; '.join(out)}."] if out else []),
                NOTE_TODAY]


@dataclass(frozen=True)
class Evidence:
    """The tables that studies read, of one card in its current version, up to `as_of`.

    history (one row per account and month), indicators and measures, all three as they stood when their month
    closed; outcomes (account_id, due_date, outcome, term_start, ...); milestones (None: not delivered); facts
    (account_id, account_name, industry, goal, as they are today; None: unknown); contracts (as delivered).
    """

    history: pd.DataFrame
    outcomes: pd.DataFrame
    indicators: pd.DataFrame
    measures: pd.DataFrame
    milestones: pd.DataFrame | None
    definitions: Definitions
    scorecard: str
    as_of: date
    facts: pd.DataFrame | None = None
    contracts: pd.DataFrame | None = None

    @classmethod
    def from_run(cls, run: Any, scorecard: str = "", month: date | None = None) -> "Evidence":
        """The evidence of an opened run for a card (empty: the one that the data set leads with), as it was at the
        end of a month (None: the run's). Raises Refused, naming the nearest, where there is no such card."""
        card = run.card(scorecard)
        measures = up_to(run.measures[run.measures["is_history"]], month).reset_index(drop=True)
        history, indicators = (run.of_card(name, card, month) for name in ("history", "history_indicators"))
        return cls(history, run.outcomes, indicators, measures, run.canonical("milestones"), run.definitions,
                   card.name, seen_until(run, month), run.account_facts, run.canonical("contracts"))

    @property
    def card(self) -> models.Scorecard:
        """The card under study."""
        return self.definitions.scorecards[self.scorecard]

    @cached_property
    def kept(self) -> dict[str, Any]:
        """What a study works out once for all that ask, by its name."""
        return {}

    @cached_property
    def readings(self) -> Readings:
        """Scores joined to outcomes by the reading mode of the data set."""
        return readings(self.history, self.outcomes, self.definitions, self.as_of)

    @cached_property
    def by_indicator(self) -> dict[str, pd.DataFrame]:
        """points and is_measured (1 or 0) as they stood: a row per account and month, a column per indicator."""
        rows = self.indicators.set_index([*KEY, "indicator"])
        return {name: rows[name].astype(float).unstack() for name in ("points", "is_measured")}

    @cached_property
    def indicator_points(self) -> pd.DataFrame:
        """account_id, month and per indicator its points as a share of the most it can earn, as they stood."""
        points = self.by_indicator["points"]
        best = points.columns.map({i.id: float(i.best) for i in self.card.indicators})
        return (points / best).reset_index().rename_axis(columns=None)

    def read_before(self, months: int) -> "Evidence":
        """The same, with the score read so many months before each renewal."""
        reading = self.definitions.outcomes.reading.model_copy(update={"months_before": months})
        outcomes = self.definitions.outcomes.model_copy(update={"reading": reading})
        return replace(self, definitions=replace(self.definitions, outcomes=outcomes))


def seen_until(run: Any, month: date | None = None) -> date:
    """The last day whose outcomes a study of a month (None: the run's) may see."""
    month = run.month if month is None else month
    return horizon(date(month.year, month.month, 1), run.as_of).as_of


def up_to(table: pd.DataFrame, month: date | None) -> pd.DataFrame:
    """The rows of a month and of those before it; all of them where it is None."""
    return table if month is None else table[table["month"] <= pd.Timestamp(month)]


def of_card(table: pd.DataFrame, card: models.Scorecard, month: date | None = None) -> pd.DataFrame:
    """The rows of one card up to a month, in its current version where the table tells versions apart."""
    mine = table["scorecard"] == card.name
    if "version" in table:
        mine &= table["version"] == card.version
    return up_to(table[mine], month).reset_index(drop=True)


def clusters(frame: pd.DataFrame) -> pd.Series:
    """Who looks after the account: its owner where there is one, else the account itself."""
    return frame["owner"].where(frame["owner"].notna(), "account " + frame["account_id"]).astype(object)


def health_without(evidence: Evidence, left_out: tuple[str, ...]) -> pd.DataFrame:
    """account_id, month, health (from 0) and points (the card's own scale), both up to the card's total, from the
    indicators but those left out; empty where fewer of them are measured than the card asks for."""
    card = evidence.card
    left = [i for i in card.indicators if i.id not in left_out]
    points, measured = (evidence.by_indicator[name].reindex(columns=[i.id for i in left]).fillna(0.0)
                        for name in ("points", "is_measured"))
    worst, best = (measured @ [getattr(i, end) for i in left] for end in ("worst", "best"))
    total = pd.DataFrame({"points": points.sum(axis=1), "worst": worst, "best": best}).reset_index()
    enough = (measured.sum(axis=1) >= card.min_measured_share * len(left) - TOLERANCE).to_numpy()
    span = (total["best"] - total["worst"]).where(enough & (total["best"] > total["worst"]))
    total["health"] = card.total * (total["points"] - total["worst"]) / span
    total["points"] = card.total * total["points"] / total["best"].where(span.notna())
    return total[[*KEY, "health", "points"]]


def last_month_before(days: pd.Series) -> pd.Series:
    """First day of the last month that ends on or before each date.

    >>> last_month_before(pd.Series(pd.to_datetime(["2025-01-31", "2025-01-30"]))).dt.month.tolist()
    [1, 12]
    """
    return ((days + pd.Timedelta(days=1)).dt.to_period("M") - 1).dt.to_timestamp()


def readings(history: pd.DataFrame, outcomes: pd.DataFrame, definitions: Definitions, as_of: date) -> Readings:
    """Join scores to outcomes: by renewal, at a landmark after the start, or every so many months (methods 0).

    Only closed windows enter, and what does not enter is counted. `history` holds one card.
    """
    plan = definitions.outcomes.reading
    join = {"renewal": _by_renewal, "landmark": _by_landmark, "horizon": _by_horizon}[plan.mode]
    return join(history, outcomes, definitions, pd.Timestamp(as_of))


def _by_renewal(history: pd.DataFrame, outcomes: pd.DataFrame, definitions: Definitions,
                as_of: pd.Timestamp) -> Readings:
    """One row per account and due date, the score read some months before it."""
    plan = definitions.outcomes.reading
    before = pd.DateOffset(months=plan.months_before)
    ends = outcomes.assign(month=last_month_before(outcomes["due_date"] - before))
    # Within the grace a renewal shows earlier than a silent leave, so a window counts once it is over for all.
    is_over = ends["due_date"] + pd.Timedelta(days=definitions.outcomes.grace_days) <= as_of
    is_closed = ends["outcome"].isin(CLOSED) & is_over
    is_short = ends["term_start"] + pd.DateOffset(months=plan.min_term_months) > ends["due_date"]
    is_gone = is_short & (ends["outcome"] == "churned")
    read = ends[is_closed & ~is_short].merge(_scores(history), on=KEY, how="left", indicator=True)
    is_read = read.pop("_merge") == "both"
    left_out = {"not yet due or still in grace": int((~is_over).sum()),
                "with an unknown outcome": int((is_over & (ends["outcome"] == "unknown")).sum()),
                "left before the reading": int((is_closed & is_gone).sum()),
                f"terms under {plan.min_term_months} months": int((is_closed & is_short & ~is_gone).sum()),
                "without a month to read": int((~is_read).sum())}
    basis = f"score read {plan.months_before} months before each renewal, closed renewals only"
    is_expanded = read["outcome"] == "expanded" if _is_sized(history, outcomes) else None
    rows = read[is_read].assign(is_churned=read["outcome"] == "churned", is_expanded=is_expanded)
    return Readings(_tidy(rows), left_out, basis, "at the next renewal")


def _by_landmark(history: pd.DataFrame, outcomes: pd.DataFrame, definitions: Definitions,
                 as_of: pd.Timestamp) -> Readings:
    """One row per account: the first month end some days after its start, then watched to the end of term or data.

    Where terms run once, one that ends with an unknown outcome was watched to its end without a churn; where they
    renew, what became of its account is not known.
    """
    plan, grace = definitions.outcomes.reading, definitions.outcomes.grace_days
    starts = history.groupby("account_id", as_index=False)["start_date"].min()
    day = starts["start_date"] + pd.Timedelta(days=plan.days_after_start)
    starts["month"] = day.dt.to_period("M").dt.to_timestamp()
    read = starts.drop(columns="start_date").merge(_scores(history), on=KEY, how="left", indicator=True)
    is_read = read.pop("_merge") == "both"
    is_long = read["month"] + pd.offsets.MonthEnd(0) + pd.DateOffset(months=plan.months_before) <= as_of
    until = pd.Series(as_of - pd.Timedelta(days=grace), index=read.index)
    rows, unknown = _watched(read[is_read & is_long], outcomes, until, definitions.outcomes.is_renewable)
    left_out = {"with an unknown outcome": unknown, "left before the reading": int((~is_read & is_long).sum()),
                f"watched for less than {plan.months_before} months": int((~is_long).sum())}
    basis = (f"score read at the first month end {plan.days_after_start} days after the start, then watched to the "
             f"end of the term or of the data, less the {grace} days of grace")
    return Readings(_with_growth(rows, history, outcomes, definitions), left_out, basis, "later",
                    rows_have_own_ends=False)


def _by_horizon(history: pd.DataFrame, outcomes: pd.DataFrame, definitions: Definitions,
                as_of: pd.Timestamp) -> Readings:
    """Every account at fixed distances back from the as-of, watched over the months that follow."""
    plan = definitions.outcomes.reading
    scored = _scores(history)
    last = last_month_before(pd.Series([as_of - pd.DateOffset(months=plan.horizon_months)
                                        - pd.Timedelta(days=definitions.outcomes.grace_days)]))[0]
    distance = (last.year - scored["month"].dt.year) * 12 + last.month - scored["month"].dt.month
    read = scored[(distance >= 0) & (distance % plan.every_months == 0)]
    until = read["month"] + pd.offsets.MonthEnd(0) + pd.DateOffset(months=plan.horizon_months)
    rows, unknown = _watched(read, outcomes, until)
    basis = f"score read every {plan.every_months} months, then watched for {plan.horizon_months}, closed windows only"
    return Readings(_with_growth(rows, history, outcomes, definitions, plan.horizon_months),
                    {"with an unknown outcome": unknown}, basis, f"within {plan.horizon_months} months")


def _scores(history: pd.DataFrame) -> pd.DataFrame:
    names = [*KEY, "health", "health_band", "touch_score", "stage", "segment", "owner", "arr", "seats"]
    return history[names]


def _watched(read: pd.DataFrame, outcomes: pd.DataFrame, until: pd.Series,
             must_be_known: bool = True) -> tuple[pd.DataFrame, int]:
    """The readings with is_churned and due_date, the day of the first churn up to `until`, else of the first end with
    an unknown outcome, else that day; and how many such ends leave a fate unknown, whose readings are left out."""
    read = read.assign(until=until)
    ends = read[[*KEY, "until"]].merge(outcomes, on="account_id")
    ends = ends[(ends["due_date"] > ends["month"] + pd.offsets.MonthEnd(0)) & (ends["due_date"] <= ends["until"])]
    first = ends.groupby([*KEY, "outcome"])["due_date"].min().unstack().reindex(columns=["churned", "unknown"])
    rows = read.join(first.apply(pd.to_datetime), on=KEY)
    rows["due_date"] = rows["churned"].fillna(rows["unknown"]).fillna(rows["until"])
    rows["is_churned"] = rows["churned"].notna()
    is_lost = rows["unknown"].notna() & ~rows["is_churned"] & must_be_known
    return rows[~is_lost], int(is_lost.sum())


def _with_growth(rows: pd.DataFrame, history: pd.DataFrame, outcomes: pd.DataFrame, definitions: Definitions,
                 months: int | None = None) -> pd.DataFrame:
    """The rows of `Readings`, is_expanded and outcome by the last size seen in the window against that at the reading.

    Size is ARR, or seats where ARR is not measured; `months` None watches to the last month there is.
    """
    later = history[["account_id", "month", "arr", "seats"]].rename(columns={"month": "seen_month"})
    pairs = rows[["account_id", "month"]].merge(later, on="account_id")
    pairs = pairs[pairs["seen_month"] >= pairs["month"]]
    if months is not None:
        pairs = pairs[pairs["seen_month"] <= pairs["month"] + pd.DateOffset(months=months)]
    last = pairs.sort_values("seen_month").groupby(KEY, as_index=False).last()
    both = rows.merge(last, on=KEY, how="left", suffixes=("", "_last"))
    has_money = both["arr"].notna() & both["arr_last"].notna() & (both["arr"] > 0)
    growth = (both["arr_last"] / both["arr"]).where(has_money, both["seats_last"] / both["seats"])
    tolerance = definitions.outcomes.change_tolerance
    moved = np.select([growth > 1 + tolerance, growth < 1 - tolerance], ["expanded", "contracted"], "renewed")
    is_expanded = moved == "expanded" if _is_sized(history, outcomes) else None
    return _tidy(both.assign(is_expanded=is_expanded, outcome=np.where(both["is_churned"], "churned", moved)))


def _is_sized(history: pd.DataFrame, outcomes: pd.DataFrame) -> bool:
    """Whether any account ever changes its size; where none does, expansion is not measured rather than nil."""
    if outcomes["outcome"].isin(("expanded", "contracted")).any():
        return True
    return bool((history.groupby("account_id")[["arr", "seats"]].nunique() > 1).any(axis=None))


def _tidy(rows: pd.DataFrame) -> pd.DataFrame:
    names = [*KEY, "due_date", "health", "health_band", "touch_score", "stage", "segment", "cluster", "outcome",
             "is_churned", "is_expanded"]
    return rows.assign(cluster=clusters(rows))[names].sort_values(KEY, kind="stable", ignore_index=True)
