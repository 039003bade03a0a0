"""The rule of verdicts at its edges, records that survive the round trip, numbers as they are written."""

import doctest
import json
from math import log

import numpy as np
import pandas as pd
import pytest

from cs_research import finding, numbers
from cs_research.definitions import load_definitions
from cs_research.finding import Estimate, Finding, judgement, plain
from cs_research.numbers import count, number, percent, percents, signed

RULES = load_definitions().claims
RED, TWICE = RULES.claims["bad_health_churns_half"], RULES.claims["onboarding_doubles_health"]
RARE, TOUCH = RULES.claims["established_rarely_churns"], RULES.claims["touch_raises_health"]
DIFFERS, SAME = Estimate(0.2, 0.1, 0.3, 500, 40), Estimate(0.2, -0.1, 0.5, 500, 40)


def verdict(claim, value, lower, upper, difference=DIFFERS, n=500, clusters=40, **more):
    return judgement(claim, RULES, Estimate(value, lower, upper, n, clusters), difference, **more).verdict


@pytest.mark.parametrize(("value", "lower", "upper", "expected"), [
    (0.50, 0.45, 0.55, "supported"),
    (0.55, 0.46, 0.65, "supported"),      # on the tolerance is within it
    (0.55, 0.51, 0.60, "supported"),      # excludes the claim, yet no further than the tolerance
    (0.56, 0.51, 0.61, "contradicted"),
    (0.56, 0.50, 0.62, "cannot_tell"),    # reaches the claim
    (0.44, 0.39, 0.49, "contradicted"),
    (0.50, 0.40, 0.60, "supported"),      # half-width of ten points is narrow enough
    (0.50, 0.39, 0.60, "cannot_tell"),
])
def test_rates(value, lower, upper, expected):
    assert verdict(RED, value, lower, upper) == expected


@pytest.mark.parametrize(("value", "lower", "upper", "expected"), [
    (2.0, 1.7, 2.35, "supported"),
    (2.2, 1.9, 2.55, "supported"),        # twice times 1.1 is on the edge
    (2.21, 2.05, 2.4, "contradicted"),
    (2.0 / 1.11, 1.7, 1.95, "contradicted"),
    (2.0 / 1.11, 1.6, 2.05, "cannot_tell"),
    (2.0, 2.0 / 1.25, 2.0 * 1.25, "supported"),
    (2.0, 1.55, 2.5, "cannot_tell"),
])
def test_ratios_are_compared_as_logarithms(value, lower, upper, expected):
    assert verdict(TWICE, value, lower, upper, Estimate(log(2), 0.3, 1.0, 500, 40)) == expected


def test_supported_needs_a_difference_from_all_others():
    """A world where every band churns at half must not support that red churns half."""
    assert verdict(RED, 0.5, 0.45, 0.55, SAME) == "cannot_tell"
    assert verdict(RED, 0.5, 0.45, 0.55, None) == "cannot_tell"
    assert verdict(RED, 0.64, 0.56, 0.72, SAME) == "contradicted"  # a contradiction needs none


@pytest.mark.parametrize(("value", "lower", "upper", "expected"), [
    (0.03, 0.01, 0.06, "supported"), (0.09, 0.05, 0.15, "contradicted"), (0.04, 0.0, 0.3, "cannot_tell"),
])
def test_established_accounts_are_tested_against_nil(value, lower, upper, expected):
    assert verdict(RARE, value, lower, upper) == expected


@pytest.mark.parametrize(("value", "lower", "upper", "expected"), [
    (0.09, 0.02, 0.15, "supported"), (-0.09, -0.15, -0.02, "contradicted"), (0.01, -0.03, 0.05, "contradicted"),
    (0.01, -0.03, 0.06, "cannot_tell"), (0.03, 0.0, 0.08, "cannot_tell"),
])
def test_directions(value, lower, upper, expected):
    assert verdict(TOUCH, value, lower, upper) == expected


def test_a_direction_in_another_unit_has_its_own_tolerance():
    assert verdict(TOUCH, 0.1, -0.3, 0.5, tolerance=0.5) == "contradicted"
    assert verdict(TOUCH, 0.1, -0.3, 0.51, tolerance=0.5) == "cannot_tell"


@pytest.mark.parametrize("change", [{"n": 9}, {"clusters": 9}, {"lower": None}])
def test_floors_come_before_everything(change):
    given = {"value": 0.9, "lower": 0.85, "upper": 0.95, **change}
    assert verdict(RED, **given) == "cannot_tell"


def test_the_floor_counts_accounts_where_they_have_several_rows():
    assert verdict(RED, 0.9, 0.85, 0.95, n=500, accounts=9) == "cannot_tell"
    assert verdict(RED, 0.9, 0.85, 0.95, n=500, accounts=10) == "contradicted"


def test_exactly_on_the_floors_is_enough():
    assert verdict(RED, 0.9, 0.85, 0.95, n=10, clusters=10) == "contradicted"


def test_the_reason_says_which_way():
    assert judgement(RED, RULES, Estimate(0.64, 0.54, 0.76, 81, 30)).reason == "higher than claimed"
    assert judgement(RED, RULES, Estimate(0.33, 0.30, 0.36, 900, 30)).reason == "lower than claimed"


def test_a_picture_counts_in_tolerances_from_the_claim():
    red = Finding("q", "s", .6, .5, .7)
    assert finding.tolerances(red, RED, RULES) == pytest.approx((0, 2, 4))
    assert finding.tolerances(Finding("q", "s", 2.42, None, 2.2), TWICE, RULES) == pytest.approx((2, 2, 1))
    assert finding.tolerances(Finding("q", "s", 1., .5, 1.5, details={"tolerance": .5}), TOUCH, RULES) == (1, 2, 3)
    assert finding.tolerances(Finding("q", "s"), RED, RULES) is None
    assert finding.tolerances(Finding("q", "s", 1., 0., 2.), TWICE, RULES) is None


# ---------------------------------------------------------------- records


def test_a_finding_survives_its_record():
    rows = [{"month": pd.Timestamp("2026-10-01"), "n": 3}]
    one = Finding("q", "It is so.", 0.5, 0.4, 0.6, 12, "keep", {"rows": rows})
    assert Finding.from_record(one.as_record()) == one
    assert one.rows == [{"month": "2026-10-01", "n": 3}]


def test_a_finding_without_figures_survives_a_parquet_table():
    record = pd.DataFrame([Finding.not_measured("q", "no touches").as_record()]).to_dict("records")[0]
    back = Finding.from_record({**record, "estimate": float("nan")})
    assert (back.estimate, back.lower, back.sentence) == (None, None, "Not measured: no touches.")


def test_details_are_plain_json_whatever_comes_in():
    odd = {"a": np.float64("nan"), "b": np.int64(3), "c": pd.NaT, "d": (np.bool_(True), float("inf")), 5: "x"}
    assert plain(odd) == {"a": None, "b": 3, "c": None, "d": [True, None], "5": "x"}
    assert json.loads(Finding("q", "s", details=odd).as_record()["details"])["b"] == 3


def test_an_unknown_verdict_is_refused():
    with pytest.raises(ValueError, match="no verdict"):
        Finding("q", "s", verdict="proven")


def test_html_is_escaped():
    shown = Finding("q", "<b>Aoba & Co</b>", verdict="keep", details={"notes": ["<i>"]})._repr_html_()
    assert "&lt;b&gt;Aoba &amp; Co" in shown and "<i>" not in shown and "Keep." in shown


# ---------------------------------------------------------------- numbers


def test_numbers_in_sentences():
    assert [percent(x) for x in (0, 0.034, 0.0995, 0.254, 1, -0.05)] == ["0%", "3.4%", "10%", "25%", "100%", "−5.0%"]
    assert percents(-0.02, 0.5) == "−2.0% to 50%"
    assert [number(x) for x in (-0.04, -1.26, 1234)] == ["0.0", "−1.3", "1,234.0"]
    assert [signed(x) for x in (0.04, 0.5, -0.5)] == ["0.0", "+0.5", "−0.5"]
    assert [count(1, "account"), count(2, "company", "companies"), count(1200)] == ["1 account", "2 companies", "1,200"]


@pytest.mark.parametrize("part", [finding, numbers], ids=["finding", "numbers"])
def test_examples_in_docstrings(part):
    assert doctest.testmod(part).failed == 0
