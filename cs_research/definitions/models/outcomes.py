"""Renewal outcomes, the reading of scores, and the claims under test."""

from typing import Annotated, Literal

from pydantic import Field

from cs_research.definitions.models.base import Count, Frozen, Name, Share, Text


class Reading(Frozen):
    """When the score is read and until when the outcome is watched (methods 0)."""

    mode: Literal["renewal", "horizon", "landmark"]
    months_before: Count = 3
    min_term_months: Count = 6
    every_months: Count = 12
    horizon_months: Count = 12
    days_after_start: Count = 30


class Onboarding(Frozen):
    """What counts as onboarding success and when health is read again."""

    months: Count
    horizon_months: Count
    recent_months: Annotated[int, Field(ge=1)] = 3   # those whose onboardings make the current rate
    required_milestones: tuple[str, ...] = ()
    stock_per_seat: float | None = None


class Outcomes(Frozen):
    """Renewal outcomes, the reading of scores and onboarding success.

    `is_renewable: false`: a term runs once, its end is no loss and no renewal is expected. Where more than
    `max_unknown_share` of the accounts left with an unknown outcome, no rate is given.
    """

    kind: Literal["outcomes"]
    version: str
    grace_days: Count
    change_tolerance: Share
    is_renewable: bool = True
    max_unknown_share: Share
    churn_line: Annotated[float, Field(gt=0, le=1)] = 0.10   # yearly churn to reach before investing in growth (004)
    retention_basis: Literal["trailing_12", "month", "renewals_due"] = "trailing_12"   # whose GRR, NRR and churn lead
    reading: Reading
    onboarding: Onboarding


class Claim(Frozen):
    """One claim of the source documents and how far from it still counts as agreeing."""

    text: Text
    form: Literal["rate", "ratio", "direction"]
    value: float | None = None


class Claims(Frozen):
    """The claims under test and the rule of their verdicts."""

    kind: Literal["claims"]
    version: str
    rate_tolerance: Share
    ratio_tolerance: float
    rate_half_width: Share
    ratio_half_width: float
    min_accounts: Count
    min_clusters: Count
    negligible_share: Share = 0.05   # of the width of a band: a smaller change of health is worth no touch
    claims: dict[Name, Claim]

    def are_enough(self, accounts: int) -> bool:
        """Whether a rate of so many accounts may be told; of fewer it is "too few"."""
        return accounts >= self.min_accounts
