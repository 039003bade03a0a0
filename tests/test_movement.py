"""Why health moved: parts that add up to the change, by hand on paper and for anything that may come."""

import numpy as np
import pandas as pd
import pytest

from cs_research.definitions import load_definitions
from cs_research.movement import MEASURED, RULES, SIDES, movements
from cs_research.scorecards import health, indicators

CARD = load_definitions().scorecards["dear"]
SEPTEMBER, OCTOBER = pd.to_datetime(["2026-09-01", "2026-10-01"])
# The example account of the source (26 of 40) with 100 seats: D-1 32 %, D-2 89 %, D-3 63 %, D-4 35 %, E-1 0.3,
# E-2 one month, A-1 78 %, A-2 245, A-3 43 %, R-1 50 %: points 2 4 3 2 2 4 3 2 2 2.
EXAMPLE = {"target_users": 312.5, "seats": 100.0, "activated_users": 89.0, "login_users": 63.0, "core_users": 35.0,
           "touch_score": 0.3, "keyman_months": 1.0, "weekly_users": 50.7, "active_users": 65.0, "stock": 24_500.0,
           "key_users": 27.95, "goals_achieved": 1.0, "goals_agreed": 2.0}
# A month later twice the seats and as much of everything else but logins (90), and the goals are called off.
GROWN = {**EXAMPLE, "seats": 200.0, "activated_users": 178.0, "login_users": 90.0, "core_users": 70.0,
         "stock": 49_000.0, "goals_achieved": 0.0, "goals_agreed": 0.0}


def split(before: dict, now: dict, card=CARD, health_now: float | None = None) -> pd.DataFrame:
    """The parts of one account's change, by part."""
    measures = pd.DataFrame([{"account_id": "001", "month": SEPTEMBER, **before},
                             {"account_id": "001", "month": OCTOBER, **now}]).astype({"goals_agreed": float})
    rows = indicators(measures, card)
    scores = health(rows, card)
    scores.loc[scores["month"] == OCTOBER, "health"] = scores["health"].iloc[1] if health_now is None else health_now
    found = movements(rows, scores, card, SEPTEMBER, OCTOBER)
    assert found["change"].sum() == pytest.approx(scores["health"].diff().iloc[1], abs=1e-9)
    return found.set_index("part")


def test_the_example_account_that_grew_and_called_off_its_goals():
    """26 of 40 becomes 24 of 36, which is 26.667 of 40: up by 0.667.

    A point was worth 1 and is worth 40/36 = 1.111, 1.0556 in the mean. D-1 64 % earns 3 (+1), all of it by seats,
    its numerator. D-3 90/200 = 45 % earns 2 (-1): logins alone 90/100 earn 4 (+1), with the seats as they are now
    63/200 earns 2 and 90/200 earns 2 (0), mean +0.5; seats alone 3 -> 2 (-1), with the logins of now 4 -> 2 (-2),
    mean -1.5. Without R-1 its 2 points go, and the other 24 are worth 0.111 more each: 24 x 0.111 - 2 = +0.667.
    """
    parts = split(EXAMPLE, GROWN)
    moved = parts[parts["change"].abs() > 1e-9]
    worth = (1 + 40 / 36) / 2
    assert moved["change"].to_dict() == pytest.approx({"D-1": worth, "D-3": -worth, MEASURED: 24 * (40 / 36 - 1) - 2})
    sides = moved[[f"{side}_change" for side in SIDES]]
    assert sides.loc["D-1"].tolist() == pytest.approx([worth, 0.0])
    assert sides.loc["D-3"].tolist() == pytest.approx([0.5 * worth, -1.5 * worth])
    assert sides.loc[MEASURED].isna().all()
    assert parts.loc["R-1", "points_before"] == 2 and pd.isna(parts.loc["R-1", "points_now"])


def test_what_moved_without_changing_the_points_is_told_by_its_sides():
    """D-3 63/100 and 126/200 are both 63 %: logins alone +1 (126 %), then 126/200 against 63/200 +1; seats -1, -1."""
    row = split(EXAMPLE, {**EXAMPLE, "seats": 200.0, "login_users": 126.0}).loc["D-3"]
    assert row[["change", "numerator_change", "denominator_change"]].tolist() == [0.0, 1.0, -1.0]


def test_an_exception_of_the_card_is_a_part_of_its_own():
    parts = split(EXAMPLE, {**EXAMPLE, "login_users": 90.0}, health_now=17.0)  # 26 + 1 (D-3 earns 4), then held at 17
    assert parts["change"][parts["change"] != 0].to_dict() == {"D-3": 1.0, RULES: -10.0}


def test_only_accounts_with_health_in_both_months_are_split():
    measures = pd.DataFrame([{"account_id": "001", "month": SEPTEMBER, **EXAMPLE},
                             {"account_id": "001", "month": OCTOBER, **dict.fromkeys(EXAMPLE, float("nan"))}])
    rows = indicators(measures, CARD)
    assert movements(rows, health(rows, CARD), CARD, SEPTEMBER, OCTOBER).empty


def test_a_value_that_is_stood_in_for_has_no_sides():
    measures = pd.DataFrame([{"account_id": "001", "month": SEPTEMBER, **EXAMPLE},
                             {"account_id": "001", "month": OCTOBER, **GROWN}])
    rows = indicators(measures, CARD)
    carried = rows.assign(filled_by=pd.Series("carried", rows.index).where(rows["indicator"] == "D-3"))
    found = movements(carried, health(rows, CARD), CARD, SEPTEMBER, OCTOBER).set_index("part")
    assert found.loc["D-3", [f"{side}_change" for side in SIDES]].isna().all()
    assert found.loc["D-1", [f"{side}_change" for side in SIDES]].notna().all()


@pytest.mark.parametrize("seed", range(4))
def test_parts_always_add_up_to_the_change(seed):
    """Of three hundred accounts whose measures come and go at random, under points of any size, capped or not."""
    rng = np.random.default_rng(seed)
    card = CARD.model_copy(update={"min_measured_share": 0.1, "indicators": tuple(
        i.model_copy(update={"points": tuple(sorted(rng.integers(0, 9, 3))) + (9,)}) for i in CARD.indicators)})
    keys = [(f"{n}", month) for n in range(300) for month in (SEPTEMBER, OCTOBER)]
    values = rng.integers(0, 60, (len(keys), len(EXAMPLE))).astype(float)
    values[rng.random(values.shape) < 0.15] = np.nan
    measures = pd.DataFrame(keys, columns=["account_id", "month"]).join(pd.DataFrame(values, columns=[*EXAMPLE]))
    rows = indicators(measures, card)
    scores = health(rows, card)
    scores["health"] = scores["health"].clip(upper=[40.0, 17.0][seed % 2])
    found = movements(rows.sample(frac=1, random_state=seed), scores, card, SEPTEMBER, OCTOBER)
    by_month = scores.pivot(index="account_id", columns="month", values="health")
    change = (by_month[OCTOBER] - by_month[SEPTEMBER]).dropna()
    assert len(change) > 250 and found[found["part"] == MEASURED]["change"].ne(0).sum() > 200
    pd.testing.assert_series_equal(found.groupby("account_id")["change"].sum(), change, check_names=False,
                                   rtol=0, atol=1e-9)
    two_sided = found.dropna(subset=["numerator_change"])
    sums = two_sided[[f"{side}_change" for side in SIDES]].sum(axis=1)
    assert len(two_sided) > 500
    pd.testing.assert_series_equal(sums, two_sided["change"], check_names=False, rtol=0, atol=1e-9)
    assert (found.groupby("account_id")["part"].agg(list).map(len) == 12).all()
