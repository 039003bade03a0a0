"""`cs-research weekly` and `tune`: what they write, what they refuse, and cells that no spreadsheet runs."""

import csv
import os
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs_research.__main__ import exit_code
from cs_research.definitions import strict_yaml
from cs_research.definitions.models import ResponsePoints
from cs_research.display import page_stem
from cs_research.ingest import check, open_dataset
from cs_research.report.spreadsheet import FORMULA, csv_text, safe_cell

HEAD = "kind: dataset\nname: Test\nzone: Asia/Tokyo\nas_of: 2026-10-31\n"
FILES = {
    "contracts": "account_id,contract_id,start_date,end_date,seats,mrr,account_name\n"
                 "001,C1,2026-09-10,2027-09-10,10,1000,=HYPERLINK(\"x\")\n"
                 "002,C2,2025-01-01,2027-01-01,5,500,<b>Two</b>\n"
                 "003,C3,2025-01-01,2027-01-01,5,500,Three\n004,C4,2025-01-01,2027-01-01,5,500,Four\n",
    "meetings": "meeting_id,account_id,scheduled_date,held,recorded_at\n1,002,2026-02-02,true,\n"
                "2,003,2026-03-01,true,\n3,003,2026-11-05,,2026-10-20\n4,004,2026-10-25,true,\n",
    "ratings": "account_id,kind,value,set_date\n002,keyman_relation,weak,2026-06-01\n",
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Known on Sunday 1 November: 001 in its second month and never met: 20 x 1.5 = 30. 002 met nine months ago, weak
    keyman: 20 + 10. 003 met eight months ago: 20, but a meeting is booked on 5 November. 004 met a week ago: none."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "dataset.yml").write_text(HEAD, encoding="utf-8")
    for name, text in FILES.items():
        (folder / f"{name}.csv").write_text(re.sub(r"(,2026-10-20)$", r"\1T10:00:00+09:00", text, flags=re.M),
                                            encoding="utf-8")
    return folder


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_the_list_of_a_week(data, tmp_path, capsys):
    """By points, then ARR: 001 and 002 have 30 each, 001 pays more."""
    assert exit_code(["weekly", str(data), "--out", str(tmp_path / "out")]) == 0
    page = Path(capsys.readouterr().out.strip())
    assert page == tmp_path / "out" / "weekly" / "2026-W45" / "list.html"
    rows = read(page.with_name("list.csv"))
    assert [(row["account_id"], row["rank"], row["response_points"], row["suppressed_by"]) for row in rows] == [
        ("001", "1", "30", ""), ("002", "2", "30", ""),
        ("003", "", "20", "A meeting is booked by the end of next week")]
    assert rows[0]["account_name"] == "'=HYPERLINK(\"x\")"
    assert rows[0]["factors"] == "Never met +20; First 3 months ×1.5 (+10)"
    text = page.read_text(encoding="utf-8")
    assert "&lt;b&gt;Two&lt;/b&gt;" in text and "<b>Two" not in text
    assert "feature_health.health_band: no account has one" in text and "no table of touches" not in text
    assert "<b>Cannot tell.</b> Not measured: no entry of a past list has been judged yet" in text
    assert not re.search(r"(?:src|href)=\"(?!#)", text) and "<script" not in text


def test_the_list_in_japanese_leaves_names_alone(data, tmp_path, capsys):
    (data / "contracts.csv").write_text(FILES["contracts"].replace("Three", "Never met"), encoding="utf-8")
    assert exit_code(["weekly", str(data), "--out", str(tmp_path / "out"), "--lang", "ja"]) == 0
    page = Path(capsys.readouterr().out.strip()).read_text(encoding="utf-8").split("<body")[1]
    told = re.sub(r"<bdi>.*?</bdi>", "", page)
    assert "今週連絡する顧客は2社" in told and "<li>面談がまだない <b>+20</b></li>" in told
    assert "来週末までに面談の予定がある" in told and "これまでのリストに、担当者の判断がまだない。" in told
    assert "<bdi>Never met</bdi>" in page and "&lt;b&gt;Two&lt;/b&gt;" in page
    assert exit_code(["weekly", str(data), "--out", str(tmp_path / "out"), "--lang", "fr"]) == 2


def test_the_list_filled_in_is_the_feedback(data, tmp_path):
    """A word on 001 makes one judged entry; the lines left empty are set aside, each by itself."""
    assert exit_code(["weekly", str(data), "--out", str(tmp_path / "out")]) == 0
    rows = read(tmp_path / "out/weekly/2026-W45/list.csv")
    assert {(row["verdict"], row["note"]) for row in rows} == {("", "")}
    rows[0] |= {"verdict": "useful", "note": "=1"}
    with (data / "feedback.csv").open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    (entry,) = (one for one in check(open_dataset(data))["files"] if one["file"] == "feedback.csv")
    assert (entry["rows_in"], entry["accepted"], entry["outcome"]) == (3, 1, "quarantine")


def test_names_on_the_list_lead_to_the_pages_of_the_newest_report(data, tmp_path):
    for month in ("2026-08", "2026-09"):
        (tmp_path / month / "accounts").mkdir(parents=True)
        (tmp_path / month / "run.json").write_text("{}", encoding="utf-8")
    (tmp_path / "2026-09" / "accounts" / f"{page_stem('001')}.html").write_text("", encoding="utf-8")
    (tmp_path / "2026-08" / "accounts" / f"{page_stem('002')}.html").write_text("", encoding="utf-8")
    assert exit_code(["weekly", str(data), "--out", str(tmp_path)]) == 0
    text = (tmp_path / "weekly/2026-W45/list.html").read_text(encoding="utf-8")
    assert re.findall(r'<a href="(?!#)([^"]+)"><bdi>(.*?)</bdi></a>', text) == [
        (f"../../2026-09/accounts/{page_stem('001')}.html", "=HYPERLINK(&#34;x&#34;)")]


def test_the_same_data_delivered_again_give_the_same_bytes(data, tmp_path):
    assert exit_code(["weekly", str(data), "--out", str(tmp_path / "one")]) == 0
    meetings = data / "meetings.csv"
    shutil.copyfile(meetings, data / "meetings_again.csv")
    (data / "dataset.yml").write_text(HEAD + "tables: {meetings: {files: 'meetings*.csv'}}\n", encoding="utf-8")
    assert exit_code(["weekly", str(data), "--week", "2026-W45", "--out", str(tmp_path / "two")]) == 0
    for name in ("list.html", "list.csv"):
        one, two = (tmp_path / out / "weekly" / "2026-W45" / name for out in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()
    assert {path.name for path in one.parent.iterdir()} == {"list.html", "list.csv"}


def test_data_that_give_no_points_say_so(data, tmp_path):
    for name in ("meetings", "ratings"):
        (data / f"{name}.csv").unlink()
    assert exit_code(["weekly", str(data), "--out", str(tmp_path / "out")]) == 0
    page = tmp_path / "out" / "weekly" / "2026-W45" / "list.html"
    assert "Not measured: the data hold nothing that gives response points" in page.read_text(encoding="utf-8")
    assert read(page.with_name("list.csv")) == []


@pytest.mark.parametrize(("week", "words"), [
    ("2026-W60", "--week '2026-W60' is not possible: write an ISO week such as 2026-W44."),
    ("2026-44", "is not possible"), ("2025-W53", "is not possible"),
    ("2026-W46", "outside the data, which end on 2026-10-31: the last one possible is 2026-W45."),
    ("2024-W10", "No account is under contract in the week 2024-W10: give a later --week."),
])
def test_a_week_that_cannot_be_is_refused(data, tmp_path, capsys, week, words):
    assert exit_code(["weekly", str(data), "--week", week, "--out", str(tmp_path / "out")]) == 2
    assert words in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_tuning_writes_a_new_file_and_never_over_one(data, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert exit_code(["tune", str(data)]) == 0
    assert "Too little feedback to tune on: 0 judged entries, where 30" in capsys.readouterr().out
    assert os.listdir(tmp_path) == ["data"]
    verdicts = ("should_not_contact", "useful")
    words = [f"00{i},2026-W{week},{verdicts[i != 1 and week % 5 > 0]}\n"
             for week in range(38, 45) for i in (1, 2, 3, 4)] + ["002,2026-W37,useful\n", "003,2026-W37,useful\n"]
    (data / "feedback.csv").write_text("account_id,week,verdict\n" + "".join(words), encoding="utf-8")
    assert exit_code(["tune", str(data)]) == 0
    said = capsys.readouterr().out
    new = strict_yaml.load(tmp_path / "response_points-1.1.yml", ResponsePoints)
    assert said.startswith("response_points-1.1.yml: version 1.1 from 30 judged entries") and "Keep the current" in said
    assert (new.evidence.feedback, new.evidence.date, new.evidence.verdict) == (30, "2026-10-31", "keep")
    before = (tmp_path / "response_points-1.1.yml").read_bytes()
    assert exit_code(["tune", str(data)]) == 74
    assert "is there already: nothing is ever written over" in capsys.readouterr().err
    assert (tmp_path / "response_points-1.1.yml").read_bytes() == before


# ---------------------------------------------------------------- cells


@pytest.mark.parametrize("text", ["=1+1", "+81", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "＋1", "－1", "＠x", " =1",
                                  "\n-1"])
def test_a_cell_that_would_run_becomes_text(text):
    assert safe_cell(text) == "'" + text


@given(st.text() | st.floats(allow_nan=False) | st.integers())
def test_numbers_stay_numbers_and_no_text_runs(value):
    cell = safe_cell(value)
    assert cell is value or (isinstance(value, str) and cell == "'" + value)
    assert not isinstance(cell, str) or not cell.lstrip().startswith(FORMULA)
    assert safe_cell(cell) is cell or safe_cell(cell) == cell


def test_the_csv_of_a_table():
    table = pd.DataFrame({"name": ["＝A1", "a,b"], "n": [3.0, -1.5], "due_date": [pd.Timestamp("2026-10-31"), pd.NaT]})
    assert csv_text(table) == "\ufeffname,n,due_date\r\n'＝A1,3,2026-10-31\r\n\"a,b\",-1.5,\r\n"
