"""Onboarding against later health: worked by hand, against other software, and in worlds whose truth is known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from test_studies import CARD, DEFINITIONS, made, onboarded

from cs_research.studies import aipw, onboarding, stats
from cs_research.studies.landmark import Cohort

EVIDENCE = made([], [])


def drawn(seed, n=500, effect=1.0, managers=40):
    """Accounts in a world where size, segment and industry move both onboarding and health.

    Health runs from 0 to 40 and its true ratio is 1 where `effect` is 0; churn falls with health.
    """
    rng = np.random.default_rng(seed)
    size, segment, industry = rng.normal(size=n), rng.integers(0, 3, n), rng.integers(0, 4, n)
    lead = 0.5 * size + np.array([-0.4, 0.3, 0.8])[segment] + np.array([-0.3, 0, 0.2, 0.4])[industry]
    shares = rng.dirichlet(np.full(managers, 3.0))
    manager = rng.choice(managers, n, p=shares)
    success = rng.random(n) < expit(0.1 + lead)
    level = -1.3 + 0.7 * lead + rng.normal(0, 0.25, managers)[manager] + rng.normal(0, 0.5, n)
    luck, fate = rng.random((n, 30)), rng.random(n)
    lives = {}
    for arm in (True, False):
        health = 40 * (luck < expit(level + effect * arm)[:, None]).mean(axis=1)
        lives[arm] = np.where(fate < expit(0.2 - 0.12 * health), 0.0, health)
    later = np.where(success, lives[True], lives[False])
    rows = pd.DataFrame({
        "is_success": success, "cluster": [f"M{m}" for m in manager], "is_here": later > 0, "health": later,
        "points": np.where(later > 0, 10 + later * 0.75, 0.0), "health_before": later.clip(1), "contract size": size,
        "segment": segment.astype(str), "industry": industry.astype(str), "goal": "x", "start quarter": "2025 Q1"})
    return rows, lives[True].mean() / lives[False].mean()


def finding(rows, shared=()):
    return onboarding.compared(Cohort(rows, {}, "training done in time", "", "a year later", shared), EVIDENCE)


def ratio_of(rows, column="health", adjust=("contract size", "segment", "industry")):
    design = aipw.design(rows[list(adjust)], rows["is_success"])
    kept = rows[design.kept]
    return aipw.contrast(aipw.arms(kept[column], kept["is_success"], design.matrix, kept["cluster"]), "ratio")


# ---------------------------------------------------------------- by hand, and against other software


def test_two_segments_on_paper():
    """Small: 5 of 20 succeed, health 8 against 4. Large: 15 of 20, health 16 against 8.

    As they are: (5 x 8 + 15 x 16) / 20 = 14 against (15 x 4 + 5 x 8) / 20 = 5, which is 2.8. Each account had it
    succeeded: (8 + 16) / 2 = 12, had it not: (4 + 8) / 2 = 6; that is 2, a difference of 6.
    """
    cells = [("small", True, 8.0, 5), ("small", False, 4.0, 15), ("large", True, 16.0, 15), ("large", False, 8.0, 5)]
    rows = pd.DataFrame([(segment, success, health) for segment, success, health, n in cells for _ in range(n)],
                        columns=["segment", "is_success", "health"])
    rows["cluster"] = [f"M{number % 12}" for number in range(len(rows))]
    assert stats.mean_ratio(rows["health"], rows["is_success"], rows["cluster"]).value == pytest.approx(2.8)
    design = aipw.design(rows[["segment"]], rows["is_success"])
    both = aipw.arms(rows["health"], rows["is_success"], design.matrix, rows["cluster"])
    told = {form: aipw.contrast(both, form).value for form in ("in_time", "others", "ratio", "difference")}
    assert told == pytest.approx({"in_time": 12, "others": 6, "ratio": 2, "difference": 6}, abs=1e-4)
    large = aipw.contrast(both, "ratio", within=rows["segment"] == "large")
    assert (large.value, large.n) == (pytest.approx(2.0, abs=1e-4), 20)


def test_agrees_with_statsmodels():
    from statsmodels.discrete.discrete_model import Logit
    from statsmodels.regression.linear_model import OLS
    from statsmodels.treatment.treatment_effects import TreatmentEffect

    rows, _ = drawn(3, n=800)
    design = aipw.design(rows[["contract size", "segment"]], rows["is_success"])
    good = rows["is_success"].to_numpy(float)
    theirs = TreatmentEffect(OLS(rows["health"].to_numpy(), design.matrix), good,
                             results_select=Logit(good, design.matrix).fit(disp=0))
    ours = aipw.arms(rows["health"], good, design.matrix, rows["cluster"])
    assert aipw.contrast(ours, "difference").value == pytest.approx(theirs.aipw(return_results=False)[0], rel=1e-5)


def test_the_interval_is_that_of_the_estimate_made_anew_without_each_manager():
    rows, _ = drawn(4, n=300, managers=12)
    design = aipw.design(rows[["contract size", "segment"]], rows["is_success"]).matrix
    whole = ratio_of(rows, adjust=("contract size", "segment"))
    again = []
    for name in rows["cluster"].unique():
        left = (rows["cluster"] != name).to_numpy()
        part = aipw.arms(rows["health"][left], rows["is_success"][left], design[left], rows["cluster"][left])
        again.append(np.log(aipw.contrast(part, "ratio").value))
    error = np.sqrt(11 / 12 * np.square(again - np.mean(again)).sum())
    assert whole.upper == pytest.approx(np.exp(np.log(whole.value) + 2.2010 * error), rel=0.005)  # t, 11 degrees


# ---------------------------------------------------------------- known truth


@pytest.mark.parametrize("effect", [0.0, 1.0])
def test_the_true_ratio_comes_back_where_the_plain_comparison_is_wrong(effect):
    """100 replicates: the mean of the log within 4 of its standard errors, coverage within 4 of those of 95 %."""
    truth = np.log(np.mean([drawn(seed, 20_000, effect)[1] for seed in range(1000, 1005)]))
    found = [ratio_of(drawn(seed, 500, effect)[0]) for seed in range(100)]
    logs = np.log([estimate.value for estimate in found])
    naive = np.log([stats.mean_ratio(rows["health"], rows["is_success"], rows["cluster"]).value
                    for rows, _ in (drawn(seed, 500, effect) for seed in range(20))]).mean()
    assert abs(logs.mean() - truth) < 4 * logs.std() / 10
    assert naive - truth > 0.1 and abs(logs.mean() - truth) < 0.03
    covered = np.mean([estimate.lower < np.exp(truth) < estimate.upper for estimate in found])
    assert covered >= 0.86


def test_nothing_is_supported_where_onboarding_does_nothing():
    verdicts = [finding(drawn(seed, 500, 0.0)[0]).verdict for seed in range(20)]
    assert "supported" not in verdicts


@pytest.mark.parametrize(("wrong", "is_near"), [("outcome", True), ("success", True), ("both", False)])
def test_one_of_the_two_models_may_be_wrong(wrong, is_near):
    """A model is wrong where it lacks the square of x, on which the truth (twice) depends."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=60_000)
    matrix = np.column_stack([np.ones(len(x)), x])
    curve = {name: x**2 - 1 if wrong in (name, "both") else x for name in ("outcome", "success")}
    success = rng.random(len(x)) < expit(0.6 * curve["success"])
    health = np.where(success, 20, 10) + 3 * curve["outcome"] + rng.normal(size=len(x))
    found = aipw.contrast(aipw.arms(health, success, matrix, np.arange(len(x)) % 50), "ratio").value
    assert (abs(found - 2) < 0.03) == is_near


def overlapping(seed, n=600):
    """Nothing works, but the shared indicator at the landmark makes success, and every indicator has a memory."""
    rng = np.random.default_rng(seed)
    start = rng.normal(size=n)
    shared, rest = (start + rng.normal(size=n) for _ in range(2))
    success = shared + rng.normal(0, 0.5, n) > 0
    later = {"shared": 0.6 * shared + rng.normal(size=n), "rest": 0.6 * rest + 0.3 * start + rng.normal(size=n)}
    rest_health, whole = 20 + 4 * later["rest"], 20 + 2 * (later["shared"] + later["rest"])
    rows = pd.DataFrame({
        "is_success": success, "cluster": [f"M{m}" for m in rng.integers(0, 30, n)], "is_here": True,
        "baseline": 20 + 4 * start, "contract size": rng.normal(size=n), "segment": "a", "industry": "a", "goal": "a",
        "start quarter": "2025 Q1"})
    for prefix, health in (("", whole), ("rest_", rest_health)):
        rows = rows.assign(**{prefix + name: health for name in ("health", "points", "health_before")})
    return rows


def test_where_success_is_made_of_the_score_the_third_form_leads_and_finds_nothing():
    found = [finding(overlapping(seed), ("D-1",)) for seed in range(20)]
    assert {f.verdict for f in found} == {"contradicted"}
    named = {row["what"]: [f.rows[at] for f in found] for at, row in enumerate(found[0].rows) if row["form"] == "ratio"}
    seen = {what: np.mean([row["lower"] > 1 for row in rows]) for what, rows in named.items()}
    assert seen["whole score, adjusted without the first full month"] == 1
    assert seen["without D-1, adjusted without the first full month"] > 0.9
    assert seen["a year later, churned = 0"] <= 0.15
    assert "in time have, without D-1, " in found[0].sentence and "another quantity" in found[0].sentence
    assert "adjusted for health in the first full month" in found[0].sentence
    blind = finding(overlapping(0).assign(baseline=np.nan), ("D-1",))
    assert blind.verdict == "cannot_tell" and "health in the first full month is not known" in blind.sentence


# ---------------------------------------------------------------- what is missing, who has no counterpart


def test_customers_without_a_score_are_missing_and_those_alike_count_for_them():
    rows, _ = drawn(11, n=6000)
    lost = rows["is_here"] & (np.random.default_rng(1).random(len(rows)) < expit(2 * rows["contract size"]))
    gaps = rows.assign(health=rows["health"].mask(lost), points=rows["points"].mask(lost))
    whole, found = finding(rows), finding(gaps)
    assert found.rows[0]["others"] == pytest.approx(whole.rows[0]["others"], rel=0.05)
    dropped = gaps.loc[~gaps["is_success"], "health"]
    assert abs(dropped.mean() / rows.loc[~rows["is_success"], "health"].mean() - 1) > 0.1
    assert abs(dropped.fillna(0).mean() / rows.loc[~rows["is_success"], "health"].mean() - 1) > 0.1
    assert found.n == int((~lost).sum()) and "stayed without a score" in " ".join(found.details["notes"])


def test_success_that_the_covariates_tell_without_a_mistake_is_said():
    rows, _ = drawn(12)
    found = finding(rows.assign(is_success=rows["contract size"] > 0))
    assert found.estimate is None and found.verdict == "cannot_tell" and "without a mistake" in found.sentence


def test_a_segment_with_one_arm_is_left_out_and_a_covariate_told_by_others_is_named():
    rows, _ = drawn(13)
    rows["is_success"] |= rows["segment"] == "2"
    found = finding(rows.assign(goal=rows["industry"]))
    assert found.n == (rows["segment"] != "2").sum()
    notes = " ".join(found.details["notes"])
    assert "left out, whose segment knows only" in notes and "Goal not adjusted for" in notes
    assert "adjusted for contract size, segment and industry" in found.sentence


def test_fewer_than_ten_managers_give_no_interval_and_no_verdict():
    found = finding(drawn(14, managers=6)[0])
    assert found.verdict == "cannot_tell" and found.lower is None and "fewer than 10 groups" in found.sentence
    assert all(row["lower"] is None for row in found.details["picture"])


def test_a_ratio_that_comes_from_staying_is_called_survival():
    """Health 20 for all who stay; 80 in 100 stay against 40 in 100, so twice with churned = 0 and once without."""
    rows, _ = drawn(15, n=4000, effect=0.0)
    rng = np.random.default_rng(2)
    here = rng.random(len(rows)) < np.where(rows["is_success"], 0.8, 0.4)
    health = np.where(here, 20 + rng.normal(size=len(rows)), 0.0)
    found = finding(rows.assign(is_here=here, health=health, points=health))
    assert found.rows[0]["estimate"] == pytest.approx(2.0, rel=0.1)
    assert found.rows[1]["estimate"] == pytest.approx(1.0, rel=0.02)
    assert found.verdict == "cannot_tell" and "survival more than health" in found.sentence


def test_the_parts_multiply_and_the_views_hold_their_floor():
    rows, truth = drawn(16, n=3000, effect=0.95)
    rows["segment"] = rows["segment"].where(rows.index > 14, "tiny")
    found = finding(rows)
    assert found.lower < truth < found.upper and found.verdict == "supported"
    assert found.estimate == pytest.approx(found.rows[1]["estimate"] * found.rows[4]["estimate"], rel=1e-9)
    by_segment = onboarding.view(found, "segment")
    assert [row["what"] for row in by_segment.rows if row["estimate"] is None] == ["tiny"]
    assert sum(row["n"] for row in by_segment.rows) == 3000
    assert "too few to say in 1 of 4 segments" in by_segment.sentence


def test_the_overlap_is_read_from_the_card_and_the_first_full_month():
    """D-1 stands for milestones: the rest of the card leads, told apart by indicator and month."""
    base = onboarded(30, 20, n=120)
    shared = CARD.indicators[0].model_copy(update={"numerator": "milestones_done"})
    card = CARD.model_copy(update={"indicators": (shared, *CARD.indicators[1:4])})
    rng = np.random.default_rng(3)
    months = base.history[["account_id", "month"]]
    first = months.drop_duplicates("account_id").assign(month=pd.Timestamp("2025-02-01"))
    scored = [frame.assign(indicator=i.id, is_measured=True, points=rng.integers(1, 5, len(frame)).astype(float))
              for frame in (months, first) for i in card.indicators]
    evidence = replace(base, definitions=replace(DEFINITIONS, scorecards={"dear": card}), indicators=pd.concat(scored))
    found = onboarding.onboarding_and_health(evidence)
    assert "health in the first full month" in found.sentence and "share D-1" in " ".join(found.details["notes"])
    assert found.rows[0]["estimate"] == pytest.approx(1.0, abs=0.3) and found.rows[7]["estimate"] > 1.8
    alone = card.model_copy(update={"indicators": (shared,)})
    nothing = replace(evidence, definitions=replace(DEFINITIONS, scorecards={"dear": alone}))
    assert "of which success is made" in onboarding.onboarding_and_health(nothing).sentence


@pytest.mark.parametrize("change", [
    lambda rows: rows.assign(segment=np.where(rows["is_success"], "big", "small")),
    lambda rows: rows.assign(**{"contract size": np.nan, "segment": None, "industry": None, "goal": None}),
    lambda rows: rows.assign(health=np.where(rows["is_here"], np.nan, 0.0)),
    lambda rows: rows.assign(health=0.0, points=0.0, is_here=False),
    lambda rows: rows.assign(cluster="M"),
    lambda rows: rows.assign(health_before=np.nan),
    lambda rows: rows.groupby("is_success").head(12),
], ids=["a segment per arm", "no covariates", "no scores", "all churned", "one manager", "no due dates", "24 accounts"])
def test_data_that_cannot_tell_say_so(change):
    found = finding(change(drawn(17, n=200)[0]).reset_index(drop=True))
    assert found.sentence.endswith(".") and "nan" not in found.sentence and found.as_record()
    assert found.verdict in ("cannot_tell", "contradicted")
    assert onboarding.view(found, "segment").sentence.endswith(".")
