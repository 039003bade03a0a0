"""Revenue and accounts kept: the retention table in words, with intervals from the accounts behind it."""

from datetime import date
from typing import Any

import pandas as pd

from cs_research.finding import Estimate, Finding, count, with_interval
from cs_research.studies import stats
from cs_research.studies.evidence import clusters

YEAR = 12


def opening_cohort(scores: pd.DataFrame, month: date) -> pd.DataFrame:
    """Accounts under contract a year ago: account_id, cluster, opening, closing (ARR, 0 when gone), is_here.

    A returning account is new; accounts that began later do not enter (methods 6).
    """
    now, then = pd.Timestamp(month), pd.Timestamp(month) - pd.DateOffset(months=YEAR)
    columns = ["account_id", "arr", "owner"]
    opening = scores.loc[scores["month"] == then, columns].rename(columns={"arr": "opening"})
    closing = scores.loc[scores["month"] == now, ["account_id", "arr"]].rename(columns={"arr": "closing"})
    both = opening.merge(closing, on="account_id", how="left", indicator=True)
    both["is_here"] = both.pop("_merge") == "both"
    both["closing"] = both["closing"].mask(~both["is_here"], 0.0)
    return both.assign(cluster=clusters(both))


def revenue_kept(scores: pd.DataFrame, month: date, gross: bool = False) -> Finding:
    """NRR of the last twelve months, or GRR (`gross`), of the accounts under contract a year ago.

    Restated scores in (account_id, month, arr, owner); the estimate equals the retention table's trailing_12.
    """
    name = "gross_revenue_retention" if gross else "net_revenue_retention"
    title = "gross revenue retention" if gross else "net revenue retention"
    rows = opening_cohort(scores, month)
    if rows.empty:
        return Finding.not_measured(name, f"no account was under contract a year before {month:%Y-%m}")
    if rows[["opening", "closing"]].isna().any(axis=None) or rows["opening"].sum() <= 0:
        return Finding.not_measured(name, "the contracts hold no money (mrr) for all accounts")
    kept = rows[["opening", "closing"]].min(axis=1) if gross else rows["closing"]
    estimate = stats.total_ratio(kept, rows["opening"], rows["cluster"])
    sentence = f"{title.capitalize()} over twelve months is {with_interval(estimate)}."
    return _finding(name, sentence, estimate, [f"Of the {count(len(rows), 'account')} under contract a year before."])


def accounts_lost(scores: pd.DataFrame, month: date) -> Finding:
    """Share of the accounts under contract a year ago that are no longer there (logo churn)."""
    rows = opening_cohort(scores, month)
    if rows.empty:
        return Finding.not_measured("logo_churn", f"no account was under contract a year before {month:%Y-%m}")
    estimate = stats.rate(~rows["is_here"], rows["cluster"])
    sentence = f"{with_interval(estimate)} of the accounts of a year ago have left."
    return _finding("logo_churn", sentence, estimate, ["Accounts, not revenue; over twelve months."])


def renewals(outcomes: pd.DataFrame, owners: pd.DataFrame, month: date) -> Finding:
    """Renewed of due in the last twelve months, by the month in which they were due (001).

    In: outcomes, owners (account_id, owner). Only due dates with a known outcome.
    """
    start = pd.Timestamp(month) - pd.DateOffset(months=YEAR - 1)
    due = outcomes[outcomes["outcome"].isin(("renewed", "expanded", "contracted", "churned"))]
    due = due.assign(month=due["due_date"].dt.to_period("M").dt.to_timestamp())
    rows = due[due["month"].between(start, pd.Timestamp(month))].merge(owners, on="account_id", how="left")
    if rows.empty:
        return Finding.not_measured("renewal_rate", "no renewal with a known outcome was due in twelve months")
    estimate = stats.rate(rows["outcome"] != "churned", clusters(rows))
    table = rows.groupby("month", as_index=False).agg(
        due=("outcome", "size"), **{name: ("outcome", lambda x, name=name: int((x == name).sum()))
                                    for name in ("expanded", "renewed", "contracted", "churned")})
    sentence = f"{with_interval(estimate)} of the renewals due in twelve months were renewed."
    notes = ["By due date, closed renewals only."]
    return _finding("renewal_rate", sentence, estimate, notes, table.to_dict("records"))


def retention_by_month(retention: pd.DataFrame, month: date, basis: str = "trailing_12") -> Finding:
    """GRR, NRR and churn by month from the retention table, all segments together."""
    rows = retention[(retention["basis"] == basis) & (retention["segment"] == "all")
                     & (retention["month"] <= pd.Timestamp(month))].sort_values("month")
    rows = rows[rows["logos_opening"] > 0]
    if rows.empty:
        return Finding.not_measured("retention_by_month", "there is no full year of contracts yet")
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
