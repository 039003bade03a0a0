"""Alerts open, stay open while true and close by themselves: accounts worked out by hand, and what always holds."""

from datetime import date

import pandas as pd
import pytest
from canonical import DEFAULTS, panel, term
from hypothesis import given, settings
from hypothesis import strategies as st

from cs_research.alerts import alerts
from cs_research.definitions.models import Alerts

LOW = {"id": "low", "title": {"en": "Low", "ja": "低"}, "kind": "challenge", "action": {"en": "Ask why", "ja": "聞く"},
       "when": ({"field": "health", "below": 17.5},), "until": ({"field": "health", "at_least": 20},)}


def plan(*rules: dict) -> Alerts:
    return Alerts(kind="alerts", version="1.0", rules=tuple({**LOW, **rule} for rule in rules))


def account(health: list[float | None], name: str = "001", first: str = "2026-01-01", **more) -> pd.DataFrame:
    """An account's months; "gone" leaves the month out, as of an account without a contract at its end."""
    months = pd.date_range(first, periods=len(health), freq="MS")
    rows = pd.DataFrame({"account_id": name, "month": months, "health": health, "stage": "operation",
                         "segment": "smb", "owner": "Sato", **more})
    return rows[rows["health"] != "gone"].astype({"health": float})


def told(rows: pd.DataFrame, *rules: dict, until: str = "2026-12-01") -> list[tuple]:
    """(opened, closed, months, by) of each alert, months as MM."""
    table = alerts(rows, plan(*rules or ({},)), DEFAULTS.segments, pd.Timestamp(until))
    return [(f"{row.opened_date:%m}", f"{row.closed_date:%m}" if pd.notna(row.closed_date) else "",
             None if row.months is pd.NA else row.months, row.closed_by if isinstance(row.closed_by, str) else "")
            for row in table.itertuples()]


def test_an_alert_closes_where_its_until_holds_and_not_before():
    # Below 17.5 in February; 18 and 19.9 are no longer low and not yet well; 20 in May closes after three months.
    assert told(account([30, 17, 18, 19.9, 20, 30, 17.5, 17.4]), until="2026-08-01") == [
        ("02", "05", 3, "resolved"), ("08", "", None, "")]


def test_without_until_it_closes_where_the_condition_no_longer_holds():
    assert told(account([17, 18, 17, 17, 30]), {"until": ()}, until="2026-05-01") == [
        ("01", "02", 1, "resolved"), ("03", "05", 2, "resolved")]


def test_a_month_not_measured_neither_opens_nor_closes():
    # It must last two months in a row both ways: January and March (February is not measured) open it in March;
    # April is well, May is not measured, June is well: closed in June. July alone opens nothing.
    rows = account([17, None, 17, 25, None, 25, 17, 25])
    assert told(rows, {"open_after_months": 2, "close_after_months": 2}, until="2026-08-01") == [
        ("03", "06", 3, "resolved")]


def test_an_account_that_left_closes_its_alert_at_the_next_months_end():
    # Seen for the last time in February: at the end of March there is no contract. The other account is open still.
    both = pd.concat([account([17, 17]), account([30, 17, 17, 17], "002")])
    assert told(both, until="2026-04-01") == [("01", "03", 2, "ended"), ("02", "", None, "")]


def test_an_account_that_came_back_starts_anew():
    rows = account([17, "gone", "gone", 17, 17])
    assert told(rows, until="2026-05-01") == [("01", "02", 1, "ended"), ("04", "", None, "")]
    # What lasted before the pause does not count after it.
    assert told(rows, {"open_after_months": 2}, until="2026-05-01") == [("05", "", None, "")]


def test_a_rule_of_some_stages_opens_only_there_and_closes_outside():
    rows = account([17] * 4, stage=["introduction", "operation", "operation", "utilisation"])
    assert told(rows, {"stages": ("operation",)}, until="2026-04-01") == [("02", "04", 2, "resolved")]


def test_conditions_that_overlap_do_not_flap():
    assert told(account([15] * 6), {"until": ({"field": "health", "at_least": 10},)}, until="2026-06-01") == []


def test_an_alert_names_its_action_its_team_and_the_owner():
    rows = pd.concat([account([17]), account([17], "002", segment=None), account([17], "003", segment="enterprise")])
    table = alerts(rows, plan({}, {"id": "sold", "team": "Sales", "kind": "positive"}), DEFAULTS.segments,
                   pd.Timestamp("2026-01-01"))
    assert table.loc[table["rule"] == "low", "team"].tolist()[::2] == ["SMB CSMs", "Enterprise CSMs"]
    assert table.loc[table["rule"] == "low", "team"].isna().tolist() == [False, True, False]
    assert set(table.loc[table["rule"] == "sold", "team"]) == {"Sales"}
    assert set(table["action"]) == {"Ask why"} and set(table["owner"]) == {"Sato"}
    assert set(table["opened_date"]) == {pd.Timestamp("2026-01-31")}


def test_no_row_is_an_empty_table():
    assert alerts(account([]), plan({}), DEFAULTS.segments, pd.Timestamp("2026-01-01")).empty


health = st.lists(st.sampled_from([None, "gone", 10.0, 17.0, 18.0, 20.0, 30.0]), min_size=1, max_size=9)
rules = st.fixed_dictionaries({"open_after_months": st.integers(1, 3), "close_after_months": st.integers(1, 3)},
                              optional={"until": st.just(())})


@settings(deadline=None, max_examples=30)
@given(st.lists(health, min_size=1, max_size=3), rules, st.integers(1, 9), st.randoms())
def test_later_months_and_the_order_of_rows_change_no_alert(accounts, rule, known, random):
    rows = pd.concat([account(values, f"{n}") for n, values in enumerate(accounts)])
    last = pd.Timestamp("2026-09-01")
    table = alerts(rows, plan(rule), DEFAULTS.segments, last)
    shuffled = rows.iloc[random.sample(range(len(rows)), len(rows))]
    pd.testing.assert_frame_equal(alerts(shuffled, plan(rule), DEFAULTS.segments, last), table)

    then = pd.Timestamp(2026, known, 1)
    early = alerts(rows[rows["month"] <= then], plan(rule), DEFAULTS.segments, then)
    end = then + pd.offsets.MonthEnd(0)
    expected = table[table["opened_date"] <= end].reset_index(drop=True)
    later = expected["closed_date"] > end
    expected[["closed_date", "closed_by", "months"]] = expected[["closed_date", "closed_by", "months"]].mask(later)
    pd.testing.assert_frame_equal(early, expected, check_dtype=False)

    # At most one is open at a time: each begins after the one before has closed.
    for _, mine in table.groupby("account_id"):
        assert (mine["opened_date"].iloc[1:].to_numpy() > mine["closed_date"].iloc[:-1].to_numpy()).all()


def test_what_alerts_ask_for_is_counted_by_hand(tmp_path):
    login = {"event_type": "login", "account_id": "001"}
    made = panel(
        tmp_path, date(2026, 3, 1), date(2026, 3, 31),
        contracts=[term("001", "2026-01-01", None, seats=4)],
        users=[{"account_id": "001", "user_id": "k", "role": "keyman"}, {"account_id": "001", "user_id": "m"}],
        usage_events=[
            # The keyman: weeks 1 and 3 of January, week 4 of February, not in March.
            {**login, "event_id": "1", "user_id": "k", "occurred_at": "2026-01-07"},
            {**login, "event_id": "2", "user_id": "k", "occurred_at": "2026-01-15"},
            {**login, "event_id": "3", "user_id": "k", "occurred_at": "2026-01-21"},
            {**login, "event_id": "4", "user_id": "k", "occurred_at": "2026-02-22"},
            # Another user's first login in January became known in March.
            {**login, "event_id": "5", "user_id": "m", "occurred_at": "2026-01-31", "recorded_at": "2026-03-01"}],
        surveys=[{"survey_id": "a", "account_id": "001", "sent_date": "2026-01-10", "answered_date": "2026-02-05"},
                 {"survey_id": "b", "account_id": "001", "sent_date": "2026-03-01"}])
    rows = made.measures()
    then = rows[rows["is_history"]]
    assert then["keyman_weeks"].tolist() == [2, 1, 0]
    assert then["first_login_rate"].tolist() == [0.25, 0.25, 0.5]
    assert rows.loc[~rows["is_history"], "first_login_rate"].tolist() == [0.5, 0.5, 0.5]
    assert then["survey_wait_days"].tolist() == [21, 0, 30]


@pytest.mark.parametrize("rule", DEFAULTS.alerts.rules, ids=lambda rule: rule.id)
def test_every_rule_names_an_action_and_says_when_it_is_resolved(rule):
    assert rule.action.en and rule.action.ja and rule.title.ja


def told_of(rule: str, **fields) -> list[tuple]:
    """(opened, closed) of a rule of the package's own on one account's months from January on, months as MM."""
    months = pd.date_range("2026-01-01", periods=len(next(iter(fields.values()))), freq="MS")
    rows = pd.DataFrame({"account_id": "001", "month": months, "stage": "operation", "segment": "smb", "owner": "Sato",
                         **fields})
    mine = DEFAULTS.alerts.model_copy(update={"rules": tuple(r for r in DEFAULTS.alerts.rules if r.id == rule)})
    table = alerts(rows, mine, DEFAULTS.segments, months[-1])
    return [(f"{row.opened_date:%m}", f"{row.closed_date:%m}" if pd.notna(row.closed_date) else "")
            for row in table.itertuples()]


@pytest.mark.parametrize(("stock", "expected"), [
    ([100, 100, 399, 399, 350, 400, 300], [("03", "06")]),   # at age 2 only; 300 later is no sign of a bad start
    ([100, 100, 400, 300, 300, 300, 300], []), ([100, 100, None, 300, 300, 300, 300], []),
    ([100, 100, 399, 350, 350, 350, 350], [("03", "")]),
])
def test_too_little_stock_is_told_two_months_after_the_start(stock, expected):
    assert told_of("stock_low", **{"age_months": range(7), "dear.A-2": pd.Series(stock, dtype=float)}) == expected


def test_a_goal_achieved_in_the_first_months_is_told():
    # Achieved in February: in the last three months until April.
    assert told_of("goal_achieved", goals_achieved_3m=[0.0, 1, 1, 1, 0]) == [("02", "05")]


def test_seats_nearly_all_activated_are_told_whatever_the_contract_rate():
    assert told_of("activation_high", **{"dear.D-2": [0.94, 0.95, 0.90, 0.89]}) == [("02", "04")]
