"""Touch and health a month later (methods 4): a conditional association, not an effect that was tried out."""

import numpy as np
import pandas as pd

from cs_research.finding import Estimate, Finding, with_interval
from cs_research.numbers import count
from cs_research.studies import stats
from cs_research.studies.evidence import NOTE_TODAY, Evidence, clusters, health_without
from cs_research.studies.judging import cannot_measure, claim_finding, judged, too_few

NAME = "touch_raises_health"
# Indicators made of touches or meetings: they rise with a touch by construction.
OF_TOUCH = ("touch_score", "touch_score_month", "touch_score_synced", "touch_points", "touch_points_online",
            "keyman_months")
LAGS = 3


def health_without_touch(evidence: Evidence) -> pd.DataFrame:
    """account_id, month, health (0 to the card's total) from the indicators that no touch enters."""
    of_touch = tuple(i.id for i in evidence.card.indicators if {i.value, i.numerator, i.denominator} & set(OF_TOUCH))
    return health_without(evidence, of_touch)[["account_id", "month", "health"]]


def lagged_panel(evidence: Evidence) -> pd.DataFrame:
    """One row per account and month with health of the next month (`after`), of this and the two before it
    (`lag_0` to `lag_2`), log(1 + touch score of the month), log(1 + age), log(1 + seats), segment, the band of the
    whole score when the month began (`band_before`: what a manager saw) and cluster; complete rows only.
    """
    names = ["account_id", "month", "touch_score_month", "age_months", "segment", "seats", "health_band"]
    frame = evidence.history[names].assign(cluster=clusters(evidence.history))
    frame = frame.merge(health_without_touch(evidence), on=["account_id", "month"])
    number = frame["month"].dt.year * 12 + frame["month"].dt.month
    known = frame[["health", "health_band"]].set_index(pd.MultiIndex.from_arrays([frame["account_id"], number]))
    shifts = {"after": 1, **{f"lag_{back}": -back for back in range(LAGS)}}
    for name, shift in {**shifts, "band_before": -1}.items():
        moved = known.reindex(pd.MultiIndex.from_arrays([frame["account_id"], number + shift]))
        frame[name] = moved["health_band" if name == "band_before" else "health"].to_numpy()
    frame["touch"] = np.log1p(frame["touch_score_month"])
    frame["age"], frame["size"] = np.log1p(frame["age_months"]), np.log1p(frame["seats"].fillna(0))
    needed = ["after", "touch", *[f"lag_{back}" for back in range(LAGS)]]
    return frame.dropna(subset=needed).reset_index(drop=True)


def touch_and_health(evidence: Evidence) -> Finding:
    """Health (without the touch indicators) next month by touch this month, given three months of that health.

    The estimate is the difference in health that goes with one touch point per seat instead of none.
    """
    if evidence.history["touch_score_month"].notna().sum() == 0:
        return cannot_measure(NAME, "the data hold no touches")
    panel = lagged_panel(evidence)
    accounts = panel["account_id"].nunique()
    if few := too_few(evidence, NAME, accounts, "with four months of health in a row"):
        return few
    estimate = conditional_association(panel, evidence.card.total)
    if estimate.value is None:
        return cannot_measure(NAME, "touch or health does not vary between like accounts and months")
    tolerance = evidence.definitions.claims.negligible_share * evidence.card.total / len(evidence.card.bands)
    verdict = judged(evidence, NAME, estimate, tolerance=tolerance, accounts=accounts)
    ending = {"supported": "a rise, as claimed", "contradicted": verdict.reason}.get(
        verdict.verdict, f"this cannot be told ({verdict.reason})")
    sentence = (f"One touch point per seat more goes with a change of {with_interval(estimate, 'difference')} in "
                f"health (0 to {evidence.card.total:.0f}) a month later, at equal health before: {ending}. This is a "
                "conditional association, not an effect.")
    notes = [f"{count(accounts, 'account')}, months with health in the month after and the two before; the score is "
             "taken without the indicators made of touches and meetings.",
             "Equal in three months of that health and their quarters, the band that managers saw, month, age, seats "
             "and segment. It fails where managers act on what is not recorded; a hold-out drawn by lot would tell "
             "(notebook holdout).",
             NOTE_TODAY]
    row = {"what": "one touch point per seat more", "form": "difference", **estimate.row()}
    return claim_finding(evidence, NAME, sentence, estimate, verdict, tolerance, "health", rows=[row], notes=notes)


def conditional_association(panel: pd.DataFrame, total: float) -> Estimate:
    """The slope of `after` on `touch` at equal lags, bands and covariates, times log 2: one touch point, not none.

    In: the columns of `lagged_panel`; `total` of the health scale. Least squares, clustered; no value where touch or
    health does not vary, no interval from one cluster. Rule: methods 4.
    """
    lags = [f"lag_{back}" for back in range(LAGS)]
    groups = [panel[name] for name in ("segment", "band_before", "month")]
    groups += [(panel[lag] / total * 4).clip(0, 3.99).astype(int) for lag in lags]
    controls = np.column_stack([panel[["age", "size", *lags]], *map(_levels, groups)])
    unit = float(np.log(2))
    return stats.adjusted_slope(panel["after"] * unit, panel["touch"], controls, panel["cluster"])


def _levels(values: pd.Series) -> np.ndarray:
    """A column of 0 and 1 for each level but the first; what is not known is a level too."""
    place, names = pd.factorize(values, use_na_sentinel=False)
    return np.eye(len(names))[place][:, 1:]
