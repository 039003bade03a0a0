"""Opening a data set: what dataset.yml may say, what is found by name, and how mistakes are told."""

import shutil
from datetime import date
from pathlib import Path

import pytest

from cs_research.errors import Refused
from cs_research.ingest import open_dataset

GOOD = Path(__file__).parent / "bad_inputs" / "g01_contracts_ok.csv"


def folder(path: Path, text: str = "", file: str = "contracts.csv") -> Path:
    path.mkdir(exist_ok=True)
    shutil.copy(GOOD, path / file)
    if text:
        (path / "dataset.yml").write_text("kind: dataset\nname: Test\n" + text, encoding="utf-8")
    return path


def test_folder_without_dataset_yml_takes_zone_and_as_of(tmp_path):
    dataset = open_dataset(folder(tmp_path / "d"), zone="Asia/Tokyo", as_of="2025-12-31")
    assert (dataset.name, dataset.zone, dataset.as_of) == ("d", "Asia/Tokyo", date(2025, 12, 31))
    assert list(dataset.tables) == ["contracts"]
    assert dataset.simulated is False and dataset.scorecard == "dear"


def test_arguments_take_the_place_of_the_file(tmp_path):
    text = "zone: UTC\nas_of: 2025-01-01\ncurrency: EUR\nsimulated: true\n"
    dataset = open_dataset(folder(tmp_path / "d", text))
    assert (dataset.zone, dataset.as_of, dataset.currency, dataset.simulated) == ("UTC", date(2025, 1, 1), "EUR", True)
    assert open_dataset(tmp_path / "d", zone="Asia/Tokyo", as_of=date(2025, 6, 30)).as_of == date(2025, 6, 30)


def test_month_files_in_a_folder_named_like_the_table(tmp_path):
    folder(tmp_path / "d")
    for month in ("2025-01", "2025-02"):
        (tmp_path / "d" / "usage_events").mkdir(exist_ok=True)
        shutil.copy(GOOD.with_name("g02_events_ok.csv"), tmp_path / "d" / "usage_events" / f"{month}.csv")
    dataset = open_dataset(tmp_path / "d", zone="UTC")
    assert [path.name for path in dataset.tables["usage_events"].paths] == ["2025-01.csv", "2025-02.csv"]


def test_unknown_folder_names_the_nearest(tmp_path):
    folder(tmp_path / "sample")
    with pytest.raises(Refused, match="did you mean '.*sample'"):
        open_dataset(tmp_path / "smple")


@pytest.mark.parametrize(("text", "told"), [
    ("zone: Asia/Tokio\n", "'Asia/Tokio' is no time zone, did you mean 'Asia/Tokyo'"),
    ("zone: UTC\nas_of: 2025-02-30\n", "'2025-02-30' is no date"),
    ("zone: UTC\nscorecard: deer\n", "no card is named 'deer', did you mean 'dear'"),
    ("zone: UTC\ntables: {contract: {files: contracts.csv}}\n", "named 'contract', did you mean 'contracts'"),
    ("zone: UTC\ntables: {contracts: {columns: {seat: Licences}}}\n", "named 'seat', did you mean 'seats'"),
    ("zone: UTC\ntables:\n contracts:\n  columns:\n   seat: Licences\n", ".yml:7: key 'tables.contracts.columns.seat'"),
    ("zone: UTC\ntables: {contracts: {files: contract.csv}}\n", "did you mean 'contracts.csv'"),
    ("zone: UTC\ntables: {touches: {delimiter: ;}}\n", "No file named like the table 'touches'"),
    ("zone: UTC\ntables: {contracts: {query: SELECT 1}}\n", "a query needs each"),
    ("zone: UTC\ntables: {contracts: {query: SELECT 1, each: subs}}\n", "no source is named 'subs'"),
    ("zone: UTC\ntables:\n contracts: {date_formats: [YYYY/MM/DD]}\n", ":5: key 'tables.contracts.date_formats.0': "),
    ("zone: UTC\ntables: {contracts: {date_formats: [YYYY/MM/DD]}}\n", "such as %Y/%m/%d for 2025/04/01"),
    ("zone: UTC\ntables: {contracts: {date_formats: ['%d/%m']}}\n", "names the parts of a date"),
    ("zone: UTC\ntables: {contracts: {date_formats: ['%Y-%m-%Q%d']}}\n", "names the parts of a date"),
    ("zone: UTC\ntables: {touches: {stamp_formats: ['%Y-%m-%d %H:%M %z']}}\n", "with an offset are read in ISO form"),
    ("zone: UTC\nzones: UTC\n", "key 'zones': is not a key"),
    ("zone: UTC\nzone: UTC\n", "key 'zone' stands twice"),
    ("zone: UTC\nroot: {env: NO_SUCH_VARIABLE, hint: get it there}\n", "NO_SUCH_VARIABLE is not set: get it there"),
    ("currency: EUR\n", "names no reporting zone"),
])
def test_mistakes_are_told_in_one_sentence(tmp_path, text, told):
    with pytest.raises(Refused) as caught:
        open_dataset(folder(tmp_path / "d", text))
    assert told in str(caught.value) and "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_contracts_are_needed(tmp_path):
    with pytest.raises(Refused, match="F_FILE_MISSING No file of contracts"):
        open_dataset(folder(tmp_path / "d", "zone: UTC\n", file="kontrakte.csv"))


def test_files_may_lie_where_a_variable_says(tmp_path, monkeypatch):
    folder(tmp_path / "elsewhere")
    folder(tmp_path / "d", "zone: UTC\nroot: {env: SOME_DIR, hint: get it there}\n", file="unread.csv")
    monkeypatch.setenv("SOME_DIR", str(tmp_path / "elsewhere"))
    dataset = open_dataset(tmp_path / "d")
    assert dataset.relative(dataset.tables["contracts"].paths[0]) == "contracts.csv"
    assert dataset.unused == ()


def test_exports_of_no_table_are_seen(tmp_path):
    folder(tmp_path / "d")
    shutil.copy(GOOD, tmp_path / "d" / "usage_event.csv")
    assert [path.name for path in open_dataset(tmp_path / "d", zone="UTC").unused] == ["usage_event.csv"]
