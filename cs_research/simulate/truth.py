"""What is true in a simulated world, by living it with many more accounts than one usually exports.

Rates are averages of the true probabilities, not of outcomes, so their Monte-Carlo error is small. The effect
of onboarding is read from the same accounts lived twice: once with every onboarding in time, once with none.
What cannot be known this way is left out.
"""

from collections.abc import Callable
from dataclasses import asdict

import numpy as np

from cs_research.simulate.calendar import Calendar
from cs_research.simulate.card import BANDS, band
from cs_research.simulate.life import Life
from cs_research.simulate.population import OPEN_TERM, draw_managers, draw_people
from cs_research.simulate.worlds import HEALTH_KNOTS, World

SEED = 20180401
ACCOUNTS_PER_MANAGER = 30
HORIZON = 12
FEWEST = 200  # behind fewer readings or accounts no true value is given
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
    lives = []
    for onboarded in (None, True, False):
        lives.append(_lived(world, calendar, accounts, onboarded))
        step()
    result = {
        "parameters": {"health_knots": HEALTH_KNOTS} | asdict(world),
        "monte_carlo": {"accounts": accounts, "managers": lives[0].managers.count, "seed": SEED},
    }
    if renewals := _renewals(lives[0]):
        result["renewals"] = {"reading": READING} | renewals
    if onboarding := _onboarding(*lives[1:]):
        result["onboarding"] = {"estimand": ESTIMAND} | onboarding
    return result


def _lived(world: World, calendar: Calendar, accounts: int, onboarded: bool | None) -> Life:
    """A life of the same accounts each time; `onboarded` lets every onboarding succeed or fail."""
    rng = np.random.default_rng([SEED, calendar.months])
    managers = draw_managers(rng, max(5, accounts // ACCOUNTS_PER_MANAGER), world)
    people = draw_people(rng, accounts, calendar.months, managers)
    if onboarded is not None:
        people.is_onboarded[:] = onboarded
    return Life(people, managers, world, calendar, rng).run()


def _renewals(lived: Life) -> dict:
    """Probabilities at the readings, each an average of one thing weighted by another."""
    read = lived.noted("readings").query(f"due_month < {lived.calendar.months}")
    if len(read) < FEWEST:
        return {}
    account, bands = read["account"].to_numpy(), band(read["health"])
    low_stock = lived.stock_rate[account, lived.landmark_month()[account]] < 400
    low_touch, age = read["touch_score"] < 0.5, read["month"] - lived.people.start_month[account]
    churned, expanded = read["churned"], read["expanded"]
    p = {}
    for outcome in ("churned", "expanded", "contracted"):
        p[f"p_{outcome}"] = read[outcome], bands >= 0
        p |= {f"p_{outcome}_given_{name}": (read[outcome], bands == code) for code, name in enumerate(BANDS)}
    p |= {
        "p_churned_given_red_or_orange": (churned, bands <= 1),
        "p_expanded_given_yellow_or_green": (expanded, bands >= 2),
        "p_red_given_churned": (bands == 0, churned),
        "p_green_given_expanded": (bands == 3, expanded),
        "p_churned_given_touch_below_half": (churned, low_touch),
        "p_churned_given_touch_from_half": (churned, ~low_touch),
        "p_churned_given_established": (churned, age >= 24),
        "p_first_churned_given_stock_below_400": (churned, read["is_first"] & low_stock),
        "p_first_churned_given_stock_from_400": (churned, read["is_first"] & ~low_stock),
    }
    p = {name: np.average(of, weights=by) for name, (of, by) in p.items() if np.count_nonzero(by) >= FEWEST}
    shares = {name: np.mean(bands == code) for code, name in enumerate(BANDS)}
    return {"readings": len(read), "band_share": _rounded(shares)} | _rounded(p)


def _onboarding(in_time: Life, not_in_time: Life) -> dict:
    """Two lives of the same accounts compared; NaN, gone by then, counts as the worst health."""
    people, lives = in_time.people, (in_time, not_in_time)
    before_due = people.start_month + people.term_months - 1
    before_due[people.term_months == OPEN_TERM] = in_time.calendar.months
    early = np.array([_health(lived, before_due) for lived in lives])
    later = np.array([_health(lived, in_time.landmark_month() + HORIZON) for lived in lives])
    if later.shape[1] < FEWEST:
        return {}
    y1, y0 = y = np.nan_to_num(_zero_based(later))
    influence = y1 / y1.mean() - y0 / y0.mean()
    return {"accounts": len(y1)} | _rounded({
        "ratio": _ratio(y),
        "ratio_log_standard_error": influence.std() / np.sqrt(len(influence)),
        "difference": y1.mean() - y0.mean(),
        "mean_in_time": y1.mean(),
        "mean_not_in_time": y0.mean(),
        "ratio_among_survivors": _ratio(_zero_based(later)),
        "survival_ratio": _ratio(~np.isnan(later)),
        "ratio_on_points_scale": _ratio(np.nan_to_num(later)),
        "ratio_before_first_due": _ratio(_zero_based(early)),
    })


def _health(lived: Life, month: np.ndarray) -> np.ndarray:
    """Health in each account's month, of those whose month is in the period."""
    who = np.flatnonzero(month < lived.calendar.months)
    return lived.health[who, month[who]]


def _zero_based(total: np.ndarray) -> np.ndarray:
    """The total on the scale from 0 (all worst) to 40."""
    return (total - 10) * 4 / 3


def _ratio(pair: np.ndarray) -> float:
    return np.divide(*np.nanmean(pair, axis=1))


def _rounded(values: dict) -> dict:
    return {name: round(float(value), 4) for name, value in values.items()}
