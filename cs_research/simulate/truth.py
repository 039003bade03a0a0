"""What is true in a simulated world, by living it with many more accounts than anyone exports.

Rates are averages of the true probabilities (not of outcomes), so their Monte-Carlo error is small;
the effect of onboarding is read from the same world lived twice, once with every onboarding in time, once with none.
"""

from dataclasses import asdict

import numpy as np
import pandas as pd

from cs_research.simulate.calendar import Calendar
from cs_research.simulate.card import BANDS, band, zero_based
from cs_research.simulate.life import Life
from cs_research.simulate.population import draw_managers, draw_population
from cs_research.simulate.worlds import World

TRUTH_SEED = 20180401
ACCOUNTS_PER_MANAGER = 30
HORIZON = 12


def truth(world: World, months: int, last: str, accounts: int) -> dict:
    """Parameters and true values; the same for every seed. What this cannot know is left out."""
    lived = _lived(world, months, last, accounts, None)
    result = {
        "parameters": asdict(world),
        "monte_carlo": {"accounts": accounts, "managers": len(lived.managers), "seed": TRUTH_SEED},
        "reading": "default card's total from everything that happened, read at the last month that ends on or "
        "before the renewal minus 3 months; renewals due within the period; managers are a random draw",
    }
    if lived.log["readings"]:
        result["renewals"] = _renewals(lived)
    if months >= HORIZON + 4:
        result["onboarding"] = _onboarding(world, months, last, accounts)
    return result


def _lived(world: World, months: int, last: str, accounts: int, onboarded: bool | None) -> Life:
    rng = np.random.default_rng([TRUTH_SEED, months])
    managers = draw_managers(rng, max(5, accounts // ACCOUNTS_PER_MANAGER), world)
    people = draw_population(rng, accounts, months, managers)
    return Life(people, managers, world, Calendar(last, months), rng, onboarded).run()


def _renewals(lived: Life) -> dict:
    read = pd.concat([pd.DataFrame(entry) for entry in lived.log["readings"]], ignore_index=True)
    read = read[read["due_month"] < lived.calendar.months]
    bands = band(read["health"])
    rates = {"churned": "churn", "expanded": "expand", "contracted": "contract"}
    result = {"readings": len(read)}
    for outcome, column in rates.items():
        result[f"p_{outcome}"] = _mean(read[column])
        result[f"p_{outcome}_by_band"] = {
            name: _mean(read.loc[bands == code, column]) for code, name in enumerate(BANDS)
        }
    result["band_share"] = {name: round(float(np.mean(bands == code)), 4) for code, name in enumerate(BANDS)}
    result["p_churned_given_red"] = result["p_churned_by_band"]["red"]
    result["p_expanded_given_green"] = result["p_expanded_by_band"]["green"]
    result["p_red_given_churned"] = _share(bands == 0, read["churn"])
    result["p_green_given_expanded"] = _share(bands == 3, read["expand"])
    result["p_churned_given_red_or_orange"] = _mean(read.loc[bands <= 1, "churn"])
    result["p_expanded_given_yellow_or_green"] = _mean(read.loc[bands >= 2, "expand"])
    low_touch = read["touch_score"] < 0.5
    result["p_churned_given_touch_below_half"] = _mean(read.loc[low_touch, "churn"])
    result["p_churned_given_touch_from_half"] = _mean(read.loc[~low_touch, "churn"])
    return result


def _onboarding(world: World, months: int, last: str, accounts: int) -> dict:
    outcomes = {arm: _year_later(_lived(world, months, last, accounts, arm)) for arm in (True, False)}
    mean = {arm: float(np.nan_to_num(y).mean()) for arm, y in outcomes.items()}
    survivors = {arm: float(np.nanmean(y)) for arm, y in outcomes.items()}
    alive = {arm: float((~np.isnan(y)).mean()) for arm, y in outcomes.items()}
    return {
        "estimand": "E[Y(1)] / E[Y(0)], Y = health on the 0-based scale 12 months after the landmark month, "
        "churned = 0, accounts alive at the landmark",
        "accounts": len(outcomes[True]),
        "ratio": round(mean[True] / mean[False], 4),
        "difference": round(mean[True] - mean[False], 3),
        "ratio_among_survivors": round(survivors[True] / survivors[False], 4),
        "survival_ratio": round(alive[True] / alive[False], 4),
        "mean_if_in_time": round(mean[True], 3),
        "mean_if_not": round(mean[False], 3),
    }


def _year_later(lived: Life) -> np.ndarray:
    """0-based health 12 months after the landmark of those alive at it; NaN for those gone by then."""
    landmark = lived.landmark_month()
    who = np.flatnonzero(landmark + HORIZON < lived.calendar.months)
    who = who[lived.seats_then[who, landmark[who]] > 0]
    return zero_based(lived.health[who, landmark[who] + HORIZON])


def _mean(values: pd.Series) -> float | None:
    return round(float(values.mean()), 4) if len(values) else None


def _share(chosen: np.ndarray, weight: pd.Series) -> float:
    return round(float(weight[chosen].sum() / weight.sum()), 4)
