"""Touch and health a month later (methods 4): a conditional association, and a hold-out drawn by lot that would tell.

Of the hold-out: how many accounts it needs, who is in it, what came of it.
"""

import hashlib
import math

import numpy as np
import pandas as pd

from cs_research.finding import Estimate, Finding, with_interval
from cs_research.numbers import count, number
from cs_research.scorecards import earlier
from cs_research.studies import stats
from cs_research.studies.evidence import NOTE_TODAY, Evidence, clusters, health_without
from cs_research.studies.judging import cannot_measure, claim_finding, judged, known_chance, too_few, under_floor

NAME = "touch_raises_health"
# Indicators made of touches or meetings: they rise with a touch by construction.
OF_TOUCH = ("touch_score", "touch_score_month", "touch_score_synced", "touch_points", "touch_points_online",
            "keyman_months")
LAGS = ("lag_0", "lag_1", "lag_2")
ARMS = ("touch", "hold out")


def health_without_touch(evidence: Evidence) -> pd.DataFrame:
    """account_id, month, health (0 to the card's total) from the indicators that no touch enters."""
    of_touch = tuple(i.id for i in evidence.card.indicators if {i.value, i.numerator, i.denominator} & set(OF_TOUCH))
    return health_without(evidence, of_touch)[["account_id", "month", "health"]]


def lagged_panel(evidence: Evidence) -> pd.DataFrame:
    """One row per account and month with health of the next month (`after`), of this and the two before it
    (`lag_0` to `lag_2`), log(1 + touch score of the month), log(1 + age), log(1 + seats), segment, the band of the
    whole score when the month began (`band_before`: what a manager saw) and cluster; complete rows only.
    """
    names = ["account_id", "month", "touch_score_month", "age_months", "segment", "seats", "health_band"]
    frame = evidence.history[names].assign(cluster=clusters(evidence.history))
    frame = frame.merge(health_without_touch(evidence), on=["account_id", "month"])
    for name, months in {"after": -1, **dict(zip(LAGS, range(3), strict=True))}.items():
        frame[name] = earlier(frame, "health", months)
    frame["band_before"] = earlier(frame, "health_band")
    frame["touch"] = np.log1p(frame["touch_score_month"])
    frame["age"], frame["size"] = np.log1p(frame["age_months"]), np.log1p(frame["seats"].fillna(0))
    return frame.dropna(subset=["after", "touch", *LAGS]).reset_index(drop=True)


def touch_and_health(evidence: Evidence) -> Finding:
    """Health (without the touch indicators) next month by touch this month, given three months of that health.

    The estimate is the difference in health that goes with one touch point per seat instead of none.
    """
    if evidence.history["touch_score_month"].notna().sum() == 0:
        return cannot_measure(NAME, "the data hold no touches")
    panel = lagged_panel(evidence)
    accounts = panel["account_id"].nunique()
    if few := too_few(evidence, NAME, accounts, "with four months of health in a row"):
        return few
    estimate = conditional_association(panel, evidence.card.total)
    if estimate.value is None:
        return cannot_measure(NAME, "touch or health does not vary between like accounts and months")
    tolerance = evidence.definitions.claims.negligible_share * evidence.card.total / len(evidence.card.bands)
    verdict = judged(evidence, NAME, estimate, tolerance=tolerance, accounts=accounts)
    ending = {"supported": "a rise, as claimed", "contradicted": verdict.reason}.get(
        verdict.verdict, f"this cannot be told ({verdict.reason})")
    sentence = (f"One touch point per seat more goes with a change of {with_interval(estimate, 'difference')} in "
                f"health (0 to {evidence.card.total:.0f}) a month later, at equal health before: {ending}. This is a "
                "conditional association, not an effect.")
    notes = [f"{count(accounts, 'account')}, months with health in the month after and the two before; the score is "
             "taken without the indicators made of touches and meetings.",
             "Equal in three months of that health and their quarters, the band that managers saw, month, age, seats "
             "and segment. It fails where managers act on what is not recorded; a hold-out drawn by lot would tell "
             "(notebook holdout).",
             NOTE_TODAY]
    row = {"what": "one touch point per seat more", "form": "difference", **estimate.row()}
    return claim_finding(evidence, NAME, sentence, estimate, verdict, tolerance, "health", rows=[row], notes=notes)


def conditional_association(panel: pd.DataFrame, total: float) -> Estimate:
    """The slope of `after` on `touch` at equal lags, bands and covariates, times log 2: one touch point, not none.

    In: the columns of `lagged_panel`; `total` of the health scale. Least squares, clustered; no value where touch or
    health does not vary, no interval from one cluster. Rule: methods 4.
    """
    quarters = {f"{lag}_quarter": (panel[lag] / total * 4).clip(0, 3.99).astype(int) for lag in LAGS}
    levels = panel[["segment", "band_before", "month"]].assign(**quarters)
    levels = levels.fillna({"segment": "none", "band_before": "none"}).astype("category")
    controls = np.column_stack([pd.get_dummies(levels, drop_first=True), panel[["age", "size", *LAGS]]])
    unit = float(np.log(2))
    return stats.adjusted_slope(panel["after"] * unit, panel["touch"], controls, panel["cluster"])


# ---------------------------------------------------------------- a hold-out drawn by lot


def assignment(history: pd.DataFrame, month: pd.Timestamp, seed: str) -> pd.DataFrame:
    """Who of a month's accounts with a health band is touched and who is held out: account_id, segment, health_band,
    owner, arm. Half of each segment x band (within one account), by a hash of seed and id: the same at every run."""
    rows = history[(history["month"] == month) & history["health_band"].notna()]
    rows = rows[["account_id", "segment", "health_band", "owner"]].fillna({"segment": "none"})
    lot = [hashlib.sha256(f"{seed} {account}".encode()).hexdigest() for account in rows["account_id"]]
    rows = rows.assign(lot=lot).sort_values(["segment", "health_band", "lot"], ignore_index=True)
    return rows.drop(columns="lot").assign(arm=[ARMS[number % 2] for number in range(len(rows))])


def accounts_needed(smallest: float, deviation: float, power: float = 0.8, chance: float = 0.05) -> int:
    """Accounts of both arms together to find a difference of `smallest` (two-sided t-test).

    >>> accounts_needed(0.5, 1.0)  # half a standard deviation: 64 in each arm (Cohen 1988)
    128
    """
    from statsmodels.stats.power import TTestIndPower

    return 2 * math.ceil(TTestIndPower().solve_power(smallest / deviation, power=power, alpha=chance))


def size_of_the_holdout(evidence: Evidence, month: pd.Timestamp, months: int, smallest: float) -> Finding:
    """How many accounts tell a difference of `smallest` in health after some months, four times in five; rows for half
    of it, itself and twice it. The spread is that of past accounts with equal health at the start."""
    health = health_without_touch(evidence)
    then = health.assign(month=health["month"] + pd.DateOffset(months=months))
    pairs = health.merge(then, on=["account_id", "month"], suffixes=("", "_then")).dropna()
    if few := under_floor("holdout_size", pairs["account_id"].nunique(), evidence.definitions,
                          f"with health {months} months apart"):
        return few
    deviation = float(pairs["health"].std() * math.sqrt(max(1 - pairs["health"].corr(pairs["health_then"]) ** 2, 0)))
    if not deviation > 0:
        return Finding.not_measured("holdout_size", "health does not vary between accounts and months")
    there = len(assignment(evidence.history, month, ""))
    rows = [{"smallest": size, "accounts": accounts_needed(size, deviation), "there": there}
            for size in (smallest / 2, smallest, 2 * smallest)]
    word = "enough" if there >= rows[1]["accounts"] else "too few"
    sentence = (f"To find a difference of {number(smallest)} in health after {months} months, "
                f"{count(rows[1]['accounts'], 'account')} in two halves are needed; {count(there)} are there: {word}.")
    notes = [f"Power 80%, chance 5%, two-sided; spread {number(deviation)} at equal health before. Managers who differ "
             "in what a touch does ask for more."]
    return Finding("holdout_size", sentence, float(rows[1]["accounts"]), n=there,
                   details={"rows": rows, "notes": notes})


def held_out(evidence: Evidence, assigned: pd.DataFrame, month: pd.Timestamp, months: int) -> Finding:
    """Health some months after the draw, touched less held out, as drawn (intention to treat): who left has health 0,
    equal in segment, band and health at the draw, clustered by manager. Rows: what, form, estimate, lower, upper, n."""
    name, end = "holdout", month + pd.DateOffset(months=months)
    if end > evidence.history["month"].max():
        return Finding.not_measured(name, f"the {months} months after the draw of {month:%Y-%m} are not over")
    health, rows = health_without_touch(evidence), assigned.assign(cluster=clusters(assigned))
    for column, when in (("before", month), ("after", end)):
        rows[column] = rows["account_id"].map(health[health["month"] == when].set_index("account_id")["health"])
    there = evidence.history.loc[evidence.history["month"] == end, "account_id"]
    rows["is_lost"] = ~rows["account_id"].isin(there)
    rows["after"] = rows["after"].mask(rows["is_lost"], 0.0)
    known = rows.dropna(subset=["before", "after"])
    if few := under_floor(name, int(known["arm"].value_counts().reindex(ARMS, fill_value=0).min()),
                          evidence.definitions, "with health in the smaller half"):
        return few
    equal = pd.get_dummies(known["segment"] + known["health_band"], drop_first=True, dtype=float)
    equal["before"] = known["before"]
    found = {what: known_chance(stats.adjusted_slope(known[what].astype(float), known["arm"] == ARMS[0], equal,
                                                     known["cluster"]), evidence.definitions)
             for what in ("after", "is_lost")}
    table = [{"what": "health, touched less held out", "form": "difference", **found["after"].row()},
             {"what": "share lost, touched less held out", "form": "points", **found["is_lost"].row()}]
    if (estimate := found["after"]).value is None:
        return Finding.not_measured(name, "health does not vary between the accounts drawn")
    told = "an effect" if estimate.excludes_zero else "this cannot be told from none"
    sentence = (f"{months} months after the draw accounts meant to be touched stood "
                f"{with_interval(estimate, 'difference')} in health from those held out: {told}.")
    notes = ["As drawn, whoever was touched in the end; an account that left has health 0. Without health then or now: "
             f"{count(len(rows) - len(known))} of {count(len(rows))}."]
    return Finding.of(name, sentence, estimate, rows=table, notes=notes)
