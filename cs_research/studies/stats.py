"""Estimates with intervals that know who looks after whom.

Every estimate is a value and one influence per row (how far that row pulls the value). Influences are summed
by cluster, so accounts of one manager do not count as independent; the interval is Student's t with one
degree of freedom fewer than there are clusters, on the scale that suits the value.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit, stdtrit

from cs_research.finding import Estimate

LEVEL = 0.95
# Without a single event (or with nothing but events) the spread between managers cannot be seen. Accounts of
# one manager are then taken to be alike to this degree, as is common for customers of one person.
ASSUMED_LIKENESS = 0.05
MOST_STEPS, FARTHEST = 50, 5.0  # of Newton, and of one step; events that the columns separate never settle
RIDGE = 1e-6     # keeps a level without rows solvable, far below what a figure shows


class Link(NamedTuple):
    """A scale on which an interval is symmetric."""

    there: Callable[[float], float]
    back: Callable[[float], float]
    slope: Callable[[float], float]


IDENTITY = Link(float, float, lambda x: 1.0)
LOG = Link(np.log, np.exp, lambda x: 1 / x)
LOGIT = Link(lambda x: np.log(x / (1 - x)), lambda x: 1 / (1 + np.exp(-x)), lambda x: 1 / (x * (1 - x)))


def clustered_error(influence: Any, cluster: Any) -> float:
    """Standard error of a value whose rows pull it by `influence`, summed by `cluster` (2 or more)."""
    codes, names = pd.factorize(np.asarray(cluster, dtype=object))
    sums = np.bincount(codes, weights=np.asarray(influence, dtype=float), minlength=len(names))
    return float(np.sqrt(len(names) / (len(names) - 1) * np.square(sums).sum()))


def interval(value: float, influence: Any, cluster: Any, link: Link = IDENTITY, floor: float = 0.0) -> Estimate:
    """The estimate with its clustered t interval; `floor` is the least standard error to believe."""
    n, clusters = len(influence), len(pd.factorize(np.asarray(cluster, dtype=object))[1])
    if clusters < 2:
        return Estimate(float(value), None, None, n, clusters)
    error = max(clustered_error(influence, cluster), floor)
    return spread(value, error, n, clusters, link)


def spread(value: float, error: float, n: int, clusters: int, link: Link = IDENTITY) -> Estimate:
    """The t interval around `value` for a standard error given on the value's own scale."""
    if not np.isfinite(error) or error < 1e-12 or (link is not IDENTITY and value <= 0):
        return Estimate(float(value), None, None, n, clusters)
    reach = stdtrit(clusters - 1, (1 + LEVEL) / 2) * error * link.slope(value)
    middle = link.there(value)
    return Estimate(float(value), float(link.back(middle - reach)), float(link.back(middle + reach)), n, clusters)


NOTHING = Estimate(None, None, None, 0, 0)


def rate(events: pd.Series, cluster: pd.Series) -> Estimate:
    """Share of rows with an event: logit-t by cluster, never narrower than independent rows would be.

    With no event, or with nothing else, the exact (Clopper-Pearson) interval of a sample made smaller by
    the assumed likeness within clusters.

    >>> rate(pd.Series([0] * 20), pd.Series(range(20))).upper.__round__(3)
    0.168
    """
    y = np.asarray(events, dtype=float)
    n = len(y)
    if n == 0:
        return NOTHING
    p = float(y.mean())
    if 0 < p < 1:
        return interval(p, (y - p) / n, cluster, LOGIT, floor=float(np.sqrt(p * (1 - p) / n)))
    sizes = pd.Series(np.asarray(cluster, dtype=object)).value_counts()
    alike = float((sizes**2).sum() / sizes.sum())
    tail = ((1 - LEVEL) / 2) ** ((1 + (alike - 1) * ASSUMED_LIKENESS) / n)
    return Estimate(p, p * tail, 1 - (1 - p) * tail, n, len(sizes))


def rate_difference(events: pd.Series, chosen: pd.Series, cluster: pd.Series) -> Estimate:
    """Rate among the `chosen` rows less the rate among all others; the two may share clusters."""
    y, inside = np.asarray(events, dtype=float), np.asarray(chosen, dtype=bool)
    # One event and one non-event more in each group (Agresti and Caffo) keep an empty group from being sure.
    smooth = [(g, (y[g].sum() + 1) / (g.sum() + 2)) for g in (inside, ~inside)]
    floor = np.sqrt(sum(p * (1 - p) / (g.sum() + 2) for g, p in smooth))
    return mean_difference(events, chosen, cluster, float(floor))


def mean_difference(values: pd.Series, chosen: pd.Series, cluster: pd.Series, floor: float = 0.0) -> Estimate:
    """Mean among the `chosen` rows less the mean among all others; `floor` is the least standard error to believe."""
    y, inside = np.asarray(values, dtype=float), np.asarray(chosen, dtype=bool)
    if inside.all() or not inside.any():
        return NOTHING
    high, low = y[inside].mean(), y[~inside].mean()
    influence = np.where(inside, (y - high) / inside.sum(), -(y - low) / (~inside).sum())
    return interval(high - low, influence, cluster, floor=floor)


def mean_ratio(values: pd.Series, chosen: pd.Series, cluster: pd.Series) -> Estimate:
    """Mean among the `chosen` rows divided by the mean among all others (delta method on the logarithm).

    >>> mean_ratio(pd.Series([4., 2, 1, 2]), pd.Series([True, True, False, False]), pd.Series("abcd")).value
    2.0
    """
    y, inside = np.asarray(values, dtype=float), np.asarray(chosen, dtype=bool)
    if inside.all() or not inside.any():
        return NOTHING
    high, low = float(y[inside].mean()), float(y[~inside].mean())
    if high <= 0 or low <= 0:
        return Estimate(high / low if low > 0 else None, None, None, len(y), len(set(cluster)))
    relative = np.where(inside, (y - high) / (inside.sum() * high), -(y - low) / ((~inside).sum() * low))
    return interval(high / low, relative * high / low, cluster, LOG)


def adjusted_slope(after: Any, on: Any, controls: Any, cluster: Any) -> Estimate:
    """The least-squares slope of `after` on `on` at equal `controls` (one column each, a constant is added), clustered;
    no value where either does not vary at equal controls.

    >>> adjusted_slope([1., 2, 3, 6], [0., 1, 0, 1], [[0.], [0], [1], [1]], list("abcd")).value.__round__(3)
    2.0
    """
    design = np.column_stack([np.ones(len(after)), np.asarray(controls, dtype=float)])
    pair = np.column_stack([on, after]).astype(float)
    x, y = (pair - design @ np.linalg.lstsq(design, pair, rcond=None)[0]).T
    weight = float(x @ x)
    if min(weight, float(y @ y)) < 1e-9 * len(pair):
        return NOTHING
    value = float(x @ y) / weight
    return interval(value, x * (y - value * x) / weight, cluster)


def logistic(matrix: np.ndarray, events: np.ndarray, least: float = RIDGE) -> tuple[np.ndarray, ...]:
    """Slopes, fitted chances and the matrix of second derivatives of a logistic regression, by Newton's steps; where
    the columns separate the events the slopes are as far as the steps went."""
    slopes, ridge = np.zeros(matrix.shape[1]), least * np.eye(matrix.shape[1])
    for _ in range(MOST_STEPS):
        chance = expit(matrix @ slopes)
        squares = (matrix * (chance * (1 - chance))[:, None]).T @ matrix + ridge
        step = np.linalg.solve(squares, matrix.T @ (events - chance))
        size = np.abs(step).max()
        slopes = slopes + step * min(1, FARTHEST / max(size, FARTHEST))
        if size < 1e-8:
            break
    return slopes, expit(matrix @ slopes), squares


def total_ratio(numerator: pd.Series, denominator: pd.Series, cluster: pd.Series) -> Estimate:
    """Sum of `numerator` over sum of `denominator`, such as the ARR kept of the ARR at the opening.

    Where no row has more on top than below, the ratio is a share and its interval stays between 0 and 1.
    """
    top, bottom = np.asarray(numerator, dtype=float), np.asarray(denominator, dtype=float)
    if bottom.sum() <= 0:
        return NOTHING
    value = float(top.sum() / bottom.sum())
    is_share = bool((top <= bottom).all()) and 0 < value < 1
    return interval(value, (top - value * bottom) / bottom.sum(), cluster, LOGIT if is_share else LOG)


def logarithm(ratio: Estimate) -> Estimate:
    """A ratio on the logarithmic scale, where no difference is zero."""
    shown = (None if x is None or x <= 0 else float(np.log(x)) for x in (ratio.value, ratio.lower, ratio.upper))
    return Estimate(*shown, ratio.n, ratio.clusters)


# ---------------------------------------------------------------- discrimination


def auc(score: pd.Series, events: pd.Series, cluster: pd.Series) -> Estimate:
    """Chance that a row with the event has a higher `score` than one without (ties count half).

    Interval: DeLong's components summed by cluster (Obuchowski), on the logit scale. Where the two groups do not
    overlap at all, the exact one of as many pairs without a row in common, of which none went wrong.
    """
    y = np.asarray(events, dtype=bool)
    if y.all() or not y.any():
        return NOTHING
    value, influence = _auc_parts(score, y)
    names, fewer = np.asarray(cluster, dtype=object), y if y.mean() <= 0.5 else ~y
    if 0 < value < 1 or len(set(names)) < 2:
        return interval(value, influence, names, LOGIT)
    pairs = rate(np.full(fewer.sum(), value), names[fewer])
    return Estimate(value, pairs.lower, pairs.upper, len(y), len(set(names)))


def auc_difference(score: pd.Series, other: pd.Series, events: pd.Series, cluster: pd.Series) -> Estimate:
    """AUC of `score` less AUC of `other` on the same rows (paired)."""
    y = np.asarray(events, dtype=bool)
    if y.all() or not y.any():
        return NOTHING
    (first, pull), (second, other_pull) = _auc_parts(score, y), _auc_parts(other, y)
    return interval(first - second, pull - other_pull, cluster)


def _auc_parts(score: pd.Series, y: np.ndarray) -> tuple[float, np.ndarray]:
    x = np.asarray(score, dtype=float)
    with_event, without = int(y.sum()), int((~y).sum())
    overall = _ranks(x)
    beaten = np.empty(len(x))
    beaten[y] = (overall[y] - _ranks(x[y])) / without
    beaten[~y] = 1 - (overall[~y] - _ranks(x[~y])) / with_event
    value = float(beaten[y].mean())
    return value, np.where(y, (beaten - value) / with_event, (beaten - value) / without)


def _ranks(x: np.ndarray) -> np.ndarray:
    return pd.Series(x).rank().to_numpy()  # ties share the mean of their ranks
