"""Touch and health a month later (methods 4): a conditional association, not an effect that was tried out."""

import numpy as np
import pandas as pd

from cs_research.finding import Estimate, Finding, count, with_interval
from cs_research.scorecards import TOLERANCE
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
    (`lag_0` to `lag_2`), log(1 + touch score of the month), log(1 + age), segment and cluster; complete rows only.
    """
    names = ["account_id", "month", "touch_score_month", "age_months", "segment"]
    frame = evidence.history[names].assign(cluster=clusters(evidence.history))
    frame = frame.merge(health_without_touch(evidence), on=["account_id", "month"])
    number = frame["month"].dt.year * 12 + frame["month"].dt.month
    known = pd.Series(frame["health"].to_numpy(), index=pd.MultiIndex.from_arrays([frame["account_id"], number]))
    for name, shift in {"after": 1, **{f"lag_{back}": -back for back in range(LAGS)}}.items():
        frame[name] = known.reindex(pd.MultiIndex.from_arrays([frame["account_id"], number + shift])).to_numpy()
    frame["touch"] = np.log1p(frame["touch_score_month"])
    frame["age"] = np.log1p(frame["age_months"])
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
    few = too_few(evidence, NAME, accounts, "with four months of health in a row")
    if few:
        return few
    if panel["touch"].std() < TOLERANCE or panel["after"].std() < TOLERANCE:
        return cannot_measure(NAME, "touch or health does not vary between accounts and months")
    estimate = _per_touch_point(panel)
    tolerance = evidence.definitions.claims.negligible_share * evidence.card.total / len(evidence.card.bands)
    verdict = judged(evidence, NAME, estimate, tolerance=tolerance, accounts=accounts)
    ending = {"supported": "a rise, as claimed", "contradicted": verdict.reason}.get(
        verdict.verdict, f"this cannot be told ({verdict.reason})")
    sentence = (f"One touch point per seat more goes with a change of {with_interval(estimate, 'difference')} in "
                f"health (0 to {evidence.card.total:.0f}) a month later, at equal health before: {ending}. This is a "
                "conditional association.")
    notes = [f"{count(accounts, 'account')}, months with health in the month after and the two before; the score is "
             "taken without the indicators made of touches and meetings.",
             "It misleads where managers act on what is not recorded; a randomised hold-out of touches would tell.",
             NOTE_TODAY]
    row = {"what": "one touch point per seat more", "form": "difference", "estimate": estimate.value,
           "lower": estimate.lower, "upper": estimate.upper, "n": estimate.n}
    return claim_finding(evidence, NAME, sentence, estimate, verdict, tolerance, "health", rows=[row], notes=notes)


def _per_touch_point(panel: pd.DataFrame) -> Estimate:
    """Least squares with errors clustered by manager; the slope on log(1 + touch) times log 2."""
    from statsmodels.regression.linear_model import OLS

    columns = ["touch", "age", *[f"lag_{back}" for back in range(LAGS)]]
    segments = pd.get_dummies(panel["segment"].fillna("none"), prefix="segment", drop_first=True, dtype=float)
    design = pd.concat([panel[columns], segments], axis=1)
    design = design.loc[:, design.nunique() > 1].assign(constant=1.0)
    codes, names = pd.factorize(panel["cluster"])
    if len(names) < 2:
        return Estimate(None, None, None, len(panel), len(names))
    fit = OLS(panel["after"], design).fit(cov_type="cluster", cov_kwds={"groups": codes}, use_t=True)
    unit = float(np.log(2))
    return stats.spread(float(fit.params["touch"]) * unit, float(fit.bse["touch"]) * unit, len(panel), len(names))
