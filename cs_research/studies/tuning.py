"""New weights for the response points, from all feedback there is (002, methods 5).

The chance that contacting was right is a logit of the points. The weights maximise its likelihood less
`shrinkage` times their squared distance from the current formula; as the likelihood grows with every entry, the
pull of the current formula decays. Suppressions are rules, not weights: they stay.
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit

from cs_research.definitions import Definitions, models
from cs_research.studies.weekly_list import difference, hits, list_order

DOUBLING = 0.7  # a factor of two, as a distance between two `times`


def tuned(rows: pd.DataFrame, definitions: Definitions, day: str) -> models.ResponsePoints | None:
    """A new version of the formula with its evidence; None where too few entries are judged.

    In: `judged_entries` up to `day`. The evidence ranks each week by weights that only know earlier weeks; it
    says adopt when precision rises beyond chance, else keep.
    """
    plan = definitions.response_points
    if len(rows) < max(plan.min_feedback, 1) or rows["is_useful"].nunique() < 2:
        return None
    before, after = _out_of_sample(rows, plan)
    gain = difference(after, before)
    is_better = gain.excludes_zero and (gain.value or 0) > 0 and gain.clusters >= definitions.claims.min_clusters
    size = after["size"].sum()
    evidence = models.Tuning(
        date=day, tuned_from=plan.version, feedback=len(rows), weeks=gain.clusters,
        precision_before=_rounded(before["hits"].sum() / size if size else None),
        precision_after=_rounded(after["hits"].sum() / size if size else None),
        difference=_rounded(gain.value), lower=_rounded(gain.lower), upper=_rounded(gain.upper),
        verdict="adopt" if is_better else "keep")
    return fitted(rows, plan).model_copy(update={"version": next_version(plan.version), "evidence": evidence})


def fitted(rows: pd.DataFrame, plan: models.ResponsePoints) -> models.ResponsePoints:
    """The formula with the weights that fit the judged entries, points to one digit and times to two."""
    adds, multiplies = [f for f in plan.factors if f.times is None], [f for f in plan.factors if f.times is not None]
    # Entries with the same factors count together: fewer rows, the same sums.
    told = rows[rows["suppressed_by"].isna()].groupby([f.name for f in plan.factors])["is_useful"].agg(["sum", "size"])
    held = told.index.to_frame()
    added, multiplied = (held[[f.name for f in part]].to_numpy(float) for part in (adds, multiplies))
    useful, entries = told["sum"].to_numpy(float), told["size"].to_numpy(float)
    prior = np.array([f.points for f in adds] + [np.log(f.times) for f in multiplies])
    unit = max(float(np.mean(prior[:len(adds)])) if adds else 1.0, 1.0)
    width = np.array([unit] * len(adds) + [DOUBLING] * len(multiplies))

    def loss(v: np.ndarray) -> tuple[float, np.ndarray]:
        """Negative log likelihood and penalty, with the gradient, at v = (level, slope, distances from the prior)."""
        points, logs = np.split(prior + width * v[2:], [len(adds)])
        product = np.exp(multiplied @ logs) / unit
        x = (added @ points) * product
        logit = v[0] + v[1] * x
        miss = entries * expit(logit) - useful
        value = entries @ np.logaddexp(0, logit) - useful @ logit + plan.shrinkage / 2 * v[2:] @ v[2:]
        slopes = np.concatenate([v[1] * added.T @ (miss * product), v[1] * multiplied.T @ (miss * x)])
        return value, np.concatenate([[miss.sum(), miss @ x], width * slopes + plan.shrinkage * v[2:]])

    lowest = np.where(np.arange(len(prior)) < len(adds), -prior / width, -3.0)
    bounds = [(None, None), (0.01, None), *((low, None) for low in lowest)]
    start = np.concatenate([[0.0, 0.5], np.zeros(len(prior))])
    best = prior + width * minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x[2:]
    new = {f.name: {"points": round(float(v), 1)} for f, v in zip(adds, best[:len(adds)], strict=True)}
    new |= {f.name: {"times": round(float(np.exp(v)), 2)} for f, v in zip(multiplies, best[len(adds):], strict=True)}
    return plan.model_copy(update={"factors": tuple(f.model_copy(update=new[f.name]) for f in plan.factors)})


def points_of(rows: pd.DataFrame, plan: models.ResponsePoints) -> pd.Series:
    """Response points of the judged entries under another formula. In: `judged_entries`."""
    total = sum((rows[f.name] * f.points for f in plan.factors if f.times is None), pd.Series(0.0, rows.index))
    for factor in plan.factors:
        if factor.times is not None:
            total = total.where(~rows[factor.name], total * factor.times)
    return total


def next_version(version: str) -> str:
    """The version with its last number raised.

    >>> next_version("1.0"), next_version("2026-trial")
    ('1.1', '2026-trial.1')
    """
    head, dot, last = version.rpartition(".")
    return f"{head}{dot}{int(last) + 1}" if last.isdigit() else f"{version}.1"


def _out_of_sample(rows: pd.DataFrame, plan: models.ResponsePoints) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Hits by week of the current order, and of weights refitted on the weeks before (from `min_feedback` on)."""
    before, after = [hits(rows[:0], [], 1)], [hits(rows[:0], [], 1)]
    for week in sorted(rows["week"].unique()):
        known, now = rows[rows["week"] < week], rows[rows["week"] == week]
        if len(known) >= max(plan.min_feedback, 1) and known["is_useful"].nunique() == 2:
            new = now.assign(response_points=points_of(now, fitted(known, plan)))
            before.append(hits(now, list_order(now), plan.capacity_per_manager))
            after.append(hits(new, list_order(new), plan.capacity_per_manager))
    return pd.concat(before), pd.concat(after)


def _rounded(value: Any) -> float | None:
    return None if value is None else round(float(value), 4)
