"""Deliveries: a snapshot is replaced by the next one, appended rows add up and may be corrected by later ones."""

from datetime import datetime

import pytest
from small_data import CONTRACTS, entry, made, rows

from cs_research.ingest import check, ingest, open_dataset

TOUCHES = "touch_id,account_id,occurred_at,touch_type\n"


def touch(name: str, day: int, kind: str = "mail_click") -> str:
    return f"{name},007,2025-05-{day:02}T10:00:00+09:00,{kind}\n"


def lay(folder, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


def taken(folder, out, columns: str = "touch_id, day(occurred_at)") -> list[tuple]:
    return sorted(rows(ingest(open_dataset(folder), out), "touches", columns))


def counts(found: dict) -> tuple:
    assert found["rows_in"] == found["accepted"] + found["quarantined"] + found["excluded"]
    return found["accepted"], found["quarantined"], found["excluded"], found["codes"]


def test_a_row_delivered_again_unchanged_corrects_nothing(tmp_path):
    folder = made(tmp_path)
    lay(folder, "2025-05-31/touches.csv", TOUCHES + touch("t1", 1) + touch("t2", 2))
    lay(folder, "2025-06-30/touches.csv", TOUCHES + touch("t1", 1) + touch("t2", 3))
    lay(folder, "2025-07-31/touches.csv", TOUCHES + touch("t1", 1) + touch("t3", 4))
    assert counts(entry(folder, "2025-05-31/touches.csv")) == (0, 0, 2, {"W_REPLACED": 2})
    assert counts(entry(folder, "2025-06-30/touches.csv")) == (1, 0, 1, {"W_CORRECTED": 1, "W_REPLACED": 1})
    assert counts(entry(folder, "2025-07-31/touches.csv")) == (2, 0, 0, {})


@pytest.mark.parametrize("pattern", ["{}/touches.csv", "deliveries/from-{}/touches.csv", "touches/{}/part-1.csv"])
def test_a_later_delivery_replaces_rows_with_known_keys(tmp_path, pattern):
    folder = made(tmp_path)
    first, second = pattern.format("2025-05-31"), pattern.format("20250630")
    lay(folder, first, TOUCHES + touch("t1", 1) + touch("t2", 2))
    lay(folder, second, TOUCHES + touch("t2", 3) + touch("t3", 4))
    assert counts(entry(folder, first)) == (1, 0, 1, {"W_REPLACED": 1})
    assert counts(entry(folder, second)) == (2, 0, 0, {"W_CORRECTED": 1})
    assert taken(folder, tmp_path / "out") == [("t1", 1), ("t2", 3), ("t3", 4)]


def test_within_one_delivery_the_same_key_with_other_values_is_a_conflict(tmp_path):
    folder = made(tmp_path)
    lay(folder, "2025-05-31/touches.csv", TOUCHES + touch("t1", 1) + touch("t2", 1) + touch("t2", 2))
    lay(folder, "2025-06-30/touches.csv", TOUCHES + touch("t1", 3) + touch("t1", 4) + touch("t3", 5) * 2)
    assert counts(entry(folder, "2025-05-31/touches.csv")) == (1, 2, 0, {"R_DUPLICATE_CONFLICT": 2})
    assert counts(entry(folder, "2025-06-30/touches.csv")) == (
        1, 3, 0, {"R_DUPLICATE_CONFLICT": 2, "R_DUPLICATE_EXACT": 1})
    assert taken(folder, tmp_path / "out") == [("t1", 1), ("t3", 5)], "a later conflict replaces nothing"


def test_delivered_at_decides_before_the_folder(tmp_path):
    header, stamp = "delivered_at," + TOUCHES, "2025-06-{:02}T09:00:00Z,"
    folder = made(tmp_path)
    lay(folder, "touches.csv", header + stamp.format(2) + touch("t1", 2) + stamp.format(1) + touch("t1", 1))
    assert counts(entry(folder, "touches.csv")) == (1, 0, 1, {"W_CORRECTED": 1, "W_REPLACED": 1})
    lay(folder, "2025-06-01/touches.csv", header + stamp.format(3) + touch("t1", 3) + "," + touch("t2", 4))
    assert taken(folder, tmp_path / "out") == [("t1", 3), ("t2", 4)]


def test_only_the_latest_snapshot_counts(tmp_path):
    folder = made(tmp_path, contracts="", users="user_id,account_id\nu1,007\n")
    lay(folder, "2025-05-31/contracts.csv", CONTRACTS + "009,C9,2025-02-30,,1,1,\n")
    lay(folder, "2025-06-30/contracts.csv", CONTRACTS.replace("007,C1", "017,C1"))
    assert counts(entry(folder, "2025-05-31/contracts.csv")) == (0, 0, 3, {"W_REPLACED": 3})
    assert counts(entry(folder, "2025-06-30/contracts.csv")) == (2, 0, 0, {})
    assert entry(folder, "users.csv")["accepted"] == 1, "an account of an earlier snapshot is no orphan"
    ingested = ingest(open_dataset(folder), tmp_path / "out")
    assert [row[0] for row in rows(ingested, "contracts", "account_id")] == ["017", "008"]


def test_a_month_in_a_path_is_no_delivery(tmp_path):
    folder = made(tmp_path)
    lay(folder, "touches/2025-05/a.csv", TOUCHES + touch("t1", 1))
    lay(folder, "touches/2025-06.csv", TOUCHES + touch("t1", 2))
    assert {file["file"]: file["codes"] for file in check(open_dataset(folder))["files"]} == {
        "contracts.csv": {}, "touches/2025-05/a.csv": {"R_DUPLICATE_CONFLICT": 1},
        "touches/2025-06.csv": {"R_DUPLICATE_CONFLICT": 1}}


def test_events_without_id_add_up_over_deliveries(tmp_path):
    folder = made(tmp_path)
    for day in ("2025-05-31", "2025-06-30"):
        lay(folder, f"{day}/usage_events.csv",
            "account_id,user_id,occurred_at,event_type\n007,u1,2025-05-01T10:00:00+09:00,login\n")
    assert rows(ingest(open_dataset(folder), tmp_path / "out"), "usage_events", "occurred_at") == [
        (datetime(2025, 5, 1, 10),)] * 2


def test_a_file_of_a_delivery_that_is_no_table_is_seen(tmp_path):
    folder = made(tmp_path)
    lay(folder, "2025-05-31/touch.csv", TOUCHES)
    assert entry(folder, "2025-05-31/touch.csv")["codes"] == {"W_FILE_UNUSED": 1}
