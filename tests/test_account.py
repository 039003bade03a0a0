"""One account by hand: its course, why it moved, what is known of it, and that what has left stays as it stood."""

from datetime import date
from types import SimpleNamespace

import pandas as pd
import pytest
from canonical import DEFAULTS, term, write_canonical

from cs_research.errors import Refused
from cs_research.run import Run, write_json
from cs_research.studies.account import Account, course, what_is_known, what_next, why_moved
from cs_research.tables import build_tables, horizon

CARD = DEFAULTS.scorecards["dear"]
JUNE = pd.Timestamp("2026-06-01")
# "left" ends on 1 April 2026; what came in after that: a goal and a milestone done before, logins of March.
LATE = "2026-05-20T09:00"
TABLES = {
    "contracts": [term("here", "2026-01-01", "2027-01-01"), term("left", "2026-01-01", "2026-04-01", status="churned"),
                  term("new", "2026-06-01", None, mrr=None)],
    "accounts": [{"account_id": name, "target_users": 20} for name in ("here", "left", "new")],
    "users": [{"account_id": name, "user_id": f"u{n}", "activated_date": "2026-01-02"} for name in ("here", "left")
              for n in range(10)],
    "usage_events": [{"account_id": name, "user_id": f"u{n}", "occurred_at": f"2026-{month:02}-{day:02}",
                      "event_type": kind} for name, users in (("here", 8), ("left", 1)) for n in range(users)
                     for month in range(1, 7 if name == "here" else 4) for day in (2, 9, 16, 24)
                     for kind in ("login", "card_scan", "key_feature")],
    "touches": [{"touch_id": "1", "account_id": "here", "occurred_at": "2026-06-10", "touch_type": "event_attendance"}],
    "meetings": [{"meeting_id": "1", "account_id": "here", "scheduled_date": "2026-06-03", "held": True,
                  "with_keyman": True, "kind": "review"},
                 {"meeting_id": "2", "account_id": "here", "scheduled_date": "2026-07-14", "kind": "renewal",
                  "recorded_at": "2026-06-20T10:00"}],
    "goals": [{"goal_id": "1", "account_id": "left", "agreed_date": "2026-01-10", "view": "finance"},
              {"goal_id": "3", "account_id": "new", "agreed_date": "2026-06-02", "achieved_date": "2026-06-20"}],
    "milestones": [{"account_id": "left", "milestone": "training", "due_date": "2026-02-01"},
                   {"account_id": "new", "milestone": "kickoff", "due_date": "2026-06-10",
                    "completed_date": "2026-06-09"}],
}
LATE_ROWS = {
    "goals": [{"goal_id": "2", "account_id": "left", "agreed_date": "2026-01-11", "achieved_date": "2026-03-01",
               "recorded_at": LATE}],
    "milestones": [{"account_id": "left", "milestone": "kickoff", "due_date": "2026-02-01",
                    "completed_date": "2026-03-03", "recorded_at": LATE}],
    "usage_events": [{"account_id": "left", "user_id": f"u{n}", "occurred_at": f"2026-03-{day:02}", "event_type": kind,
                      "recorded_at": LATE, "quantity": 1000} for n in range(10) for day in (3, 10, 17, 25)
                     for kind in ("login", "card_scan", "key_feature")],
    "meetings": [{"meeting_id": "9", "account_id": "left", "scheduled_date": "2026-03-30", "held": True,
                  "with_keyman": True, "recorded_at": LATE}],
    "touches": [{"touch_id": f"9{n}", "account_id": "left", "occurred_at": "2026-03-10",
                 "touch_type": "event_attendance", "recorded_at": LATE} for n in range(9)],
}


def made(folder, late=False, as_of=date(2026, 6, 30)) -> Run:
    """A run as it is while its notebooks are at work."""
    tables = {name: rows + (LATE_ROWS.get(name, []) if late else []) for name, rows in TABLES.items()}
    write_canonical(folder / "canonical", **tables)
    build_tables(folder / "canonical", DEFAULTS, horizon(JUNE.date(), as_of), folder / "tables")
    write_json(folder / "run.json", {"id": str(folder), "month": "2026-06", "as_of": as_of.isoformat(), "dataset": {
        "name": "Paper", "scorecard": "dear", "currency": "JPY", "simulated": True}})
    (folder / "definitions").mkdir()
    return Run(folder)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    return SimpleNamespace(early=made(root / "early"), late=made(root / "late", late=True))


@pytest.fixture
def here(runs):
    return Account(runs.early, CARD, JUNE, "here")


def test_an_account_tells_its_state_and_its_course(here):
    """June of "here": D-1 10/20 3, D-2 100 % 4, D-3 and D-4 80 % 4 4, E-1 1.0 in one of three months, .33, 2, E-2 met
    this month 4, A-1 100 % 4, A-2 192 cards of ten seats 1, A-3 100 % 4, no goal: 30 of 36 points, 33.3 of 40.
    May: no touch, E-1 1; never met in 150 days, 4.9 months, E-2 2: 27 of 36, 30.0.
    """
    rows = here.indicators[here.indicators["month"] == JUNE].set_index("indicator")["points"].dropna()
    assert rows.to_dict() == {"D-1": 3, "D-2": 4, "D-3": 4, "D-4": 4, "E-1": 2, "E-2": 4, "A-1": 4, "A-2": 1, "A-3": 4}
    assert "Health is 33.3 of 40 (green) in 2026-06, +3.3 since the month before." in here._repr_html_()
    found = course(here)
    assert [row["month"] for row in found.rows] == [f"2026-{n:02}-01" for n in range(1, 7)]
    assert found.rows[-1]["health"] == pytest.approx(40 * 30 / 36) and found.rows[-1]["band"] == "green"
    assert found.details["renewals"] == []


def test_why_it_moved_is_told_in_points_and_adds_up(here):
    """Three points at 40/36: E-2 from 2 to 4, E-1 from 1 to 2."""
    found = why_moved(here)
    assert found.sentence == ("From 2026-05 to 2026-06 health went from 30.0 to 33.3 (+3.3): keyman touch +2.2, "
                              "touch score +1.1.")
    assert found.estimate == pytest.approx(120 / 36) == pytest.approx(sum(row["change"] for row in found.rows))
    met = next(row for row in found.rows if row["part"] == "E-2")
    assert (met["before"], met["now"], met["band"]) == ("4.9", "0.9", "green")
    since_january = why_moved(here, pd.Timestamp("2026-01-01"))
    assert since_january.sentence.startswith("From 2026-01 to 2026-06 health went from ")


def test_what_is_known_and_what_comes_next(here):
    assert what_is_known(here).rows == [
        {"date": "2026-07-14", "what": "meeting", "about": "booked, renewal"},
        {"date": "2026-06-03", "what": "meeting", "about": "held, with keyman, review"}]
    assert what_is_known(here).sentence == "On record: 2 meetings."
    assert what_next(here).sentence.endswith("The next renewal is due on 2027-01-01.")


def test_open_alerts_come_first_in_the_words_of_the_definitions_and_the_week_is_the_one_after_the_month(runs):
    """An alert open since January stands before seven closed ones; closed in August is open at the end of June."""
    january, august = pd.Timestamp("2026-01-31"), pd.Timestamp("2026-08-31")
    rows = [("health_low", january, august), *(("stock_low", month, month + pd.offsets.MonthEnd()) for month in
                                               pd.date_range("2025-10-31", periods=7, freq="ME"))]
    alerts = pd.DataFrame(rows, columns=["rule", "opened_date", "closed_date"]).assign(kind="challenge", action="Ask")
    actions = pd.DataFrame({"week": ["2026-W26", "2026-W27"], "response_points": [10.0, 30.0],
                            "suppressed_by": [None, "meeting_booked"]})
    here = Account(runs.early, CARD, JUNE, "here")
    here.rows = {"alerts": alerts, "actions": actions, "outcomes": pd.DataFrame()}.get
    found = what_next(here)
    assert found.sentence.startswith("Open: Health is red, since 2026-01-31: ask. ") and "W" not in found.sentence
    assert [row["rule"] for row in found.rows] == [
        "Health is red", *["Under 400 per seat two months after the start"] * 5]
    assert (found.rows[0]["kind"], found.rows[0]["closed_date"]) == ("risk", None)
    here.rows = {"alerts": alerts, "actions": actions.replace("2026-W27", "2026-W28"), "outcomes": pd.DataFrame()}.get
    assert ("In 2026-W28 it has 30 response points and is left alone (a meeting is booked by the end of next week)."
            in what_next(here).sentence)


@pytest.mark.parametrize("late", [False, True], ids=["", "after rows came in late"])
def test_an_account_that_left_is_frozen_as_it_stood_and_never_turns_green(runs, late):
    """March of "left", as it closed: D-1 3, D-2 4, D-3, D-4 10 % 1 1, E-1 1, E-2 never met in 2.9 months 3, A-1 4, A-2
    1, A-3 4, R-1 no goal achieved 1: 23 of 40. What came in since makes March green as it is known today."""
    run = runs.late if late else runs.early
    left = Account(run, CARD, JUNE, "left")
    assert not left.is_here and left.month == pd.Timestamp("2026-03-01")
    assert "health stood at 23.0 of 40 (orange) in 2026-03, its last month, and stays there" in left._repr_html_()
    assert left.scores["health_band"].ne("green").all() and course(left).rows[-1]["health"] == 23
    assert not any(row["stood"] for row in course(left).rows)
    now = run.scores[(run.scores["account_id"] == "left") & (run.scores["scorecard"] == "dear")]
    assert now["month"].max() == left.month, "no month is scored after it left"
    assert (now["health_band"].iloc[-1] == "green") == late, "today's knowledge of its last month is another thing"


def test_history_of_an_account_that_left_is_the_same_whatever_comes_in_late(runs):
    def stood(run):
        return run.history[run.history["account_id"] == "left"].drop(columns=["outcome"]).reset_index(drop=True)

    pd.testing.assert_frame_equal(stood(runs.early), stood(runs.late))


def test_a_first_month_has_nothing_to_compare_with_and_an_unknown_id_names_the_nearest(runs):
    new = Account(runs.early, CARD, JUNE, "new")
    assert why_moved(new).sentence == "Not measured: health is not scored both in 2026-05 and in 2026-06."
    assert what_is_known(new).rows == [
        {"date": "2026-06-10", "what": "milestone", "about": "kickoff, completed 2026-06-09"},
        {"date": "2026-06-02", "what": "goal", "about": "achieved 2026-06-20"}]
    with pytest.raises(Refused, match="There is no account 'lef' in the run of 2026-06: the nearest are left"):
        Account(runs.early, CARD, JUNE, "lef")
    with pytest.raises(Refused, match="Account 'new' is not under contract by 2026-05"):
        Account(runs.early, CARD, pd.Timestamp("2026-05-01"), "new")
    assert Account(runs.early, CARD, JUNE).account_id == "here", "without an id the largest"
