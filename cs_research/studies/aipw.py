"""What goes with a success when accounts are made comparable: augmented inverse probability weighting (AIPW).

Arrays in, Estimates out. Two models are used, of success (logit) and of the outcome (least squares within each
arm), and one of them may be wrong (Robins, Rotnitzky and Zhao 1994). The interval is a jackknife: the whole
estimate is made anew without each cluster, so small samples and the fitting of both models widen it as they should.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit

from cs_research.finding import Estimate
from cs_research.studies import stats

CLIP = 0.02  # propensities are kept between this and its complement (methods 1)
MOST_GROUPS = 100  # more clusters than this are left out several at a time
FEWEST_IN_ARM = 5  # accounts of a level, and accounts per column of the models, in either arm


class Design(NamedTuple):
    """Columns for the models: a constant, then standardised covariates; which rows and covariates they hold.

    matrix (rows kept x columns), kept (one per row), adjusted (covariates that entered), notes (what did not).
    """

    matrix: np.ndarray
    kept: np.ndarray
    adjusted: tuple[str, ...]
    notes: tuple[str, ...]


def design(covariates: pd.DataFrame, success: pd.Series) -> Design:
    """Covariates as columns: numbers standardised, words as one column per level, rare levels pooled.

    A level all of whose many accounts succeeded, or all failed, has nobody to be compared with: its rows are left
    out. A covariate enters while each arm has 5 accounts per column, in the order given, and unless others tell it.

    >>> design(pd.DataFrame({"size": [1., 3.] * 20}), pd.Series([True, True, False, False] * 10)).matrix[:2].tolist()
    [[1.0, -1.0], [1.0, 1.0]]
    """
    good, notes, kept = np.asarray(success, dtype=bool), [], np.ones(len(success), dtype=bool)
    for name in covariates.select_dtypes(exclude="number"):
        by_level = pd.Series(good, index=covariates.index).groupby(covariates[name])
        is_single = by_level.transform("mean").isin((0.0, 1.0)) & (covariates[name].nunique() > 1)
        alone = is_single & (by_level.transform("size") >= 2 * FEWEST_IN_ARM)
        kept &= ~alone.to_numpy()
        if alone.any():
            notes.append(f"{int(alone.sum())} accounts left out, whose {name} knows only successes or only failures")
    columns, adjusted = [np.ones(int(kept.sum()))], []
    room = min(good[kept].sum(), (~good[kept]).sum()) // FEWEST_IN_ARM
    for name in covariates:
        block = _columns(covariates.loc[kept, name], good[kept])
        wider = np.column_stack([*columns, *block])
        if not block:
            continue
        if wider.shape[1] > room:
            notes.append(f"{name} not adjusted for: too few accounts for its {len(block)} columns")
        elif np.linalg.matrix_rank(wider) < wider.shape[1]:
            notes.append(f"{name} not adjusted for: the other covariates tell it already")
        else:
            columns, adjusted = [*columns, *block], [*adjusted, name]
    return Design(np.column_stack(columns), kept, tuple(adjusted), tuple(notes))


def _columns(values: pd.Series, good: np.ndarray) -> list[np.ndarray]:
    """A covariate as columns of mean 0 and spread 1; what is missing becomes the mean and a column of its own."""
    if pd.api.types.is_numeric_dtype(values):
        blocks = [values.fillna(values.mean()).fillna(0.0), values.isna()]
    else:
        named = values.fillna("not given")
        arms = pd.crosstab(named, good).reindex(columns=[True, False], fill_value=0).min(axis=1)
        named = named.where(named.map(arms) >= FEWEST_IN_ARM, "rare")
        blocks = [named == level for level in named.value_counts().index[1:]]
    columns = [np.asarray(block, dtype=float) for block in blocks]
    return [(x - x.mean()) / x.std() for x in columns if x.size and x.std() > stats.RIDGE]


class Arms(NamedTuple):
    """What each account adds to the mean outcome had all succeeded ([0]) and had none ([1]), whole and jackknifed.

    whole (2 x n), left (2 x n x groups: the models fitted without that group), group and cluster (n, as numbers),
    success (n), chance (n, of success, not clipped), is_measured (n).
    """

    whole: np.ndarray
    left: np.ndarray
    group: np.ndarray
    cluster: np.ndarray
    success: np.ndarray
    chance: np.ndarray
    is_measured: np.ndarray

    def count(self, within: ArrayLike | None = None) -> int:
        """Rows with a measured outcome."""
        return int((self.is_measured & (True if within is None else np.asarray(within))).sum())

    def smaller_arm(self, within: ArrayLike | None = None) -> int:
        """Rows with a measured outcome in the arm that has fewer."""
        chosen = self.is_measured & (True if within is None else np.asarray(within))
        return int(min(chosen[self.success > 0].sum(), chosen[self.success == 0].sum()))

    @property
    def clipped_share(self) -> float:
        """Share of the accounts that have next to no counterpart in the other arm; 1 where the arms are separated."""
        good = self.success > 0
        if self.chance[good].min() > self.chance[~good].max():
            return 1.0
        return float(np.mean((self.chance < CLIP) | (self.chance > 1 - CLIP)))


def arms(outcome: ArrayLike, success: ArrayLike, matrix: np.ndarray, cluster: ArrayLike,
         weight: ArrayLike | None = None) -> Arms:
    """Both arms, each with one account or more. `weight`: 0 where the outcome is not measured (NaN), else 1 over
    the chance that it is."""
    good = np.asarray(success, dtype=float)
    weight = np.ones(len(good)) if weight is None else np.asarray(weight, dtype=float)
    y = np.where(weight > 0, np.asarray(outcome, dtype=float), 0.0)
    names = pd.factorize(np.asarray(cluster, dtype=object), sort=True)[0]
    group = names % MOST_GROUPS
    chance, left_chance = _logit(matrix, good, group)
    whole, left = [], []
    for arm, p, left_p in ((good, chance, left_chance), (1 - good, 1 - chance, 1 - left_chance)):
        p, left_p = p.clip(CLIP, 1 - CLIP), left_p.clip(CLIP, 1 - CLIP)
        fitted, left_fitted = _least_squares(matrix, y, arm * weight, group)
        whole.append(fitted + arm * weight / p * (y - fitted))
        left.append(left_fitted + (arm * weight)[:, None] / left_p * (y[:, None] - left_fitted))
    return Arms(np.array(whole), np.array(left), group, names, good, chance, weight > 0)


def contrast(of: Arms, form: str, within: ArrayLike | None = None, per: Arms | None = None) -> Estimate:
    """The `ratio` or `difference` of both arms' means, or the mean `in_time` or of the `others`.

    `within` (bool per row) keeps some accounts, with the models of all. `per` divides each arm's mean by that of
    another outcome: health by survival gives health among those who stay.

    >>> by_hand = arms([4., 2, 1, 2], [1, 1, 0, 0], np.ones((4, 1)), list("abcd"))
    >>> round(contrast(by_hand, "ratio").value, 4), round(contrast(by_hand, "difference").value, 4)
    (2.0, 1.5)
    """
    rows = np.ones(len(of.group), dtype=bool) if within is None else np.asarray(within, dtype=bool)
    n, clusters = of.count(rows), len(np.unique(of.cluster[rows]))
    with np.errstate(all="ignore"):
        both, left = _means(of, rows)
        if per is not None:
            (below, left_below) = _means(per, rows)
            both, left = both / below, left / left_below
        value, replicates = FORMS[form](both), FORMS[form](left)
        if not np.isfinite(value) or (form == "ratio" and value <= 0):
            return Estimate(None, None, None, n, clusters)
        is_share = form not in ("ratio", "difference") and 0 < value < 1
        link = stats.LOG if form == "ratio" else stats.LOGIT if is_share else stats.IDENTITY
        replicates = replicates if link is stats.IDENTITY else link.there(replicates)
    spread = np.square(replicates - replicates.mean()).sum() * (len(replicates) - 1) / len(replicates)
    if clusters < 2:
        return Estimate(float(value), None, None, n, clusters)
    return stats.spread(float(value), float(np.sqrt(spread) / link.slope(value)), n, clusters, link)


FORMS = {"ratio": lambda both: both[0] / both[1], "difference": lambda both: both[0] - both[1],
         "in_time": lambda both: both[0], "others": lambda both: both[1]}


def _means(of: Arms, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of both arms (2), and without each group in turn (2 x groups)."""
    others = rows[:, None] & (of.group[:, None] != np.arange(of.left.shape[2]))
    return of.whole[:, rows].mean(axis=1), np.einsum("ang,ng->ag", of.left, others) / others.sum(axis=0)


def chance_weight(measured: ArrayLike, could_lack: ArrayLike, matrix: np.ndarray) -> np.ndarray:
    """1 over the chance to be measured given `matrix`, 0 for what is not; 1 for rows that could not lack a value."""
    seen, asked = np.asarray(measured, dtype=bool), np.asarray(could_lack, dtype=bool)
    weight = np.where(asked, 0.0, 1.0)
    if asked.any():
        chance = _logit(matrix[asked], seen[asked].astype(float), np.zeros(int(asked.sum()), dtype=int))[0]
        weight[asked] = seen[asked] / chance.clip(CLIP, 1)
    return weight


def e_value(ratio: float) -> float:
    """How strongly something not recorded must go with success and with the outcome, as a ratio each, to explain
    the ratio away (VanderWeele and Ding 2017).

    >>> round(e_value(2.0), 2), round(e_value(0.5), 2)
    (3.41, 3.41)
    """
    above = max(ratio, 1 / ratio)
    return float(above + np.sqrt(above * (above - 1)))


# ---------------------------------------------------------------- the two models, whole and without each group


def _by_group(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Sums of the rows of each group."""
    order = np.argsort(group, kind="stable")
    return np.add.reduceat(values[order], np.searchsorted(group[order], np.arange(group.max() + 1)), axis=0)


def _squares(matrix: np.ndarray, weight: np.ndarray, group: np.ndarray) -> np.ndarray:
    return _by_group((matrix * weight[:, None])[:, :, None] * matrix[:, None, :], group)


def _least_squares(matrix: np.ndarray, y: np.ndarray, weight: np.ndarray,
                   group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fitted values of the weighted regression, and those of the fits without each group (exact)."""
    squares, sums = _squares(matrix, weight, group), _by_group(matrix * (weight * y)[:, None], group)
    ridge = stats.RIDGE * np.eye(matrix.shape[1])
    slopes = np.linalg.solve(squares.sum(axis=0) + ridge, sums.sum(axis=0))
    left = np.linalg.solve(squares.sum(axis=0) + ridge - squares, (sums.sum(axis=0) - sums)[:, :, None])[:, :, 0]
    return matrix @ slopes, matrix @ left.T


def _logit(matrix: np.ndarray, events: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Chances by logistic regression, and those without each group: one Newton step from the whole fit."""
    slopes, chance, squares = stats.logistic(matrix, events)
    pull, parts = _by_group(matrix * (events - chance)[:, None], group), _squares(matrix, chance * (1 - chance), group)
    left = slopes - np.linalg.solve(squares - parts, pull[:, :, None])[:, :, 0]
    return chance, expit(matrix @ left.T)
