"""The panel in SQL, on tables small enough to work out on paper."""

from datetime import date

import duckdb
import pandas as pd
import pytest
from canonical import DEFAULTS, panel, term

from cs_research.bench.data import Size, write_canonical
from cs_research.engine import Horizon, Panel, as_frame, month_calendar, month_number
from cs_research.errors import Refused
from cs_research.tables import build_tables

JUNE = date(2026, 6, 1)


def touch(touch_id, at, kind, user="u1", content="c1", progress=None, recorded=None, **more):
    return {"touch_id": touch_id, "account_id": "a", "occurred_at": at, "touch_type": kind, "user_id": user,
            "content_id": content, "progress": progress, "recorded_at": recorded, **more}


def today(made):
    """The measures of June 2026 as known today."""
    rows = made.measures()
    return rows[(rows["month"] == "2026-06-01") & ~rows["is_history"]]


def touch_points(tmp_path, touches, seats=10, definitions=DEFAULTS):
    """Points booked by month number and view, for an account of 10 seats from January to June 2026."""
    made = panel(tmp_path, JUNE, date(2026, 6, 30), definitions,
                 contracts=[term("a", "2026-01-01", "2027-01-01", seats)], touches=touches)
    rows = made.measures()
    return {(row.month.month, row.is_history): row.touch_points for row in rows.itertuples() if row.touch_points}


def test_a_level_is_booked_once_as_the_rise_in_the_month_it_is_reached(tmp_path):
    booked = touch_points(tmp_path, [
        touch("1", "2026-01-10", "video_view", progress=0.2),
        touch("2", "2026-02-10", "video_view", progress=1.0),
        touch("3", "2026-03-10", "video_view", progress=0.6),
        touch("4", "2026-03-11", "video_view", progress=0.19)])
    assert booked == {(1, True): 1, (1, False): 1, (2, True): 2, (2, False): 2}


def test_cumulative_levels_add_the_levels_below(tmp_path):
    cumulative = DEFAULTS.touch_points.model_copy(update={"levels": "cumulative"})
    definitions = DEFAULTS.__class__(**{**vars(DEFAULTS), "touch_points": cumulative})
    booked = touch_points(tmp_path, [touch("1", "2026-01-10", "video_view", progress=1.0),
                                     touch("2", "2026-02-10", "seminar_attendance")], definitions=definitions)
    assert booked == {(1, True): 6, (1, False): 6, (2, True): 4, (2, False): 4}


def test_a_touch_recorded_late_restates_its_month_and_leaves_history_alone(tmp_path):
    booked = touch_points(tmp_path, [
        touch("1", "2026-02-10", "video_view", progress=0.2),
        touch("2", "2026-01-10", "video_view", progress=1.0, recorded="2026-04-02")])
    # Today: 100 % in January, nothing more in February. History of February: the one point known by then.
    assert booked == {(1, False): 3, (2, True): 1}


def test_a_late_touch_counts_in_the_mean_of_later_months_of_history(tmp_path):
    made = panel(tmp_path, JUNE, date(2026, 6, 30), contracts=[term("a", "2026-01-01", None)],
                 touches=[touch("1", "2026-03-10", "event_attendance", recorded="2026-04-02")])
    rows = made.measures().set_index([made.measures()["month"].dt.month, "is_history"])["touch_score"]
    # 10 points / 10 seats = 1.0 in March; mean over three months = 1/3. March's own history could not know it.
    assert rows[3, False] == pytest.approx(1 / 3)
    assert rows[3, True] == 0
    assert rows[4, True] == pytest.approx(1 / 3)
    assert rows[6, True] == 0


def test_the_mean_is_over_the_months_since_the_start_when_they_are_fewer(tmp_path):
    made = panel(tmp_path, JUNE, date(2026, 6, 30), contracts=[term("a", "2026-05-01", None)],
                 touches=[touch("1", "2026-05-10", "event_attendance"), touch("2", "2026-06-10", "web_visit")])
    rows = made.measures().query("is_history").set_index("month")["touch_score"]
    assert rows.tolist() == [1.0, pytest.approx((1.0 + 0.1) / 2)]


@pytest.mark.parametrize(("touches", "points"), [
    ([touch("1", "2026-01-10T09:00", "web_visit"), touch("2", "2026-01-10T10:00", "web_visit")], 1),
    ([touch("1", "2026-01-10", "web_visit"), touch("2", "2026-01-11", "web_visit")], 2),
    ([touch("1", "2026-01-10", "web_visit"), touch("2", "2026-01-10", "web_visit", content="c2")], 2),
    ([touch("1", "2026-01-10", "elearning_login"), touch("2", "2026-01-10", "elearning_login", content="c2")], 1),
    ([touch("1", "2026-01-10", "seminar_application"), touch("2", "2026-01-20", "seminar_attendance")], 3),
    ([touch("1", "2026-01-10", "video_view", content=None, progress=1), touch("2", "2026-01-11", "video_view",
      content=None, progress=1)], 6),
    ([touch("1", "2026-01-10", "web_visit", user=None, recipients=4)], 4),
    ([touch("1", "2026-01-10", "web_visit", user=None)], 1),
    ([touch("1", "2026-01-10", "final_review", user=None, recipients=5)], 10),
    ([touch("1", "2026-01-10", "mail_sent"), touch("2", "2026-01-10", "call_connected")], None),
])
def test_each_rule_of_the_point_table(tmp_path, touches, points):
    assert touch_points(tmp_path, touches).get((1, False)) == points


def test_usage_counts_distinct_users_by_week_and_role(tmp_path):
    events = [("u1", "2026-06-01T09:00", "login", None), ("u1", "2026-06-08T09:00", "card_scan", 40),
              ("u2", "2026-06-30T23:59", "key_feature", None), ("u2", "2026-05-02T09:00", "card_scan", 100),
              ("u3", "2026-06-02T09:00", "card_scan", -15)]
    made = panel(tmp_path, JUNE, date(2026, 6, 30), contracts=[term("a", "2026-05-01", None)], usage_events=[
        {"account_id": "a", "user_id": u, "occurred_at": at, "event_type": kind, "quantity": q}
        for u, at, kind, q in events])
    june = today(made).iloc[0]
    assert (june.active_users, june.login_users, june.core_users, june.key_users) == (3, 1, 1, 1)
    assert june.weekly_users == (2 + 1 + 0 + 1) / 4
    assert june.stock == 100 + 40 - 15
    assert made.not_measured()["touch_score"] == "no table of touches"
    assert pd.isna(june.touch_score) and pd.isna(june.goals_agreed)


def test_an_event_type_that_never_occurs_is_not_measured_and_no_row_is_a_real_zero(tmp_path):
    made = panel(tmp_path, JUNE, date(2026, 6, 30),
                 contracts=[term("a", "2026-05-01", None), term("b", "2026-05-01", None)],
                 usage_events=[{"account_id": "a", "user_id": "u", "occurred_at": "2026-06-01", "event_type": "api"}])
    rows = today(made).set_index("account_id")
    assert rows["active_users"].tolist() == [1, 0]
    assert rows["login_users"].isna().all()
    assert made.not_measured()["login_users"] == "no login event occurs in the data"


def test_daily_usage_gives_stock_but_no_distinct_users(tmp_path):
    made = panel(tmp_path, JUNE, date(2026, 6, 30), contracts=[term("a", "2026-05-01", None)], usage_daily=[
        {"account_id": "a", "date": "2026-06-03", "event_type": "card_scan", "quantity": 70, "active_users": 4},
        {"account_id": "a", "date": "2026-06-04", "event_type": "login", "quantity": 9, "active_users": 6}])
    june = today(made).iloc[0]
    assert (june.stock, june.peak_daily_users) == (70, 6)
    assert pd.isna(june.login_users) and pd.isna(june.active_users)


def test_overlapping_terms_add_up_and_an_account_that_ended_in_the_month_has_no_row(tmp_path):
    made = panel(tmp_path, JUNE, date(2026, 6, 30), contracts=[
        term("a", "2026-01-31", "2026-06-30", 10, 100), term("a", "2026-03-01", "2026-05-01", 5, 50),
        term("b", "2026-01-01", None, 7, None)])
    rows = made.measures().query("not is_history")
    a = rows.query("account_id == 'a'").set_index("month")
    assert a["seats"].tolist() == [10, 10, 15, 15, 10]
    assert a["arr"].tolist() == [1200, 1200, 1800, 1800, 1200]
    assert a["age_months"].tolist() == [0, 1, 2, 3, 4]
    assert rows.query("account_id == 'b'")["arr"].isna().all()


def test_the_last_keyman_meeting_counts_in_months_and_never_met_counts_from_the_start(tmp_path):
    meeting = {"meeting_id": "m", "account_id": "a", "scheduled_date": "2026-05-01", "held": True, "with_keyman": True}
    not_held = {**meeting, "meeting_id": "n", "scheduled_date": "2026-06-20", "held": None}
    made = panel(tmp_path, JUNE, date(2026, 6, 30), meetings=[meeting, not_held],
                 contracts=[term("a", "2026-01-01", None), term("b", "2026-01-01", None)])
    june = today(made).set_index("account_id")
    assert june["keyman_months"].tolist() == [pytest.approx(60 / 30.44), pytest.approx(180 / 30.44)]


def outcomes(tmp_path, as_of, *terms):
    made = panel(tmp_path, date(as_of.year, as_of.month, 1), as_of, contracts=list(terms))
    return made.frame("outcomes", "account_id, due_date")


@pytest.mark.parametrize(("next_term", "outcome", "arr_after"), [
    (term("a", "2026-01-01", "2027-01-01", mrr=1000), "renewed", 12000),
    (term("a", "2026-01-01", "2027-01-01", mrr=1009), "renewed", 12108),
    (term("a", "2026-01-01", "2027-01-01", mrr=1011), "expanded", 12132),
    (term("a", "2026-01-31", "2027-01-01", mrr=500), "contracted", 6000),
    (term("a", "2026-02-01", "2027-01-01", mrr=500), "churned", 0),
    (term("a", "2025-12-15", "2026-12-15", mrr=2000), "expanded", 24000),
])
def test_a_renewal_within_grace_or_before(tmp_path, next_term, outcome, arr_after):
    rows = outcomes(tmp_path, date(2026, 6, 30), term("a", "2025-01-01", "2026-01-01"), next_term)
    first = rows[rows["due_date"] == "2026-01-01"].iloc[0]
    assert (first.outcome, first.arr_before, first.arr_after) == (outcome, 12000, arr_after)


def test_an_add_on_sold_during_the_term_counts_as_expansion(tmp_path):
    rows = outcomes(tmp_path, date(2026, 6, 30), term("a", "2025-01-01", "2026-01-01"),
                    {**term("a", "2025-06-01", "2026-01-01", mrr=500), "contract_id": "add-on"},
                    term("a", "2026-01-01", "2027-01-01", mrr=1500))
    assert rows.loc[0, ["outcome", "arr_before", "arr_after"]].tolist() == ["expanded", 12000, 18000]


def test_a_term_that_ends_while_others_run_is_no_due_date(tmp_path):
    rows = outcomes(tmp_path, date(2026, 6, 30), term("a", "2025-01-01", "2026-01-01"),
                    term("a", "2025-06-01", "2026-06-01", mrr=500))
    assert rows["due_date"].dt.strftime("%Y-%m-%d").tolist() == ["2026-06-01"]


@pytest.mark.parametrize(("status", "as_of", "outcome"), [
    ("churned", date(2026, 1, 10), "churned"), ("active", date(2026, 1, 10), "not_due"),
    ("active", date(2026, 2, 15), "unknown"), (None, date(2026, 1, 30), "not_due"),
    (None, date(2026, 1, 31), "churned"), ("active", date(2025, 12, 31), "not_due")])
def test_an_end_without_successor(tmp_path, status, as_of, outcome):
    rows = outcomes(tmp_path, as_of, term("a", "2025-01-01", "2026-01-01", status=status))
    assert rows["outcome"].tolist() == [outcome]
    assert rows["arr_after"].fillna(-1).tolist() == [0 if outcome == "churned" else -1]


def test_the_bridge_adds_up_to_the_unit(tmp_path):
    made = panel(tmp_path, date(2026, 3, 1), date(2026, 3, 31), contracts=[
        term("up", "2026-01-01", "2026-02-15", mrr=100), term("up", "2026-02-15", None, mrr=150),
        term("down", "2026-01-01", "2026-02-15", mrr=300), term("down", "2026-02-15", None, mrr=100),
        term("gone", "2026-01-01", "2026-02-15", mrr=200, status="churned"), term("new", "2026-02-10", None, mrr=70)])
    row = bridge(made, "2026-02-01", "month")
    assert (row.arr_opening, row.arr_new, row.arr_expansion, row.arr_contraction, row.arr_churned, row.arr_closing) == (
        7200, 840, 600, 2400, 2400, 3840)
    assert row.arr_opening + row.arr_new + row.arr_expansion - row.arr_contraction - row.arr_churned == row.arr_closing
    assert row.grr == pytest.approx((7200 - 4800) / 7200)
    assert row.nrr == pytest.approx((7200 - 4800 + 600) / 7200)
    assert (row.logos_opening, row.logos_new, row.logos_churned, row.logos_closing) == (3, 1, 1, 3)


def bridge(made, month, basis):
    rows = made.frame("retention", "month, basis, segment")
    return rows[(rows["month"] == month) & (rows["basis"] == basis) & (rows["segment"] == "all")].iloc[0]


@pytest.mark.parametrize(("vanishing", "churn"), [(1, 1 / 19), (3, None)])
def test_an_account_that_left_with_an_unknown_outcome_is_in_no_rate(tmp_path, vanishing, churn):
    # Of 20 accounts in January one churns in February and some end although their status still says active.
    stay = [term(f"s{n}", "2026-01-01", None) for n in range(19 - vanishing)]
    gone = [term(f"g{n}", "2026-01-01", "2026-02-10", status="active") for n in range(vanishing)]
    churned = term("c", "2026-01-01", "2026-02-10", status="churned")
    made = panel(tmp_path, date(2026, 4, 1), date(2026, 4, 30), contracts=[*stay, *gone, churned])
    row = bridge(made, "2026-02-01", "month")
    assert (row.logos_opening, row.logos_churned, row.logos_closing) == (20 - vanishing, 1, 19 - vanishing)
    assert pd.isna(row.logo_churn) if churn is None else row.logo_churn == pytest.approx(churn)
    assert pd.isna(row.grr) == (churn is None)


def test_an_account_that_churned_and_came_back_is_lost_and_new(tmp_path):
    made = panel(tmp_path, date(2026, 3, 1), date(2026, 3, 31), contracts=[
        term("a", "2025-01-01", "2025-06-01", mrr=100, status="churned"), term("a", "2025-11-01", None, mrr=300),
        term("b", "2025-01-01", None, mrr=100)])
    row = bridge(made, "2026-03-01", "trailing_12")
    assert (row.logos_opening, row.logos_new, row.logos_churned, row.logos_closing) == (2, 1, 1, 2)
    assert (row.arr_opening, row.arr_new, row.arr_churned, row.arr_closing) == (2400, 3600, 1200, 4800)
    assert row.nrr == pytest.approx(0.5)


@pytest.mark.parametrize(("as_of", "churn"), [(date(2026, 2, 28), None), (date(2026, 3, 31), 0.5)])
def test_due_dates_still_in_grace_are_in_no_rate(tmp_path, as_of, churn):
    # Ten due on 10 February: five renewed at once, five silent. Until 12 March nobody knows who has left.
    terms = [term(f"a{n}", "2025-02-10", "2026-02-10") for n in range(10)]
    made = panel(tmp_path, date(as_of.year, as_of.month, 1), as_of, contracts=terms + [
        term(f"a{n}", "2026-02-10", "2027-02-10") for n in range(5)])
    rows = made.frame("retention", "month, basis, segment")
    due = rows[(rows["basis"] == "renewals_due") & (rows["segment"] == "all")]
    assert due["logo_churn"].tolist() == ([] if churn is None else [churn])


def test_too_many_unknown_ends_leave_renewals_due_without_a_rate(tmp_path):
    terms = [term(f"a{n}", "2025-01-10", "2026-01-10", status="active") for n in range(4)]
    made = panel(tmp_path, date(2026, 4, 1), date(2026, 4, 30), contracts=[*terms, term("a0", "2026-01-10", None)])
    assert pd.isna(bridge(made, "2026-01-01", "renewals_due").logo_churn)


def test_a_renewal_that_overlaps_is_no_contraction_a_year_later(tmp_path):
    rows = outcomes(tmp_path, date(2027, 6, 30), term("a", "2024-01-01", "2025-01-01"),
                    term("a", "2024-12-15", "2026-01-01"), term("a", "2026-01-01", "2027-01-01"))
    assert rows.loc[:1, ["outcome", "arr_before", "arr_after"]].values.tolist() == [["renewed", 12000, 12000]] * 2


def test_money_unknown_for_an_old_term_does_not_empty_later_outcomes(tmp_path):
    rows = outcomes(tmp_path, date(2026, 6, 30), term("a", "2024-01-01", "2025-01-01", mrr=None),
                    term("a", "2025-01-01", "2026-01-01"), term("a", "2026-01-01", "2027-01-01"))
    assert rows["arr_before"].fillna(-1).tolist() == [-1, 12000, 12000]


def test_the_stock_of_events_is_not_counted_again_from_their_daily_sums(tmp_path):
    made = panel(tmp_path, JUNE, date(2026, 6, 30), contracts=[term("a", "2026-05-01", None)],
                 usage_events=[{"account_id": "a", "user_id": "u", "occurred_at": "2026-06-03",
                                "event_type": "card_scan", "quantity": 50}],
                 usage_daily=[{"account_id": "a", "date": "2026-06-03", "event_type": "card_scan", "quantity": 50,
                               "active_users": 3}])
    assert today(made)["stock"].tolist() == [50]


@pytest.mark.parametrize(("table", "row", "measure", "reason"), [
    ("users", {"user_id": "u"}, "activated_users", "no value of activated date in users"),
    ("meetings", {"meeting_id": "m", "scheduled_date": "2026-06-01", "held": True}, "keyman_months",
     "no value of with keyman in meetings"),
    ("goals", {"goal_id": "g", "agreed_date": "2026-06-01"}, "goals_achieved", "no value of achieved date in goals"),
    ("milestones", {"milestone": "m", "due_date": "2026-06-01"}, "milestones_done",
     "no value of completed date in milestones"),
])
def test_a_column_that_the_source_lacks_is_not_measured(tmp_path, table, row, measure, reason):
    made = panel(tmp_path, JUNE, date(2026, 6, 30), contracts=[term("a", "2026-05-01", None)],
                 **{table: [{"account_id": "a", **row}]})
    assert made.not_measured()[measure] == reason and today(made)[measure].isna().all()


LATE = "2026-06-20T10:00"
LATER_ROWS = {
    "contracts": term("a", "2025-01-01", "2025-06-01", 3, 50),
    "accounts": {"account_id": "a", "target_users": 7},
    "users": {"account_id": "a", "user_id": "late", "activated_date": "2026-03-01"},
    "usage_events": {"account_id": "a", "user_id": "late", "occurred_at": "2026-04-03", "event_type": "card_scan"},
    "usage_daily": {"account_id": "a", "date": "2026-04-03", "event_type": "api", "quantity": 9, "active_users": 9},
    "touches": {"touch_id": "late", "account_id": "a", "occurred_at": "2026-04-03", "touch_type": "event_attendance"},
    "meetings": {"meeting_id": "late", "account_id": "a", "scheduled_date": "2026-04-03", "held": True,
                 "with_keyman": True},
    "goals": {"goal_id": "late", "account_id": "a", "agreed_date": "2026-04-03", "achieved_date": "2026-05-01"},
    "milestones": {"account_id": "a", "milestone": "late", "due_date": "2026-04-03", "completed_date": "2026-04-02"},
}
KNOWN_ROWS = {
    "contracts": term("a", "2026-01-01", None),
    "accounts": {"account_id": "b", "target_users": 5},
    "users": {"account_id": "a", "user_id": "u", "activated_date": "2026-03-05"},
    "usage_events": {"account_id": "a", "user_id": "u", "occurred_at": "2026-04-02", "event_type": "card_scan"},
    "usage_daily": {"account_id": "a", "date": "2026-04-02", "event_type": "api", "quantity": 1, "active_users": 1},
    "touches": {"touch_id": "t", "account_id": "a", "occurred_at": "2026-04-02", "touch_type": "event_attendance"},
    "meetings": {"meeting_id": "m", "account_id": "a", "scheduled_date": "2026-02-02", "held": True,
                 "with_keyman": True},
    "goals": {"goal_id": "g", "account_id": "a", "agreed_date": "2026-02-02", "achieved_date": "2026-03-03"},
    # of the kind that comes late: which kinds there are is decided for the whole data set
    "milestones": {"account_id": "b", "milestone": "late", "due_date": "2026-02-02", "completed_date": "2026-02-01"},
}


@pytest.mark.parametrize("table", LATER_ROWS)
def test_what_was_recorded_after_a_month_closed_never_changes_its_history(tmp_path, table):
    def history(folder, late):
        rows = {name: [row] for name, row in KNOWN_ROWS.items()}
        rows[table] = rows[table] + ([{**LATER_ROWS[table], "recorded_at": LATE}] if late else [])
        measures = panel(tmp_path / folder, JUNE, date(2026, 6, 30), **rows).measures()
        closed = measures[measures["month"] < "2026-06-01"]
        return closed[closed["is_history"]].reset_index(drop=True), closed[~closed["is_history"]].reset_index(drop=True)

    (before, today_before), (after, today_after) = history("without", False), history("with", True)
    pd.testing.assert_frame_equal(before, after)
    assert not today_before.equals(today_after), "the late row restates what is known today"


def test_a_contract_recorded_late_has_its_seats_in_the_mean_of_later_months(tmp_path):
    made = panel(tmp_path, JUNE, date(2026, 6, 30),
                 contracts=[term("a", "2026-02-01", None, recorded_at="2026-03-05T09:00")],
                 touches=[touch("1", "2026-02-10", "event_attendance")])
    rows = made.measures()
    march = rows[(rows["month"] == "2026-03-01")].set_index("is_history")["touch_score"]
    assert march[True] == march[False] == pytest.approx(0.5)


def test_months_are_counted_whole_across_years():
    assert month_number(date(2027, 1, 1)) - month_number(date(2026, 12, 31)) == 1
    assert month_calendar(date(2024, 1, 31), date(2024, 3, 1))["month_end"].dt.day.tolist() == [31, 29, 31]


def then_and_now(made, column):
    rows = made.measures().sort_values("month")
    return [rows.loc[rows["is_history"] == view, column].astype(object).tolist() for view in (True, False)]


def test_a_term_signed_later_moves_no_due_date_of_the_past(tmp_path):
    """Due on 1 September; in June a term from April on is entered that outlasts it."""
    longer = {**term("a", "2026-04-01", "2027-04-01"), "recorded_at": LATE}
    made = panel(tmp_path, JUNE, date(2026, 6, 30), contracts=[term("a", "2026-01-01", "2026-09-01"), longer])
    then, now = then_and_now(made, "next_due_date")
    september, april = pd.Timestamp("2026-09-01"), pd.Timestamp("2027-04-01")
    assert then == [september] * 5 + [april] and now == [april] * 6


def test_rows_without_a_record_are_known_from_their_own_day(tmp_path):
    """A user activated and an account that is valid from June on, in rows that do not say when they were recorded."""
    made = panel(tmp_path, JUNE, date(2026, 6, 30), contracts=[term("a", "2026-04-01", None)],
                 users=[{"account_id": "a", "user_id": "u", "activated_date": "2026-06-05"}],
                 accounts=[{"account_id": "a", "target_users": 50, "valid_from": "2026-06-05"}])
    for column, first in (("activated_users", 1), ("target_users", 50)):
        then, _ = then_and_now(made, column)
        assert [pd.isna(value) for value in then] == [True, True, False] and then[2] == first


def test_a_customer_who_left_and_came_back_has_renewed_nothing(tmp_path):
    made = panel(tmp_path, JUNE, date(2026, 6, 30),
                 contracts=[term("a", "2024-01-01", "2025-01-01"), term("a", "2026-05-01", None)])
    assert today(made)["renewals"].tolist() == [0]


def test_who_scans_without_logging_in_is_covered(tmp_path):
    made = panel(tmp_path, JUNE, date(2026, 6, 30), contracts=[term("a", "2026-05-01", None)],
                 usage_events=[{"account_id": "a", "user_id": "u", "occurred_at": "2026-06-03",
                                "event_type": "card_scan"}])
    assert today(made)["covered_users"].tolist() == [1] and "covered_users" not in made.not_measured()
    assert "login_users" in made.not_measured()


def test_goals_of_the_first_months_count_among_those_of_three_months(tmp_path):
    made = panel(tmp_path, JUNE, date(2026, 6, 30), contracts=[term("a", "2026-01-01", None)],
                 goals=[{"goal_id": "g", "account_id": "a", "agreed_date": "2026-01-05",
                         "achieved_date": "2026-01-20"}])
    assert then_and_now(made, "goals_achieved_3m")[0] == [1, 1, 1, 0, 0, 0]


def test_beyond_its_memory_the_panel_goes_on_on_the_disk_or_says_that_it_cannot(tmp_path):
    size = Size(events=400_000, accounts=300, users=12_000, months=12)
    write_canonical(tmp_path / "canonical", size)
    seen = Horizon(date(2026, 10, 1), date(2026, 10, 31), date(2026, 10, 31))
    narrow = Panel(tmp_path / "canonical", DEFAULTS, seen, memory_limit="40MB").measures()
    pd.testing.assert_frame_equal(narrow, Panel(tmp_path / "canonical", DEFAULTS, seen).measures())
    with pytest.raises(Refused, match="2MB is too little"):
        build_tables(tmp_path / "canonical", DEFAULTS, seen, tmp_path / "tables", memory_limit="2MB")
    assert [path.name for path in tmp_path.iterdir()] == ["canonical"]


def test_a_column_is_of_one_kind_whatever_it_lacks():
    rows = duckdb.sql("""SELECT * FROM (VALUES (1, TRUE, DATE '2026-10-31', 1.5::DECIMAL(18, 4), 'a', NULL::VARCHAR),
                         (NULL, NULL, NULL, NULL, NULL, NULL)) AS t(number, truth, day, money, word, nothing)""")
    kinds = {"day": "datetime64[us]", "money": "float64", "word": "str", "nothing": "str"}
    assert as_frame(rows).dtypes.astype(str).to_dict() == {"number": "Int64", "truth": "boolean", **kinds}
    assert as_frame(rows.limit(1)).dtypes.astype(str).to_dict() == {"number": "int32", "truth": "bool", **kinds}
    assert as_frame(rows)["day"][0] == pd.Timestamp("2026-10-31") and as_frame(rows)["money"][0] == 1.5
