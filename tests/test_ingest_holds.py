"""What holds a report back: incomplete, shrunken, gappy or damaged data, told in one sentence each."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from small_data import CONTRACTS, made

from cs_research.ingest import held, ingest, open_dataset
from cs_research.tables import write_table

DECEMBER = date(2025, 12, 1)
HEADER = "account_id,user_id,occurred_at,event_type\n"


def events(first: str, last: str, step: int = 1, per_day: int = 1) -> str:
    """Events of account 007 on every `step`-th day from first to last."""
    begin, end = date.fromisoformat(first), date.fromisoformat(last)
    days = (begin + timedelta(days=n) for n in range(0, (end - begin).days + 1, step))
    return "".join(f"007,u1,{day}T10:00:00+09:00,login\n" * per_day for day in days)


def reasons(folder: Path, out: Path, month: date = DECEMBER, before: dict | None = None) -> list[tuple[str, str]]:
    return [(hold.code, hold.sentence) for hold in held(ingest(open_dataset(folder), out), month, before)]


@pytest.mark.parametrize(("rows", "found"), [
    (events("2025-10-01", "2025-12-31"), []),
    (events("2025-10-01", "2025-12-27", step=7), []),  # once a week: four days of rest at the end are no fault
    (events("2025-10-01", "2025-12-20"), [("H_TABLE_ENDS", "usage_events ends on 2025-12-20, before the month does")]),
    (events("2025-09-01", "2025-09-30") + events("2025-11-01", "2025-12-31"),
     [("H_MONTH_MISSING", "usage_events has no rows of 2025-10")]),
    (events("2025-10-01", "2025-11-30", per_day=4) + events("2025-12-01", "2025-12-31", step=3),
     [("H_SHRUNKEN", "usage_events has 11 rows of 2025-12 after 120 of 2025-11")]),
])
def test_a_steady_table_has_rows_up_to_the_months_end(tmp_path, rows, found):
    assert reasons(made(tmp_path, usage_events=HEADER + rows), tmp_path / "out") == found


def test_months_after_the_report_are_not_looked_at(tmp_path):
    rows = events("2025-09-01", "2025-10-31") + events("2025-12-01", "2025-12-02")
    assert reasons(made(tmp_path, usage_events=HEADER + rows), tmp_path / "out", date(2025, 10, 1)) == []


def test_an_incomplete_month(tmp_path):
    assert reasons(made(tmp_path), tmp_path / "out", date(2026, 1, 1)) == [
        ("H_INCOMPLETE", "The month 2026-01 is not complete: the data end on 2025-12-31")]


def test_a_month_without_its_file(tmp_path):
    folder = made(tmp_path)
    (folder / "surveys").mkdir()
    for month in ("2025-08", "2025_09", "202511"):
        text = f"survey_id,account_id,sent_date\ns{month},007,2025-08-01\n"
        (folder / "surveys" / f"export_{month}.csv").write_text(text, encoding="utf-8")
    assert reasons(folder, tmp_path / "out") == [("H_MONTH_MISSING", "surveys has no rows of 2025-10, 2025-12")]


def test_a_table_that_lost_nine_tenths_since_last_month(tmp_path):
    folder = made(tmp_path)
    assert reasons(folder, tmp_path / "one", before={"contracts": 20, "users": 500}) == []
    assert reasons(folder, tmp_path / "two", before={"contracts": 21}) == [
        ("H_SHRUNKEN", "contracts has 2 rows after 21 a month ago")]


@pytest.mark.parametrize(("bad", "found"), [
    (1, []), (2, [("H_QUARANTINE", "2 of 102 rows of contracts are in quarantine (beside the report, in "
                               "quarantine/contracts.csv.quarantine.csv)")])])
def test_more_than_one_percent_in_quarantine(tmp_path, bad, found):
    good = "".join(f"{n},D{n},2025-01-01,,1,1,\n" for n in range(1000, 1098))
    text = CONTRACTS + good + "".join(f"1,E{n},never,,1,1,\n" for n in range(bad))
    assert reasons(made(tmp_path, contracts=text), tmp_path / "out") == found


def test_a_file_that_two_tables_are_read_from_keeps_the_rows_set_aside_of_both(tmp_path):
    folder = made(tmp_path)
    text = CONTRACTS + "007,c9,2025-13-01,10\n" * 2
    (folder / "contracts.csv").write_text(text, encoding="utf-8")
    with (folder / "dataset.yml").open("a", encoding="utf-8") as file:
        file.write("tables:\n  contracts: {files: contracts.csv}\n  accounts: {files: contracts.csv}\n")
    ingested = ingest(open_dataset(folder), tmp_path / "out")
    aside = {path.name: len(path.read_text(encoding="utf-8-sig").splitlines()) - 1
             for path in ingested.quarantine.glob("*.csv")}
    told = ingested.files.set_index("table")["quarantined"]
    assert aside == {f"contracts.csv.{table}.quarantine.csv": told[table] for table in ("contracts", "accounts")
                     if told[table]} and told["contracts"] == 2
    for hold in held(ingested, DECEMBER, None):
        assert any(name in hold.sentence for name in aside)
    assert write_table(ingested.files, tmp_path / "files.parquet") == len(ingested.files)
