"""The Monday list as a ranking, judged on paper, and weights that come back from simulated feedback."""

import numpy as np
import pandas as pd
import pytest
import yaml
from canonical import DEFAULTS

from cs_research.definitions import strict_yaml
from cs_research.definitions.models import ResponsePoints
from cs_research.studies.weekly_list import fitted, hits, judged_entries, list_precision, next_version, points_of, tuned

PLAN = DEFAULTS.response_points
FACTORS = [factor.name for factor in PLAN.factors]
# The managers mind other things than the formula says: the relation most, 1bad as much as 3bad, a young contract not.
TRUE = {"health_1bad": 30, "health_2bad": 10, "health_3bad": 30, "not_met_3_months": 0, "not_met_6_months": 5,
        "never_met": 5, "weak_keyman": 40}
TRUTH = PLAN.model_copy(update={"factors": tuple(
    f.model_copy(update={"points": TRUE[f.name]} if f.name in TRUE else {"times": 1.0}) for f in PLAN.factors)})


def accounts(rng: np.random.Generator, count: int, week: str) -> pd.DataFrame:
    """Accounts of a week: which factors hold, and whether contacting would be right (logit of the true points)."""
    health, meeting = rng.integers(0, 4, count), rng.integers(0, 4, count)
    held = {name: health == i + 1 for i, name in enumerate(FACTORS[:3])}
    held |= {name: meeting == i + 1 for i, name in enumerate(FACTORS[3:6])}
    held |= {name: rng.random(count) < .3 for name in FACTORS[6:]}
    rows = pd.DataFrame(held).assign(account_id=[f"{i:05}" for i in range(count)], week=week, arr=1.0,
                                     suppressed_by=None, due_date=pd.NaT)
    rows["chance"] = 1 / (1 + np.exp(2.5 - points_of(rows, TRUTH) / 12))
    return rows.assign(is_useful=rng.random(count) < rows["chance"], response_points=points_of(rows, PLAN))


def precision(plan: ResponsePoints, rows: pd.DataFrame, capacity: int) -> float:
    return rows.assign(score=points_of(rows, plan)).nlargest(capacity, "score")["chance"].mean()


def test_all_feedback_brings_the_weights_back_and_last_months_alone_does_not():
    """Sixteen months of lists of 40 a month, each by the weights in force: all months come within 3 % of what
    knowing the true weights would give, last month's feedback alone falls short of both."""
    rng = np.random.default_rng(5)
    everyone, all_plan, last_plan, told = accounts(rng, 20_000, "2027-W01"), PLAN, PLAN, {"all": [], "last": []}
    for month in range(16):
        rows = accounts(rng, 400, f"2026-W{month + 1:02}")
        for name, plan in (("all", all_plan), ("last", last_plan)):
            told[name].append(rows.assign(score=points_of(rows, plan)).nlargest(40, "score"))
        all_plan, last_plan = fitted(pd.concat(told["all"]), PLAN), fitted(told["last"][-1], last_plan)
    start, last, every, oracle = (precision(p, everyone, 2000) for p in (PLAN, last_plan, all_plan, TRUTH))
    assert every / oracle > .97 > last / oracle, (start, last, every, oracle)
    assert every > start + .1


def test_little_feedback_hardly_moves_the_formula_and_more_moves_it_further():
    rng = np.random.default_rng(7)
    rows = accounts(rng, 2000, "2026-W01")
    far = [sum(abs(f.points - g.points) for f, g in zip(fitted(rows[:n], PLAN).factors, PLAN.factors, strict=True)
               if f.points is not None) for n in (5, 50, 2000)]
    assert far[0] < 15 < far[1] < far[2]


def test_a_tuned_formula_is_a_new_version_with_its_evidence_and_can_be_read_back(tmp_path):
    rng = np.random.default_rng(3)
    rows = pd.concat([accounts(rng, 20, f"2026-W{week:02}") for week in range(1, 31)], ignore_index=True)
    plan = tuned(rows, DEFAULTS, "2026-10-31")
    proof = plan.evidence
    assert (plan.version, proof.tuned_from, proof.feedback, proof.verdict) == ("1.1", "1.0", 600, "adopt")
    assert proof.precision_after - proof.precision_before == pytest.approx(proof.difference, abs=2e-4)
    assert proof.lower > 0 and proof.weeks == 28  # the first two weeks, 40 entries, are what the third is ranked by
    path = tmp_path / "new.yml"
    path.write_text(yaml.safe_dump(plan.model_dump(mode="json", exclude_defaults=True), allow_unicode=True))
    assert strict_yaml.load(path, ResponsePoints) == plan


def test_feedback_by_chance_is_no_reason_to_change_the_formula():
    rng = np.random.default_rng(4)
    rows = pd.concat([accounts(rng, 20, f"2026-W{week:02}") for week in range(1, 21)], ignore_index=True)
    assert tuned(rows.assign(is_useful=rng.random(400) < .7), DEFAULTS, "2026-10-31").evidence.verdict == "keep"


def test_too_little_feedback_gives_no_formula():
    rows = accounts(np.random.default_rng(1), 29, "2026-W01")
    assert tuned(rows, DEFAULTS, "2026-10-31") is None
    assert tuned(pd.concat([rows] * 2).assign(is_useful=True), DEFAULTS, "2026-10-31") is None
    assert next_version("1.9") == "1.10"


# ---------------------------------------------------------------- how good the list has been, on paper


def entries(weeks: int = 12) -> pd.DataFrame:
    """Each week four judged accounts: points 40, 30, 20, 10; right are the first and, in odd weeks, the third.
    They fall due in the opposite order."""
    return pd.DataFrame([{
        "account_id": f"{week}-{i}", "week": f"2026-W{week:02}", "is_useful": i == 0 or (i == 2 and week % 2 == 1),
        "response_points": 40.0 - 10 * i, "suppressed_by": None, "arr": 1.0,
        "due_date": pd.Timestamp("2027-01-10") - pd.Timedelta(days=i)}
        for week in range(1, weeks + 1) for i in range(4)])


def test_precision_of_the_first_half_against_dates_and_chance():
    """The list takes the first two: 1 of 2 right. By date the last two: 1 of 2 in odd weeks, 0 in even ones, 25 %.
    By chance: 2 of 4 in odd weeks, 1 of 4 in even ones, 37.5 %. So the list is 12.5 points above chance."""
    found = list_precision(entries(), DEFAULTS)
    assert [line["rate"] for line in found.rows] == [.5, .25, .375]
    assert (found.estimate, found.n, found.verdict) == (.125, 24, "keep") and found.lower > 0


def test_few_weeks_or_few_accounts_tell_nothing():
    assert list_precision(entries(9), DEFAULTS).verdict == "cannot_tell"
    few = list_precision(entries(2), DEFAULTS)
    assert few.estimate is None and "Too few to say: 8 accounts" in few.sentence
    assert list_precision(entries(0).reindex(columns=entries(1).columns), DEFAULTS).sentence.startswith("Not measured")


def test_who_is_left_alone_comes_last_and_the_capacity_cuts_the_half():
    rows = entries(1).assign(suppressed_by=["contacted_lately", None, None, None])
    from cs_research.studies.weekly_list import list_order

    assert hits(rows, list_order(rows), 5)[["hits", "size"]].values.tolist() == [[1, 2]]  # 30 and 20: the third
    assert hits(rows, list_order(rows), 1)[["hits", "size"]].values.tolist() == [[0, 1]]


def test_words_of_feedback_are_joined_to_the_eve_of_their_week():
    key = {"account_id": ["a", "b", "c"], "week": ["2026-W44"] * 3}
    actions = pd.DataFrame({**key, "response_points": [30., 20, 0], "suppressed_by": [None] * 3, "arr": [1.] * 3})
    factors = pd.DataFrame({"account_id": ["a"], "week": ["2026-W44"], "factor": ["health_2bad"], "points": [20.]})
    told = pd.DataFrame({"account_id": ["a", "b", "c", "gone"], "week": ["2026-W44"] * 4,
                         "verdict": ["useful", "should_not_contact", "shrug", "useful"]})
    outcomes = pd.DataFrame({"account_id": ["a", "a"], "due_date": pd.to_datetime(["2026-10-25", "2027-10-26"])})
    rows = judged_entries(actions, factors, told, outcomes, PLAN)
    assert rows[["account_id", "is_useful", "health_2bad", "weak_keyman"]].values.tolist() == [
        ["a", True, True, False], ["b", False, False, False]]
    assert rows["due_date"].iloc[0] == pd.Timestamp("2027-10-26") and pd.isna(rows["due_date"].iloc[1])
    assert judged_entries(actions, factors, None, outcomes, PLAN).empty
