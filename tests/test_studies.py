"""Studies on hand-made histories: who enters, what is counted, what is said, and silence where data are thin."""

import doctest
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from small_run import by_card

from cs_research.definitions import load_definitions
from cs_research.finding import Estimate
from cs_research.studies import (
    aipw,
    calibrated_card,
    card_check,
    claims,
    cohorts,
    evidence,
    judging,
    landmark,
    money,
    onboarding,
    state,
    touch,
    touch_effect,
)
from cs_research.studies.evidence import Evidence, last_month_before, readings

DEFINITIONS = load_definitions()
CARD = DEFINITIONS.scorecards["dear"]
AS_OF = date(2026, 10, 31)


def day(text):
    return pd.Timestamp(text)


def score(account, month, health=np.nan, **more):
    band = None if np.isnan(health) else CARD.bands[np.searchsorted(CARD.overall_cuts, health, "right")]
    return {"account_id": account, "month": day(month), "scorecard": "dear", "version": "1.0", "health": health,
            "health_band": band, "touch_score": 0.5, "touch_score_month": 0.5, "quadrant": None, "moved_into_a": False,
            "stage": "operation", "segment": "smb", "owner": None, "arr": 1200.0, "seats": 10.0,
            "start_date": day("2025-01-01"), "age_months": 9, **more}


def end(account, due, outcome, start="2025-01-01", **more):
    return {"account_id": account, "due_date": day(due), "outcome": outcome, "term_start": day(start),
            "arr_before": 1200.0, "arr_after": 0.0 if outcome == "churned" else 1200.0, **more}


def made(history, outcomes, indicators=(), measures=(), milestones=None, definitions=DEFINITIONS, as_of=AS_OF):
    examples = (score("x", "2026-01-01", 20.0), end("x", "2026-01-01", "renewed"),
                {"account_id": "x", "month": day("2026-01-01"), "indicator": "D-1", "points": 1.0, "band": "red",
                 "is_measured": True}, {"account_id": "x", "month": day("2026-01-01"), "stock": 1.0, "seats": 1.0})
    frames = [pd.DataFrame(rows) if len(rows) else pd.DataFrame([example])[:0]
              for rows, example in zip((history, outcomes, indicators, measures), examples, strict=True)]
    milestones = None if milestones is None else pd.DataFrame(milestones)
    return Evidence(*frames, milestones, definitions, "dear", as_of)


def reading_mode(**change):
    outcomes = DEFINITIONS.outcomes
    reading = outcomes.reading.model_copy(update=change)
    return replace(DEFINITIONS, outcomes=outcomes.model_copy(update={"reading": reading}))


# ---------------------------------------------------------------- readings


@pytest.mark.parametrize(("due", "month"), [
    ("2026-01-01", "2025-09-01"), ("2026-04-30", "2025-12-01"), ("2026-05-31", "2026-02-01"),
    ("2026-03-31", "2025-12-01"),
])
def test_the_score_is_read_in_the_last_month_that_ends_three_months_before(due, month):
    before = pd.Series([day(due)]) - pd.DateOffset(months=3)
    assert last_month_before(before)[0] == day(month)


def test_by_renewal_only_closed_windows_enter_and_the_rest_is_counted():
    months = pd.date_range("2025-01-01", "2026-09-01", freq="MS")
    history = [score(a, m, 20) for a in ("kept", "gone", "grace", "early", "short", "odd") for m in months]
    outcomes = [end("kept", "2026-01-01", "expanded"), end("gone", "2026-01-01", "churned"),
                end("grace", "2026-10-15", "renewed"),  # a renewal shows before the grace is over, a leave does not
                end("kept", "2027-01-01", "not_due", "2026-01-01"), end("odd", "2026-01-01", "unknown"),
                end("early", "2025-04-01", "churned"), end("short", "2025-04-01", "renewed"),
                end("unseen", "2026-01-01", "churned")]
    found = made(history, outcomes).readings
    assert found.rows[["account_id", "is_churned", "is_expanded"]].values.tolist() == [
        ["gone", True, False], ["kept", False, True]]
    assert set(found.rows["month"]) == {day("2025-09-01")}
    assert found.left_out == {"not yet due or still in grace": 2, "with an unknown outcome": 1,
                              "left before the reading": 1, "terms under 6 months": 1, "without a month to read": 1}
    assert "1 left before the reading" in " ".join(found.notes())


def test_by_landmark_an_account_is_read_once_and_watched_to_the_end():
    definitions = reading_mode(mode="landmark", days_after_start=30)
    history = [score(a, m, 20, start_date=day("2025-01-10"), seats=10 + (a == "grew") * (m >= day("2025-06-01")))
               for a in ("left", "grew", "open", "gap", "ended")
               for m in pd.date_range("2025-02-01", "2025-09-01", freq="MS")]
    history += [score("young", "2026-09-01", 20, start_date=day("2026-08-20"))]
    history += [score("vanished", "2025-01-01", 20, start_date=day("2025-01-02"))]
    outcomes = [end("left", "2025-03-01", "renewed"), end("left", "2025-10-01", "churned"),
                end("open", "2026-10-20", "not_due"), end("ended", "2025-10-01", "unknown"),
                end("gap", "2025-02-15", "churned")]
    for row in history:
        row["arr"] = None
    once = replace(definitions, outcomes=definitions.outcomes.model_copy(update={"is_renewable": False}))
    renewable, found = (readings(pd.DataFrame(history), pd.DataFrame(outcomes), plan, AS_OF)
                        for plan in (definitions, once))
    assert renewable.left_out["with an unknown outcome"] == 1
    assert set(found.rows["account_id"]) - set(renewable.rows["account_id"]) == {"ended"}
    told = found.rows.set_index("account_id")
    assert set(told["month"]) == {day("2025-02-01")}
    assert told["outcome"].to_dict() == {"ended": "renewed", "gap": "renewed", "grew": "expanded", "left": "churned",
                                         "open": "renewed"}
    assert told.loc["ended", "due_date"] == day("2025-10-01")  # the window closes with the term
    assert told.loc["open", "due_date"] == day("2026-10-01")  # what happens in the grace is not known for all
    assert found.left_out == {"with an unknown outcome": 0, "left before the reading": 1,
                              "watched for less than 3 months": 1}


def test_where_no_account_changes_its_size_expansion_is_not_measured():
    rows = [(score(str(n), "2025-09-01", 36.0, owner=f"M{n % 20}"), end(str(n), "2026-01-01", "renewed"))
            for n in range(60)]
    found = claims.good_health(made(*zip(*rows, strict=True)))
    assert found.estimate is None and "expansion cannot be seen" in found.sentence


def test_by_horizon_windows_are_whole_and_do_not_overlap():
    definitions = reading_mode(mode="horizon")
    history = [score("a", m, 20) for m in pd.date_range("2024-01-01", "2026-09-01", freq="MS")]
    outcomes = [end("a", "2026-10-01", "churned")]
    found = readings(pd.DataFrame(history), pd.DataFrame(outcomes), definitions, date(2026, 11, 30))
    assert found.rows["month"].dt.strftime("%Y-%m").tolist() == ["2024-10", "2025-10"]
    assert found.rows["is_churned"].tolist() == [False, True]


def test_accounts_without_an_owner_stand_for_themselves():
    frame = pd.DataFrame({"account_id": ["1", "2", "3"], "owner": ["1", None, "1"]})
    assert evidence.clusters(frame).tolist() == ["1", "account 2", "1"]


# ---------------------------------------------------------------- claims


def company(red_churn=0.5, green_expansion=0.7, accounts=800, seed=1, owners=40, touch=None):
    """A company of given truth: health drawn, outcomes by band, one renewal each."""
    rng = np.random.default_rng(seed)
    history, outcomes = [], []
    for number in range(accounts):
        health = float(rng.choice([14, 21, 28, 36]))
        touched = float(rng.random()) if touch is None else touch
        churns = rng.random() < {14.0: red_churn, 21.0: 0.25}.get(health, 0.08)
        expands = not churns and rng.random() < {36.0: green_expansion / 0.92}.get(health, 0.2)
        outcome = "churned" if churns else "expanded" if expands else "renewed"
        history.append(score(f"{number:04}", "2025-09-01", health, owner=f"M{number % owners}", touch_score=touched))
        outcomes.append(end(f"{number:04}", "2026-01-01", outcome))
    return made(history, outcomes)


def test_claims_that_hold_are_supported():
    held = company(accounts=2400)
    bad, good = claims.bad_health(held), claims.good_health(held)
    assert (bad.verdict, good.verdict) == ("supported", "supported")
    assert bad.lower < 0.5 < bad.upper and bad.rows[0]["group"] == "red" and bad.rows[0]["events"] == round(
        bad.estimate * bad.n)
    assert good.details["other_reading"]["rate"] == pytest.approx(
        good.rows[3]["events"] / sum(row["events"] for row in good.rows[:4]))


def test_a_claim_that_does_not_hold_is_contradicted_and_says_which_way():
    bad = claims.bad_health(company(red_churn=0.2))
    assert bad.verdict == "contradicted" and "lower than claimed (50%)" in bad.sentence
    assert f"n = {bad.n}" in bad.sentence and "95% interval" in bad.sentence


def test_few_managers_cannot_tell():
    bad = claims.bad_health(company(owners=9))
    assert bad.verdict == "cannot_tell" and "fewer than 10" in bad.sentence and bad.estimate is not None


def test_under_ten_accounts_print_no_rate():
    few = company(accounts=24)
    bad = claims.bad_health(few)
    assert bad.estimate is None and "Too few" in bad.sentence and "%" not in bad.sentence
    assert bad.verdict == "cannot_tell"


def test_a_null_world_supports_no_band():
    """Every band churns at half: red does churn at half, yet no differently from the others."""
    rng = np.random.default_rng(4)
    rows = [(score(str(n), "2025-09-01", float(rng.choice([14, 21, 28, 36])), owner=f"M{n % 40}"),
             end(str(n), "2026-01-01", "churned" if rng.random() < 0.5 else "renewed")) for n in range(2400)]
    bad = claims.bad_health(made(*zip(*rows, strict=True)))
    assert bad.verdict == "cannot_tell" and "no clear difference" in bad.sentence


def test_low_touch_before_churn():
    rng = np.random.default_rng(2)
    touches = rng.random(600)
    rows = [(score(str(n), "2025-09-01", 20.0, owner=f"M{n % 30}", touch_score=touches[n]),
             end(str(n), "2026-01-01", "churned" if rng.random() < 0.4 - 0.3 * touches[n] else "renewed"))
            for n in range(600)]
    found = claims.touch_and_churn(made(*zip(*rows, strict=True)))
    assert found.verdict == "supported" and found.details["unit"] == "points"
    assert "among the 33% with the least touch less" in found.sentence and found.rows[0]["group"].startswith("the 33%")
    assert "hardly varies" in claims.touch_and_churn(company(touch=0.0)).sentence


def test_where_touch_ties_the_share_with_the_least_is_told():
    rows = [(score(str(n), "2025-09-01", 20.0, owner=f"M{n % 30}", touch_score=float(max(n % 20 - 10, 0))),
             end(str(n), "2026-01-01", "churned" if n % 3 else "renewed")) for n in range(600)]
    assert "among the 55% with the least touch" in claims.touch_and_churn(made(*zip(*rows, strict=True))).sentence


def test_few_managers_give_no_interval_in_any_table_and_many_keep_that_of_a_small_group():
    """Five managers: no interval anywhere. Forty managers, eleven red accounts of nine: those keep theirs."""
    few = company(owners=5)
    for found in (claims.bad_health(few), claims.good_health(few), claims.along_score(few)):
        assert found.estimate is not None and found.lower is None
        assert {row["lower"] for row in found.rows} <= {None} and "95%" not in found.sentence
    many = company(owners=40)
    red = many.history[many.history["health_band"] == "red"]
    out = red[~red["owner"].isin(red["owner"].unique()[:9])]["account_id"]
    small = claims.bad_health(replace(many, history=many.history[~many.history["account_id"].isin(out)]))
    assert small.lower is not None and small.verdict == "cannot_tell"


def test_no_study_prints_a_rate_past_the_floor_of_managers():
    """One place knows when the chance is known: judging.rate_of."""
    package = Path(claims.__file__).parents[1]
    files = [p for part in ("studies", "report") for p in (package / part).rglob("*.py")]
    assert {p.name for p in files if "stats.rate(" in p.read_text(encoding="utf-8")} <= {"judging.py", "renewals.py"}


def test_the_lowest_tenth_with_enough_accounts_is_told_with_its_own_n():
    evidence = company()
    found = claims.along_score(evidence)
    assert found.n == found.details["series"]["churned"][0]["n"] < 800
    assert "churned at the lowest scores and" in found.sentence
    rows = evidence.readings.rows  # of 398, 191 and 211 by health; the lowest are of one account now
    rows["account_id"] = rows["account_id"].where(rows["health"] > 21, "one")
    part = claims.along_score(evidence)
    assert part.n == 191 and "churned in part 2 of 3 and" in part.sentence


def test_established_accounts_are_those_of_the_last_stage():
    rng = np.random.default_rng(3)
    rows = [(score(str(n), "2025-09-01", 20.0, owner=f"M{n % 30}", stage="established" if n % 2 else "operation"),
             end(str(n), "2026-01-01", "churned" if rng.random() < (0.02 if n % 2 else 0.3) else "renewed"))
            for n in range(600)]
    found = claims.established(made(*zip(*rows, strict=True)))
    assert found.verdict == "supported" and found.n == 300
    young = claims.established(made(*zip(*[({**row, "stage": "operation"}, due) for row, due in rows], strict=True)))
    assert young.sentence == ("Not measured: no account was in the stage established when its score was read before a "
                              "known outcome.") and young.verdict == "cannot_tell"


def test_low_stock_is_read_two_months_after_the_start():
    history = [score(str(n), m, 20.0, owner=f"M{n % 20}") for n in range(200) for m in ("2025-02-01", "2025-09-01")]
    measures = [{"account_id": str(n), "month": day(m), "stock": stock, "seats": 10} for n in range(200)
                for m, stock in (("2025-02-01", 3999.0 if n % 2 else 4000.0), ("2025-03-01", 9999.0))]
    outcomes = [end(str(n), "2026-01-01", "churned" if n % 4 == 1 else "renewed") for n in range(200)]
    found = claims.low_stock(made(history, outcomes, measures=measures))
    assert (found.n, found.estimate) == (100, 0.5)


# ---------------------------------------------------------------- onboarding


def onboarded(success_health, other_health, survivors=(1.0, 1.0), n=400, seed=1):
    """Accounts that started on 15 January 2025: half complete their milestones in time."""
    rng = np.random.default_rng(seed)
    history, outcomes, milestones = [], [], []
    for number in range(n):
        name, good = f"{number:04}", number % 2 == 0
        stays = rng.random() < survivors[0 if good else 1]
        health = rng.normal(success_health if good else other_health, 2)
        months = ["2025-03-01", "2025-12-01", "2026-01-01", *(["2026-02-01", "2026-03-01"] if stays else [])]
        history += [score(name, m, health, start_date=day("2025-01-15"), owner=f"M{number % 25}") for m in months]
        outcomes.append(end(name, "2026-01-15", "renewed" if stays else "churned", "2025-01-15"))
        milestones += [{"account_id": name, "milestone": kind, "due_date": day("2025-02-10"),
                        "completed_date": day("2025-02-10" if good else "2025-02-11")}
                       for kind in ("kickoff", "training")]
    return made(history, outcomes, milestones=milestones)


def test_the_landmark_is_the_month_of_two_months_less_a_day():
    starts = {"2025-01-15": "2025-03-01", "2025-01-01": "2025-02-01", "2024-12-31": "2025-02-01"}
    history = [score(start, month, 20, start_date=day(start)) for start in starts for month in starts.values()]
    found = landmark.landmarks(made(history, [])).drop_duplicates().set_index("account_id")["landmark"]
    assert found.to_dict() == {start: day(month) for start, month in starts.items()}


@pytest.mark.parametrize(("due", "done", "expected"), [
    ("2025-02-10", "2025-02-10", True), ("2025-02-10", "2025-02-11", False), (None, "2025-03-15", True),
    (None, "2025-03-16", False), ("2025-06-01", "2025-04-01", False), ("2025-02-10", None, False),
])
def test_a_milestone_is_in_time_by_its_due_date_and_never_after_two_months(due, done, expected):
    milestones = [{"account_id": "a", "milestone": "kickoff", "due_date": pd.to_datetime(due),
                   "completed_date": pd.to_datetime(done)}]
    told, _ = landmark.successes(made([score("a", "2025-03-01", 20, start_date=day("2025-01-15"))], [],
                                        milestones=milestones))
    assert told.to_dict() == {"a": expected}


def test_a_missing_milestone_is_not_done():
    milestones = [{"account_id": account, "milestone": kind, "due_date": pd.NaT, "completed_date": day("2025-02-01")}
                  for account, kind in (("a", "kickoff"), ("a", "training"), ("b", "kickoff"))]
    history = [score(a, "2025-03-01", 20, start_date=day("2025-01-15")) for a in ("a", "b", "c")]
    told, _ = landmark.successes(made(history, [], milestones=milestones))
    assert told.to_dict() == {"a": True, "b": False, "c": False}


def test_the_ratio_of_a_known_truth_with_survivors_beside_it():
    """Health 30 and 20 of 10 to 40 are 26.7 and 13.3 from zero: twice; survival 0.9 and 0.6 makes it three times."""
    found = onboarding.onboarding_and_health(onboarded(30, 20, (0.9, 0.6)))
    whole, stayed, before, own_scale, survival = found.rows[:5]
    assert stayed["estimate"] == pytest.approx(2.0, abs=0.06)
    assert before["estimate"] == pytest.approx(2.0, abs=0.06) and before["n"] == 400
    assert whole["estimate"] == pytest.approx(stayed["estimate"] * survival["estimate"], rel=0.001)
    assert own_scale["estimate"] < whole["estimate"]
    assert found.lower < found.estimate < found.upper and "unadjusted" in found.sentence


def test_without_adjustment_nothing_is_supported_and_only_a_shortfall_contradicts():
    assert onboarding.onboarding_and_health(onboarded(30, 20)).verdict == "cannot_tell"        # twice, as claimed
    assert onboarding.onboarding_and_health(onboarded(34, 15)).verdict == "cannot_tell"        # far more
    low = onboarding.onboarding_and_health(onboarded(24, 22))
    assert low.verdict == "contradicted" and "lower than the 2 times claimed" in low.sentence


def test_what_is_not_over_or_not_known_is_left_out_and_counted():
    base = onboarded(30, 20, n=60)
    later = score("late", "2026-03-01", 20, start_date=day("2026-01-20"))
    blank = [score("blank", m, start_date=day("2025-01-15")) for m in ("2025-03-01", "2026-03-01")]
    lost = score("lost", "2025-03-01", 20, start_date=day("2025-01-15"))
    group = landmark.cohort(replace(base, history=pd.concat([base.history, pd.DataFrame([later, lost, *blank])])))
    assert group.left_out == {"without a measured success": 0, "not over yet": 1, "gone with an unknown outcome": 1}
    (unscored,) = group.rows.loc[group.rows["account_id"] == "blank", "health"]
    assert np.isnan(unscored)  # still a customer: missing, never 0


def test_success_and_score_share_the_indicators_made_of_the_same_data():
    by_stock = made([score("a", "2025-02-01", 20)], [])
    assert landmark.shared_indicators(by_stock) == ("A-2",)
    assert landmark.shared_indicators(onboarded(30, 20, n=4)) == ()


def test_onboarding_success_is_a_rate_of_recent_starts():
    base = onboarded(30, 20, n=60)
    recent = replace(base, history=base.history[base.history["month"] <= day("2025-05-01")])
    found = onboarding.onboarding_success(recent)
    assert (found.estimate, found.n) == (0.5, 60) and found.rows[-1]["rate"] == 0.5


# ---------------------------------------------------------------- touch and health


def touched(effect, n=150, months=14, seed=1):
    """Health moves by `effect` points per log touch on top of its own past; E-1 is touch itself."""
    rng = np.random.default_rng(seed)
    history, indicators = [], []
    for number in range(n):
        level = rng.normal(2.5, 0.5)
        for month in pd.date_range("2025-01-01", periods=months, freq="MS"):
            touch = rng.exponential(0.8)
            history.append(score(f"{number}", month, 20.0, touch_score_month=touch, owner=f"M{number % 30}"))
            points = {**dict.fromkeys(("D-1", "D-2", "D-3", "D-4", "A-1"), level), "E-1": 4 if touch > 1 else 1}
            indicators += [{"account_id": f"{number}", "month": month, "scorecard": "dear", "indicator": name,
                            "points": p, "is_measured": True} for name, p in points.items()]
            level = np.clip(0.8 * level + 0.5 + effect * np.log1p(touch) + rng.normal(0, 0.2), 1, 4)
    return made(history, [], indicators)


def test_the_touch_indicators_are_left_out_of_the_outcome():
    health = touch_effect.health_without_touch(touched(0.0, n=2, months=2))
    one = touched(0.0, n=2, months=2).indicators.query("account_id == '0' and indicator == 'D-1'")["points"].iloc[0]
    assert health["health"].iloc[0] == pytest.approx(40 * (one - 1) / 3)


def test_touch_that_raises_health_is_found_at_its_size_and_touch_that_does_not_is_not():
    found = touch_effect.touch_and_health(touched(0.1))
    truth = 0.1 * np.log(2) * 40 / 3
    assert found.verdict == "supported" and found.lower < truth < found.upper
    null = touch_effect.touch_and_health(touched(0.0))
    assert null.verdict in ("contradicted", "cannot_tell") and null.lower < 0 < null.upper


def reached_out(seen, effect=0.0, n=240, months=16, seed=3):
    """Health drifts; managers touch the more, the worse what they go by is: its record (`seen`), or a trouble that no
    table holds and that lowers the health of the month after."""
    rng = np.random.default_rng(seed)
    level, rows, before = rng.normal(24, 5, n), [], None
    for month in pd.date_range("2025-01-01", periods=months, freq="MS"):
        trouble = rng.normal(0, 1, n)
        touch = rng.exponential(np.exp(-(level - 24) / 8 if seen else 0.8 * trouble))
        rows.append(pd.DataFrame({"account": range(n), "month": month, "touch": np.log1p(touch), "lag_0": level,
                                  "band_before": before}))
        before = np.where(level < 20, "red", "green")
        level = (24 + 0.8 * (level - 24) + effect * np.log1p(touch) - (0 if seen else 1.5) * trouble
                 + rng.normal(0, 2, n))
        rows[-1]["after"] = level
    panel = pd.concat(rows)
    for back in (1, 2):
        panel[f"lag_{back}"] = panel.groupby("account")["lag_0"].shift(back)
    panel = panel.assign(age=1.0, size=2.0, segment="smb", cluster="M" + (panel["account"] % 40).astype(str))
    return panel.dropna(subset=["lag_2"])


def test_touch_sent_where_the_record_says_is_told_from_its_effect():
    found = [touch_effect.conditional_association(reached_out(True, effect, seed=seed), 40)
             for effect in (0.0, 1.5) for seed in range(20)]
    truth = np.repeat([0.0, 1.5 * np.log(2)], 20)
    inside = [one.lower < true < one.upper for one, true in zip(found, truth, strict=True)]
    assert np.mean(inside) >= 0.85  # 40 draws: 95 % within three Monte-Carlo errors
    for part in (slice(0, 20), slice(20, 40)):
        assert np.mean([one.value for one in found[part]]) == pytest.approx(truth[part][0], abs=0.06)
    pooled = reached_out(True)
    assert np.corrcoef(pooled["touch"], pooled["after"])[0, 1] < -0.2  # what a look without the past would say


def test_touch_sent_for_reasons_that_no_table_holds_is_blamed_for_them():
    # The limit of the method, said in every finding: touch does nothing here and is found to harm.
    found = touch_effect.conditional_association(reached_out(False), 40)
    assert found.upper < 0


# ---------------------------------------------------------------- touch by lot


def drawn_from(n=240, effect=0.0):
    """Accounts drawn in January; those touched stand `effect` points of D-1 to A-1 higher half a year later."""
    history = [score(str(i), m, [14.0, 22.0, 30.0][i % 3], owner=f"M{i % 15}", segment=["smb", "enterprise"][i % 7 > 4])
               for i in range(n) for m in ("2026-01-01", "2026-07-01")]
    assigned = touch_effect.assignment(pd.DataFrame(history), day("2026-01-01"), "1")
    touched_ones = set(assigned.loc[assigned["arm"] == "touch", "account_id"])
    rng = np.random.default_rng(5)
    indicators = [{"account_id": str(i), "month": day(m), "scorecard": "dear", "indicator": name, "is_measured": True,
                   "points": 2.0 + base + effect * (str(i) in touched_ones) * (m == "2026-07-01")}
                  for i in range(n) for m in ("2026-01-01", "2026-07-01") for base in [rng.normal(0, 0.2)]
                  for name in ("D-1", "D-2", "D-3", "D-4", "A-1")]
    return made(history, [], indicators), assigned


def test_the_draw_is_balanced_in_every_stratum_and_knows_no_order_of_rows():
    evidence, assigned = drawn_from()
    sizes = assigned.groupby(["segment", "health_band", "arm"]).size().unstack()
    assert (sizes["touch"] - sizes["hold out"]).abs().max() <= 1 and len(assigned) == 240
    shuffled = evidence.history.sample(frac=1, random_state=1)
    assert touch_effect.assignment(shuffled, day("2026-01-01"), "1").equals(assigned)
    other = touch_effect.assignment(shuffled, day("2026-01-01"), "2").merge(assigned, on="account_id")
    assert 0.35 < (other["arm_x"] == other["arm_y"]).mean() < 0.65


@pytest.mark.parametrize(("smallest", "accounts"), [(0.2, 788), (0.5, 128), (0.8, 52)])
def test_the_sample_size_is_that_of_the_textbook(smallest, accounts):
    # Cohen (1988), table 2.4.1: 394 (393 when rounded down), 64 and 26 in each group at power .8, two-sided .05
    assert touch_effect.accounts_needed(smallest, 1.0) == accounts


def test_what_came_of_the_draw_is_told_as_drawn_and_who_left_counts_as_nought():
    evidence, assigned = drawn_from(effect=0.3)
    found = touch_effect.held_out(evidence, assigned, day("2026-01-01"), 6)
    assert found.lower < 0.3 * 40 / 3 < found.upper and "an effect" in found.sentence and found.n == 240
    gone = assigned.loc[assigned["arm"] == "touch", "account_id"].head(40)
    history = evidence.history
    is_gone = history["account_id"].isin(gone) & (history["month"] > day("2026-02-01"))
    left = replace(evidence, history=history[~is_gone])
    worse = touch_effect.held_out(left, assigned, day("2026-01-01"), 6)
    assert worse.estimate < found.estimate - 2 and worse.rows[1]["estimate"] == pytest.approx(1 / 3, abs=0.02)
    assert "cannot be told" in touch_effect.held_out(*drawn_from(), day("2026-01-01"), 6).sentence
    assert "are not over" in touch_effect.held_out(evidence, assigned, day("2026-03-01"), 6).sentence
    assert "Too few" in touch_effect.held_out(evidence, assigned[:15], day("2026-01-01"), 6).sentence
    needed = touch_effect.size_of_the_holdout(evidence, day("2026-01-01"), 6, 1.0)
    assert needed.n == 240 and needed.rows[0]["accounts"] > needed.rows[1]["accounts"]


# ---------------------------------------------------------------- the card


def checked(noise, seed=1, n=900):
    """Renewals over two years; the chance to leave falls with health; D-1 is health, D-2 is noise."""
    rng = np.random.default_rng(seed)
    history, outcomes, indicators = [], [], []
    dues = pd.date_range("2024-07-01", periods=24, freq="MS")
    months = last_month_before(pd.Series(dues) - pd.DateOffset(months=3))
    for number in range(n):
        name, due, month = f"{number:04}", dues[number % 24], months[number % 24]
        true = rng.integers(1, 5)
        health = 10.0 * (rng.integers(1, 5) if rng.random() < noise else true)
        history.append(score(name, month, health, owner=f"M{number % 40}"))
        outcomes.append(end(name, str(due.date()), "churned" if rng.random() < 0.6 - 0.13 * true else "renewed",
                            str((due - pd.DateOffset(years=1)).date())))
        indicators += [{"account_id": name, "month": month, "scorecard": "dear", "indicator": i, "points": float(p),
                        "band": CARD.indicator_bands[p - 1], "is_measured": True}
                       for i, p in (("D-1", true), ("D-2", rng.integers(1, 5)))]
    return made(history, outcomes, indicators)


def test_training_and_test_share_neither_accounts_nor_time():
    for half, (train, test) in enumerate(card_check.out_of_time(checked(0.0))):
        assert not set(train["account_id"]) & set(test["account_id"])
        assert set(card_check.half_of(train["account_id"])) == {half} == {1 - x for x in card_check.half_of(
            test["account_id"])}
        assert train["due_date"].max() <= (test["month"] + pd.offsets.MonthEnd(0)).min()
        assert len(train) > 100 and len(test) > 100


def test_a_good_card_is_kept_and_one_that_a_single_indicator_beats_is_investigated():
    good = card_check.card_and_churn(checked(0.0))
    assert good.verdict == "keep" and good.estimate > 0.6
    assert [row["what"] for row in good.rows] == [
        "the card", "equal weights", "best single indicator (D-1)", "ceiling: logistic regression",
        "ceiling: boosted trees"]
    assert good.rows[2]["card_less_this"] == 0  # the card is D-1 here
    assert card_check.card_and_churn(checked(1.0)).verdict == "investigate"


@pytest.mark.parametrize(("baseline_lower", "verdict"), [(0.51, "investigate"), (0.49, "cannot_tell")])
def test_a_baseline_counts_against_the_card_only_if_it_beats_a_coin(baseline_lower, verdict):
    """The card at .45 (.40-.52) is no coin's better, and .08 less than a baseline beyond chance."""
    line = {"what": "equal weights", "lower": baseline_lower, "less_upper": -0.01}
    assert card_check._verdict(Estimate(0.45, 0.40, 0.52, 500, 40), [line], 10, "").verdict == verdict


# ---------------------------------------------------------------- thin data

STUDIES = (claims.bad_health, claims.good_health, claims.established, claims.low_stock, claims.touch_and_churn,
           onboarding.onboarding_and_health, onboarding.onboarding_success, touch_effect.touch_and_health,
           card_check.card_and_churn, calibrated_card.calibrated_points, calibrated_card.card_chances)
MONTHS = pd.date_range("2025-01-01", "2026-09-01", freq="MS")
THIN = {
    "nothing": made([], []),
    "no outcome yet": made([score(str(n), m, 20.0) for n in range(30) for m in MONTHS], []),
    "one account": made([score("a", m, 20.0) for m in MONTHS], [end("a", "2026-01-01", "churned")]),
    "no health": made([score(str(n), m, touch_score=np.nan, touch_score_month=np.nan)
                       for n in range(30) for m in MONTHS], [end(str(n), "2026-01-01", "renewed") for n in range(30)]),
    "all renewed": made([score(str(n), m, 20.0) for n in range(30) for m in MONTHS],
                        [end(str(n), "2026-01-01", "renewed") for n in range(30)]),
    "all churned": made([score(str(n), m, 14.0) for n in range(30) for m in MONTHS[:12]],
                        [end(str(n), "2026-01-01", "churned") for n in range(30)]),
    "one manager": made([score(str(n), m, 10.0 + n, owner="M") for n in range(30) for m in MONTHS],
                        [end(str(n), "2026-01-01", "churned" if n % 2 else "renewed") for n in range(30)]),
}


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.__name__)
@pytest.mark.parametrize("data", THIN)
def test_thin_data_give_a_sentence_and_never_a_verdict(study, data):
    found = study(THIN[data])
    assert found.sentence.endswith(".") and "nan" not in found.sentence
    assert found.as_record()["question"]
    if data != "all churned" or study is not claims.bad_health:
        assert found.verdict in ("cannot_tell", "")


def test_all_claims_come_in_the_order_of_their_file():
    found = claims.all_claims(THIN["nothing"])
    assert [f.question for f in found] == list(DEFINITIONS.claims.claims)
    assert claims.verdict_table(found, DEFINITIONS)["verdict"].unique().tolist() == ["Cannot tell"]


# ---------------------------------------------------------------- where the accounts stand, and money

NOW = date(2026, 10, 1)
SMALL = replace(DEFINITIONS, claims=DEFINITIONS.claims.model_copy(update={"min_accounts": 1}))
NO_ENDS = pd.DataFrame([end("x", "2020-01-01", "churned")])


def kept(account, opening, closing, owner="M"):
    rows = [score(account, "2025-10-01", 20.0, arr=opening, owner=owner)]
    return rows + ([score(account, "2026-10-01", 20.0, arr=closing, owner=owner)] if closing is not None else [])


def test_revenue_kept_is_that_of_the_opening_cohort():
    scores = pd.DataFrame(kept("a", 100.0, 130.0) + kept("b", 100.0, 50.0, "N") + kept("c", 100.0, None, "O")
                          + [score("new", "2026-10-01", 20.0, arr=500.0)])
    assert money.revenue_kept(scores, NO_ENDS, SMALL, NOW).estimate == pytest.approx(180 / 300)
    assert money.revenue_kept(scores, NO_ENDS, SMALL, NOW, gross=True).estimate == pytest.approx(150 / 300)
    assert money.accounts_lost(scores, NO_ENDS, SMALL, NOW).estimate == pytest.approx(1 / 3)


def test_money_that_is_not_known_for_all_is_not_measured():
    scores = pd.DataFrame(kept("a", 100.0, None) + kept("b", None, 50.0))
    assert "Not measured" in money.revenue_kept(scores, NO_ENDS, SMALL, NOW).sentence
    assert "Not measured" in money.revenue_kept(scores[:0], NO_ENDS, SMALL, NOW).sentence
    assert "Not measured" in money.accounts_lost(scores[:0], NO_ENDS, SMALL, NOW).sentence


def test_who_left_with_an_unknown_outcome_is_in_no_rate_and_too_many_leave_none():
    rows = [row for n in range(20) for row in kept(str(n), 100.0, 100.0 if n else None)]
    ends = pd.DataFrame([end("0", "2026-05-01", "unknown")])
    found = money.accounts_lost(pd.DataFrame(rows), ends, DEFINITIONS, NOW)
    assert (found.estimate, found.n) == (0.0, 19) and "1 that left" in found.details["notes"][1]
    many = pd.DataFrame([row for n in range(20) for row in kept(str(n), 100.0, 100.0 if n > 2 else None)])
    ends = pd.DataFrame([end(str(n), "2026-05-01", "unknown") for n in range(3)])
    assert "3 of 20 accounts left with an unknown outcome" in money.accounts_lost(many, ends, DEFINITIONS, NOW).sentence
    owners = pd.DataFrame({"account_id": ["1"], "owner": ["M"]})
    assert "unknown outcome" in money.renewals(ends, owners, DEFINITIONS, NOW).sentence


def test_how_many_unknown_ends_a_rate_bears_is_a_definition():
    rows = [row for n in range(20) for row in kept(str(n), 100.0, 100.0 if n > 2 else None)]
    ends = pd.DataFrame([end(str(n), "2026-05-01", "unknown") for n in range(3)])
    lenient = replace(DEFINITIONS, outcomes=DEFINITIONS.outcomes.model_copy(update={"max_unknown_share": 0.15}))
    assert money.accounts_lost(pd.DataFrame(rows), ends, lenient, NOW).n == 17


def test_who_churned_and_came_back_within_the_year_is_lost():
    scores = pd.DataFrame(kept("a", 100.0, 100.0) + kept("b", 100.0, 300.0) + kept("c", 100.0, 100.0))
    ends = pd.DataFrame([end("a", "2025-10-20", "churned"), end("b", "2026-03-01", "churned"),
                         end("c", "2026-05-01", "renewed")])  # October 2025 is the opening's own month
    found = money.accounts_lost(scores, ends, SMALL, NOW)
    assert (found.estimate, found.n) == (pytest.approx(1 / 3), 3)
    assert money.revenue_kept(scores, ends, SMALL, NOW).estimate == pytest.approx(2 / 3)


def test_fewer_accounts_than_the_floor_give_no_rate_anywhere():
    nine = [row for n in range(9) for row in kept(str(n), 100.0, 100.0)]
    scores = pd.DataFrame(nine).assign(quadrant="A")
    owners = pd.DataFrame({"account_id": ["0"], "owner": ["M"]})
    ends = pd.DataFrame([end("0", f"2026-{month:02}-01", "renewed") for month in range(1, 11)])
    found = [money.revenue_kept(scores, NO_ENDS, DEFINITIONS, NOW),
             money.accounts_lost(scores, NO_ENDS, DEFINITIONS, NOW), money.renewals(ends, owners, DEFINITIONS, NOW),
             state.health_bands(scores, CARD, DEFINITIONS, NOW),
             touch.quadrants_now(scores, DEFINITIONS, NOW),
             touch.touch_by_stage(scores, DEFINITIONS, NOW)]
    for few in found:
        assert few.estimate is None and "Too few to say" in few.sentence and "%" not in few.sentence and not few.rows


def test_a_year_without_rates_is_not_measured():
    row = {"month": pd.Timestamp(NOW), "basis": "trailing_12", "segment": "all", "logos_opening": 50,
           "grr": None, "nrr": None, "logo_churn": None, "arr_churn": None}
    found = money.retention_by_month(pd.DataFrame([row]).astype({"logo_churn": float}), DEFINITIONS, NOW)
    assert found.sentence.startswith("Not measured: too many left with an unknown outcome") and not found.rows


def test_a_bridge_that_does_not_add_up_is_a_defect():
    row = {"month": day("2026-10-01"), "basis": "trailing_12", "segment": "all", "logos_opening": 9,
           "arr_opening": 100.0, "arr_new": 30.0, "arr_expansion": 20.0, "arr_contraction": 5.0, "arr_churned": 25.0,
           "arr_closing": 120.0}
    found = money.bridge(pd.DataFrame([row]), NOW)
    assert [step["arr"] for step in found.rows] == [100, 30, 20, -5, -25, 120] and "25 by churn" in found.sentence
    with pytest.raises(AssertionError, match="does not add up"):
        money.bridge(pd.DataFrame([{**row, "arr_closing": 121.0}]), NOW)


def with_basis(basis):
    return replace(SMALL, outcomes=SMALL.outcomes.model_copy(update={"retention_basis": basis}))


def test_one_switch_chooses_whose_rates_lead():
    scores = pd.DataFrame(kept("a", 100.0, 130.0) + kept("b", 100.0, 50.0, "N") + kept("c", 100.0, None, "O")
                          + [score("a", "2026-09-01", 20.0, arr=130.0), score("b", "2026-09-01", 20.0, arr=100.0)])
    ends = pd.DataFrame([end("b", "2026-03-01", "contracted", arr_before=100.0, arr_after=50.0),
                         end("c", "2026-01-01", "churned", arr_before=100.0),
                         end("a", "2026-02-01", "renewed", arr_before=100.0, arr_after=100.0),
                         end("d", "2026-02-01", "renewed", arr_before=100.0, arr_after=100.0)])
    # A year: (130 + 50) / 300. A month: (130 + 50) / 230. Renewals due: (50 + 0 + 100 + 100) / 400, 1 of 4 lost.
    for basis, net, lost in (("trailing_12", 180 / 300, 1 / 3), ("month", 180 / 230, 0),
                             ("renewals_due", 250 / 400, 1 / 4)):
        assert money.revenue_kept(scores, ends, with_basis(basis), NOW).estimate == pytest.approx(net)
        assert money.accounts_lost(scores, ends, with_basis(basis), NOW).estimate == pytest.approx(lost)
    table = money.by_every_definition(scores, ends, with_basis("month"), NOW)
    assert [row["n"] for row in table.rows] == [2, 3, 4]
    assert table.sentence.index("a month before") < table.sentence.index("a year before")


def test_revenue_kept_by_the_band_of_the_opening_adds_up_to_all():
    scores = pd.DataFrame(kept("a", 100.0, 130.0) + kept("b", 100.0, 50.0, "N") + kept("c", 200.0, None, "O")
                          + kept("d", 40.0, 40.0, "P"))
    history = pd.DataFrame([score(a, "2025-10-01", h) for a, h in (("a", 36.0), ("b", 36.0), ("c", 14.0))])
    found = money.kept_by_band(scores, history, NO_ENDS, SMALL, CARD.bands, NOW)
    rows = {row["band"]: row for row in found.rows}
    assert rows["green"]["rate"] == pytest.approx(180 / 200) and rows["red"]["rate"] == 0  # bands of then, not of now
    assert rows["orange"]["rate"] is None and rows["no score"]["opening"] == 40
    assert sum(row["opening"] for row in found.rows) == 440
    assert "Too few to say" in money.kept_by_band(scores, history, NO_ENDS, DEFINITIONS, CARD.bands, NOW).sentence


def test_lifetime_value_is_revenue_over_churn_and_only_bounded_without_one():
    rows = [row for n in range(20) for row in kept(str(n), 100.0, 120.0 if n > 1 else None, f"M{n}")]
    found = money.lifetime_value(pd.DataFrame(rows), NO_ENDS, DEFINITIONS, NOW, "JPY")
    churn = money.accounts_lost(pd.DataFrame(rows), NO_ENDS, DEFINITIONS, NOW)
    assert found.estimate == pytest.approx(120 / 0.1)  # 2 of 20 left
    assert (found.lower, found.upper) == pytest.approx((120 / churn.upper, 120 / churn.lower))
    all_stay = pd.DataFrame([row for n in range(20) for row in kept(str(n), 100.0, 120.0, f"M{n}")])
    bound = money.lifetime_value(all_stay, NO_ENDS, DEFINITIONS, NOW, "JPY")
    # None of 20 left: at most 1 - .025 ** (1 / 20) = 16.8 % do, so LTV is at least 120 / .1684 = 712.
    assert bound.estimate is None and bound.upper is None and bound.lower == pytest.approx(712.4, abs=0.1)
    assert "LTV is at least JPY 712" in bound.sentence


def test_churn_by_month_stands_over_the_twelfth_of_the_yearly_line():
    months = pd.date_range("2026-01-01", "2026-10-01", freq="MS")
    scores = pd.DataFrame([score(str(n), m, 20.0, owner=f"M{n % 12}") for n in range(24) for m in months
                           if n or m < months[5]])
    retention = pd.DataFrame([{"month": m, "basis": "month", "segment": "all", "logo_churn": float(m == months[5]) / 24,
                               "arr_churn": None, "logos_opening": 24 - (m > months[5])} for m in months[1:]])
    found = money.churn_by_month(scores, retention, NO_ENDS, DEFINITIONS, NOW)
    assert found.estimate == pytest.approx(1 / (5 * 24 + 4 * 23)) and found.n == 212
    assert found.details["line"] == pytest.approx(0.1 / 12) and "10% a year is 0.8% a month" in found.sentence


def test_renewals_are_counted_in_the_month_they_were_due():
    outcomes = pd.DataFrame([end("a", "2026-10-01", "renewed"), end("b", "2026-10-31", "churned"),
                             end("c", "2025-10-31", "churned"), end("d", "2025-09-01", "unknown")])
    found = money.renewals(outcomes, pd.DataFrame({"account_id": ["a", "b"], "owner": ["M", None]}), SMALL, NOW)
    assert (found.estimate, found.n) == (0.5, 2) and found.rows[0]["churned"] == 1


def test_renewals_stop_where_the_grace_still_runs():
    outcomes = pd.DataFrame([end("a", "2026-09-01", "churned"), end("b", "2026-10-05", "not_due"),
                             end("c", "2026-10-06", "renewed")])
    found = money.renewals(outcomes, pd.DataFrame({"account_id": ["a"], "owner": ["M"]}), SMALL, NOW)
    assert (found.estimate, found.n) == (0.0, 1) and "before 2026-10-05" in found.details["notes"][0]


def test_colours_are_counted_and_the_unscored_told():
    scores = pd.DataFrame([score(str(n), "2026-10-01", h) for n, h in enumerate([14.0, 36.0, 36.0, np.nan])])
    found = state.health_bands(scores, CARD, SMALL, NOW)
    assert [row["accounts"] for row in found.rows] == [1, 0, 0, 2] and found.n == 3
    assert "1 account of 4 without a score" in found.details["notes"][0]


def test_moves_into_and_out_of_the_good_corner():
    rows = [score("a", "2026-08-01", 20, quadrant="A"), score("a", "2026-09-01", 20, quadrant="D"),
            score("a", "2026-10-01", 30, quadrant="A", moved_into_a=True), score("b", "2026-10-01", 30, quadrant="A")]
    found = touch.moves_into_a(pd.DataFrame(rows), pd.DataFrame(rows), DEFINITIONS, NOW)
    assert "moved in 1 time and out 1 time." in found.sentence and "Too few to say" in found.sentence
    assert [(row["into"], row["out"]) for row in found.rows] == [(0, 0), (0, 1), (1, 0)]


def test_touches_are_told_by_channel_and_without_what_is_not_linked():
    scores = pd.DataFrame([score(str(n), m, 20.0, touch_score=0.5, touch_score_synced=0.2) for n in range(10)
                           for m in ("2025-10-01", "2025-11-01", "2026-10-01")])
    measures = scores[["account_id", "month"]].assign(touch_points=4.0, touch_points_online=1.0)
    found = touch.touch_kinds(scores, measures, DEFINITIONS, NOW)
    assert (found.estimate, found.n) == (0.25, 10) and "0.20 without" in found.sentence
    assert found.rows == [{"month": m, "n": 10, "online": 0.1, "offline": 0.3, "mean": 0.5, "synced": 0.2}
                          for m in ("2025-11-01", "2026-10-01")]
    assert "no touches" in touch.touch_kinds(scores, measures.assign(touch_points=np.nan), DEFINITIONS, NOW).sentence


def test_health_by_month_leaves_out_months_of_too_few():
    scores = pd.DataFrame([score(str(n), m, 20.0) for m, accounts in (("2026-09-01", 9), ("2026-10-01", 10))
                           for n in range(accounts)])
    assert [row["month"] for row in state.health_by_month(scores, CARD, DEFINITIONS).rows] == ["2026-10-01"]
    assert "Too few" in state.health_by_month(scores[:9], CARD, DEFINITIONS).sentence


def test_a_change_of_mean_health_has_no_interval_of_nine_managers():
    rows = [score(str(n), m, 20.0 + n + rise * (n % 3), owner=f"M{n % 9}")
            for rise, m in enumerate(("2025-10-01", "2026-10-01")) for n in range(20)]
    found = state.health_by_month(pd.DataFrame(rows), CARD, DEFINITIONS)
    assert (found.estimate, found.lower, found.upper) == (pytest.approx(.95), None, None)  # 7 x 1 + 6 x 2 of 20
    alone = state.health_by_month(pd.DataFrame(rows).assign(owner=None), CARD, DEFINITIONS)
    assert alone.lower < .95 < alone.upper


def test_pairs_in_the_right_order_need_ten_accounts_on_either_side():
    rows = pd.DataFrame({"account_id": [str(n) for n in range(20)], "is_churned": [True] * 10 + [False] * 10,
                         "cluster": [str(n) for n in range(20)], "health": [*range(9), 15, *range(9, 19)]})
    found = judging.auc_of(-rows["health"], rows, "is_churned", DEFINITIONS)
    assert found.value == pytest.approx(.935) and found.lower < .935 < found.upper  # 15 lies above 6 and on one
    fewer = rows.assign(account_id=rows["account_id"].replace("0", "1"))  # nine accounts churned
    assert judging.auc_of(-fewer["health"], fewer, "is_churned", DEFINITIONS).value is None
    few = rows.assign(cluster=[f"M{n % 9}" for n in range(20)])
    assert judging.auc_of(-few["health"], few, "is_churned", DEFINITIONS).lower is None


def test_mean_health_since_the_start_has_its_survivors_and_no_band_of_few_managers():
    """Twenty accounts of January 2025 have health 20 at once and 24 a year later, when five of them are gone."""
    rows = pd.DataFrame([score(str(n), m, health + n % 2, age_months=age, owner=f"M{n % 9}")
                         for m, health, age, there in (("2025-01-01", 20.0, 0, 25), ("2026-01-01", 24.0, 12, 20))
                         for n in range(there)])
    cohort, = cohorts.by_start_year(rows, DEFINITIONS)
    assert (cohort.year, cohort.starts) == (2025, 25) and cohort.means[12].value == 24.5
    assert cohort.means[12].lower is None
    sure, = cohorts.by_start_year(rows.assign(owner=None), DEFINITIONS)
    assert sure.means[12].lower < 24.5 < sure.means[12].upper
    assert dict(cohorts.survivors(rows, 2025))[12] == 0.8
    later = rows.assign(account_id="b" + rows["account_id"], start_date=day("2026-01-01"), health=rows["health"] + 1)
    both = pd.concat([rows, later]).assign(owner=None)
    old, new = cohorts.by_start_year(both, DEFINITIONS)
    age, less = cohorts.compared(both, new, old, DEFINITIONS)
    assert (age, less.value) == (12, 1.0) and less.lower < 1.0 < less.upper


def test_the_evidence_of_an_earlier_month_ends_there():
    run = SimpleNamespace(definitions=DEFINITIONS, dataset={"scorecard": "dear"}, month=NOW, as_of=AS_OF,
                          canonical=lambda name: None, outcomes=NO_ENDS, card=lambda name: CARD,
                          history=pd.DataFrame([score("a", m, 20.0) for m in ("2026-08-01", "2026-09-01")]))
    run.history_indicators = run.account_facts = run.history
    run.measures = run.history.assign(is_history=True)
    whole, earlier = Evidence.from_run(by_card(run)), Evidence.from_run(run, month=day("2026-08-01"))
    assert (len(whole.history), whole.as_of) == (2, AS_OF)
    assert (len(earlier.history), len(earlier.measures), earlier.as_of) == (1, 1, date(2026, 8, 31))


def late(table, month, recorded, n):
    return {"table": table, "month": day(month), "recorded_month": day(recorded[:8] + "01"), "rows": n,
            "first_date": day(recorded), "last_date": day(recorded)}


def test_restated_months_are_told_with_what_came_in_later():
    then = pd.DataFrame([score("a", "2026-08-01", 20.0), score("b", "2026-08-01"), score("a", "2026-09-01", 20.0)])
    now = then.assign(health=[21.0, 25.0, 20.0])
    came = pd.DataFrame([
        late("touches", "2026-08-01", "2026-09-05", 3), late("meetings", "2026-07-01", "2026-10-02", 1),
        late("goals", "2026-05-01", "2026-08-09", 7), late("goals", "2026-09-01", "2026-10-09", 9)])
    found = state.restated(now, then, came)
    # What August could not know: not the goals recorded in August itself, nor those of September.
    assert found.rows == [{"month": "2026-08-01", "accounts": 2, "health": 2, "touch": 0,
                           "why": "meetings 1, touches 3 (2026-09-05 to 2026-10-02)"}]
    assert "meetings 1, touches 3" in found.sentence
    assert "bear no later date" in state.restated(now, then, came.head(0)).sentence


def test_only_a_year_of_restated_months_is_listed_and_those_before_are_summed():
    then = pd.DataFrame([score("a", f"2025-{m:02}-01", 20.0) for m in range(1, 13)] + [
        score("a", f"2026-{m:02}-01", 20.0) for m in range(1, 4)])
    found = state.restated(then.assign(touch_score=0.9), then, pd.DataFrame([
        late("touches", "2025-01-01", "2025-02-05", 3), late("touches", "2025-04-01", "2025-05-05", 5)]))
    assert [row["month"] for row in found.rows] == ["earlier", *(f"2025-{m:02}-01" for m in range(4, 13)),
                                                    "2026-01-01", "2026-02-01", "2026-03-01"]
    assert found.rows[0] | {"accounts": 3, "touch": 3, "why": "touches 3 (2025-02-05 to 2025-02-05)"} == found.rows[0]


def test_late_tables_are_named():
    spans = pd.DataFrame({"table": ["touches", "goals", "feedback"], "rows": [3, 2, 1], "first_date": [pd.NaT] * 3,
                          "last_date": [day("2026-10-03"), day("2026-08-11"), pd.NaT]})
    found = state.freshness(spans, NOW)
    assert found.estimate == 0.5 and "goals ends on 2026-08-11" in found.sentence


@pytest.mark.parametrize("module", [evidence, claims, onboarding, aipw], ids=lambda m: m.__name__)
def test_examples_in_docstrings(module):
    assert doctest.testmod(module).failed == 0


def test_a_rate_above_one_is_kept_and_counted():
    dear = DEFINITIONS.scorecards["dear"]
    frame = pd.DataFrame([("a", "D-1", 1.2), ("b", "D-1", 0.9), ("c", "D-1", 1.0), ("a", "D-3", 1.5)],
                         columns=["account_id", "indicator", "value"])
    frame = frame.assign(month=pd.Timestamp(NOW), is_measured=True)
    found = state.not_measured(frame, pd.DataFrame(columns=["measure", "reason"]), dear, NOW)
    assert "2 of 10 indicators of the card dear are measured in 2026-10. 60% are needed " in found.sentence
    none = pd.DataFrame([score("a", "2026-10-01")])
    assert state.restated(none, none, pd.DataFrame()).sentence == "No account has a score, so none changed."
    above = {line["indicator"]: line["above"] for line in found.rows if line["above"] is not None}
    assert above == {"D-1": 1, "D-2": 0}
    assert "Above 100%, kept but worth a look: 1 account in D-1." in found.sentence


def test_revenue_kept_of_three_managers_has_no_interval_and_of_many_one_that_a_share_can_have():
    def gross(managers):
        scores = pd.DataFrame([row for n in range(60) for row in kept(
            f"a{n}", 100.0, None if n % 20 == 0 else 100.0, f"M{n % managers}")])
        return money.revenue_kept(scores, NO_ENDS, DEFINITIONS, NOW, gross=True)

    assert gross(3).estimate == pytest.approx(0.95) and gross(3).lower is None
    assert 0.8 < gross(12).lower < 0.95 < gross(12).upper < 1
