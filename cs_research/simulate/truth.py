"""What is true in a simulated world, by living it with many more accounts than one usually exports.

Rates are averages of the true probabilities, not of outcomes, so their Monte-Carlo error is small. The effect
of onboarding is read from the same accounts lived twice: once with every onboarding in time, once with none; that
of touches from a life in which a coin decides, every month anew, whether an account feels a point per seat or none.
What cannot be known this way is left out, and `LEFT_OUT` says so.
"""

from collections.abc import Callable
from dataclasses import asdict
from functools import lru_cache

import numpy as np
import pandas as pd

from cs_research.simulate.card import BANDS, INDICATORS, band
from cs_research.simulate.draws import Sketch, draw, onboarding, readings, touch_panel
from cs_research.simulate.life import ENOUGH_STOCK, Life
from cs_research.simulate.worlds import HEALTH_KNOTS, World

SEED = 20180401
LIVES = 4
EARLIER = 3  # months before the reading: the other distance at which the bands are read
MOST_ROWS = 400_000  # of accounts' months, as many as settle what goes with a touch
FEWEST = 200  # behind fewer readings or accounts no true value is given
READING = (
    "the default card's total from everything that happened, read at the last month that ends on or before "
    "the renewal minus 3 months; renewals due within the period; managers are a random draw"
)
ESTIMAND = (
    "E[Y(1)] / E[Y(0)]; Y = health on the 0-based scale 12 months after the landmark month, churned = 0; "
    "accounts alive at the landmark; ratio_without_stock: Y without A-2, its value whether or not month-1 health is "
    "adjusted for, as no onboarding acts before month 2; ratio_unadjusted: what a comparison as it happened tends to"
)
TOUCH = (
    "health without E-1 and E-2 (0-based) next month, for a point per seat this month instead of none; "
    "causal: by a coin; conditional: least squares on log(1 + points per seat), three months of health and their "
    "quarters, the band of the month before, month, log(1 + age), log(1 + seats) and segment, as it happened"
)
LEFT_OUT = "money beyond renewal_rate_by_mrr; rankings of weekly lists; values behind under 200 readings or accounts"


def truth(world: World, months: int, accounts: int, step: Callable[[], None] = lambda: None,
          kind: type[Life] = Life) -> dict:
    """Parameters and true values, the same for every seed; `step()` is called after each of `LIVES` lives."""
    lives = []
    for onboarded, is_trial in ((None, False), (True, False), (False, False), (None, True)):
        lives.append(draw(world, accounts, SEED, months, kind=kind, onboarded=onboarded, is_trial=is_trial))
        step()
    lived, in_time, not_in_time, tried = lives
    parts = {
        "renewals": _renewals(lived), "cumulative_incidence": _incidence(lived),
        "onboarding": _onboarding(lived, in_time, not_in_time), "touch": _touch(lived, tried),
    }
    parameters = {"health_knots": HEALTH_KNOTS} | asdict(world)
    parameters.pop("steps")  # true_card says it in points
    card = {name: [1, *np.cumsum([1 + rise[0], *rise[1:]]).tolist()]
            for name, rise in zip(INDICATORS, world.steps, strict=True)}
    return {
        "parameters": parameters,
        "monte_carlo": {"accounts": accounts, "managers": lived.managers.count, "seed": SEED},
        "true_card": card,
    } | {name: part for name, part in parts.items() if part} | {"left_out": LEFT_OUT}


@lru_cache(maxsize=16)
def truth_of(world: World, accounts: int = 30_000, months: int = 30) -> dict:
    """The truth of the replicates that `draws.draw` gives of a world of so many months, found once."""
    return truth(world, months, accounts, kind=Sketch)


def auc(score: np.ndarray, chance: np.ndarray) -> float:
    """That a case has a higher score than one that is none (ties half), where each row is a case by its `chance`.

    >>> float(auc(np.array([1, 2, 2]), np.array([0, 1, 0])))
    0.75
    """
    _, code = np.unique(score, return_inverse=True)
    cases, others = np.bincount(code, chance), np.bincount(code, 1 - chance)
    return cases @ (np.cumsum(others) - others / 2) / (cases.sum() * others.sum())


def _renewals(lived: Life) -> dict:
    """Probabilities at the readings, each an average of one thing weighted by another; what scores are worth."""
    read = readings(lived)
    if len(read) < FEWEST:
        return {}
    account, bands = read["account_id"].to_numpy(), band(read["health"])
    low_stock = lived.stock_rate[account, lived.landmark_month()[account]] < ENOUGH_STOCK
    low_touch, age = read["touch_score"] < 0.5, read["month"] - lived.people.start_month[account]
    churned, expanded = read["p_churned"], read["p_expanded"]
    earlier = lived.health[account, read["month"] - EARLIER]
    earlier = np.where(np.isnan(earlier) | (age < EARLIER), -1, band(earlier))
    p = {}
    for outcome in ("churned", "expanded", "contracted"):
        p[f"p_{outcome}"] = read[f"p_{outcome}"], bands >= 0
        for code, name in enumerate(BANDS):
            p[f"p_{outcome}_given_{name}"] = read[f"p_{outcome}"], bands == code
            p[f"p_{outcome}_given_{name}_six_months_before"] = read[f"p_{outcome}"], earlier == code
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
        "renewal_rate": (1 - churned, bands >= 0),
        "renewal_rate_by_mrr": (1 - churned, read["mrr"]),
    }
    p = {name: np.average(of, weights=by) for name, (of, by) in p.items() if np.count_nonzero(by) >= FEWEST}
    shares = {name: np.mean(bands == code) for code, name in enumerate(BANDS)}
    about = {"reading": READING, "readings": len(read), "band_share": _rounded(shares)}
    return about | _rounded(p) | {"worth": _worth(read)}


def _worth(read: pd.DataFrame) -> dict:
    """AUC of the expert's card, of the true one and of the true chance; log loss of churn, cards told by colour."""
    churned, expanded = read["p_churned"], read["p_expanded"]
    scores = {"card": read["health"], "true_card": read["true_health"]}
    told = {name: churned.groupby(band(score)).transform("mean") for name, score in scores.items()}
    all_scores, told = scores | {"true_chance": -churned}, told | {"true_chance": churned}
    return {
        "auc_churned": _rounded({name: auc(-score, churned) for name, score in all_scores.items()}),
        "auc_expanded": _rounded({name: auc(score, expanded) for name, score in scores.items()}),
        "log_loss_churned": _rounded({name: -np.mean(churned * np.log(q) + (1 - churned) * np.log1p(-q))
                                      for name, q in told.items()}),
    }


def _incidence(lived: Life) -> dict:
    """P(first expansion, contraction, churn by 12 and 24 months after the start), churn competing with the others.

    Each is the mean, over accounts followed that long, of the chances at the renewals that the account came to
    without one before. Renewals after a return are another customer's.
    """
    read, people = readings(lived), lived.people
    read = read.assign(since=read["due_month"] - people.start_month[read["account_id"]])
    gone = read.groupby("account_id")["is_churned"].cumsum() - read["is_churned"] > 0
    read, found = read[~gone], {}
    for months in (12, 24):
        followed = people.start_month + months < lived.calendar.months
        if followed.sum() < FEWEST:
            continue
        for outcome in ("expanded", "contracted", "churned"):
            had = (read["outcome"] == outcome).astype(int)
            is_at_risk = had.groupby(read["account_id"]).cumsum() - had == 0
            chance = np.where((read["since"] <= months) & is_at_risk, read[f"p_{outcome}"], 0)
            found[f"{outcome}_by_{months}"] = chance[followed[read["account_id"]]].sum() / followed.sum()
    return _rounded(found)


def _onboarding(lived: Life, *forced: Life) -> dict:
    """Two lives of the same accounts compared."""
    both = [onboarding(life) for life in forced]
    if len(both[0]) < FEWEST:
        return {}
    happened = onboarding(lived)
    y1, y0 = (rows["health"] for rows in both)
    influence = y1 / y1.mean() - y0 / y0.mean()

    def ratio(column: str, segment: str = "") -> float:
        pair = (rows.loc[rows["segment"] == segment, column] if segment else rows[column] for rows in both)
        return np.divide(*(values.mean() for values in pair))

    stays = [rows["is_here"].mean() for rows in both]
    by_success = happened.groupby("is_success")["health"].mean()
    return {"estimand": ESTIMAND, "accounts": len(y1)} | _rounded({
        "ratio": ratio("health"),
        "ratio_log_standard_error": influence.std() / np.sqrt(len(influence)),
        "difference": y1.mean() - y0.mean(),
        "mean_in_time": y1.mean(),
        "mean_not_in_time": y0.mean(),
        "ratio_among_survivors": ratio("health") * stays[1] / stays[0],
        "survival_ratio": stays[0] / stays[1],
        "survival_difference": stays[0] - stays[1],
        "ratio_on_points_scale": ratio("points"),
        "ratio_before_first_due": ratio("health_before"),
        "ratio_without_stock": ratio("rest_health"),
        "ratio_smb": ratio("health", "smb"),
        "ratio_enterprise": ratio("health", "enterprise"),
        "ratio_unadjusted": by_success.get(True, np.nan) / by_success.get(False, np.nan),
        "share_in_time": happened["is_success"].mean(),
    })


def _touch(lived: Life, tried: Life) -> dict:
    """What a point per seat does, by the coin, and what goes with it at equal records."""
    trial, rows = touch_panel(tried), touch_panel(lived)
    if len(rows) < FEWEST:
        return {}
    change = (trial["after"] - trial["lag_0"]).groupby(trial["trial"]).agg(["mean", "var", "size"])
    rows, lags = rows[:MOST_ROWS], ["lag_0", "lag_1", "lag_2"]
    groups = [rows[name] for name in ("month", "band_before")] + [rows[lag] // 10 for lag in lags]
    levels = [np.equal.outer(group.to_numpy(), group.unique()[1:]) for group in groups]
    design = np.column_stack([rows[["touch", "age", "size", *lags]], rows["segment"] == "enterprise", *levels,
                              np.ones(len(rows))])
    slope = np.linalg.lstsq(design.T @ design, design.T @ rows["after"], rcond=None)[0][0]
    return {"estimand": TOUCH} | _rounded({
        "causal": change["mean"].diff().iloc[-1], "conditional": slope * np.log(2),
        "causal_standard_error": np.sqrt((change["var"] / change["size"]).sum())})


def _rounded(values: dict) -> dict:
    return {name: round(float(value), 4) for name, value in values.items() if not np.isnan(value)}
