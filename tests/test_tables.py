"""The tables of a run: keyed, ordered, the same bytes again, and history that is never restated."""

import hashlib
from datetime import date

import pandas as pd
import pytest
from canonical import DEFAULTS, term, write_canonical

from cs_research.engine import Panel
from cs_research.errors import CannotWrite, Refused
from cs_research.tables import KEYS, build_tables, horizon, write_table

TOUCHES = [{"touch_id": "1", "account_id": "a", "occurred_at": "2026-03-10", "touch_type": "event_attendance"},
           {"touch_id": "2", "account_id": "a", "occurred_at": "2026-03-11", "touch_type": "event_attendance",
            "recorded_at": "2026-05-02"}]


def build(tmp_path, month=date(2026, 6, 1), as_of=date(2026, 6, 30), touches=TOUCHES, **tables):
    contracts = [term("a", "2026-01-01", "2026-07-01"), term("b", "2026-02-10", None, mrr=None)]
    canonical = write_canonical(tmp_path / "canonical", contracts=contracts, touches=touches, **tables)
    build_tables(canonical, DEFAULTS, horizon(month, as_of), tmp_path / "tables")
    return {name: pd.read_parquet(tmp_path / "tables" / f"{name}.parquet") for name in KEYS
            if (tmp_path / "tables" / f"{name}.parquet").exists()}


def digests(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.parquet"))}


def test_the_same_input_gives_the_same_bytes(tmp_path):
    build(tmp_path / "one")
    build(tmp_path / "two")
    made = digests(tmp_path / "one" / "tables")
    assert len(made) >= 9 and made == digests(tmp_path / "two" / "tables")


def test_a_late_touch_restates_scores_and_never_history(tmp_path):
    late, early = build(tmp_path / "late"), build(tmp_path / "early", touches=TOUCHES[:1])

    def touch(tables, name):
        rows = tables[name][tables[name]["account_id"] == "a"]
        return rows.set_index(rows["month"].astype(str))["touch_score_month"].to_dict()

    assert touch(late, "scores")["2026-03-01"] == 2.0
    assert touch(early, "scores")["2026-03-01"] == touch(late, "history")["2026-03-01"] == 1.0


def test_what_later_months_hold_does_not_move_the_report_of_an_earlier_month(tmp_path):
    later = [{**TOUCHES[0], "touch_id": "9", "occurred_at": "2026-05-20"}]
    with_later = build(tmp_path / "with", month=date(2026, 4, 1), touches=TOUCHES + later)
    without = build(tmp_path / "without", month=date(2026, 4, 1))
    for name in ("scores", "history", "outcomes", "retention", "indicators"):
        pd.testing.assert_frame_equal(with_later[name], without[name])
    assert with_later["outcomes"]["outcome"].tolist() == ["not_due"]


def test_the_horizon_of_the_last_complete_month_is_the_as_of_and_of_an_older_one_its_own_end():
    assert horizon(date(2023, 12, 1), date(2024, 1, 1)).as_of == date(2024, 1, 1)
    assert horizon(date(2023, 12, 1), date(2024, 1, 31)).as_of == date(2023, 12, 31)
    assert horizon(date(2023, 11, 1), date(2024, 1, 1)).as_of == date(2023, 11, 30)
    assert horizon(date(2023, 11, 1), date(2024, 1, 1)).known_until == date(2024, 1, 1)


def test_a_repeated_key_stops_the_run(tmp_path):
    twice = pd.DataFrame({"account_id": ["a", "a"], "due_date": pd.to_datetime(["2026-01-01"] * 2)})
    with pytest.raises(AssertionError, match="outcomes: the key account_id, due_date is not unique"):
        write_table(twice, tmp_path / "outcomes.parquet")


def test_a_first_month_of_fewer_than_fifteen_days_has_no_score(tmp_path):
    users = [{"account_id": account, "user_id": "u", "activated_date": "2026-01-01"} for account in ("a", "c", "d")]
    contracts = [term("a", "2026-06-16", None), term("c", "2026-06-17", None)]
    canonical = write_canonical(tmp_path / "canonical", contracts=contracts, users=users, touches=[], meetings=[],
                                usage_events=[{"account_id": "a", "user_id": "u", "occurred_at": "2026-06-20",
                                               "event_type": kind} for kind in ("login", "card_scan", "key_feature")])
    build_tables(canonical, DEFAULTS, horizon(date(2026, 6, 1), date(2026, 6, 30)), tmp_path)
    scores = pd.read_parquet(tmp_path / "scores.parquet").query("scorecard == 'dear'").set_index("account_id")
    assert scores["health"].notna().to_dict() == {"a": True, "c": False}
    assert (scores["measured_share"] >= 0.6).all()


FILLS = "SET max_temp_directory_size = '1MB'; SET memory_limit = '16MB'; " \
        "CREATE TABLE t AS SELECT random() FROM range(4000000)"


@pytest.mark.parametrize(("happens", "error", "told"), [
    (FILLS, CannotWrite, "The disk took no more while the tables were computed: make room"),
    ("SET memory_limit = '1MB'", Refused, "The memory of this machine is too little"),
])
def test_a_full_disk_is_told_from_too_little_memory_when_the_panel_is_read_too(tmp_path, monkeypatch, happens, error,
                                                                               told):
    measures = Panel.measures

    def later(panel):
        panel.connection.execute(happens)
        return measures(panel)

    monkeypatch.setattr(Panel, "measures", later)
    with pytest.raises(error) as raised:
        build(tmp_path)
    assert told in str(raised.value)
