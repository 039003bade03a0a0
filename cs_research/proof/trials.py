"""One simulated company studied as a report studies one, and each answer beside what is true there."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cs_research.finding import Finding
from cs_research.simulate import draws
from cs_research.simulate.life import Life
from cs_research.simulate.truth import auc
from cs_research.studies import Evidence, calibrated_card, calibration, claims, forecast, incidence, stats

ONBOARDING = ("ratio", "ratio_among_survivors", "ratio_before_first_due", "ratio_on_points_scale", "survival_ratio",
              "difference", "survival_difference")
"""The truth of each row of the Finding on onboarding, in its order."""
RATIOS = {*ONBOARDING[:5]}
CLAIM = "claim "
GAIN, RANKS = "calibrated points, gain in true AUC", "calibrated points, rank correlation with the true ones"


@dataclass(frozen=True)
class Told:
    """What a study said of a quantity: its estimate with the interval, its verdict (claims and calibration), what is
    true (NaN: not known, so only the verdict counts) and the value that means nothing (NaN: none does)."""

    quantity: str
    estimate: float = np.nan
    lower: float = np.nan
    upper: float = np.nan
    truth: float = np.nan
    nothing: float = np.nan
    verdict: str = ""


def told(life: Life, evidence: Evidence, truth: dict[str, Any]) -> list[Told]:
    """All that is told of a company from its evidence. `truth` as `simulate.truth` gives it; {} where only the
    estimates are asked for. The life is asked for true chances only, to weigh calibrated points by."""
    renewals = truth.get("renewals", {})
    found = claims.all_claims(evidence)
    return [*(Told(CLAIM + one.question, verdict=one.verdict) for one in found),
            *_onboarding(found[0], truth.get("onboarding", {})), *_rates(found, renewals),
            *_discrimination(evidence, renewals), *_over_time(evidence, found[-1], truth), *_forecast(evidence),
            *_calibration(life, evidence)]


def _interval(quantity: str, row: dict[str, Any], truth: float | None, nothing: float = np.nan,
              value: str = "estimate") -> Iterator[Told]:
    """The row's estimate, where it has one with an interval."""
    if row.get("lower") is not None:
        yield Told(quantity, row[value], row["lower"], row["upper"], np.nan if truth is None else truth, nothing)


def _onboarding(found: Finding, truth: dict[str, Any]) -> Iterator[Told]:
    for name, row in zip(ONBOARDING, found.rows, strict=False):
        is_ratio = name in RATIOS
        # Where success is stock, the score without stock leads: a quantity of its own.
        true = truth.get("ratio_without_stock" if name == "ratio" and " A-2" in found.sentence else name)
        yield from _interval(f"onboarding {name}", row, true, 1.0 if is_ratio else 0.0)


def _rates(found: tuple[Finding, ...], truth: dict[str, Any]) -> Iterator[Told]:
    one = {finding.question: finding for finding in found}
    for claim, event in (("bad_health_churns_half", "churned"), ("good_health_expands_70", "expanded")):
        for row in one[claim].rows[:4]:
            name = f"p_{event}_given_{row['group']}"
            yield from _interval(name, row, truth.get(name), value="rate")
    for claim, name in (("bad_health_churns_half", "p_red_given_churned"),
                        ("good_health_expands_70", "p_green_given_expanded")):
        yield from _interval(name, one[claim].details.get("other_reading", {}), truth.get(name), value="rate")
    name = "p_first_churned_given_stock_below_400"
    yield from _interval(name, vars(one["low_stock_churns"]), truth.get(name))


def _discrimination(evidence: Evidence, truth: dict[str, Any]) -> Iterator[Told]:
    rows = evidence.readings.rows
    rows = rows[rows["health"].notna()]
    worth = truth.get("worth", {})
    for name, sign in (("churned", -1), ("expanded", 1)):
        found = stats.auc(sign * rows["health"], rows[f"is_{name}"], rows["cluster"])
        yield from _interval(f"auc_{name}", vars(found), worth.get(f"auc_{name}", {}).get("card"), 0.5, "value")
    money = evidence.history[["account_id", "month", "arr"]].merge(rows, on=["account_id", "month"])
    kept = stats.total_ratio(money["arr"].where(~money["is_churned"], 0), money["arr"], money["cluster"])
    yield from _interval("renewal_rate_by_mrr", vars(kept), truth.get("renewal_rate_by_mrr"), value="value")


def _over_time(evidence: Evidence, touch: Finding, truth: dict[str, Any]) -> Iterator[Told]:
    for row in incidence.first_events(evidence).rows:
        name = f"{row['event']}_by_{row['months']}"
        yield from _interval(name, row, truth.get("cumulative_incidence", {}).get(name), value="rate")
    yield from _interval("touch conditional association", vars(touch), truth.get("touch", {}).get("conditional"), 0.0)


def _forecast(evidence: Evidence) -> Iterator[Told]:
    """The ARR kept of the renewals of the last year of the data, forecast from what was known before it."""
    year = pd.DateOffset(months=forecast.HORIZON, days=evidence.definitions.outcomes.grace_days)
    month = evidence.history["month"].drop_duplicates()
    month = month[month + pd.offsets.MonthEnd(0) <= pd.Timestamp(evidence.as_of) - year].max()
    past = forecast.past_renewals(evidence.history, evidence.outcomes)
    made = forecast.past_forecast(evidence, past, month, forecast.HORIZON)
    if made is not None:
        yield from _interval("ARR kept in a year, forecast", made[0], made[1], value="kept")


def _calibration(life: Life, evidence: Evidence) -> Iterator[Told]:
    """By the true chances, what the fitted points gain over the expert's; how they rank against the true card's."""
    windows, _ = calibrated_card.windows(evidence)
    expert = calibrated_card.expert_points(evidence.card)
    found = calibration.calibrated(windows, expert)
    verdict = found.verdict(evidence.definitions.claims.min_clusters)
    read = draws.readings(life)
    bands, chance = read[[i.id for i in evidence.card.indicators]].to_numpy(), read["p_churned"].to_numpy()
    new, old = (auc(-calibration.totals(bands, points), chance) for points in (found.points, expert))
    yield Told(GAIN, new - old, verdict=verdict, nothing=0.0)
    best = np.array(life.world.steps).sum(axis=1)
    if best.min() < best.max() and not found.why:
        yield Told(RANKS, float(pd.Series(found.points[:, -1]).corr(pd.Series(best), method="spearman")))
