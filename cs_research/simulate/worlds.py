"""The worlds that can be simulated: each is a set of true parameters, and nothing else.

A further world is a further entry here; the equations of life.py stay the same.
"""

from dataclasses import dataclass, replace

from cs_research.errors import Refused

HEALTH_KNOTS = (10.0, 17.5, 20.0, 25.0, 32.5, 40.0)
"""Health scores between which the rates below run linearly: the range of a 40-point card, its cuts, and 20,
because churn falls fastest just above red."""


@dataclass(frozen=True)
class World:
    """True parameters. Rates are given at `HEALTH_KNOTS`, effects on the logit of monthly engagement."""

    churn: tuple[float, ...] = (0.69, 0.45, 0.24, 0.10, 0.03, 0.015)
    expansion: tuple[float, ...] = (0.04, 0.09, 0.15, 0.33, 0.66, 0.77)
    contraction: tuple[float, ...] = (0.12, 0.12, 0.11, 0.09, 0.04, 0.02)
    base: float = -1.35
    """Engagement of the average account."""
    onboarding: float = 1.75
    """What onboarding in time adds to engagement, reached six months after the landmark."""
    touch: float = 0.25
    """What a touch score of e - 1 last month adds to engagement."""
    manager_churn_sd: float = 0.25
    """Spread between managers on the logit of churn."""
    manager_engagement_sd: float = 0.25


CLAIMS = World()


def null_world(base_churn: float) -> World:
    """A world where neither health, onboarding nor touches make a difference."""
    left = 1 - base_churn
    return replace(
        CLAIMS,
        churn=(base_churn,) * len(HEALTH_KNOTS),
        expansion=(0.35 * left,) * len(HEALTH_KNOTS),
        contraction=(0.10 * left,) * len(HEALTH_KNOTS),
        base=-0.3,
        onboarding=0.0,
        touch=0.0,
    )


WORLDS = {
    "claims": CLAIMS,
    "null": null_world(0.15),
    "null_30": null_world(0.30),
    "null_50": null_world(0.50),
}


def world_named(name: str) -> World:
    """The world of that name; Refused when there is none."""
    if name not in WORLDS:
        raise Refused(f"There is no world '{name}'", f"choose one of {', '.join(WORLDS)}")
    return WORLDS[name]
