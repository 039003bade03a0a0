"""A hold-out of touches drawn by lot: how many accounts it needs, who is in it, what came of it (methods 4)."""

import hashlib
import math

import pandas as pd

from cs_research.finding import Finding, with_interval
from cs_research.numbers import count, number
from cs_research.studies import stats
from cs_research.studies.evidence import Evidence, clusters
from cs_research.studies.judging import known_chance, under_floor
from cs_research.studies.touch_effect import health_without_touch

ARMS = ("touch", "hold out")


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
