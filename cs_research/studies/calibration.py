"""Points of a card fitted to what became of accounts, shrunk to the expert's and judged out of time (methods 3).

Arrays in, arrays out, so that many simulated companies can be run; calibrated_card speaks of a data set by them.
A window is one reading of an account with the outcome that followed.
"""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from scipy.optimize import Bounds, minimize
from scipy.special import expit

from cs_research.finding import Estimate
from cs_research.studies import stats

KAPPAS = (1000.0, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0, 0.3, 0.1)  # shrinkage tried, the strongest first
CUTS = (0.4, 0.5, 0.6)  # of the days of reading and outcome: where the past of a forward-chained fold ends
NEAR = 1.0       # log likelihood per fold by which a stronger shrinkage may foretell worse than the best
FEWEST = 10      # events, and windows without one, below which nothing is fitted
WEAKEST = 0.5    # logits between the worst and the best account that the expert's card is taken to tell apart, at least
DRAWS = 100


@dataclass(frozen=True)
class Windows:
    """Windows of one card, an entry each.

    bands (windows x indicators): 0 for the worst colour and up, -1 where not measured; churned; expanded (None: not
    measured); half: 0 or 1, by account; read, known: the day of the reading, and that on which the outcome was known;
    cluster. `ended`: the day of the churn, where windows are watched to the end of the data; `known` is then the day
    from which a window is long enough to learn from.
    """

    bands: np.ndarray
    churned: np.ndarray
    expanded: np.ndarray | None
    half: np.ndarray
    read: np.ndarray
    known: np.ndarray
    cluster: np.ndarray
    ended: np.ndarray | None = None

    def __getitem__(self, chosen: np.ndarray) -> "Windows":
        return Windows(*(None if getattr(self, f.name) is None else getattr(self, f.name)[chosen]
                         for f in fields(self)))

    def known_at(self, day: Any) -> "Windows":
        """What could be learnt on a day: no window that was open, no churn that was still to come."""
        then = self[self.known <= day]
        return then if then.ended is None else replace(then, churned=then.churned & (then.ended <= day), expanded=None)


@dataclass(frozen=True)
class Calibration:
    """Points fitted to all windows, and how the same fit on earlier windows did on later ones of other accounts.

    points (indicators x colours), kappa; new, old: AUC for churn of the fitted and the expert's points on `tested`
    windows, difference the paired one. `why` says what was lacking where nothing is fitted.
    """

    points: np.ndarray
    kappa: float = np.nan
    difference: Estimate = stats.NOTHING
    new: Estimate = stats.NOTHING
    old: Estimate = stats.NOTHING
    trained: int = 0
    tested: int = 0
    why: str = ""

    def verdict(self, min_clusters: int) -> str:
        """adopt (the interval is above 0), investigate (below), else keep the expert's card."""
        if self.why or self.difference.clusters < min_clusters:
            return "cannot_tell"
        if not self.difference.excludes_zero:
            return "keep"
        return "adopt" if (self.difference.lower or 0) > 0 else "investigate"


def calibrated(windows: Windows, points: np.ndarray) -> Calibration:
    """The calibration of an expert's `points` (indicators x colours, never falling); its own where data lack."""
    increments, keep = np.diff(points, axis=1).astype(float), Calibration(points)
    parts, new, later = split(windows), [], []
    for early, late in parts:
        if why := lacking(early, increments):
            return replace(keep, why=f"{why} among the earlier windows of one half of the accounts")
        fit = points_of(fitted(early, increments, chosen_kappa(early, increments)), points)
        new.append(totals(late.bands, fit))
        later.append(late)
    if not parts or min(_fewer(np.concatenate([late.churned for late in later])), FEWEST) < FEWEST:
        return replace(keep, why=f"fewer than {FEWEST} churned or stayed among the later windows that test the points")
    churned, cluster, bands = (np.concatenate([getattr(late, name) for late in later])
                               for name in ("churned", "cluster", "bands"))
    fresh, expert = np.concatenate(new), totals(bands, points)
    kappa = chosen_kappa(windows, increments)
    return Calibration(
        points_of(fitted(windows, increments, kappa), points), kappa,
        stats.auc_difference(-fresh, -expert, churned, cluster), stats.auc(-fresh, churned, cluster),
        stats.auc(-expert, churned, cluster), sum(len(early.churned) for early, _ in parts), len(churned))


def split(windows: Windows) -> list[tuple[Windows, Windows]]:
    """Two pairs of earlier windows of one half of the accounts and later ones of the other, each half earlier once.

    No later window was read before the last of the earlier outcomes was known, on the median day.
    """
    if not len(windows.known):
        return []
    cut = np.quantile(windows.known, 0.5, method="lower")
    return [(windows[windows.half == one].known_at(cut), windows[(windows.half != one) & (windows.read >= cut)])
            for one in (0, 1)]


def lacking(windows: Windows, increments: np.ndarray) -> str:
    """Why nothing can be fitted, in words; empty where it can."""
    gone = windows.churned
    if _fewer(gone) < FEWEST:
        return f"fewer than {FEWEST} churned" if gone.sum() < FEWEST else f"fewer than {FEWEST} stayed"
    score = filled(windows.bands, increments)[1]
    if score.min() == score.max():
        return "nothing that tells one account from another"
    return "the card tells those who churned from all others without a miss" if is_apart(score, gone) else ""


def is_apart(score: np.ndarray, gone: np.ndarray) -> bool:
    """Whether a score parts those who churned from all others, so that a logit on it has no end."""
    return bool(score[gone].max() <= score[~gone].min() or score[gone].min() >= score[~gone].max())


def _fewer(gone: np.ndarray) -> int:
    return int(min(gone.sum(), (~gone).sum()))


def totals(bands: np.ndarray, points: np.ndarray, total: float = 40.0) -> np.ndarray:
    """Totals of a card as `scorecards.health` counts them: what is not measured gives its weight to the others."""
    is_measured = bands >= 0
    earned = np.where(is_measured, points[np.arange(len(points)), np.maximum(bands, 0)], 0).sum(1)
    return np.round(total * earned / np.maximum((is_measured * points[:, -1]).sum(1), 1), 9)


def points_of(increments: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Whole points in proportion to `increments`, by the largest remainder (at a tie the first).

    As many are shared out as the expert's card has above its worst colours, which keep theirs.

    >>> points_of(np.array([[2.0, 1, 1], [4, 0, 0]]), np.array([[1, 2, 3, 4], [1, 2, 3, 4]])).tolist()
    [[1, 3, 4, 4], [1, 4, 4, 4]]
    """
    size = int(np.diff(points, axis=1).sum())
    shares = size * increments.ravel() / increments.sum() if increments.sum() > 0 else np.diff(points, axis=1).ravel()
    whole = np.floor(shares + 1e-9)
    order = np.argsort(-np.round(shares - whole, 9), kind="stable")
    whole[order[:size - int(whole.sum())]] += 1
    return points[:, :1] + np.pad(whole.reshape(increments.shape).cumsum(1), ((0, 0), (1, 0))).astype(int)


# ---------------------------------------------------------------- the fit


def fitted(windows: Windows, increments: np.ndarray, kappa: float) -> np.ndarray:
    """Increments (indicators x steps, none below 0) that fit churn and expansion, in units of the expert's points."""
    return increments + _Model(windows, increments).solve(kappa)[2:].reshape(increments.shape)


def chosen_kappa(windows: Windows, increments: np.ndarray) -> float:
    """The strongest shrinkage that foretells later windows from earlier ones about as well as the best one does."""
    loss, folds = np.zeros(len(KAPPAS)), 0
    for cut in np.unique(np.quantile(np.concatenate([windows.read, windows.known]), CUTS, method="lower")):
        early, late = windows.known_at(cut), windows[windows.read >= cut]
        if len(late.churned) and not lacking(early, increments):
            model, x = _Model(early, increments), None
            design, folds = model.design(late), folds + 1
            for place, kappa in enumerate(KAPPAS):
                x = model.solve(kappa, x)
                loss[place] += model.likelihood(x, *design)[0]
    return KAPPAS[int(np.argmax(loss <= loss.min() + NEAR * folds))]


def points_drawn(windows: Windows, points: np.ndarray, draws: int = DRAWS, seed: int = 0) -> np.ndarray:
    """Points of companies like this one (draws x indicators x colours): its clusters drawn again, kappa chosen anew."""
    increments, rng = np.diff(points, axis=1).astype(float), np.random.default_rng(seed)
    codes = np.unique(windows.cluster.astype(str), return_inverse=True)[1]
    members, drawn = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1]), []
    for _ in range(draws):
        again = windows[np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))])]
        drawn.append(points if lacking(again, increments) else
                     points_of(fitted(again, increments, chosen_kappa(again, increments)), points))
    return np.array(drawn)


class _Model:
    """churn logit = a - b s, expansion logit = e + r b s, with s = z (w + d): w the expert's increments, d to be found.

    z = 1 where a colour is reached; b and r from logits on the expert's total. Minimises the negative log likelihood
    and kappa / 2 sum d^2 over d >= -w, which is the penalty of methods 3 in units of the expert's points.
    """

    def __init__(self, windows: Windows, increments: np.ndarray) -> None:
        self.w, self.centre = increments, 0.0
        self.centre = self.design(windows)[0].mean(0)
        self.data = _, score, came = self.design(windows)
        self.b = max(-logit(score, came[0])[1], WEAKEST / max(increments.sum(), 1))
        self.sign = np.array([[-1.0]])  # of the score in each line: -1 and, where expansion tells something, r
        if len(came) > 1 and _fewer(windows.expanded) >= FEWEST and (rise := logit(score, came[1])[1]) > 0:
            self.sign = np.array([[-1.0], [rise / self.b]])
        # What is hardly ever measured cannot be told: it stays as the expert has it.
        is_held = np.repeat((windows.bands >= 0).mean(0) < 0.5, increments.shape[1])
        free = np.full(2, np.inf)
        self.bounds = Bounds(np.append(-free, np.where(is_held, 0.0, -increments.ravel())),
                             np.append(free, np.where(is_held, 0.0, np.inf)))

    def design(self, windows: Windows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """z and the expert's total, both from the training mean; churned and, if measured, expanded, a row each."""
        z, score = filled(windows.bands, self.w)
        came = [y for y in (windows.churned, windows.expanded) if y is not None]
        return z - self.centre, score - np.sum(self.centre * self.w.ravel()), np.array(came, dtype=float)

    def solve(self, kappa: float, start: np.ndarray | None = None) -> np.ndarray:
        """(a / b, e / b, d...) at the least loss."""
        if start is None:
            came, start = self.data[2], np.zeros(2 + self.w.size)
            start[:len(came)] = stats.LOGIT.there((came.sum(axis=1) + 0.5) / (came.shape[1] + 1)) / self.b
        scale = 1 / max(kappa, len(self.data[0]) * self.b**2 / 50)

        def loss(x: np.ndarray) -> tuple[float, np.ndarray]:
            value, slopes = self.likelihood(x, *self.data)
            slopes[2:] += kappa * x[2:]
            return scale * (value + kappa / 2 * x[2:] @ x[2:]), scale * slopes

        return minimize(loss, start, jac=True, method="L-BFGS-B", bounds=self.bounds, options={"ftol": 1e-8}).x

    def likelihood(self, x: np.ndarray, z: np.ndarray, score: np.ndarray, came: np.ndarray) -> tuple[float, np.ndarray]:
        """Negative log likelihood of windows (see `design`) and its slopes."""
        lines, slopes = len(self.sign), np.zeros(len(x))
        line, came = self.b * (x[:lines, None] + self.sign * (score + z @ x[2:])), came[:lines]
        miss = self.b * (expit(line) - came)
        slopes[:lines], slopes[2:] = miss.sum(axis=1), z.T @ (self.sign * miss).sum(axis=0)
        most = np.log1p(np.exp(-np.abs(line))) + np.maximum(line, 0.0)  # log(1 + e^line), thrice as fast as logaddexp
        return float((most - came * line).sum()), slopes


def filled(bands: np.ndarray, increments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """z (windows x steps of all indicators) and the expert's increments that it earns.

    What is not measured earns the share that the account earns of what is, which is the rule of the card itself.
    """
    reached = bands[:, :, None] > np.arange(increments.shape[1])
    is_measured = bands >= 0
    of = is_measured @ increments.sum(1)
    share = (reached * increments).sum((1, 2)) / np.where(of > 0, of, 1)
    z = np.where(is_measured[:, :, None], reached, share[:, None, None]).reshape(len(bands), -1)
    return z, z @ increments.ravel()


def logit(score: np.ndarray, y: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Level and slope of a logit of `y` on one score, and what each row pulls them by (rows x 2)."""
    x = np.column_stack([np.ones(len(score)), score])
    (level, slope), chance, squares = stats.logistic(x, y, 1e-9)
    return float(level), float(slope), np.linalg.solve(squares, (x * (y - chance)[:, None]).T).T
