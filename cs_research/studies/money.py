"""Revenue and accounts kept: the retention table in words, with intervals from the accounts behind it."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pandas as pd

from cs_research.definitions import Definitions
from cs_research.finding import CLOSE, Estimate, Finding, with_interval
from cs_research.history import CLOSED
from cs_research.numbers import amount, count, percent
from cs_research.studies import stats
from cs_research.studies.evidence import clusters
from cs_research.studies.judging import NO_END, known_chance, rate_of, under_floor

YEAR = 12
BASES = {"trailing_12": "accounts of a year before", "month": "accounts of a month before",
         "renewals_due": "renewals due in twelve months"}
NO_MONEY = "the contracts hold no money (mrr) for all accounts"


@dataclass(frozen=True)
class Cohort:
    """The accounts of the opening, or the renewals due, whose fate is known; `vanished` counts those unexplained.

    rows: account_id, cluster, opening, closing (ARR, 0 when gone), is_here (all the time). `who` they are and `over`
    what they are watched, in words.
    """

    rows: pd.DataFrame
    vanished: int
    who: str = "accounts under contract a year before"
    over: str = "over twelve months"
    is_seen: bool = True  # whether any term ends, so that a leave can be seen

    @property
    def accounts(self) -> int:
        """All accounts of the opening."""
        return len(self.rows) + self.vanished

    def without_rate(self, name: str, definitions: Definitions) -> Finding | None:
        """The Finding where no rate can be had, None when one can."""
        if not self.accounts or not self.is_seen:
            return Finding.not_measured(name, f"there are no {self.who}" if self.is_seen else NO_END)
        if is_too_unknown(self.vanished, self.accounts, definitions):
            return Finding.not_measured(name, f"{count(self.vanished)} of {count(self.accounts)} {self.who.split()[0]} "
                                              "left with an unknown outcome")
        return under_floor(name, self.rows["account_id"].nunique(), definitions, f"behind {self.who}")

    def notes(self) -> list[str]:
        """Whom the rates are of, in words."""
        unknown = f"; {count(self.vanished)} that left with an unknown outcome are in no rate" if self.vanished else ""
        return [f"Of the {count(len(self.rows))} {self.who}{unknown}."]


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
    both = opening.merge(closing, on="account_id", how="left")
    due = outcomes["due_date"].dt.to_period("M").dt.to_timestamp()
    ends = outcomes[(due > then) & (due <= now)]
    churned, unknown = (both["account_id"].isin(ends.loc[ends["outcome"] == name, "account_id"])
                        for name in ("churned", "unknown"))
    both["is_here"] = both["account_id"].isin(closing["account_id"]) & ~churned
    both["closing"] = both["closing"].mask(~both["is_here"], 0.0)
    vanished = ~both["is_here"] & unknown
    words = () if months == YEAR else ("accounts under contract a month before", "over the month")
    return Cohort(both[~vanished].assign(cluster=clusters(both)), int(vanished.sum()), *words,
                  is_seen=not outcomes.empty)


def cohort(scores: pd.DataFrame, outcomes: pd.DataFrame, definitions: Definitions, month: date) -> Cohort:
    """Those whom the rates of a month are of, by `retention_basis` of the outcomes: the accounts of a year before
    (trailing_12), of a month before (month), or the renewals due in twelve months whose grace is over (renewals_due).
    """
    basis = definitions.outcomes.retention_basis
    if basis != "renewals_due":
        return opening_cohort(scores, outcomes, month, YEAR if basis == "trailing_12" else 1)
    due, _ = due_in_a_year(outcomes, month)
    owners = scores[["account_id", "month", "owner"]].sort_values("month").drop_duplicates("account_id", keep="last")
    rows = due[due["outcome"].isin(CLOSED)].merge(owners.drop(columns="month"), on="account_id", how="left")
    rows = rows.rename(columns={"arr_before": "opening", "arr_after": "closing"})
    return Cohort(rows.assign(cluster=clusters(rows), is_here=rows["outcome"] != "churned"),
                  int((due["outcome"] == "unknown").sum()), "renewals due in twelve months", "of the renewals due")


def kept_of(group: Cohort, name: str, definitions: Definitions) -> Estimate:
    """nrr, grr, arr_churn or logo_churn of a cohort, with its interval; nothing of money that is not known of all."""
    rows = group.rows
    if name == "logo_churn":
        return rate_of(~rows["is_here"], rows["cluster"], definitions)
    if rows[["opening", "closing"]].isna().any(axis=None):
        return stats.NOTHING
    top = {"nrr": rows["closing"], "grr": rows[["opening", "closing"]].min(axis=1),
           "arr_churn": rows["opening"].where(~rows["is_here"], 0.0)}[name]
    return known_chance(stats.total_ratio(top, rows["opening"], rows["cluster"]), definitions)


def revenue_kept(scores: pd.DataFrame, outcomes: pd.DataFrame, definitions: Definitions, month: date,
                 gross: bool = False) -> Finding:
    """NRR, or GRR (`gross`), of the cohort that `retention_basis` names: the retention table's of that basis, with an
    interval from the accounts behind it."""
    return _revenue_kept(cohort(scores, outcomes, definitions, month), definitions, gross)


def _revenue_kept(group: Cohort, definitions: Definitions, gross: bool) -> Finding:
    title = "gross revenue retention" if gross else "net revenue retention"
    name = title.replace(" ", "_")
    if silent := group.without_rate(name, definitions):
        return silent
    estimate = kept_of(group, "grr" if gross else "nrr", definitions)
    if estimate.value is None:
        return Finding.not_measured(name, NO_MONEY)
    sentence = f"{title.capitalize()} {group.over} is {with_interval(estimate)}."
    return _finding(name, sentence, estimate, group.notes())


def accounts_lost(scores: pd.DataFrame, outcomes: pd.DataFrame, definitions: Definitions, month: date) -> Finding:
    """Logo churn: the share of the cohort that `retention_basis` names that is no longer there."""
    return _accounts_lost(cohort(scores, outcomes, definitions, month), definitions)


def _accounts_lost(group: Cohort, definitions: Definitions) -> Finding:
    if silent := group.without_rate("logo_churn", definitions):
        return silent
    estimate = kept_of(group, "logo_churn", definitions)
    sentence = f"{with_interval(estimate)} of the {group.who} were lost."
    return _finding("logo_churn", sentence, estimate, ["Counted, not weighed by revenue.", *group.notes()])


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
    if few := under_floor("renewal_rate", rows["account_id"].nunique(), definitions,
                          "with a renewal due in twelve months"):
        return few
    estimate = rate_of(rows["outcome"] != "churned", clusters(rows), definitions)
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


def retention_by_month(retention: pd.DataFrame, definitions: Definitions, month: date) -> Finding:
    """GRR, NRR and churn by month from the retention table by `retention_basis`, all segments together. `details`:
    `level`, what the yearly line of churn leaves (None for renewals due: the line is of a year), and `over` what."""
    basis, churn = definitions.outcomes.retention_basis, definitions.outcomes.churn_line
    rows = retention[(retention["basis"] == basis) & (retention["segment"] == "all")
                     & (retention["month"] <= pd.Timestamp(month))].sort_values("month")
    rows = rows[rows["logos_opening"] > 0]
    if rows.empty:
        return Finding.not_measured("retention_by_month", "there is no full year of contracts yet")
    if pd.isna(rows["logo_churn"].iloc[-1]):
        return Finding.not_measured("retention_by_month", f"too many left with an unknown outcome, or {NO_END}")
    last = rows.iloc[-1]
    level, over = {"trailing_12": (1 - churn, "over twelve months"), "month": (1 - churn / YEAR, "over the month"),
                   "renewals_due": (None, "of the renewals due")}[basis]
    each = "each with the twelve before it; the last one opened with" if basis == "trailing_12" else "the last one of"
    sentence = f"{count(len(rows), 'month')}, {each} {count(int(last['logos_opening']), 'account')}."
    columns = ["month", "grr", "nrr", "logo_churn", "arr_churn", "logos_opening"]
    return Finding("retention_by_month", sentence, n=int(last["logos_opening"]),
                   details={"rows": rows[columns].to_dict("records"), "level": level, "over": over})


def bridge(retention: pd.DataFrame, month: date, currency: str = "") -> Finding:
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
    ends = [f"{currency} {told[name]}".strip() for name in ("opening", "closing")]
    sentence = (f"ARR went from {' to '.join(ends)} in a year: {told['new']} new and "
                f"{told['expansion']} from expansion, less {told['contraction']} by contraction and "
                f"{told['churned']} by churn.")
    return Finding("arr_bridge", sentence, n=int(one["logos_opening"]),
                   details={"rows": [{"step": name, "arr": amount} for name, amount in steps]})


def by_every_definition(scores: pd.DataFrame, outcomes: pd.DataFrame, definitions: Definitions,
                        month: date) -> Finding:
    """Logo churn, GRR and NRR by every `retention_basis`, for churn is ambiguous (004): the one that leads comes first.
    Rows: basis, n (accounts or renewals), rate (logo churn), lower, upper, grr, nrr."""
    lead, rows, told = definitions.outcomes.retention_basis, [], []
    for basis in sorted(BASES, key=lambda name: name != lead):
        one = replace(definitions, outcomes=definitions.outcomes.model_copy(update={"retention_basis": basis}))
        group = cohort(scores, outcomes, one, month)
        lost, gross, net = _accounts_lost(group, one), *(_revenue_kept(group, one, gross) for gross in (True, False))
        told.append(lost.sentence)
        rows.append({"basis": BASES[basis], "n": lost.n, "rate": lost.estimate, "lower": lost.lower,
                     "upper": lost.upper, "grr": gross.estimate, "nrr": net.estimate})
    return Finding("churn_by_definition", " ".join(told), details={"rows": rows})


def churn_by_month(scores: pd.DataFrame, retention: pd.DataFrame, outcomes: pd.DataFrame, definitions: Definitions,
                   month: date) -> Finding:
    """Logo and ARR churn of each month's opening, against the yearly line divided by twelve (004). Rows: month,
    logo_churn, arr_churn, logos_opening; the estimate is that of the last twelve months together, in logos."""
    rows = retention[(retention["basis"] == "month") & (retention["segment"] == "all") & retention["logo_churn"].notna()
                     & (retention["month"] <= pd.Timestamp(month))].sort_values("month")
    rows = rows[rows["logos_opening"].map(definitions.claims.are_enough)]
    if rows.empty:
        return Finding.not_measured("churn_by_month", "no month opened with enough accounts and known outcomes")
    months, yearly = rows["month"].tail(YEAR), definitions.outcomes.churn_line
    scores = scores[scores["month"] >= months.min() - pd.DateOffset(months=1)]
    last = pd.concat([opening_cohort(scores, outcomes, each, 1).rows for each in months])
    estimate = rate_of(~last["is_here"], last["cluster"], definitions)
    sentence = (f"Logo churn by month is {with_interval(estimate)}, of the openings of {count(len(months), 'month')} "
                f"together; the line of {percent(yearly)} a year is {percent(yearly / YEAR)} a month.")
    table = rows[["month", "logo_churn", "arr_churn", "logos_opening"]].to_dict("records")
    return Finding.of("churn_by_month", sentence, estimate, rows=table, clusters=estimate.clusters, line=yearly / YEAR)


def kept_by_band(scores: pd.DataFrame, history: pd.DataFrame, outcomes: pd.DataFrame, definitions: Definitions,
                 bands: tuple[str, ...], month: date) -> Finding:
    """NRR over twelve months by the health band of the opening, as it stood then. Rows: band, n, opening, rate (NRR),
    lower, upper; rate and interval empty under the floor. The openings add up to that of all accounts."""
    name, group = "nrr_by_band", opening_cohort(scores, outcomes, month)
    if silent := group.without_rate(name, definitions):
        return silent
    if group.rows[["opening", "closing"]].isna().any(axis=None) or group.rows["opening"].sum() <= 0:
        return Finding.not_measured(name, NO_MONEY)
    then = history.loc[history["month"] == pd.Timestamp(month) - pd.DateOffset(months=YEAR)]
    band = group.rows["account_id"].map(then.set_index("account_id")["health_band"]).astype(object).fillna("no score")
    rows, told = [], []
    for which in [*bands, "no score"]:
        mine = group.rows[band == which]
        estimate = stats.NOTHING
        if definitions.claims.are_enough(len(mine)):
            estimate = kept_of(replace(group, rows=mine), "nrr", definitions)
            told.append(f"{which} {with_interval(estimate)}")
        rows.append({"band": which, "opening": mine["opening"].sum(), **estimate.row("rate"), "n": len(mine)})
    sentence = f"NRR over twelve months by the band of a year ago: {'; '.join(told)}." if told else \
        f"Too few to say: no band held {definitions.claims.min_accounts} accounts a year ago."
    return Finding(name, sentence, n=len(group.rows), details={"rows": rows, "notes": group.notes()})


def lifetime_value(scores: pd.DataFrame, outcomes: pd.DataFrame, definitions: Definitions, month: date,
                   currency: str = "") -> Finding:
    """LTV = yearly revenue per account / yearly churn (004), by logo churn; without a churn a lower bound only.

    The interval is that of the churn; the revenue per account is the mean ARR of the month, taken as it is.
    """
    group, now = opening_cohort(scores, outcomes, month), scores.loc[scores["month"] == pd.Timestamp(month), "arr"]
    if silent := group.without_rate("lifetime_value", definitions):
        return silent
    if now.empty or now.isna().any():
        return Finding.not_measured("lifetime_value", NO_MONEY)
    churn, revenue = kept_of(group, "logo_churn", definitions), now.mean()
    low, high = (revenue / x if x else None for x in (churn.upper, churn.lower))
    each = f"{amount(revenue, currency)} a year per account"
    if not churn.value:
        bound = f"LTV is at least {amount(low, currency)}" if low else "LTV has no bound that the data could give"
        sentence = f"{bound}: {each}, and none of {count(churn.n, 'account')} left in twelve months."
        return _finding("lifetime_value", sentence, Estimate(None, low, None, churn.n, churn.clusters), group.notes())
    shown = f" (95% interval {amount(low, currency)} to {amount(high, currency)})" if low and high else ""
    sentence = (f"LTV is {amount(revenue / churn.value, currency)}{shown}: {each} over a yearly logo churn of "
                f"{with_interval(churn)}.")
    return _finding("lifetime_value", sentence, Estimate(revenue / churn.value, low, high, churn.n, churn.clusters),
                    group.notes())


def _finding(name: str, sentence: str, estimate: Estimate, notes: list[str],
             rows: list[dict[str, Any]] | None = None) -> Finding:
    return Finding.of(name, sentence, estimate, notes=notes, rows=rows or [], clusters=estimate.clusters)
