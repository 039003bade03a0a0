"""Intervals against hand-worked numbers, other people's formulas and known truth."""

import doctest

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.proportion import proportion_confint

from cs_research.studies import stats


def managers(rng, count=40, size=20, spread=0.8, base=-1.0):
    """Events of accounts whose managers differ; returns events, managers and the true mean rate."""
    effect = rng.normal(base, spread, count)
    cluster = np.repeat(np.arange(count), size)
    return pd.Series(rng.random(count * size) < 1 / (1 + np.exp(-effect[cluster]))), pd.Series(cluster)


def test_the_error_of_a_mean_is_that_of_a_clustered_regression():
    events, cluster = managers(np.random.default_rng(1))
    y = events.astype(float)
    fit = OLS(y, np.ones(len(y))).fit(cov_type="cluster", cov_kwds={"groups": cluster}, use_t=True)
    assert stats.clustered_error((y - y.mean()) / len(y), cluster) == pytest.approx(fit.bse.iloc[0])


def test_a_rate_worked_by_hand():
    """Three managers, 1 of 2, 0 of 2 and 2 of 2: each pulls by 0, -1/6 and +1/6 of a half."""
    found = stats.rate(pd.Series([1, 0, 0, 0, 1, 1]), pd.Series(list("aabbcc")))
    error = np.sqrt(3 / 2 * 2 / 36)
    reach = scipy_stats.t.ppf(0.975, 2) * error / 0.25
    assert found.value == 0.5 and (found.n, found.clusters) == (6, 3)
    assert found.upper == pytest.approx(1 / (1 + np.exp(-reach)))
    assert found.lower == pytest.approx(1 - found.upper)


def test_a_rate_is_never_surer_than_independent_accounts():
    alike = stats.rate(pd.Series([1, 0] * 20), pd.Series(np.repeat(range(20), 2)))  # every manager lost one of two
    assert alike.upper - alike.lower > 2 * 1.9 * np.sqrt(0.25 / 40)


@pytest.mark.parametrize(("events", "side"), [(0, "upper"), (25, "lower")])
def test_no_event_or_nothing_else_is_exact_for_accounts_on_their_own(events, side):
    found = stats.rate(pd.Series([1] * events + [0] * (25 - events)), pd.Series(range(25)))
    expected = dict(zip(("lower", "upper"), proportion_confint(events, 25, method="beta"), strict=True))
    assert getattr(found, side) == pytest.approx(expected[side])


def test_no_event_under_few_managers_is_less_sure():
    alone, shared = (stats.rate(pd.Series([0] * 60), pd.Series(np.arange(60) // size)) for size in (1, 20))
    assert shared.upper > alone.upper and shared.lower == 0


def test_nothing_and_one_manager_give_no_interval():
    assert stats.rate(pd.Series([], dtype=bool), pd.Series([], dtype=object)).value is None
    alone = stats.rate(pd.Series([1, 0]), pd.Series(["a", "a"]))
    assert (alone.value, alone.lower, alone.clusters) == (0.5, None, 1)


def test_intervals_cover_a_known_truth_where_managers_differ():
    """400 draws: binomial error 1.1 points around 95 %; treating accounts as independent covers far less."""
    rng = np.random.default_rng(7)
    truth = float(np.mean(1 / (1 + np.exp(-rng.normal(-1.0, 0.8, 400_000)))))
    held, naive = 0, 0
    for _ in range(400):
        events, cluster = managers(rng)
        found = stats.rate(events, cluster)
        held += found.lower <= truth <= found.upper
        low, high = proportion_confint(int(events.sum()), len(events), method="wilson")
        naive += low <= truth <= high
    assert 0.91 <= held / 400 <= 0.985
    assert naive / 400 < 0.8


def test_a_difference_of_rates():
    events = pd.Series([1] * 30 + [0] * 20 + [1] * 10 + [0] * 40)
    chosen = pd.Series([True] * 50 + [False] * 50)
    found = stats.rate_difference(events, chosen, pd.Series(range(100)))
    wald = np.sqrt(0.6 * 0.4 / 50 + 0.2 * 0.8 / 50)
    assert found.value == pytest.approx(0.4)
    assert (found.upper - found.lower) / 2 == pytest.approx(scipy_stats.t.ppf(0.975, 99) * wald, rel=0.03)


def test_a_difference_without_any_event_is_still_unsure():
    found = stats.rate_difference(pd.Series([0] * 24), pd.Series([True] * 12 + [False] * 12), pd.Series(range(24)))
    assert found.value == 0 and found.upper > 0.1
    assert stats.rate_difference(pd.Series([0, 1]), pd.Series([True, True]), pd.Series([1, 2])).value is None


def test_a_ratio_of_means_has_the_delta_error_of_its_logarithm():
    rng = np.random.default_rng(3)
    values, chosen = pd.Series(rng.gamma(4, 5, 600)), pd.Series(np.arange(600) % 3 == 0)
    found = stats.mean_ratio(values, chosen, pd.Series(range(600)))
    high, low = values[chosen], values[~chosen]
    error = np.sqrt(high.var() / len(high) / high.mean() ** 2 + low.var() / len(low) / low.mean() ** 2)
    assert found.value == pytest.approx(high.mean() / low.mean())
    assert np.log(found.upper / found.lower) / 2 == pytest.approx(1.964 * error, rel=0.01)


def test_a_ratio_to_nothing_is_none():
    empty = stats.mean_ratio(pd.Series([1.0, 0.0]), pd.Series([True, False]), pd.Series([1, 2]))
    assert empty.value is None and stats.logarithm(empty).value is None


def test_revenue_kept_weighs_by_revenue():
    found = stats.total_ratio(pd.Series([90.0, 0.0, 10.0]), pd.Series([90.0, 10.0, 10.0]), pd.Series(list("abc")))
    assert found.value == pytest.approx(100 / 110)
    unmoved = stats.total_ratio(pd.Series([5.0, 5.0]), pd.Series([5.0, 5.0]), pd.Series(list("ab")))
    assert (unmoved.value, unmoved.lower) == (1.0, None)  # no spread, so no interval rather than a sure one


# ---------------------------------------------------------------- discrimination


def pairs_won(score, events):
    with_event, without = score[events], score[~events]
    return np.mean([(a > b) + 0.5 * (a == b) for a in with_event for b in without])


def test_auc_counts_pairs_and_half_of_ties():
    rng = np.random.default_rng(5)
    score, events = pd.Series(rng.integers(0, 6, 80)), pd.Series(rng.random(80) < 0.4)
    assert stats.auc(score, events, pd.Series(range(80))).value == pytest.approx(pairs_won(score, events))


def test_auc_has_delongs_error_when_accounts_stand_alone():
    rng = np.random.default_rng(6)
    events = pd.Series(rng.random(300) < 0.3)
    score = pd.Series(rng.normal(0, 1, 300) + events)
    found = stats.auc(score, events, pd.Series(range(300)))
    won = np.array([[(a > b) + 0.5 * (a == b) for b in score[~events]] for a in score[events]])
    delong = np.sqrt(won.mean(axis=1).var(ddof=1) / won.shape[0] + won.mean(axis=0).var(ddof=1) / won.shape[1])
    middle = found.value
    reach = np.log(found.upper / (1 - found.upper)) - np.log(middle / (1 - middle))
    assert reach * middle * (1 - middle) == pytest.approx(scipy_stats.t.ppf(0.975, 299) * delong, rel=0.01)


def test_auc_of_perfect_separation_and_of_one_class():
    perfect = stats.auc(pd.Series([1, 2, 3, 4, 5, 6]), pd.Series([False] * 3 + [True] * 3), pd.Series(range(6)))
    assert perfect.value == 1 and perfect.upper == 1 and perfect.lower < 0.95
    # Three pairs without a row in common, none of them wrong: .025 to the power of a third.
    assert perfect.lower == pytest.approx(0.025 ** (1 / 3))
    many = stats.auc(pd.Series(range(200)), pd.Series([False] * 150 + [True] * 50), pd.Series(range(200)))
    assert many.lower == pytest.approx(0.025 ** (1 / 50))  # .93: as many as the smaller group has
    assert stats.auc(pd.Series([1, 2]), pd.Series([True, True]), pd.Series([1, 2])).value is None


def test_paired_auc_of_the_same_score_is_no_difference():
    events, score = pd.Series([True, False, True, False]), pd.Series([3.0, 1.0, 2.0, 4.0])
    assert stats.auc_difference(score, 2 * score + 1, events, pd.Series(range(4))).value == 0


def test_examples_in_docstrings():
    assert doctest.testmod(stats).failed == 0
