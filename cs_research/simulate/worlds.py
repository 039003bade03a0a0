"""The worlds that can be simulated: each is a set of true parameters, and nothing else.

A further world is a further entry here; the equations of life.py stay the same.
"""

from dataclasses import dataclass, replace

from cs_research.errors import Refused
from cs_research.simulate.card import EXPERT

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
    lead: float = 1.0  # how much segment, size and industry move both onboarding and engagement
    hidden: float = 0.0  # a trait in no table, in engagement, and as much in onboarding, contact and staying
    insight: float = 0.25  # what managers see of engagement when they choose whom to contact
    steps: tuple[tuple[int, int, int], ...] = EXPERT  # points of the card whose total decides outcomes
    success_by_stock: bool = False  # an onboarding succeeds by the stock at the landmark: no milestones
    pile: float = 1.9  # what the first two months add to the log of the cards that a visit brings in
    brought: float = 0.0  # old cards per seat (median) that are entered at once, how many by chance


def _flat(churn: float) -> dict:
    """Rates that no health changes."""
    rates = {"churn": churn, "expansion": 0.35 * (1 - churn), "contraction": 0.10 * (1 - churn)}
    return {name: (rate,) * len(HEALTH_KNOTS) for name, rate in rates.items()}


_NULL = _flat(0.15) | {"base": -0.3, "onboarding": 0.0, "touch": 0.0, "insight": 0.0}
_CONFOUNDED = {"lead": 2.0, "hidden": 0.25, "insight": 0.25}
WORLDS = {
    "claims": World(),
    "null": World(**_NULL),
    "confounded": World(**_CONFOUNDED | {"onboarding": 1.95, "base": -1.45}),
    "confounded_null": World(**_NULL | _CONFOUNDED | {"lead": 2.4}),
    "overlap": World(**_NULL, success_by_stock=True, pile=-1.0, brought=350.0),
    "wrong_card": World(steps=(
        (4, 2, 1), (0, 0, 0), (0, 0, 1), (0, 0, 0), (0, 0, 0), (4, 4, 3), (0, 0, 1), (0, 0, 0), (0, 1, 1), (4, 3, 1),
    )),
}


def world_of(name: str, base_churn: int | None = None) -> World:
    """The world of that name; `base_churn`, in percent, is the churn of all accounts where nothing matters.

    Refused: an unknown name, a base churn outside 1 to 90 or for a world where health decides.

    >>> world_of("null", 30).churn[0]
    0.3
    """
    if name not in WORLDS:
        raise Refused(f"There is no world '{name}'", f"choose one of {', '.join(WORLDS)}")
    if base_churn is None:
        return WORLDS[name]
    if len(set(WORLDS[name].churn)) > 1 or not 1 <= base_churn <= 90:
        raise Refused(f"The world '{name}' takes no base churn of {base_churn}", "give 1 to 90 to a world of null")
    return replace(WORLDS[name], **_flat(base_churn / 100))
