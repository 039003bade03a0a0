"""Who the simulated customers are before anything happens: sizes, managers, starts, terms, inclinations."""

from dataclasses import dataclass

import numpy as np

INDUSTRIES = (
    "construction", "finance", "healthcare", "it_services", "logistics", "manufacturing", "wholesale",
)  # fmt: skip
GOALS = ("finance", "customer", "process", "learning")
PRICES = np.array([1800, 2400, 3200])
OPEN_TERM = 0


@dataclass(frozen=True)
class Managers:
    """`enterprise` of them (the first) serve enterprise accounts; all arrays have one entry per manager."""

    enterprise: int
    churn: np.ndarray
    engagement: np.ndarray
    contact: np.ndarray

    def __len__(self) -> int:
        return len(self.churn)


@dataclass(frozen=True)
class Population:
    """One entry per account; `slot_*` has one entry per user the account may ever have."""

    is_enterprise: np.ndarray
    owner: np.ndarray
    industry: np.ndarray
    goal: np.ndarray
    start_month: np.ndarray
    start_day: np.ndarray
    term_months: np.ndarray
    seats: np.ndarray
    capacity: np.ndarray
    product: np.ndarray
    target_users: np.ndarray
    is_onboarded: np.ndarray
    inclination: np.ndarray
    goal_count: np.ndarray
    slot_account: np.ndarray
    slot_number: np.ndarray
    slot_inclination: np.ndarray

    def __len__(self) -> int:
        return len(self.owner)


def draw_managers(rng: np.random.Generator, count: int, world) -> Managers:
    """Managers with their clustered effects."""
    return Managers(
        enterprise=max(1, count // 5),
        churn=rng.normal(0, world.manager_churn_sd, count),
        engagement=rng.normal(0, world.manager_engagement_sd, count),
        contact=rng.normal(0, 0.45, count),
    )


def draw_population(rng: np.random.Generator, count: int, months: int, managers: Managers) -> Population:
    """Accounts that start all over the period, more of them early, so that outcomes a year later exist.

    Onboarding succeeds more often in some segments, sizes and industries, which also use the service more:
    confounding by what is recorded, so that a naive comparison is too high and an adjusted one is not.
    """
    enterprise = rng.random(count) < 0.10
    owner = np.where(
        enterprise,
        rng.integers(0, managers.enterprise, count),
        rng.integers(managers.enterprise, max(len(managers), managers.enterprise + 1), count) % len(managers),
    )
    industry = rng.integers(0, len(INDUSTRIES), count)
    seats = _seats(rng, enterprise)
    lead = 0.35 * enterprise + 0.15 * (industry - 3) + 0.2 * (np.log(seats) - 2.7)
    onboarded = rng.random(count) < _expit(0.3 + 1.3 * lead)
    target = np.maximum(np.round(seats / rng.uniform(0.18, 0.85, count)), 1)
    target[rng.random(count) < 0.15] = np.nan
    capacity = np.ceil(seats * 1.8).astype(int) + 2
    slot_account = np.repeat(np.arange(count), capacity)
    return Population(
        is_enterprise=enterprise,
        owner=owner,
        industry=industry,
        goal=rng.integers(0, len(GOALS), count),
        start_month=np.floor(months * rng.random(count) ** 1.6).astype(int),
        start_day=np.where(rng.random(count) < 0.7, 1, rng.integers(1, 32, count)),
        term_months=rng.choice([12, 6, 24, OPEN_TERM], count, p=[0.92, 0.04, 0.03, 0.01]),
        seats=seats,
        capacity=capacity,
        product=rng.choice(3, count, p=[0.35, 0.45, 0.20]),
        target_users=target,
        is_onboarded=onboarded,
        inclination=lead + managers.engagement[owner] + rng.normal(0, 0.65, count),
        goal_count=rng.choice(5, count, p=[0.08, 0.22, 0.30, 0.25, 0.15]),
        slot_account=slot_account,
        slot_number=np.arange(len(slot_account)) - np.repeat(np.cumsum(capacity) - capacity, capacity),
        slot_inclination=rng.normal(0, 0.9, len(slot_account)),
    )


def _seats(rng: np.random.Generator, enterprise: np.ndarray) -> np.ndarray:
    size = np.exp(rng.normal(np.where(enterprise, 3.95, 2.45), np.where(enterprise, 0.35, 0.5)))
    return np.clip(np.round(size), np.where(enterprise, 30, 5), np.where(enterprise, 120, 45)).astype(int)


def _expit(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))
