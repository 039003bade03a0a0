"""The simulator's own reading of the default 40-point card, written apart from the package's scores on
purpose: what the studies are tested against shares no code with them."""

import numpy as np

CUTS = {
    "D-1": (0.25, 0.50, 0.75),
    "D-2": (0.40, 0.60, 0.80),
    "D-3": (0.25, 0.50, 0.75),
    "D-4": (0.25, 0.50, 0.75),
    "E-1": (0.1, 0.5, 1.0),
    "E-2": (-6.0, -4.0, -2.0),  # months without the keyman, negated: fewer is better
    "A-1": (0.40, 0.60, 0.80),
    "A-2": (100.0, 250.0, 400.0),
    "A-3": (0.25, 0.50, 0.75),
    "R-1": (0.30, 0.60, 0.90),
}
INDICATORS = tuple(CUTS)
BANDS = ("red", "orange", "yellow", "green")
UNMEASURED = -1
EXPERT = ((1, 1, 1),) * len(CUTS)
"""What each step to a better colour earns, by indicator; the worst colour of each has one point."""


def colours(values: dict[str, np.ndarray]) -> np.ndarray:
    """The colour of every indicator, 0 (worst) to 3, one column each in the order of `INDICATORS`.

    `values` holds one array per indicator; NaN becomes `UNMEASURED`.
    """
    found = [np.where(np.isnan(values[name]), UNMEASURED, reached(cuts, values[name])) for name, cuts in CUTS.items()]
    return np.column_stack(found).astype(np.int8)


def total(colour: np.ndarray, steps: tuple = EXPERT, without: tuple[str, ...] = ()) -> np.ndarray:
    """The card's total, 40 at best, of colours (last axis: indicator) by the points of `steps`.

    What is not measured, and the indicators `without`, are left out of both sides.

    >>> example = colours({name: np.array([np.nan]) for name in CUTS} | {"D-1": np.array([0.32])})
    >>> total(example).tolist(), zero_based(total(example)).tolist()
    ([20.0], [13.333333333333334])
    """
    earned, best = np.zeros((2, *np.shape(colour)[:-1]))
    for column, (name, step) in enumerate(zip(INDICATORS, steps, strict=True)):
        points, own = 1 + np.cumsum([0, *step]), np.asarray(colour)[..., column]
        counts = (own != UNMEASURED) & (name not in without)
        earned += np.where(counts, points[own], 0)
        best += counts * points[-1]
    return np.divide(40 * earned, best, out=np.full(best.shape, np.nan), where=best > 0)


def zero_based(points: np.ndarray) -> np.ndarray:
    """The total of a card whose best is four times its worst on the scale from 0 (all worst) to 40."""
    return (points - 10) * 4 / 3


def band(total: np.ndarray) -> np.ndarray:
    """The position in `BANDS`."""
    return reached((17.5, 25.0, 32.5), total)


def reached(cuts: tuple[float, ...], value: np.ndarray) -> np.ndarray:
    """How many of the ascending cuts a value reaches; one on the cut does."""
    return np.searchsorted(cuts, np.asarray(value) + 1e-9, side="right")
