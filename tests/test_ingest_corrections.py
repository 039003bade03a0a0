"""The quarantine is usable: rows corrected there and laid beside the data are taken in, each once."""

import csv
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_data import CONTRACTS, entry, made, rows

from cs_research.ingest import check, ingest, open_dataset

DAMAGED = CONTRACTS + "009,C3,2025-02-30,,9,500,active\n010,C4,2025-03-01,,4,400,active,more\n011,C5,2025-01-01,,x,1,\n"
COUNTS = ("rows_in", "accepted", "quarantined", "excluded")


def quarantined(folder: Path, file: str, out: Path) -> list[dict]:
    """The rows of a quarantine file, as an operator opens it."""
    check(open_dataset(folder), out)
    with (out / f"{file}.quarantine.csv").open(encoding="utf-8-sig", newline="") as text:
        return list(csv.DictReader(text))


def lay(folder: Path, corrected: list[dict], name: str = "one.csv") -> None:
    (folder / "corrections").mkdir(exist_ok=True)
    with (folder / "corrections" / name).open("w", encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, list(corrected[0]))
        writer.writeheader()
        writer.writerows(corrected)


def counts(folder: Path, file: str = "contracts.csv") -> tuple:
    found = entry(folder, file)
    assert found["rows_in"] == found["accepted"] + found["quarantined"] + found["excluded"]
    return tuple(found[name] for name in COUNTS)


def test_corrected_rows_move_from_quarantine_to_accepted(tmp_path):
    folder = made(tmp_path, contracts=DAMAGED)
    assert counts(folder) == (5, 2, 3, 0)
    one, two, three = quarantined(folder, "contracts.csv", tmp_path / "check")
    one["start_date"] = "2025-02-28"
    two["_text"] = two["_text"].removesuffix(",more")
    lay(folder, [one, two, three])
    assert counts(folder) == (5, 4, 1, 0)
    assert entry(folder, "contracts.csv")["codes"] == {"R_NUMBER_FORMAT": 1, "W_REPAIRED": 2}
    assert counts(folder, "corrections/one.csv") == (3, 3, 0, 0)
    ingested = ingest(open_dataset(folder), tmp_path / "out")
    assert rows(ingested, "contracts", "account_id, start_date, mrr")[2:] == [
        ("009", date(2025, 2, 28), Decimal("500.00")), ("010", date(2025, 3, 1), Decimal("400.00"))]

    # what is left is corrected from the next quarantine file, laid beside the first
    (three,) = quarantined(folder, "contracts.csv", tmp_path / "check")
    lay(folder, [{**three, "seats": "7"}], "two.csv")
    assert counts(folder) == (5, 5, 0, 0)
    assert counts(folder, "corrections/one.csv") == (3, 2, 1, 0), "its third row has a later correction"
    assert counts(folder, "corrections/two.csv") == (1, 1, 0, 0)


def test_a_correction_is_taken_once_and_only_for_the_record_it_was_made_from(tmp_path):
    folder = made(tmp_path, contracts=DAMAGED)
    one = {**quarantined(folder, "contracts.csv", tmp_path / "check")[0], "start_date": "2025-02-28"}
    lay(folder, [one, one, {**one, "_file": "nowhere.csv"}, {**one, "_record": "x"}, {**one, "_record": "1"}])
    assert counts(folder) == (5, 3, 2, 0)
    assert entry(folder, "corrections/one.csv")["codes"] == {"R_CORRECTION": 4}
    assert counts(folder, "corrections/one.csv") == (5, 1, 4, 0)
    made(tmp_path, contracts=DAMAGED.replace("2025-02-30", "2025-02-27"))  # the source was corrected, too
    assert counts(folder) == (5, 3, 2, 0)
    assert "W_REPAIRED" not in entry(folder, "contracts.csv")["codes"]
    assert entry(folder, "corrections/one.csv")["accepted"] == 0


def test_the_quarantine_is_laid_out_like_the_data_and_may_be_laid_back_whole(tmp_path):
    folder = made(tmp_path / "data", "tables: {contracts: {files: ['a*.csv', 'a/*.csv']}}\n", contracts="")
    (folder / "a").mkdir()
    for name in ("a/b.csv", "a__b.csv"):
        (folder / name).write_text(CONTRACTS.replace("C", name[1]).replace(",10,", ",x,"), encoding="utf-8")
    check(open_dataset(folder), tmp_path / "check")
    files = sorted((tmp_path / "check").rglob("*.csv"))
    assert [path.relative_to(tmp_path / "check").as_posix() for path in files] == [
        "a/b.csv.quarantine.csv", "a__b.csv.quarantine.csv"]
    for path in files:
        path.write_text(path.read_text(encoding="utf-8").replace(",x,1000", ",9,1000"), encoding="utf-8")
    (tmp_path / "check").rename(folder / "corrections")
    assert (counts(folder, "a/b.csv"), counts(folder, "a__b.csv")) == ((2, 2, 0, 0), (2, 2, 0, 0))
    check(open_dataset(folder), tmp_path / "check")
    assert not list((tmp_path / "check").rglob("*.csv"))


def test_a_corrections_file_without_the_place_of_its_rows_is_rejected(tmp_path):
    folder = made(tmp_path, contracts=DAMAGED)
    (folder / "corrections").mkdir()
    (folder / "corrections" / "own.csv").write_text(CONTRACTS, encoding="utf-8")
    assert entry(folder, "corrections/own.csv")["codes"] == {"F_COLUMN_MISSING": 1}
    assert check(open_dataset(folder))["ok"] is False


def test_corrections_of_parquet_have_the_types_of_the_file(tmp_path):
    folder = made(tmp_path, contracts="")
    table = pa.table({"account_id": ["1", "2", "3"], "contract_id": ["a", "b", "c"], "start_date": ["2025-01-01"] * 3,
                      "end_date": pa.array([None] * 3, pa.date32()), "seats": pa.array([5, None, None], pa.float64())})
    pq.write_table(table, folder / "contracts.parquet")
    one, two = quarantined(folder, "contracts.parquet", tmp_path / "check")
    assert (one["seats"], one["end_date"], one["_codes"]) == ("", "", "R_VALUE_MISSING")
    lay(folder, [{**one, "seats": "3"}, {**two, "seats": "three"}])
    assert counts(folder, "contracts.parquet") == (3, 2, 1, 0)
    assert counts(folder, "corrections/one.csv") == (2, 1, 1, 0)
    assert rows(ingest(open_dataset(folder), tmp_path / "out"), "contracts", "seats") == [(5,), (3,)]


@pytest.mark.parametrize(("file", "change"), [
    ("terms.csv", {"_text": "009,2025-03-01,6,base"}), ("query:contracts", {"start_date": "2025-02-28"})])
def test_rows_of_sources_and_of_queries_are_corrected_alike(tmp_path, file, change):
    terms = "customer,since,seats,kind\n007,2025-01-01,4,base\n008,2025-02-30,5,base\n009\n"
    folder = made(tmp_path, """sources: {terms: {files: terms.csv}}
tables:
  contracts:
    each: terms
    query: SELECT _row, _record AS contract_id, customer AS account_id, since AS start_date, NULL::DATE AS end_date,
           seats FROM terms
    id_from_integer: [contract_id]
""", contracts="", terms=terms)
    before = counts(folder, file)
    (bad,) = quarantined(folder, file.replace(":", "_"), tmp_path / "check")
    lay(folder, [{**bad, **change}])
    after = counts(folder, file)
    assert (after[0], after[1], after[2]) == (before[0], before[1] + 1, 0)
    ids = duckdb.sql(f"SELECT list(contract_id ORDER BY contract_id) FROM "
                     f"'{ingest(open_dataset(folder), tmp_path / 'out').folder}/contracts.parquet'").fetchall()[0][0]
    assert ids == (["1", "3"] if file == "terms.csv" else ["1", "2"])
