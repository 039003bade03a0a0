"""Revenue and accounts kept: the retention table in words, with intervals from the accounts behind it."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from cs_research.definitions import Definitions
from cs_research.finding import CLOSE, Estimate, Finding, count, with_interval
from cs_research.history import CLOSED
from cs_research.studies import stats
from cs_research.studies.evidence import clusters
from cs_research.studies.judging import known_chance, under_floor

YEAR = 12


@dataclass(frozen=True)
class Cohort:
    """The accounts under contract at the opening whose fate is known; `vanished` counts those that left unexplained.

    rows: account_id, cluster, opening, closing (ARR, 0 when gone), is_here (all the time).
    """

    rows: pd.DataFrame
    vanished: int

    @property
    def accounts(self) -> int:
        """All accounts of the opening."""
        return len(self.rows) + self.vanished

    def without_rate(self, name: str, definitions: Definitions) -> Finding | None:
        """The Finding where no rate can be had, None when one can."""
        if not self.accounts:
            return Finding.not_measured(name, "no account was under contract a year before")
        if is_too_unknown(self.vanished, self.accounts, definitions):
            return Finding.not_measured(
                name, f"{count(self.vanished)} of {count(self.accounts, 'account')} left with an unknown outcome")
        return under_floor(name, len(self.rows), definitions, "under contract a year before")

    def notes(self) -> list[str]:
        """Whom the rates are of, in words."""
        unknown = f"; {count(self.vanished)} that left with an unknown outcome are in no rate" if self.vanished else ""
        return [f"Of the {count(len(self.rows), 'account')} under contract a year before{unknown}."]


def is_too_unknown(unknown: int, of: int, definitions: Definitions) -> bool:
    """Whether too many ended with an unknown outcome for a rate of the others to mean anything."""
    return unknown > definitions.outcomes.max_unknown_share * of + CLOSE


def opening_cohort(scores: pd.DataFrame, outcomes: pd.DataFrame, month: date, months: int = YEAR) -> Cohort:
    """The cohort behind a row of the retention table (12 months: trailing_12); later starts do not enter.

    An account that churned in between is lost also when it came back: as a returning account it is new.
    In: scores (account_id, month, arr, owner), outcomes (account_id, due_date, outcome). Rule: methods 6.
    """
    now, then = pd.Timestamp(month), pd.Timestamp(month) - pd.DateOffset(months=months)
    opening = scores.loc[scores["month"] == then, ["account_id", "arr", "owner"]].rename(columns={"arr": "opening"})
    closing = scores.loc[scores["month"] == now, ["account_id", "arr"]].rename(columns={"arr": "closing"})
    both = opening.merge(closing, on="account_id", how="left", indicator=True)
    due = outcomes["due_date"].dt.to_period("M").dt.to_timestamp()
    ends = outcomes[(due > then) & (due <= now)]
    churned, unknown = (both["account_id"].isin(ends.loc[ends["outcome"] == name, "account_id"])
                        for name in ("churned", "unknown"))
    both["is_here"] = (both.pop("_merge") == "both") & ~churned
    both["closing"] = both["closing"].mask(~both["is_here"], 0.0)
    vanished = ~both["is_here"] & unknown
    return Cohort(both[~vanished].assign(cluster=clusters(both)), int(vanished.sum()))


def revenue_kept(scores: pd.DataFrame, outcomes: pd.DataFrame, definitions: Definitions, month: date,
                 gross: bool = False) -> Finding:
    """NRR of the last twelve months, or GRR (`gross`), of the accounts under contract a year ago.

    The estimate equals the retention table's trailing_12; the interval comes from the accounts behind it.
    """
    title = "gross revenue retention" if gross else "net revenue retention"
    name, group = title.replace(" ", "_"), opening_cohort(scores, outcomes, month)
    rows = group.rows
    silent = group.without_rate(name, definitions)
    if silent:
        return silent
    if rows[["opening", "closing"]].isna().any(axis=None) or rows["opening"].sum() <= 0:
        return Finding.not_measured(name, "the contracts hold no money (mrr) for all accounts")
    kept = rows[["opening", "closing"]].min(axis=1) if gross else rows["closing"]
    estimate = known_chance(stats.total_ratio(kept, rows["opening"], rows["cluster"]), definitions)
    sentence = f"{title.capitalize()} over twelve months is {with_interval(estimate)}."
    return _finding(name, sentence, estimate, group.notes())


def accounts_lost(scores: pd.DataFrame, outcomes: pd.DataFrame, definitions: Definitions, month: date) -> Finding:
    """Share of the accounts under contract a year ago that are no longer there (logo churn)."""
    group = opening_cohort(scores, outcomes, month)
    silent = group.without_rate("logo_churn", definitions)
    if silent:
        return silent
    estimate = known_chance(stats.rate(~group.rows["is_here"], group.rows["cluster"]), definitions)
    sentence = f"{with_interval(estimate)} of the accounts of a year ago have left."
    return _finding("logo_churn", sentence, estimate, ["Accounts, not revenue.", *group.notes()])


def renewals(outcomes: pd.DataFrame, owners: pd.DataFrame, definitions: Definitions, month: date) -> Finding:
    """Renewed of due in the last twelve months, by the month in which they were due (001).

    In: outcomes, owners (account_id, owner). Only due dates before the first that is still open: within the grace
    a renewal shows earlier than a silent leave.
    """
    due, still_open = due_in_a_year(outcomes, month)
    unknown = int((due["outcome"] == "unknown").sum())
    rows = due[due["outcome"].isin(CLOSED)].merge(owners, on="account_id", how="left")
    if is_too_unknown(unknown, len(rows) + unknown, definitions):
        return Finding.not_measured(
            "renewal_rate", f"{count(unknown)} of {count(len(rows) + unknown)} terms ended with an unknown outcome")
    if rows.empty:
        return Finding.not_measured("renewal_rate", "no renewal with a known outcome was due in twelve months")
    few = under_floor("renewal_rate", rows["account_id"].nunique(), definitions, "with a renewal due in twelve months")
    if few:
        return few
    estimate = stats.rate(rows["outcome"] != "churned", clusters(rows))
    table = rows.groupby("month", as_index=False).agg(
        due=("outcome", "size"), **{name: ("outcome", lambda x, name=name: int((x == name).sum()))
                                    for name in ("expanded", "renewed", "contracted", "churned")})
    sentence = f"{with_interval(estimate)} of the renewals due in twelve months were renewed."
    until = f" before {still_open:%Y-%m-%d}" if pd.notna(still_open) else ""
    notes = [f"By due date{until}, closed renewals only; {count(unknown)} with an unknown outcome are in no rate."]
    return _finding("renewal_rate", sentence, estimate, notes, table.to_dict("records"))


def due_in_a_year(outcomes: pd.DataFrame, month: date) -> tuple[pd.DataFrame, pd.Timestamp]:
    """Outcomes due in the twelve months to `month`, each with its `month`, before the first due date still open
    (NaT: none is)."""
    due = outcomes.assign(month=outcomes["due_date"].dt.to_period("M").dt.to_timestamp())
    due = due[due["month"].between(pd.Timestamp(month) - pd.DateOffset(months=YEAR - 1), pd.Timestamp(month))]
    still_open = due.loc[due["outcome"] == "not_due", "due_date"].min()
    return due[due["due_date"] < still_open] if pd.notna(still_open) else due, still_open


def retention_by_month(retention: pd.DataFrame, month: date, basis: str = "trailing_12") -> Finding:
    """GRR, NRR and churn by month from the retention table, all segments together."""
    rows = retention[(retention["basis"] == basis) & (retention["segment"] == "all")
                     & (retention["month"] <= pd.Timestamp(month))].sort_values("month")
    rows = rows[rows["logos_opening"] > 0]
    if rows.empty:
        return Finding.not_measured("retention_by_month", "there is no full year of contracts yet")
    if pd.isna(rows["logo_churn"].iloc[-1]):
        return Finding.not_measured("retention_by_month", "too many accounts left with an unknown outcome")
    last = rows.iloc[-1]
    sentence = (f"{count(len(rows), 'month')}, each with the twelve before it; the last one opened with "
                f"{count(int(last['logos_opening']), 'account')}.")
    columns = ["month", "grr", "nrr", "logo_churn", "arr_churn", "logos_opening"]
    return Finding("retention_by_month", sentence, n=int(last["logos_opening"]),
                   details={"rows": rows[columns].to_dict("records")})


def bridge(retention: pd.DataFrame, month: date) -> Finding:
    """ARR from a year ago to now, step by step; the steps add up to the unit."""
    row = retention[(retention["basis"] == "trailing_12") & (retention["segment"] == "all")
                    & (retention["month"] == pd.Timestamp(month))]
    if row.empty or row["arr_opening"].isna().all() or row["arr_opening"].iloc[0] <= 0:
        return Finding.not_measured("arr_bridge", "there is no ARR of a year ago to start from")
    one = row.iloc[0]
    steps = [("opening", one["arr_opening"]), ("new", one["arr_new"]), ("expansion", one["arr_expansion"]),
             ("contraction", -one["arr_contraction"]), ("churned", -one["arr_churned"]),
             ("closing", one["arr_closing"])]
    gap = sum(amount for _, amount in steps[:-1]) - steps[-1][1]
    assert abs(gap) < 0.5, f"the ARR bridge of {month:%Y-%m} does not add up: {gap}"
    told = {name: count(round(abs(amount))) for name, amount in steps}
    sentence = (f"ARR went from {told['opening']} to {told['closing']} in a year: {told['new']} new and "
                f"{told['expansion']} from expansion, less {told['contraction']} by contraction and "
                f"{told['churned']} by churn.")
    return Finding("arr_bridge", sentence, n=int(one["logos_opening"]),
                   details={"rows": [{"step": name, "arr": amount} for name, amount in steps]})


def _finding(name: str, sentence: str, estimate: Estimate, notes: list[str],
             rows: list[dict[str, Any]] | None = None) -> Finding:
    return Finding(name, sentence, estimate.value, estimate.lower, estimate.upper, estimate.n, "",
                   {"notes": notes, "rows": rows or [], "clusters": estimate.clusters})
