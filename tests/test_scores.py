"""Scores on hand-scored accounts: the document's example, three accounts on a sheet of paper, what always holds."""

import numpy as np
import pandas as pd
import pytest
from canonical import DEFAULTS
from hypothesis import given
from hypothesis import strategies as st

from cs_research import scorecards, scores

DEAR = DEFAULTS.scorecards["dear"]
JUNE = pd.Timestamp("2026-06-01")
NUMBER = st.floats(0, 1e6, allow_nan=False) | st.none()


def sheet(**accounts: dict) -> pd.DataFrame:
    """Measures of accounts in June 2026; a measure not given is not measured."""
    rows = [{**dict.fromkeys(DEAR.reads), **row, "account_id": name, "month": JUNE}
            for name, row in accounts.items()]
    return pd.DataFrame(rows).astype(dict.fromkeys(DEAR.reads, float))


# 000, "Health Score Example": D-1 32 %, D-2 89 %, D-3 63 %, D-4 35 %, E-1 0.3, E-2 "Good", A-1 78 %, A-2 245,
# A-3 43 %, R-1 50 %: 26 of 40. "Good" is a keyman met within two months.
EXAMPLE = {"seats": 100, "target_users": 312.5, "activated_users": 89, "login_users": 63, "core_users": 35,
           "touch_score": 0.3, "keyman_months": 1.5, "weekly_users": 39, "active_users": 50, "stock": 24500,
           "key_users": 21.5, "goals_achieved": 1, "goals_agreed": 2}


def test_the_example_account_of_the_source_scores_26_of_40():
    rows = scorecards.indicators(sheet(example=EXAMPLE), DEAR)
    assert rows["points"].tolist() == [2, 4, 3, 2, 2, 4, 3, 2, 2, 2]
    total = scorecards.health(rows, DEAR).iloc[0]
    assert (total.health, total.health_band, total.measured_share) == (26, "yellow", 1)


def test_three_accounts_scored_by_hand():
    rows = scorecards.indicators(sheet(
        # Everything on the lowest edge of green: a value on a cut has the better colour. 10 x 4 = 40.
        best={"seats": 100, "target_users": 100 / 0.75, "activated_users": 80, "login_users": 75, "core_users": 75,
              "touch_score": 1.0, "keyman_months": 2.0, "weekly_users": 40, "active_users": 50, "stock": 40000,
              "key_users": 37.5, "goals_achieved": 9, "goals_agreed": 10},
        # A dead account: rates over nobody take the worst colour, no goal agreed is not measured. 9 x 1 = 10 of 40.
        dead={"seats": 10, "target_users": 100, "activated_users": 0, "login_users": 0, "core_users": 0,
              "touch_score": 0, "keyman_months": 14, "weekly_users": 0, "active_users": 0, "stock": 0,
              "key_users": 0, "goals_achieved": 0, "goals_agreed": 0},
        # Six of ten measured, just enough: 4+3+2+1+4+3 = 17 of 24 points, 28.33 of 40.
        partly={"seats": 10, "activated_users": 8, "login_users": 5, "core_users": 2.5, "stock": 0,
                "keyman_months": 1, "touch_score": 0.5}), DEAR)
    total = scorecards.health(rows, DEAR).set_index("account_id")
    assert total["health"].to_dict() == {"best": 40, "dead": 10, "partly": pytest.approx(40 * 17 / 24)}
    assert total["health_band"].to_dict() == {"best": "green", "dead": "red", "partly": "yellow"}
    assert total["measured_share"].to_dict() == {"best": 1.0, "dead": 0.9, "partly": 0.6}


def test_under_sixty_percent_measured_there_is_no_score_and_nothing_is_zero():
    rows = scorecards.indicators(sheet(a={"seats": 10, "activated_users": 8, "login_users": 5, "core_users": 2.5,
                                      "stock": 0, "touch_score": 0.5}), DEAR)
    assert rows.loc[~rows["is_measured"], ["value", "points"]].isna().all(axis=None)
    total = scorecards.health(rows, DEAR).iloc[0]
    assert np.isnan(total.health) and total.health_band != total.health_band and total.measured_share == 0.5


def test_a_card_without_engagement_or_roi_is_usage_only():
    usage = {"seats": 10, "target_users": 20, "activated_users": 8, "login_users": 5, "core_users": 2, "stock": 0}
    both = sheet(usage=usage, touched={**usage, "touch_score": 0})
    total = scorecards.health(scorecards.indicators(both, DEAR), DEAR).set_index("account_id")
    assert total["is_usage_only"].to_dict() == {"usage": True, "touched": False}


def test_the_zero_based_scale_runs_from_nothing_to_the_total():
    assert scorecards.lowest_total(DEAR) == 10
    assert scorecards.zero_based(pd.Series([10.0, 25.0, 40.0]), DEAR).tolist() == [0, 20, 40]


def test_an_account_moves_into_a_only_from_a_measured_quadrant_the_month_before():
    frame = pd.DataFrame([("a", 1, "D"), ("a", 2, "A"), ("a", 3, "A"), ("a", 5, "A"), ("b", 1, "A"), ("c", 1, None),
                          ("c", 2, "A"), ("d", 12, "B"), ("d", 13, "A")], columns=["account_id", "n", "quadrant"])
    frame["month"] = [pd.Timestamp("2025-01-01") + pd.DateOffset(months=n - 1) for n in frame["n"]]
    shuffled = frame.sample(frac=1, random_state=1)
    moved = shuffled[scores.moves_into_a(shuffled)]
    assert sorted(zip(moved["account_id"], moved["n"], strict=True)) == [("a", 2), ("d", 13)]


measures = st.fixed_dictionaries({name: NUMBER for name in DEAR.reads})


@given(st.lists(measures, min_size=1, max_size=5))
def test_points_add_up_and_stay_within_the_card(accounts):
    frame = sheet(**{f"a{n}": row for n, row in enumerate(accounts)})
    rows = scorecards.indicators(frame, DEAR)
    total = scorecards.health(rows, DEAR)
    by_hand = rows.groupby("account_id").apply(
        lambda r: 40 * r["points"].sum() / (4 * r["is_measured"].sum()) if r["is_measured"].sum() >= 6 else np.nan,
        include_groups=False)
    np.testing.assert_allclose(total["health"], by_hand.to_numpy(float))
    assert total["health"].dropna().between(10, 40).all()
    assert (total["health"].isna() == total["health_band"].isna()).all()


@given(st.sampled_from(DEAR.indicators), st.floats(0, 1e4), st.floats(0, 1e4))
def test_a_better_value_never_has_fewer_points(indicator, one, other):
    def points(value):
        row = {indicator.value: value} if indicator.value else {indicator.numerator: value, indicator.denominator: 1}
        card = DEAR.model_copy(update={"indicators": (indicator,)})
        return scorecards.indicators(sheet(a=row), card)["points"].iloc[0]

    low, high = sorted((one, other), reverse=indicator.better == "lower")
    assert points(low) <= points(high)


@given(st.lists(st.tuples(NUMBER, NUMBER), min_size=1))
def test_quadrants_partition_the_measured_accounts(pairs):
    frame = pd.DataFrame(pairs, columns=["health", "touch"], dtype=float)
    letters = scores.quadrants(frame["health"], frame["touch"], DEFAULTS.quadrants)
    measured = frame.notna().all(axis=1)
    assert letters[measured].isin(list("ABCD")).all() and letters[~measured].isna().all()


def test_on_the_cut_is_high_in_both_directions():
    cuts = DEFAULTS.quadrants
    health = pd.Series([25, 25, 25 - 1e-6, 25 - 1e-6, 25 - 1e-12])
    touch = pd.Series([0.5, 0.5 - 1e-6, 0.5, 0, 0.5 - 1e-12])
    assert scores.quadrants(health, touch, cuts).tolist() == ["A", "C", "B", "D", "A"]
