"""Estimators against figures that others have published; each test names where they stand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from statsmodels.discrete.discrete_model import Logit
from statsmodels.duration.survfunc import CumIncidenceRight

from cs_research.studies import aipw, stats
from cs_research.studies.calibration import logit
from cs_research.studies.incidence import cumulative_incidence
from cs_research.studies.worth import psi

ALONE = pd.Series(range(2000))  # every row a cluster of its own

# ---------------------------------------------------------------- discrimination

# CT images rated from 1 (surely normal) to 5 (surely not): Hanley and McNeil, Radiology 143 (1982) 29, Table I.
NORMAL, ABNORMAL = [33, 6, 6, 11, 2], [3, 2, 2, 11, 33]
RATING = pd.Series(np.repeat([1, 2, 3, 4, 5] * 2, NORMAL + ABNORMAL))
IS_ABNORMAL = pd.Series([False] * 58 + [True] * 51)


def test_auc_and_delongs_error_of_hanley_and_mcneils_images():
    """Stata Base Reference Manual, roctab (DeLong): area .8932, error .0307, 95 % .83295 to .95339."""
    found = stats.auc(RATING, IS_ABNORMAL, ALONE[:109])
    logit_of = {name: np.log(x / (1 - x)) for name, x in vars(found).items() if name in ("value", "lower", "upper")}
    reach = (logit_of["upper"] - logit_of["lower"]) / 2 * found.value * (1 - found.value)  # back on the area's scale
    assert round(found.value, 4) == 0.8932
    assert reach / 1.98217 == pytest.approx(0.0307, rel=0.01)  # t, 108 degrees
    assert (found.lower, found.upper) == pytest.approx((0.83295, 0.95339), abs=0.02)  # theirs is not on the logit


# ---------------------------------------------------------------- rates


@pytest.mark.parametrize(("events", "n", "wilson", "exact"), [
    (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)), (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
    (0, 20, (0.0, 0.1611), (0.0, 0.1684)), (1, 29, (0.0061, 0.1718), (0.0009, 0.1776))])
def test_a_rate_of_independent_rows_is_near_newcombes_intervals(events, n, wilson, exact):
    """Newcombe, Statistics in Medicine 17 (1998) 857, Table I: methods 3 (Wilson) and 5 (Clopper and Pearson).

    Ours is symmetric on the logit: near Wilson's with a few events; wider above with one; the exact one with none."""
    found = stats.rate(pd.Series([1] * events + [0] * (n - events)), ALONE[:n])
    if events == 0:
        assert (found.lower, round(found.upper, 4)) == exact
    else:
        assert (found.lower, found.upper) == pytest.approx(wilson, abs=0.003 if events > 1 else 0.06)
        assert found.upper >= wilson[1]


# ---------------------------------------------------------------- cumulative incidence

# Acute lymphoblastic leukaemia after a transplant, months: relapsed, died without a relapse, still watched (73 of the
# 177 patients of Scrucca, Santucci and Aversa, Bone Marrow Transplantation 45 (2010) 1388; R package casebase, bmtcrr).
RELAPSED = [2, 3.57, 6.13, 5.37, 2.87, 3.07, 1.7, 1.8, 1.67, 7.53, 2.53, 4.23, 13.07, 7.57, 2.4, 1.23, 8.63, 1.1, 20.83,
            4.07, 7.93, 17.23, 3.63, 9.43, 1.87, 7.63, 2.23, 10.3]
DIED = [0.67, 24.03, 1.47, 2.23, 10.53, 1.7, 0.4, 0.87, 7.5, 2.8, 3.63, 6.03, 8, 6, 7.47, 1.43, 8.17, 1.1, 3.3, 5.43,
        4.17, 0.37, 0.27, 3.43, 12.17, 6.6, 3.23, 2.7]
WATCHED = [131.77, 124.83, 123.9, 121.1, 112.23, 82.6, 72.93, 71.83, 56.6, 45.3, 43.67, 35.5, 29.2, 24.77, 19.9, 16.83,
           16.13]


@pytest.mark.parametrize(("event", "printed"), [(1, (0.3713851, 0.3875571)), (2, (0.3698630, 0.3860350))])
def test_cumulative_incidence_of_relapse_and_death_is_that_of_cmprsk(event, printed):
    """R package cmprsk, cuminc(ftime, Status, D) of bmtcrr: after 20 and 40 months. Our months are whole, so each
    time stands for its place among all times, which changes no estimate."""
    times = np.array(RELAPSED + DIED + WATCHED)
    kind = np.repeat([1, 2, 0], [len(RELAPSED), len(DIED), len(WATCHED)])
    places = np.unique(times, return_inverse=True)[1]
    curve = cumulative_incidence(places, np.where(kind == event, 1, np.where(kind == 0, 0, 2)), ALONE[:73])
    at = [int((np.unique(times) <= month).sum()) - 1 for month in (20, 40)]
    found = [curve["estimate"][place] for place in at]
    assert [one.value for one in found] == pytest.approx(printed, abs=5e-8)
    theirs = CumIncidenceRight(times, kind)
    error = theirs.cinc_se[event - 1][theirs.times <= 20][-1]
    reach = np.diff(np.log([x / (1 - x) for x in (found[0].value, found[0].upper)]))[0]
    assert reach * printed[0] * (1 - printed[0]) / 1.9935 == pytest.approx(error, rel=0.02)  # jackknife; t, 72 degrees


# ---------------------------------------------------------------- comparable accounts


def test_smokers_who_quit_gain_what_hernan_and_robins_find():
    """Hernan and Robins, Causal Inference: What If (2020): quitting goes with 3.4 kg (2.4 to 4.5) by weights (Program
    12.4) and 3.5 kg (2.6 to 4.5) by standardised outcomes (13.4); as they are 2.5 kg. AIPW joins the two. Their
    covariates, with squares of age, cigarettes, years of smoking and weight; 1,566 smokers, 403 of whom quit."""
    smokers = pd.read_csv(Path(__file__).parent / "textbook" / "nhefs.csv")
    numbers = smokers[["age", "smokeintensity", "smokeyrs", "wt71"]]
    numbers = (numbers - numbers.mean()) / numbers.std()
    named = smokers[["sex", "race", "education", "exercise", "active"]].astype(str)
    matrix = np.column_stack([np.ones(len(smokers)), pd.get_dummies(named, drop_first=True, dtype=float), numbers,
                              numbers**2])
    both = aipw.arms(smokers["wt82_71"], smokers["qsmk"], matrix, ALONE[:len(smokers)])
    found = aipw.contrast(both, "difference")
    assert (found.n, int(smokers["qsmk"].sum())) == (1566, 403)
    assert found.value == pytest.approx(3.4, abs=0.1)
    assert (found.lower, found.upper) == pytest.approx((2.4, 4.5), abs=0.15)
    bare = stats.mean_difference(smokers["wt82_71"], smokers["qsmk"] == 1, ALONE[:len(smokers)])
    assert round(bare.value, 1) == 2.5


@pytest.mark.parametrize(("ratio", "printed"), [(3.9, 7.26), (1.8, 3.0), (0.8, 1.81), (0.91, 1.43)])
def test_e_values_are_those_of_vanderweele_and_ding(ratio, printed):
    """Annals of Internal Medicine 167 (2017) 268: deaths of infants not breast-fed, 3.9 (limit 1.8); leukaemia of the
    breast-fed, .80 (limit .91)."""
    assert round(aipw.e_value(ratio), 2) == printed


# ---------------------------------------------------------------- calibration


@pytest.mark.parametrize(("boldness", "slope", "intercept"), [(1.0, 1.0, 0.0), (2.0, 0.5, 0.0), (0.5, 2.0, 0.0)])
def test_the_slope_is_one_where_chances_are_right_and_a_half_where_they_are_twice_too_bold(boldness, slope, intercept):
    """Cox, Biometrika 45 (1958) 562: outcomes on the logit of what was said. 40,000 outcomes: errors of about .02."""
    rng = np.random.default_rng(1)
    true = rng.normal(-0.5, 1.0, 40_000)
    happened = (rng.random(len(true)) < expit(true)).astype(float)
    level, found, _ = logit(boldness * true, happened)
    assert (level, found) == pytest.approx((intercept, slope), abs=0.05 * slope + 0.02)


def test_the_interval_of_the_slope_is_the_clustered_one_of_statsmodels():
    rng = np.random.default_rng(2)
    cluster = np.repeat(np.arange(40), 25)
    said = rng.normal(size=1000)
    happened = (rng.random(1000) < expit(said + rng.normal(0, 0.7, 40)[cluster])).astype(float)
    level, slope, pulls = logit(said, happened)
    theirs = Logit(happened, np.column_stack([np.ones(1000), said])).fit(
        disp=0, cov_type="cluster", cov_kwds={"groups": cluster, "use_correction": True})
    assert (level, slope) == pytest.approx(tuple(theirs.params), abs=1e-6)
    # Theirs also counts (n - 1) / (n - 2): .05 % of the error.
    assert stats.clustered_error(pulls[:, 1], cluster) == pytest.approx(theirs.bse[1], rel=1e-3)


# ---------------------------------------------------------------- drift


def test_stability_index_is_kullbacks_divergence_both_ways():
    """Half of accounts in each of two classes, then 80 and 20 %: .3 ln 1.6 - .3 ln .4 = .3 ln 4 = .4159."""
    assert psi([50_000, 50_000], [80_000, 20_000]) == pytest.approx(0.3 * np.log(4), abs=1e-4)
