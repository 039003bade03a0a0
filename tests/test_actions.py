"""Response points worked out on paper, what was known on the eve of a week, and that factors add up."""

from datetime import date

import pandas as pd
import pytest
from canonical import DEFAULTS, term, write_canonical
from hypothesis import given, settings
from hypothesis import strategies as st

from cs_research.actions import actions, not_measured
from cs_research.definitions import load_definitions, models
from cs_research.definitions.loader import DEFAULTS as DEFAULTS_FOLDER
from cs_research.engine import Horizon, Panel
from cs_research.errors import Refused
from cs_research.studies import weekly_list

PLAN = DEFAULTS.response_points
MONTH = pd.Timestamp("2026-10-01")
# Of an account met a month ago, and called in no week: no factor holds.
USUAL = {"week": "2026-W45", "monday_date": pd.Timestamp("2026-11-02"), "month": MONTH, "age_months": 14, "arr": 1e6,
         "months_since_meeting": 1.0, "meetings_held": 3, "days_to_meeting": None, "days_since_contact": 30.0,
         "contacted_weeks": 1, "contact_days": 1, "answered_days": 1, "keyman_relation": 3.0, "stop_request": None}
HEALTH = "feature_health.health_band"


def table(*accounts: dict, plan: models.ResponsePoints = PLAN) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Actions and factors of accounts a00, a01, ... of one owner, each USUAL but for what is given."""
    rows = pd.DataFrame([{"account_id": f"a{i:02}", "owner": "M", HEALTH: "normal", **USUAL, **account}
                         for i, account in enumerate(accounts)])
    contact = rows.drop(columns=[HEALTH, "owner"]).astype(
        dict.fromkeys(["days_to_meeting", "days_since_contact", "keyman_relation", "stop_request"], float))
    return actions(contact, rows[["account_id", "month", HEALTH]], rows[["account_id", "owner"]].drop_duplicates(),
                   plan)


WORRYING = {HEALTH: "2bad", "months_since_meeting": 7.0, "keyman_relation": 1.0, "age_months": 1}


def test_the_worked_example():
    """2bad 20, last meeting 7 months ago 20, weak keyman 10, second month x 1.5: (20 + 20 + 10) x 1.5 = 75."""
    (row,), factors = [frame.to_dict("records") for frame in table(WORRYING)]
    assert (row["response_points"], row["rank"], row["is_listed"]) == (75, 1, True)
    assert [(f["factor"], f["kind"], f["points"]) for f in factors] == [
        ("health_2bad", "sum", 20), ("not_met_6_months", "sum", 20), ("weak_keyman", "sum", 10),
        ("first_3_months", "times", 25)]


@pytest.mark.parametrize(("account", "points"), [
    ({}, 0), ({HEALTH: "1bad"}, 10), ({HEALTH: "2bad"}, 20), ({HEALTH: "3bad"}, 40), ({HEALTH: None}, 0),
    ({"months_since_meeting": 2.99}, 0), ({"months_since_meeting": 3.0}, 10), ({"months_since_meeting": 5.99}, 10),
    ({"months_since_meeting": 6.0}, 20), ({"months_since_meeting": None, "meetings_held": 0}, 20),
    ({"keyman_relation": 1.0}, 10), ({HEALTH: "3bad", "age_months": 2}, 60), ({HEALTH: "3bad", "age_months": 3}, 40),
    ({HEALTH: "3bad", "contacted_weeks": 3}, 28),       # 40 x 0.7
    ({**WORRYING, "contacted_weeks": 3}, 52.5),         # 75 x 0.7
])
def test_every_factor_by_hand(account, points):
    listed, factors = table(account)
    assert listed["response_points"].tolist() == [points]
    assert factors["points"].sum() == points


@pytest.mark.parametrize(("account", "reason"), [
    ({"days_to_meeting": 14}, "meeting_booked"), ({"days_to_meeting": 15}, None),
    ({"days_since_contact": 14}, "contacted_lately"), ({"days_since_contact": 15}, None),
    ({"stop_request": 1.0}, "asked_to_be_left_alone"),
    ({"stop_request": 1.0, "days_to_meeting": 3}, "asked_to_be_left_alone"),
])
def test_who_is_left_alone_keeps_its_points_and_is_not_listed(account, reason):
    listed, _ = table({**WORRYING, **account})
    row = listed.iloc[0]
    assert row["response_points"] == 75
    assert (row["suppressed_by"] if reason else None) == reason and row["is_listed"] == (reason is None)


def test_contacts_that_nobody_answered_ask_for_another_channel():
    listed, _ = table({"contact_days": 2, "answered_days": 0}, {"contact_days": 2, "answered_days": 1}, {})
    assert listed["flag"].fillna("").tolist() == ["other_channel", "", ""]


def test_each_manager_gets_as_many_as_the_capacity_by_points_then_arr_then_id():
    plan = PLAN.model_copy(update={"capacity_per_manager": 2})
    listed, _ = table({HEALTH: "1bad", "arr": None}, {HEALTH: "1bad"}, {HEALTH: "1bad"}, {HEALTH: "3bad", "arr": 1.0},
                      {HEALTH: "1bad", "owner": "N"}, {}, plan=plan)
    assert listed["rank"].fillna(0).tolist() == [4, 2, 3, 1, 1, 0]
    assert listed["is_listed"].tolist() == [False, True, False, True, True, False]


def test_the_list_names_what_brings_most_points_and_that_it_rests_on_contact_alone():
    listed, factors = table(WORRYING, {HEALTH: "1bad", "contacted_weeks": 3})
    facts = pd.DataFrame({"account_id": ["a00", "a01"], "account_name": ["One", "Two"]})
    blind = pd.DataFrame(columns=["measure", "reason"])
    found = weekly_list.coming_list(listed, factors, facts, blind, PLAN, "2026-W45")
    assert [(row["account"], row["points"], row["why"]) for row in found.rows] == [
        ("One", 75, "First 3 months; Health 2bad; No meeting for 6 months"), ("Two", 7, "Health 1bad")]
    assert "contact alone" not in found.sentence
    no_health = pd.DataFrame({"measure": [HEALTH], "reason": ["no account has one"]})
    told = weekly_list.coming_list(listed, factors, facts, no_health, PLAN, "2026-W45").sentence
    assert told.endswith("The points rest on contact alone: no health is measured.")


account = st.fixed_dictionaries({
    HEALTH: st.sampled_from(["normal", "1bad", "2bad", "3bad", None]), "age_months": st.integers(0, 40),
    "months_since_meeting": st.none() | st.floats(0, 20), "meetings_held": st.integers(0, 2),
    "keyman_relation": st.sampled_from([1.0, 3.0, None]), "contacted_weeks": st.integers(0, 12),
    "days_to_meeting": st.none() | st.integers(1, 60), "days_since_contact": st.none() | st.integers(0, 60),
    "stop_request": st.sampled_from([1.0, 0.0, None])})
weights = st.lists(st.integers(0, 500), min_size=9, max_size=9)


@settings(max_examples=25, deadline=None)
@given(st.lists(account, min_size=1, max_size=8), weights, st.randoms())
def test_factors_add_up_in_any_order_and_who_is_left_alone_is_never_listed(accounts, numbers, chance):
    """With any weights of one digit after the point, factors give the points to the thousandth."""
    factors = tuple(f.model_copy(update={"points": n / 10} if f.times is None else {"times": n / 100 + .01})
                    for f, n in zip(PLAN.factors, numbers, strict=True))
    plan = PLAN.model_copy(update={"factors": factors})
    accounts = [{"account_id": f"a{i}", **one} for i, one in enumerate(accounts)]
    listed, shares = table(*accounts, plan=plan)
    assert (shares["points"].mul(1000) % 1).map(lambda rest: min(rest, 1 - rest) < 1e-6).all()
    added = shares["points"].mul(1000).round().groupby(shares["account_id"]).sum().reindex(listed["account_id"])
    assert (added.fillna(0).to_numpy() == listed["response_points"].mul(1000).round().to_numpy()).all()
    assert not (listed["is_listed"] & listed["suppressed_by"].notna()).any()
    again, _ = table(*chance.sample(accounts, len(accounts)), plan=plan)
    pd.testing.assert_frame_equal(again.sort_values("account_id", ignore_index=True), listed)


BOOKED = {"meeting_id": "m", "account_id": "a", "scheduled_date": "2026-10-20"}   # not said whether it was held


@pytest.mark.parametrize(("meetings", "lacking"), [
    ({}, dict.fromkeys(["months_since_meeting", "meetings_held", "days_to_meeting"], "no table of meetings")),
    ({"meetings": [BOOKED]}, dict.fromkeys(["months_since_meeting", "meetings_held"], "no value of held in meetings")),
    ({"meetings": [{**BOOKED, "held": False}]}, {}),
])
def test_what_cannot_be_looked_at_is_named_and_is_no_never(tmp_path, meetings, lacking):
    canonical = write_canonical(tmp_path, contracts=[term("a", "2025-01-01", None)], touches=[TOUCH],
                                ratings=[RATING], **meetings)
    made = Panel(canonical, DEFAULTS, Horizon(date(2026, 10, 1), date(2026, 10, 31), date(2026, 10, 31)))
    week = made.contact_weeks().iloc[0]
    assert [name for name in ("months_since_meeting", "meetings_held") if pd.isna(week[name])] == (
        ["months_since_meeting"] if not lacking else ["months_since_meeting", "meetings_held"])
    months = pd.DataFrame({"account_id": ["a"], "month": MONTH, HEALTH: None})
    assert not_measured(made.weeks_lack(), months, PLAN) == {HEALTH: "no account has one", **lacking}


TOUCH = {"touch_id": "t", "account_id": "a", "occurred_at": "2026-10-02", "touch_type": "call", "user_id": "u"}
RATING = {"account_id": "a", "kind": "stop_request", "value": "Yes", "set_date": "2026-10-02"}


def test_a_stop_request_counts_however_it_is_written(tmp_path):
    canonical = write_canonical(tmp_path, contracts=[term("a", "2025-01-01", None)], ratings=[RATING])
    made = Panel(canonical, DEFAULTS, Horizon(date(2026, 10, 1), date(2026, 10, 31), date(2026, 10, 31)))
    assert made.contact_weeks()["stop_request"].tolist() == [1.0]
    measures = made.measures()
    assert measures[measures["month"] == MONTH]["stop_request"].tolist() == [1.0, 1.0]


@pytest.mark.parametrize(("found", "wrong", "told"), [
    ("contact_types: [call, ", "contact_types: [cal, ",
     ":6: 'cal' is no touch type of touch_points.yml, did you mean 'call'?"),
    ("field: meetings_held, at_most: 0", "field: meeting_held, at_most: 0",
     "reads 'meeting_held', which no file declares, did you mean 'meetings_held'?"),
    ("points: 40,", "points: 40, times: 2,", "give either points or times"),
    ("points: 40,", "points: -40,", "greater than or equal to 0"),
    ("name: health_1bad,", "name: health_2bad,", "expected each name of a factor, suppression or flag once"),
    ("{field: meetings_held, at_most: 0}", "{field: meetings_held, falls_by: 1}",
     "compare months, not what a week knows"),
])
def test_a_wrong_formula_is_refused_with_its_line(tmp_path, found, wrong, told):
    text = (DEFAULTS_FOLDER / "response_points.yml").read_text(encoding="utf-8")
    text = text.replace('version: "1.0"', 'version: "9"')
    assert found in text
    (tmp_path / "response_points.yml").write_text(text.replace(found, wrong, 1), encoding="utf-8")
    with pytest.raises(Refused, match="F_CONFIG") as error:
        load_definitions(tmp_path)
    assert told in str(error.value)


# ---------------------------------------------------------------- what is known on the eve of a week


def contact(folder, week: date | None = None, as_of=date(2026, 10, 31), **tables) -> dict:
    """What is known of account a, under contract since 31 August 2026, on the eve of a week (W45 if not given)."""
    tables.setdefault("contracts", [term("a", "2026-08-31", "2027-08-31", mrr=100)])
    canonical = write_canonical(folder, **tables)
    rows = Panel(canonical, DEFAULTS, Horizon(date(2026, 10, 1), as_of, as_of, week)).contact_weeks()
    name = "{}-W{:02}".format(*(week or date(2026, 11, 2)).isocalendar()[:2])
    return rows[rows["week"] == name].iloc[0].to_dict()


def meeting(day: str, held: bool | None = True, **more) -> dict:
    return {"meeting_id": day, "account_id": "a", "scheduled_date": day, "held": held, **more}


def test_the_eve_is_the_sunday_before(tmp_path):
    """31 August to Sunday 1 November: 2 whole months. Meeting on 2 October: 30 days / 30.44 = 0.99 months."""
    row = contact(tmp_path, meetings=[meeting("2026-10-02"), meeting("2026-09-10"), meeting("2026-10-20", False)])
    assert row["monday_date"] == pd.Timestamp("2026-11-02") and row["month"] == MONTH
    assert (row["age_months"], row["arr"], row["meetings_held"]) == (2, 1200, 2)
    assert row["months_since_meeting"] == pytest.approx(30 / 30.44)
    assert row["days_since_contact"] == 30 and pd.isna(row["days_to_meeting"])


def test_a_meeting_recorded_late_is_invisible_to_its_past_week(tmp_path):
    """Held on 14 October, recorded on 27 October: unknown on the eve of W43 and W44, known on that of W45."""
    late = [meeting("2026-09-01"), meeting("2026-10-14", recorded_at="2026-10-27")]
    seen = [contact(tmp_path, week, meetings=late) for week in (date(2026, 10, 19), date(2026, 10, 26), None)]
    assert [row["days_since_contact"] for row in seen] == [47, 54, 18]
    assert [row["meetings_held"] for row in seen] == [1, 1, 2]


def test_a_booking_is_known_from_the_day_it_was_recorded(tmp_path):
    """Booked on 28 October for 6 November; one without recorded_at ahead of the data was known at their end."""
    booked = [meeting("2026-11-06", None, recorded_at="2026-10-28"), meeting("2026-11-03", False)]
    assert pd.isna(contact(tmp_path, date(2026, 10, 26), meetings=booked)["days_to_meeting"])
    assert contact(tmp_path, meetings=booked)["days_to_meeting"] == 5
    assert contact(tmp_path, meetings=[meeting("2026-11-03", None)])["days_to_meeting"] == 2


def test_contacts_of_the_last_twelve_weeks_and_whether_they_were_answered(tmp_path):
    """A mail to all is no contact; a call and its connection on one day are one, answered; 12 weeks go back to
    10 August; 21 and 26 October lie in two weeks."""
    touches = [{"touch_id": str(i), "account_id": "a", "occurred_at": f"{day} 10:00", "touch_type": kind,
                "responded": responded} for i, (day, kind, responded) in enumerate([
                    ("2026-10-30", "mail_sent", True), ("2026-10-26", "call", False), ("2026-10-21", "call", True),
                    ("2026-10-21", "call_connected", True), ("2026-08-09", "call", True)])]
    row = contact(tmp_path, touches=touches)
    assert [row[name] for name in ("days_since_contact", "contact_days", "answered_days", "contacted_weeks")] == [
        6, 2, 1, 2]
    assert str(contact(tmp_path, touches=[*reversed(touches)])) == str(row)
    assert pd.isna(row["meetings_held"]) and pd.isna(row["stop_request"])


@pytest.mark.parametrize(("given", "relation", "stop"), [
    ([("keyman_relation", "good", "2026-09-01", None), ("keyman_relation", "weak", "2026-10-01", None)], 1, None),
    ([("keyman_relation", "weak", "2026-10-01", "2026-11-01")], None, None),   # expires on the eve
    ([("stop_request", "yes", "2026-10-01", "2026-11-02")], None, 1),
    ([("stop_request", "yes", "2026-10-01", None), ("stop_request", "no", "2026-10-09", None)], None, 0),
])
def test_the_last_word_of_the_team_holds_until_it_expires(tmp_path, given, relation, stop):
    ratings = [{"account_id": "a", "kind": kind, "value": value, "set_date": day, "expires_date": until}
               for kind, value, day, until in given]
    row = contact(tmp_path, ratings=ratings)
    said = [None if pd.isna(row[name]) else row[name] for name in ("keyman_relation", "stop_request")]
    assert said == [relation, stop]


def test_weeks_with_feedback_are_looked_at_too(tmp_path):
    told = [{"account_id": "a", "week": week, "verdict": "useful"} for week in ("2026-W40", "2026-W99", "2026-W46")]
    canonical = write_canonical(tmp_path, contracts=[term("a", "2026-08-31", None)], feedback=told)
    october = Horizon(date(2026, 10, 1), date(2026, 10, 31), date(2026, 10, 31))
    assert Panel(canonical, DEFAULTS, october).contact_weeks()["week"].tolist() == ["2026-W40", "2026-W45"]
