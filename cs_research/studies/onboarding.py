"""Onboarding success and health a year later (methods 1, the comparison without adjustment)."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from cs_research.finding import Estimate, Finding, Judgement, count, interval_text, number, value_text, with_interval
from cs_research.scorecards import zero_based
from cs_research.studies import stats
from cs_research.studies.evidence import NOTE_TODAY, Evidence, clusters, last_month_before
from cs_research.studies.judging import cannot_measure, claim_finding, judged, too_few

NAME = "onboarding_doubles_health"


def landmarks(evidence: Evidence) -> pd.DataFrame:
    """One row per account alive at its landmark, the month in which onboarding should have ended.

    Out: account_id, start_date, deadline (start + the months of onboarding), landmark (first day of the month
    that holds the day before), segment, cluster.
    """
    months = pd.DateOffset(months=evidence.definitions.outcomes.onboarding.months)
    starts = evidence.history.groupby("account_id", as_index=False)["start_date"].min()
    starts["deadline"] = starts["start_date"] + months
    starts["landmark"] = (starts["deadline"] - pd.Timedelta(days=1)).dt.to_period("M").dt.to_timestamp()
    alive = evidence.history[["account_id", "month", "segment"]].assign(cluster=clusters(evidence.history))
    return starts.merge(alive.rename(columns={"month": "landmark"}), on=["account_id", "landmark"])


def stock_at_landmark(evidence: Evidence) -> pd.DataFrame:
    """account_id, landmark, stock_per_seat two months after the start, where it is measured (003).

    Empty where the definitions name no mark for it.
    """
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
        return _milestones_in_time(evidence, required), f"{words} done in time"
    stock = stock_at_landmark(evidence)
    if stock.empty:
        return pd.Series(dtype=bool), ""
    return (stock.set_index("account_id")["stock_per_seat"] >= plan.stock_per_seat - 1e-9,
            f"{number(plan.stock_per_seat, 0)} per seat {plan.months} months after the start")


def _milestones_in_time(evidence: Evidence, required: tuple[str, ...]) -> pd.Series:
    accounts = landmarks(evidence)[["account_id", "deadline"]]
    rows = evidence.milestones[evidence.milestones["milestone"].isin(required)].merge(accounts, on="account_id")
    last_day = rows[["due_date", "deadline"]].min(axis=1)
    done = rows[rows["completed_date"] <= last_day].groupby("account_id")["milestone"].nunique()
    return done.reindex(accounts["account_id"], fill_value=0) == len(required)


def onboarding_success(evidence: Evidence) -> Finding:
    """Share of the accounts whose onboarding should have ended in the last three months and did (004, a KPI).

    rows: month, rate, n of the three months that end there, for the trend.
    """
    name, rules = "onboarding_success", evidence.definitions.claims
    span = evidence.definitions.outcomes.onboarding.recent_months
    succeeded, words = successes(evidence)
    frame = _with_success(landmarks(evidence), succeeded)
    if frame.empty:
        return Finding.not_measured(name, "the data hold no milestones and no stock with a mark")
    last, table = evidence.history["month"].max(), []
    for month in pd.date_range(frame["landmark"].min(), last, freq="MS"):
        recent = frame[frame["landmark"].between(month - pd.DateOffset(months=span - 1), month)]
        enough = rules.are_enough(len(recent))
        table.append({"month": month, "rate": recent["is_success"].mean() if enough else None, "n": len(recent)})
    recent = frame[frame["landmark"] > last - pd.DateOffset(months=span)]
    if not rules.are_enough(len(recent)):
        due = count(len(recent), "onboarding")
        return Finding(name, f"Too few to say: {due} should have ended in the last {span} months.", n=len(recent),
                       details={"rows": table})
    estimate = stats.rate(recent["is_success"], recent["cluster"])
    sentence = f"{with_interval(estimate)} of the onboardings of the last {span} months succeeded ({words})."
    return Finding(name, sentence, estimate.value, estimate.lower, estimate.upper, estimate.n, details={"rows": table})


@dataclass(frozen=True)
class Cohort:
    """Accounts with a known success and a known fate some months later; how many were left out and why.

    rows: account_id, is_success, cluster, segment, landmark, is_here (later), health (0-based, churned 0),
    points (the card's own scale, churned 0), health_before (0-based, last month before the first due date).
    """

    rows: pd.DataFrame
    left_out: dict[str, int]
    success_words: str
    reach: str
    later_words: str  # "a year later"
    shared: tuple[str, ...]  # indicators that success itself moves


def cohort(evidence: Evidence) -> Cohort:
    """Who enters: alive at the landmark, the months after it over, and gone or with a score at its end."""
    plan = evidence.definitions.outcomes.onboarding
    succeeded, words = successes(evidence)
    frame = landmarks(evidence)
    alive, reach = len(frame), _reach(frame, evidence)
    frame = _with_success(frame, succeeded)
    known = len(frame)
    frame["later_month"] = frame["landmark"] + pd.DateOffset(months=plan.horizon_months)
    frame = frame[frame["later_month"] <= evidence.history["month"].max()]
    over = len(frame)
    if over:
        frame = _with_later_health(frame, evidence)
        frame = frame[frame["health"].notna()].reset_index(drop=True)
    left_out = {"without a measured success": alive - known, "not over yet": known - over,
                "without a score at the end": over - len(frame)}
    return Cohort(frame, left_out, words, reach, _later(plan.horizon_months), shared_indicators(evidence))


def shared_indicators(evidence: Evidence) -> tuple[str, ...]:
    """Ids of the card's indicators made of what success is made of: they rise with it by construction."""
    by_milestones = evidence.milestones is not None and len(evidence.milestones)
    made_of = "milestones" if by_milestones else "stock"
    return tuple(i.id for i in evidence.card.indicators
                 if any(str(name).startswith(made_of) for name in (i.value, i.numerator, i.denominator)))


def _later(months: int) -> str:
    return "a year later" if months == 12 else f"{count(months, 'month')} later"


def _reach(frame: pd.DataFrame, evidence: Evidence) -> str:
    """How many accounts are still there at the end, in words."""
    plan = evidence.definitions.outcomes.onboarding
    later = frame[["account_id"]].assign(month=frame["landmark"] + pd.DateOffset(months=plan.horizon_months))
    there = len(later.merge(evidence.history[["account_id", "month"]], on=["account_id", "month"]))
    return f"{count(there)} of {count(len(frame), 'account')} reach month {plan.months + plan.horizon_months}"


def _with_success(frame: pd.DataFrame, succeeded: pd.Series) -> pd.DataFrame:
    """The accounts whose success is measured, with is_success."""
    told = frame.assign(is_success=frame["account_id"].map(succeeded))
    told = told[told["is_success"].notna()]
    return told.assign(is_success=told["is_success"].astype(bool))


def _with_later_health(frame: pd.DataFrame, evidence: Evidence) -> pd.DataFrame:
    scores = evidence.history[["account_id", "month", "health"]]
    ends = evidence.outcomes.merge(frame[["account_id", "landmark", "later_month"]], on="account_id")
    ends = ends[ends["due_date"] > ends["landmark"] + pd.offsets.MonthEnd(0)]
    left = ends[(ends["outcome"] == "churned") & (ends["due_date"] <= ends["later_month"] + pd.offsets.MonthEnd(0))]
    later = frame.merge(scores.rename(columns={"month": "later_month", "health": "points"}),
                        on=["account_id", "later_month"], how="left", indicator="seen")
    later["is_here"] = later.pop("seen") == "both"
    is_gone = ~later["is_here"] & later["account_id"].isin(left["account_id"])
    later["points"] = later["points"].mask(is_gone, 0.0)
    later["health"] = zero_based(later["points"], evidence.card).mask(is_gone, 0.0)
    due = ends.groupby("account_id")["due_date"].min()
    later["before"] = last_month_before(pd.to_datetime(later["account_id"].map(due)) - pd.Timedelta(days=1))
    before = scores.rename(columns={"month": "before", "health": "health_before"})
    later = later.merge(before, on=["account_id", "before"], how="left")
    later["health_before"] = zero_based(later["health_before"], evidence.card)
    return later


def contrasts(rows: pd.DataFrame, later: str) -> list[dict[str, Any]]:
    """The comparison seen in every way that methods 1 asks for, one line each; `later` as in "a year later"."""
    here, before = rows[rows["is_here"]], rows[rows["health_before"].notna()]
    lines = [(f"{later}, churned = 0", "ratio", rows, "health"),
             (f"{later}, among those who stayed", "ratio", here, "health"),
             ("in the last month before the first due date", "ratio", before, "health_before"),
             (f"{later}, churned = 0, on the card's own scale", "ratio", rows, "points"),
             (f"still a customer {later}", "ratio", rows, "is_here"),
             (f"{later}, churned = 0", "difference", rows, "health"),
             (f"still a customer {later}", "difference", rows, "is_here")]
    return [_contrast(words, form, frame, column) for words, form, frame, column in lines]


def _contrast(words: str, form: str, frame: pd.DataFrame, column: str) -> dict[str, Any]:
    values, success = frame[column].astype(float), frame["is_success"].astype(bool)
    study = {"ratio": stats.mean_ratio, "difference": stats.mean_difference}[form]
    estimate = study(values, success, frame["cluster"])
    return {"what": words, "form": form, "success": values[success].mean(), "others": values[~success].mean(),
            "estimate": estimate.value, "lower": estimate.lower, "upper": estimate.upper, "n": estimate.n,
            "clusters": estimate.clusters}


def onboarding_and_health(evidence: Evidence) -> Finding:
    """Health a year after onboarding, accounts that succeeded over those that did not (000, 004).

    Without adjustment the comparison flatters: good customers both finish onboarding and stay healthy. So it may
    contradict a claim that it does not even reach, and never supports one.
    """
    group = cohort(evidence)
    rows = group.rows
    sizes = rows["is_success"].value_counts().reindex([True, False], fill_value=0)
    notes = _notes(group)
    if rows.empty or sizes.min() == 0:
        return cannot_measure(NAME, _why_empty(group, evidence), notes)
    smaller = f"in the smaller group of {count(len(rows))} seen {group.later_words}"
    few = too_few(evidence, NAME, int(sizes.min()), smaller, notes)
    return few or _judged_finding(evidence, contrasts(rows, group.later_words), notes, group.later_words)


def _judged_finding(evidence: Evidence, table: list[dict[str, Any]], notes: list[str], later: str) -> Finding:
    everyone, stayed = _estimate(table[0]), _estimate(table[1])
    verdict = unadjusted(judged(evidence, NAME, everyone, stats.logarithm(everyone)))
    claimed = f"the {number(evidence.definitions.claims.claims[NAME].value or 1, 0)} times claimed"
    ending = f"even so, {verdict.reason.replace('claimed', claimed)}" if verdict.verdict == "contradicted" else (
        f"whether it is {claimed} cannot be told: {verdict.reason}")
    sentence = (f"{later[0].upper()}{later[1:]}, accounts onboarded in time have {value_text(everyone, 'ratio')} times "
                f"the health of the others ({interval_text(everyone, 'ratio')}; churned count as 0), and "
                f"{value_text(stayed, 'ratio')} times among those who stayed ({interval_text(stayed, 'ratio')}). "
                f"This is an unadjusted association; {ending}.")
    return claim_finding(evidence, NAME, sentence, everyone, verdict, rows=table, notes=notes)


def _estimate(line: dict[str, Any]) -> Estimate:
    return Estimate(line["estimate"], line["lower"], line["upper"], line["n"], line["clusters"])


def _notes(group: Cohort) -> list[str]:
    out = [f"{count(n)} {why}" for why, n in group.left_out.items() if n]
    both = " and ".join(group.shared)
    said = {f"Success is {group.success_words}. Health from 0 to the card's total.": group.success_words,
            f"Success and score share {both}, which raises the ratio by construction.": both,
            f"{group.reach}.": True, f"Left out: {'; '.join(out)}.": out, NOTE_TODAY: True}
    return [note for note, is_needed in said.items() if is_needed]


def _why_empty(group: Cohort, evidence: Evidence) -> str:
    if group.left_out["without a measured success"] and group.rows.empty and not group.left_out["not over yet"]:
        return f"the data hold no milestones and no stock, so onboarding success is unknown ({group.reach})"
    if group.rows.empty:
        months = evidence.definitions.outcomes.onboarding.horizon_months
        return f"no account has a score {months} months after its onboarding"
    every = "every" if group.rows["is_success"].all() else "no"
    return f"{every} account seen {group.later_words} succeeded ({group.success_words}): there is nothing to compare"


def unadjusted(verdict: Judgement) -> Judgement:
    """What a verdict is worth when nothing was adjusted for: only a claim that is not even reached stays judged."""
    if verdict == Judgement("contradicted", "lower than claimed") or verdict.verdict == "cannot_tell":
        return verdict
    return Judgement("cannot_tell", "nothing was adjusted for, which flatters onboarding")
