"""What a score is worth: curves, lists, lead time and misled accounts by hand; leaks; silence where data are thin."""

import doctest
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from statsmodels.duration.survfunc import CumIncidenceRight
from test_studies import THIN, checked, day, end, made, score

from cs_research.studies import card_check, claims, foresight, incidence, worth
from cs_research.studies.incidence import cumulative_incidence

# ---------------------------------------------------------------- curves

# Ten accounts with ties and censoring: 1 grown, 2 gone, 0 no longer watched.
MONTHS = [1, 1, 2, 2, 2, 3, 4, 4, 5, 6]
EVENT = [1, 2, 1, 1, 0, 2, 1, 0, 2, 0]


def values(curve):
    return [one.value for one in curve["estimate"]]


def test_a_curve_with_ties_and_censoring_is_the_one_by_hand():
    """At risk 10, 8, 5, 4, 2, 1. Staying after each month: 8/10; x 6/8 = .6; x 4/5 = .48; x 3/4 = .36; x 1/2 = .18.
    Grown: 1/10; + .8 x 2/8 = .3; + 0; + .48 x 1/4 = .42; then 0 more. 1 - Kaplan-Meier would say
    1 - 9/10 x 6/8 x 3/4 = .49375."""
    curve = cumulative_incidence(MONTHS, EVENT, range(10))
    assert curve["at_risk"].tolist() == [10, 10, 8, 5, 4, 2, 1]
    assert values(curve) == pytest.approx([0, 0.1, 0.3, 0.3, 0.42, 0.42, 0.42])
    gone = cumulative_incidence(MONTHS, [{1: 2, 2: 1, 0: 0}[x] for x in EVENT], range(10))
    assert values(gone)[5] + values(curve)[5] == pytest.approx(1 - 0.18)


def test_curves_agree_with_statsmodels():
    rng = np.random.default_rng(3)
    months, event = rng.integers(1, 25, 400), rng.choice([0, 1, 2], 400)
    theirs = CumIncidenceRight(months.astype(float), event)
    ours = np.array(values(cumulative_incidence(months, event, range(400))))
    np.testing.assert_allclose(ours[theirs.times.astype(int)], theirs.cinc[0], atol=1e-12)


def test_without_ties_to_managers_the_interval_is_that_of_a_share_and_twins_widen_it():
    """All watched for the same 10 months: a plain share of 30 in 100, whose error is (.3 x .7 / 99) ** .5 = .04606."""
    months, event = [10] * 100, [1] * 30 + [0] * 70
    alone = cumulative_incidence(months, event, range(100))["estimate"].iloc[-1]
    reach = 1.9842 * 0.04606 / 0.21
    assert alone.lower == pytest.approx(1 / (1 + np.exp(-(np.log(3 / 7) - reach))), abs=2e-4)
    twins = cumulative_incidence(months, event, [n // 2 for n in range(100)])["estimate"].iloc[-1]
    assert twins.upper - twins.lower > 1.35 * (alone.upper - alone.lower)


def lived(n=40):
    """After a year a fourth of the accounts leaves and a half grows; after two, half of those leave, the rest grows."""
    history, outcomes = [], []
    for number in range(n):
        name, fate = f"{number:03}", number % 4
        history += [score(name, m, 15.0 if fate == 0 else 35.0, owner=f"M{number % 12}", start_date=day("2024-06-01"))
                    for m in ("2024-06-01", "2024-07-01")]
        outcomes.append(end(name, "2025-06-01", ("churned", "expanded", "renewed", "expanded")[fate], "2024-06-01"))
        if fate:
            outcomes.append(end(name, "2026-06-01", ("churned", "expanded", "renewed")[fate - 1], "2025-06-01"))
    return made(history, outcomes)


def test_expanded_accounts_stay_at_risk_of_churn():
    found = incidence.first_events(lived())
    told = {(row["event"], row["months"]): row["rate"] for row in found.rows}
    assert told["expanded", 12] == 0.5 and told["churned", 12] == 0.25
    assert told["expanded", 24] == 0.75  # the last fourth grows; those gone never can (1 less Kaplan-Meier: 100 %)
    assert told["churned", 24] == 0.5 and found.estimate == 0.5  # 10 of 40, then 10 of the 20 that had grown
    curves = incidence.churn_by_opening_band(lived()).details["curves"]
    assert curves["red"][-1] == 1.0 and curves["green"][12] == 0 and curves["green"][-1] == pytest.approx(1 / 3)


# ---------------------------------------------------------------- lists


def test_a_list_takes_the_lowest_scores_and_ties_in_part():
    """Scores 1, 2, 2, 2, 5 ... : a list of 2 of 8 holds the first whole and a third of each 2, of which one churned."""
    scores = pd.Series([1, 2, 2, 2, 5, 6, 7, 8])
    events, who = pd.Series([1, 1, 0, 0, 0, 0, 0, 0]), pd.Series(range(8))
    found = worth.at_capacity(scores, events, who, 0.25)
    assert found["precision"].value == pytest.approx((1 + 1 / 3) / 2)
    assert found["lift"].value == pytest.approx((1 + 1 / 3) / 2 / 0.25)
    assert found["share caught"].value == pytest.approx((1 + 1 / 3) / 2)
    assert worth.at_capacity(-scores, events, who, 0.25)["lift"].value == 0


def test_the_brier_score_is_the_mean_square():
    assert worth.brier(pd.Series([0.5, 0.2]), pd.Series([1, 0]), pd.Series([1, 2])).value == pytest.approx(0.145)


def test_a_list_by_a_good_score_beats_one_by_lot_and_the_ceilings_do_not():
    evidence = checked(0.0, n=1500)
    evidence.history["owner"] = None  # no manager, so the list holds a tenth
    found = worth.list_by_score(evidence)
    told = {row["what"]: row["estimate"] for row in found.rows}
    assert found.lower > 1 and told["Brier score"] < told["Brier score of the bare rate"]
    ceilings = [row for row in card_check.card_and_churn(evidence).rows if row["what"].startswith("ceiling")]
    assert len(ceilings) == 2 and all(row["less_upper"] > -0.01 for row in ceilings)


# ---------------------------------------------------------------- lead time


def test_a_warning_counts_from_the_last_time_green_was_left():
    """Gone on 1 January 2026. a: fell in August, came back, fell for good in October; b: green to the end;
    c: never green, red since November; each ten times."""
    courses = {"a": "GOGOOO", "b": "GGGGGG", "c": "OOOORR"}
    health = {"G": 35.0, "O": 20.0, "R": 12.0}
    history, outcomes = [], []
    for copy in range(10):
        for name, course in courses.items():
            history += [score(f"{name}{copy}", month, health[colour], owner=f"M{copy}") for month, colour in zip(
                pd.date_range("2025-07-01", periods=6, freq="MS"), course, strict=True)]
            outcomes.append(end(f"{name}{copy}", "2026-01-01", "churned"))
    found = foresight.lead_time(made(history, outcomes))
    told = {row["lead"]: (row["n"], row["worst_n"]) for row in found.rows}
    assert told["not at all"] == (10, 20)
    assert told["under 3 months"] == (10, 10)    # a since October, two months before; c red since November
    assert told["since its first score"] == (10, 0) and found.estimate == pytest.approx(1 / 3)


# ---------------------------------------------------------------- leaks


def told(leak, n=600, seed=4):
    """Renewals on 1 January 2026 read 6, 3 and 0 months before; a third churn. D-1 foretells a little at all times;
    E-1 is noise, but from `leak` months before the end it is at its worst for most who leave, and so is health."""
    rng = np.random.default_rng(seed)
    history, outcomes, indicators = [], [], []
    for number in range(n):
        name, churned = f"{number:03}", number % 3 == 0
        outcomes.append(end(name, "2026-01-01", "churned" if churned else "renewed"))
        for before, month in ((6, "2025-06-01"), (3, "2025-09-01"), (0, "2025-12-01")):
            usage = rng.integers(1, 4) + (0 if churned else rng.integers(0, 2))
            gone = churned and number % 4 and leak is not None and before <= leak
            contact = 1 if gone else rng.integers(2, 5)
            history.append(score(name, month, 10.0 if gone else 4.0 * (usage + contact) + 4, owner=f"M{number % 25}"))
            indicators += [{"account_id": name, "month": day(month), "indicator": what, "points": float(points),
                            "is_measured": True, "band": CARD_BANDS[points - 1]}
                           for what, points in (("D-1", usage), ("E-1", contact))]
    return made(history, outcomes, indicators)


CARD_BANDS = ("red", "orange", "yellow", "green")


@pytest.mark.parametrize(("leak", "suspects"), [
    (None, set()), (0, {("the card", 0), ("E-1", 0)}), (3, {("the card", 3), ("E-1", 3)})])
def test_what_stops_when_customers_leave_is_named_with_when(leak, suspects):
    found = foresight.told_by_distance(told(leak))
    assert {(row["what"], int(row["read"][0])) for row in found.rows if row["is_suspect"]} == suspects
    assert found.verdict == ("investigate" if suspects else "")
    assert ("Too good to be true (the card, E-1)" in found.sentence) == bool(suspects)
    assert found.details["doubted"] == []  # D-1 foretells something at all times


def test_scores_read_after_notice_are_counted():
    evidence = told(None, n=60)
    assert "No day of notice is known." in foresight.told_by_distance(evidence).details["notes"]
    terms = pd.DataFrame({"account_id": [f"{n:03}" for n in range(60)], "end_date": day("2026-01-01"),
                          "notice_date": [day("2025-09-30")] * 4 + [day("2025-10-01")] * 56})  # 000 and 003 churned
    found = foresight.told_by_distance(replace(evidence, contracts=terms))
    assert "Scores of churned accounts read after notice was given: 2." in found.details["notes"]


# ---------------------------------------------------------------- misled


def test_the_misled_are_listed_by_size_with_what_was_good_and_what_was_bad():
    history, outcomes, indicators = [], [], []
    for number in range(12):
        name = f"{number:02}"
        history.append(score(name, "2025-09-01", 35.0, arr=100.0 * number, owner=f"M{number}"))
        outcomes.append(end(name, "2026-01-01", "churned" if number in (3, 7) else "renewed"))
        indicators += [{"account_id": name, "month": day("2025-09-01"), "indicator": what, "points": 1.0, "band": band,
                        "is_measured": True} for what, band in (
            ("D-1", "green"), ("D-2", "green" if number == 7 else "yellow"), ("E-1", "red"))]
    facts = pd.DataFrame({"account_id": ["07"], "account_name": ["Seven"]})
    found = foresight.misled(replace(made(history, outcomes, indicators), facts=facts), churned=True)
    assert [(r["account"], r["arr"], r["misled"], r["told"]) for r in found.rows] == [
        ("Seven", 700, "D-1, D-2", "E-1"), ("03", 300, "D-1", "E-1")]
    assert found.estimate == pytest.approx(2 / 12) and "D-1 (2), D-2 (1)" in found.sentence
    assert "Too few" in foresight.misled(made(history[:9], outcomes[:9], indicators), churned=True).sentence


# ---------------------------------------------------------------- along the score, by reading, by group, drift


def test_rates_run_along_the_score_and_by_reading():
    evidence = told(None)
    along = claims.along_score(evidence).details["series"]
    assert sum(point["n"] for point in along["churned"]) == 600 and "expanded" not in along
    assert along["churned"][0]["rate"] > along["churned"][-1]["rate"]
    found = claims.by_reading(evidence)
    assert {row["read"] for row in found.rows} == {"3 months before", "6 months before", "first renewals",
                                                   "later renewals"}
    n = [sum(row["n"] for row in found.rows if row["read"] == f"{view} renewals") for view in ("first", "later")]
    assert n == [600, 0]
    late = (evidence.history["month"] > day("2025-06-01")) | (evidence.history["account_id"] >= "010")
    rows = claims.by_reading(replace(evidence, history=evidence.history[late])).rows  # ten began to be scored later
    assert [sum(row["n"] for row in rows if row["read"] == f"{m} months before") for m in (3, 6)] == [600, 590]


def test_who_left_before_a_reading_is_counted():
    evidence = told(None, n=60)
    gone = pd.DataFrame([end(f"g{n}", "2025-04-01", "churned") for n in range(5)])  # after three months of the term
    evidence = replace(evidence, outcomes=pd.concat([evidence.outcomes, gone], ignore_index=True))
    assert "Gone before that reading: 5 (5 by the later)" in claims.by_reading(evidence).sentence


def test_groups_of_too_few_have_no_figure():
    evidence = told(None, n=60)
    evidence.history.loc[evidence.history["account_id"] < "015", "segment"] = "enterprise"
    rows = {row["what"]: row for row in worth.by_subgroup(evidence).rows}
    assert rows["enterprise"]["n"] == 15 and rows["enterprise"]["estimate"] is None  # only five of them churned
    assert rows["smb"]["estimate"] is not None


def test_drift_is_the_index_by_hand():
    """90 % red then, 10 % now: .8 x ln 9 twice, about 3.5 for two colours; half an account more in each tempers it.
    Chance stays under 7.815 (chi-square of three) times 1/10 + 1/10."""
    months = pd.date_range("2024-01-01", periods=24, freq="MS")
    history = [score(f"{n}", m, 12.0 if (n == 0) == (i >= 12) else 20.0) for n in range(10)
               for i, m in enumerate(months)]
    found = worth.drift(made(history, []))
    before, now = np.array([9.5, 1.5, 0.5, 0.5]) / 12, np.array([1.5, 9.5, 0.5, 0.5]) / 12
    assert found.estimate == pytest.approx(((now - before) * np.log(now / before)).sum())
    assert found.rows[0]["worst_then"] == 0.9 and found.rows[0]["by_chance"] == pytest.approx(7.8147 * 0.2, 1e-4)
    assert "no more than chance" not in found.sentence
    assert "two years of scores" in worth.drift(made(history[:20], [])).sentence


def test_drift_is_not_claimed_of_the_noise_of_few_accounts():
    """15 accounts a year of one population in four colours: most draws lie over .25, 5 % over what chance gives."""
    rng, names = np.random.default_rng(4), ("red", "orange", "yellow", "green")
    draw = [[(12 * pd.Series(rng.choice(names, 15)).value_counts(), 15) for _ in "ab"] for _ in range(200)]
    lines = [worth._shift(then, now, names) for then, now in draw]
    assert np.mean([line["estimate"] > worth.SHIFTED for line in lines]) > 0.4
    assert np.mean([line["estimate"] > line["by_chance"] for line in lines]) < 0.08


def test_the_doubt_of_a_score_is_worked_out_once(monkeypatch):
    evidence, asked = checked(0.3), []
    real = foresight.told_by_distance
    monkeypatch.setattr(foresight, "told_by_distance", lambda of: asked.append(of) or real(of))
    assert foresight.doubt(evidence) == foresight.doubt(evidence, "mirrors") == "" and len(asked) == 1


def test_a_shift_within_chance_is_told_as_no_more_than_chance():
    months, rng = pd.date_range("2024-01-01", periods=24, freq="MS"), np.random.default_rng(0)
    then, now = rng.choice([2.0, 8.0, 14.0, 20.0], (2, 12))
    history = [score(f"{n}", m, then[n] if i < 12 else now[n]) for n in range(12) for i, m in enumerate(months)]
    found = worth.drift(made(history, []))
    assert found.estimate < found.rows[0]["by_chance"] and "no more than chance" in found.sentence


# ---------------------------------------------------------------- thin data

STUDIES = (claims.along_score, claims.by_reading, incidence.first_events, incidence.churn_by_opening_band,
           worth.list_by_score, worth.by_subgroup, worth.drift, foresight.lead_time, foresight.told_by_distance,
           lambda evidence: foresight.misled(evidence, True), lambda evidence: foresight.misled(evidence, False))


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("case", THIN)
def test_thin_data_give_a_sentence(case, study):
    found = study(THIN[case])
    assert found.sentence.endswith(".") and found.verdict in ("", "cannot_tell")


def test_perfect_separation_is_told_as_suspect_and_not_as_a_superb_score():
    history = [score(f"{n}", m, 12.0 if n % 2 else 35.0, owner=f"M{n % 12}") for n in range(60)
               for m in ("2025-06-01", "2025-09-01", "2025-12-01")]
    evidence = made(history, [end(f"{n}", "2026-01-01", "churned" if n % 2 else "renewed") for n in range(60)])
    assert "100%" in foresight.told_by_distance(evidence).sentence
    assert foresight.told_by_distance(evidence).verdict == "investigate"
    for study in STUDIES:
        assert study(evidence).sentence


@pytest.mark.parametrize("module", [incidence, worth], ids=lambda m: m.__name__)
def test_examples_in_docstrings(module):
    assert doctest.testmod(module).failed == 0
