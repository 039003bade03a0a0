"""The worlds that can be simulated: each is a set of true parameters, and nothing else.

A further world is a further entry here; the equations of life.py stay the same.
"""

from dataclasses import dataclass

HEALTH_KNOTS = (10.0, 17.5, 20.0, 25.0, 32.5, 40.0)
"""Health scores between which the rates below run linearly: the range of a 40-point card, its cuts, and 20,
because churn falls fastest just above red."""


@dataclass(frozen=True)
class World:
    """True parameters. Rates are given at `HEALTH_KNOTS`, effects on the logit of monthly engagement."""

    churn: tuple[float, ...] = (0.69, 0.45, 0.24, 0.10, 0.03, 0.015)
    expansion: tuple[float, ...] = (0.04, 0.09, 0.15, 0.33, 0.66, 0.77)
    contraction: tuple[float, ...] = (0.12, 0.12, 0.11, 0.09, 0.04, 0.02)
    base: float = -1.35  # engagement of the average account
    onboarding: float = 1.75  # what onboarding in time adds to engagement, six months after the landmark
    touch: float = 0.25  # what a touch score of e - 1 last month adds to engagement
    manager_churn_sd: float = 0.25  # spread between managers on the logit of churn
    manager_engagement_sd: float = 0.25


def _null(churn: float) -> World:
    """Neither health, onboarding nor touches make a difference."""
    rates = ((rate,) * len(HEALTH_KNOTS) for rate in (churn, 0.35 * (1 - churn), 0.10 * (1 - churn)))
    return World(*rates, base=-0.3, onboarding=0.0, touch=0.0)


WORLDS = {"claims": World(), "null": _null(0.15), "null_30": _null(0.30), "null_50": _null(0.50)}
