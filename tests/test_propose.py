"""The proposed mapping: every guess is told, saved as it stands it is read, and nothing is ever overwritten."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cs_research.__main__ import exit_code
from cs_research.errors import Refused
from cs_research.ingest import check, open_dataset
from cs_research.ingest.propose import SYNONYMS, proposal

ROOT = Path(__file__).resolve().parents[1]
CONTRACTS = """契約一覧（2025年）
顧客ID,契約番号,顧客名,契約開始日,契約終了日,ID数,月額,状態,備考
00101,C1,青空商事,2024/04/01,2026/04/01,12,1000,契約中,x
00102,C2,山川,2024/5/13,2025/5/13,5,500,解約,
"""
EVENTS = "日時;顧客ID;利用者ID;操作\n2025/01/01 10:00;00101;u1;login\n"


def test_a_proposal_saved_and_completed_takes_every_row(tmp_path):
    (tmp_path / "契約一覧.csv").write_text(CONTRACTS, encoding="cp932")
    for month in ("01", "02"):
        (tmp_path / f"利用ログ_2025{month}.csv").write_text(EVENTS, encoding="utf-8")
    (tmp_path / "利用ログ_202503.csv").write_text(EVENTS.replace(";", ","), encoding="utf-8")
    (tmp_path / "portal.csv").write_text("<!DOCTYPE html><html></html>", encoding="utf-8")
    (tmp_path / "other.csv").write_text("x,y\n1,2\n", encoding="utf-8")
    (tmp_path / "corrections").mkdir()
    (tmp_path / "corrections" / "契約一覧.csv.quarantine.csv").write_text(CONTRACTS, encoding="utf-8")
    text = proposal(tmp_path, "Asia/Tokyo")
    assert "# portal.csv cannot be read: F_NOT_CSV" in text and "# other.csv looks like no table" in text
    assert "corrections" not in text
    (tmp_path / "corrections" / "契約一覧.csv.quarantine.csv").unlink()
    assert "# 利用ログ_202503.csv has not the header of 利用ログ_202501.csv" in text
    assert '# ignore: ["備考"]   # in no contract, not stored' in text
    assert '# values: {"status": {"契約中": "?", "解約": "?"}}   # status is one of active, renewed' in text
    for line in text.splitlines():  # a guess is told where it stands
        guessed = line.strip().startswith(("delimiter", "skip_rows", "date_formats", "stamp_formats", "account_id"))
        assert not guessed or "# guess" in line
    assert not (tmp_path / "dataset.yml").exists()
    text = text.replace("# naive_zone", "naive_zone").replace("# values", "values")
    text = text.replace('"契約中": "?", "解約": "?"', '"契約中": active, "解約": churned')
    (tmp_path / "dataset.yml").write_text(text, encoding="utf-8")
    files = {file["file"]: file for file in check(open_dataset(tmp_path))["files"]}
    assert files["契約一覧.csv"]["accepted"] == 2 and files["利用ログ_202502.csv"]["accepted"] == 1


@pytest.mark.parametrize(("day", "formats"), [
    ("13/04/2025", '["%d/%m/%Y"]   # guess'), ("04/13/2025", '["%m/%d/%Y"]   # guess'),
    ("03/04/2025", '["%d/%m/%Y", "%m/%d/%Y"]   # guess from the values; they differ, keep the right one'),
    ("13.04.2025", '["%d.%m.%Y"]   # guess'), ("2025-04-13", None), ("soon", None)])
def test_date_formats_are_guessed_from_the_values(tmp_path, day, formats):
    (tmp_path / "subscriptions.csv").write_text(
        f"Customer ID,Subscription ID,Start,End,Seats\n1,C1,{day},,5\n", encoding="utf-8")
    text = proposal(tmp_path)
    assert (f"    date_formats: {formats}" in text) if formats else "date_formats:" not in text
    assert '      account_id: "Customer ID"   # guess' in text and "# zone: Asia/Tokyo   # needed" in text


@pytest.mark.parametrize("rows", [[1], []])
def test_what_is_missing_is_told(tmp_path, rows):
    pq.write_table(pa.table({"account_id": rows, "user_id": rows}), tmp_path / "events.parquet")
    text = proposal(tmp_path, "UTC")
    assert "  usage_events:   # guess by its name" in text
    assert "# needed and not found: occurred_at, event_type; name their headers" in text


def test_words_for_yes_and_no_are_asked_for(tmp_path):
    text = "面談ID,顧客ID,面談日,実施,キーマン\nM1,1,2025-01-01,○,済\nM2,1,2025-01-01,TRUE,0\n"
    (tmp_path / "面談.csv").write_text(text, encoding="cp932")
    assert '    # values: {"held": {"○": "?"}, "with_keyman": {"済": "?"}}   # held is one' in proposal(tmp_path)


def test_whatever_stands_in_headers_and_names_the_proposal_is_yaml(tmp_path):
    header = 'Customer ID,Subscription ID,Start,End,Seats,"a: \u2028""\n#b\x9f",*x\n'
    (tmp_path / 'contract #1 "x": y.csv').write_text(header + "1,C1,2025-01-01,,5,,\n", encoding="utf-8")
    (tmp_path / "dataset.yml").write_text(proposal(tmp_path, "UTC").replace("# ignore", "ignore"), encoding="utf-8")
    (found,) = check(open_dataset(tmp_path, as_of="2025-12-31"))["files"]
    assert (found["accepted"], found["codes"]) == (1, {"W_HEADER_NORMALISED": 1})


def test_the_sample_needs_no_mapping():
    text = proposal(ROOT / "data" / "sample", "Asia/Tokyo")
    assert "columns:" not in text and "formats" not in text and text.count("  # guess by its name") == 11


def test_every_synonym_is_of_a_column_or_table_that_exists():
    from cs_research.definitions import load_definitions

    tables = load_definitions().tables
    assert set(SYNONYMS.tables) == set(tables)
    assert set(SYNONYMS.columns) <= {column for table in tables.values() for column in table.columns}


def test_init_prints_or_writes_and_never_overwrites(tmp_path, capsys):
    (tmp_path / "contracts.csv").write_text("account_id\n1\n", encoding="utf-8")
    assert exit_code(["init", str(tmp_path)]) == 0
    assert "# needed and not found: contract_id, start_date, end_date, seats" in capsys.readouterr().out
    target = tmp_path / "dataset.yml"
    assert exit_code(["init", str(tmp_path), "--out", str(target)]) == 0
    before = target.read_bytes()
    assert exit_code(["init", str(tmp_path), "--out", str(target)]) == 74
    assert target.read_bytes() == before and "is there already" in capsys.readouterr().err
    with pytest.raises(Refused, match="no exports"):
        proposal(tmp_path / "nowhere")
