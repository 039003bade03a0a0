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
BANDS = ("red", "orange", "yellow", "green")


def health(values: dict[str, np.ndarray]) -> np.ndarray:
    """The total, 10 to 40, from one array per indicator; NaN is not measured and left out of both sides.

    >>> float(health({"D-1": np.array([0.32]), "D-2": np.array([0.89])})[0])
    30.0
    """
    points = [np.where(np.isnan(value), np.nan, 1.0 + reached(CUTS[name], value)) for name, value in values.items()]
    return 10 * np.nanmean(points, axis=0)


def band(total: np.ndarray) -> np.ndarray:
    """The position in `BANDS`."""
    return reached((17.5, 25.0, 32.5), total)


def reached(cuts: tuple[float, ...], value: np.ndarray) -> np.ndarray:
    """How many of the ascending cuts a value reaches; one on the cut does."""
    return np.searchsorted(cuts, np.asarray(value) + 1e-9, side="right")
