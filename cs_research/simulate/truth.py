"""What is true in a simulated world, by living it with many more accounts than one usually exports.

Rates are averages of the true probabilities, not of outcomes, so their Monte-Carlo error is small. The effect
of onboarding is read from the same accounts lived twice: once with every onboarding in time, once with none.
What cannot be known this way is left out.
"""

from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import pandas as pd

from cs_research.simulate.calendar import Calendar
from cs_research.simulate.card import BANDS, band, zero_based
from cs_research.simulate.life import Life
from cs_research.simulate.population import OPEN_TERM, draw_managers, draw_population
from cs_research.simulate.worlds import HEALTH_KNOTS, World

SEED = 20180401
ACCOUNTS_PER_MANAGER = 30
HORIZON = 12
FEWEST = 200
"""Behind fewer readings or accounts no true value is given."""
READING = (
    "the default card's total from everything that happened, read at the last month that ends on or before "
    "the renewal minus 3 months; renewals due within the period; managers are a random draw"
)
ESTIMAND = (
    "E[Y(1)] / E[Y(0)]; Y = health on the 0-based scale 12 months after the landmark month, churned = 0; "
    "accounts alive at the landmark"
)


def truth(world: World, calendar: Calendar, accounts: int, step: Callable[[], None]) -> dict:
    """Parameters and true values, the same for every seed; `step()` is called after each of three lives."""
    lives = {}
    for name, onboarded in (("as_is", None), ("in_time", True), ("not_in_time", False)):
        lives[name] = _lived(world, calendar, accounts, onboarded)
        step()
    result = {
        "parameters": {"health_knots": HEALTH_KNOTS} | asdict(world),
        "monte_carlo": {"accounts": accounts, "managers": len(lives["as_is"].managers), "seed": SEED},
    }
    if renewals := _renewals(lives["as_is"]):
        result["renewals"] = {"reading": READING} | renewals
    if onboarding := _onboarding(lives["in_time"], lives["not_in_time"]):
        result["onboarding"] = {"estimand": ESTIMAND} | onboarding
    return result


def _lived(world: World, calendar: Calendar, accounts: int, onboarded: bool | None) -> Life:
    rng = np.random.default_rng([SEED, calendar.months])
    managers = draw_managers(rng, max(5, accounts // ACCOUNTS_PER_MANAGER), world)
    people = draw_population(rng, accounts, calendar.months, managers)
    return Life(people, managers, world, calendar, rng, onboarded).run()


def _renewals(lived: Life) -> dict:
    read = pd.concat([pd.DataFrame(entry) for entry in lived.log["readings"]], ignore_index=True)
    read = read[read["due_month"] < lived.calendar.months]
    if len(read) < FEWEST:
        return {}
    bands = band(read["health"])
    result = {
        "readings": len(read),
        "band_share": {name: _rounded(np.mean(bands == code)) for code, name in enumerate(BANDS)},
    }
    for outcome, column in (("churned", "churn"), ("expanded", "expand"), ("contracted", "contract")):
        result[f"p_{outcome}"] = _mean(read[column])
        for code, name in enumerate(BANDS):
            result[f"p_{outcome}_given_{name}"] = _mean(read.loc[bands == code, column])
    result |= {
        "p_churned_given_red_or_orange": _mean(read.loc[bands <= 1, "churn"]),
        "p_expanded_given_yellow_or_green": _mean(read.loc[bands >= 2, "expand"]),
        "p_red_given_churned": _rounded(read.loc[bands == 0, "churn"].sum() / read["churn"].sum()),
        "p_green_given_expanded": _rounded(read.loc[bands == 3, "expand"].sum() / read["expand"].sum()),
        "p_churned_given_touch_below_half": _mean(read.loc[read["touch_score"] < 0.5, "churn"]),
        "p_churned_given_touch_from_half": _mean(read.loc[read["touch_score"] >= 0.5, "churn"]),
        "p_churned_given_established": _mean(read.loc[_age(lived, read) >= 24, "churn"]),
    } | _low_stock(lived, read)
    return {name: value for name, value in result.items() if value is not None}


def _low_stock(lived: Life, read: pd.DataFrame) -> dict:
    """Churn at the first renewal by the stock per seat at the end of the landmark month."""
    first = read[read["is_first"]]
    account = first["account"].to_numpy()
    low = lived.stock_rate[account, lived.landmark_month()[account]] < 400
    return {
        "p_first_churned_given_stock_below_400": _mean(first.loc[low, "churn"]),
        "p_first_churned_given_stock_from_400": _mean(first.loc[~low, "churn"]),
    }


def _age(lived: Life, read: pd.DataFrame) -> np.ndarray:
    return read["month"].to_numpy() - lived.people.start_month[read["account"].to_numpy()]


def _onboarding(in_time: Life, not_in_time: Life) -> dict:
    treated, control = _year_later(in_time), _year_later(not_in_time)
    if len(treated) < FEWEST:
        return {}
    y1, y0 = np.nan_to_num(zero_based(treated), nan=0), np.nan_to_num(zero_based(control), nan=0)
    influence = y1 / y1.mean() - y0 / y0.mean()
    survivors = np.nanmean(zero_based(treated)) / np.nanmean(zero_based(control))
    return {
        "accounts": len(y1),
        "ratio": _rounded(y1.mean() / y0.mean()),
        "ratio_log_standard_error": _rounded(influence.std() / np.sqrt(len(influence))),
        "difference": _rounded(y1.mean() - y0.mean()),
        "mean_in_time": _rounded(y1.mean()),
        "mean_not_in_time": _rounded(y0.mean()),
        "ratio_among_survivors": _rounded(survivors),
        "survival_ratio": _rounded(np.mean(~np.isnan(treated)) / np.mean(~np.isnan(control))),
        "ratio_on_points_scale": _rounded(np.nan_to_num(treated).mean() / np.nan_to_num(control).mean()),
        "ratio_before_first_due": _rounded(
            zero_based(_before_first_due(in_time)).mean() / zero_based(_before_first_due(not_in_time)).mean()
        ),
    }


def _year_later(lived: Life) -> np.ndarray:
    """Health 12 months after the landmark of those alive at it; NaN for those gone by then."""
    month = lived.landmark_month() + HORIZON
    who = np.flatnonzero(month < lived.calendar.months)
    return lived.health[who, month[who]]


def _before_first_due(lived: Life) -> np.ndarray:
    """Health in the last month that ends before the first due date."""
    people = lived.people
    month = people.start_month + people.term_months - 1
    who = np.flatnonzero((people.term_months != OPEN_TERM) & (month < lived.calendar.months))
    return lived.health[who, month[who]]


def _mean(values: pd.Series) -> float | None:
    """None (unknown) where too few readings stand behind it."""
    return _rounded(values.mean()) if len(values) >= FEWEST else None


def _rounded(value: float) -> float:
    return round(float(value), 4)
