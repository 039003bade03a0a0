"""Excel and CSV files: what a reader opens holds numbers, dates and text, and nothing that runs."""

import csv
import time
from datetime import datetime
from pathlib import Path

import nbformat
import numpy as np
import openpyxl
import pandas as pd
import pytest
from small_run import small_run

import cs_research as cs
from cs_research.display import ROWS, Table, show_table
from cs_research.errors import Refused
from cs_research.finding import TOO_FEW
from cs_research.report import export, spreadsheet
from cs_research.report.page import write_index
from cs_research.report.view import View

H01 = Path(__file__).parent / "bad_inputs" / "h01_hostile_names.csv"
with H01.open(encoding="utf-8", newline="") as _file:
    NAMES = [row["account_name"] for row in csv.DictReader(_file)]
HOSTILE = [*NAMES, "=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "＝1", "＋1", "－1", "＠x", " =1", "{=1}", "http://x/y",
           "a\x0bb", "_x0041_", "00123", "2026-10-01", "TRUE", "1e5"]
TABLE = Table([{"account_id": "00123", "month": "2026-10-01", "due_date": "2026-12-31", "share": .579, "health": 26.0,
                "arr": 1200000, "n": 3, "is_due": True, "kept": 1.5},
               {"account_id": "00045", "month": "earlier", "due_date": None, "share": TOO_FEW, "health": None,
                "arr": float("nan"), "n": 4, "is_due": False, "kept": -2.25}],
              {name: name for name in ("account_id", "month", "due_date", "share", "health", "arr", "n", "is_due",
                                       "kept")})


def sheets(path):
    book = openpyxl.load_workbook(path)
    return {sheet.title: [list(row) for row in sheet.iter_rows()] for sheet in book}


def test_numbers_stay_numbers_dates_dates_and_ids_text(tmp_path):
    path = spreadsheet.write_workbook(tmp_path / "a.xlsx", {"one": TABLE})
    head, first, second = sheets(path)["one"]
    assert [cell.value for cell in head] == list(TABLE.heads)
    assert [(cell.value, cell.number_format) for cell in first] == [
        ("00123", "@"), (datetime(2026, 10, 1), "yyyy-mm-dd"), (datetime(2026, 12, 31), "yyyy-mm-dd"),
        (.579, "0.0%"), (26, "0.0"), (1200000, "#,##0"), (3, "#,##0"), (True, "@"), (1.5, "#,##0.00")]
    assert [cell.value for cell in second] == ["00045", "earlier", None, TOO_FEW, None, None, 4, False, -2.25]
    assert [cell.data_type for cell in first] == ["s", "d", "d", "n", "n", "n", "n", "b", "n"]


def test_text_is_text_whatever_it_says(tmp_path):
    frame = pd.DataFrame({"=SUM(A1)": HOSTILE})
    rows = sheets(cs.write_excel(tmp_path / "a.xlsx", names=frame))["names"]
    assert {cell.data_type for row in rows for cell in row} == {"s"}
    # What XML cannot hold stands in it as Excel writes it, which openpyxl leaves as it is.
    assert [row[0].value.replace("_x000D_", "\r").replace("_x000B_", "\x0b") for row in rows[1:]] == HOSTILE
    assert {row[0].number_format for row in rows[1:]} == {"@"}, "stays text when a reader edits it"
    assert not [row[0].value for row in rows if row[0].hyperlink]
    text = spreadsheet.csv_text(frame)
    assert text.startswith("\ufeff'=SUM(A1)\r\n") and "'@SUM(1+1)" in text and "有限会社サクラ" in text


def test_the_same_tables_give_the_same_bytes_at_any_time(tmp_path):
    first = spreadsheet.write_workbook(tmp_path / "a.xlsx", {"one": TABLE}).read_bytes()
    time.sleep(2.1)  # a ZIP file counts time in steps of two seconds
    assert spreadsheet.write_workbook(tmp_path / "b.xlsx", {"one": TABLE}).read_bytes() == first


@pytest.mark.parametrize(("names", "shown"), [
    (["one", "two"], ["one", "two"]),
    (["history"], ["1 history"]),
    (["A/B?", "a b"], ["1 A B", "2 a b"]),
    (["x" * 40, "x" * 41], [f"1 {'x' * 29}", f"2 {'x' * 29}"]),
    (["[:*'"], ["1"]),
])
def test_sheets_have_names_that_excel_takes(tmp_path, names, shown):
    path = spreadsheet.write_workbook(tmp_path / "a.xlsx", dict.fromkeys(names, TABLE))
    assert list(sheets(path)) == shown


def test_a_head_that_stands_twice_says_of_what():
    table = Table([{"lower": .1, "expanded_lower": .2}], {"lower": "95% from", "expanded_lower": "95% from"})
    assert list(spreadsheet.tidy(table)) == ["95% from (lower)", "95% from (expanded lower)"]


def test_frames_of_a_run_are_written_with_their_index_and_times(tmp_path):
    stamp = pd.Timestamp("2026-10-31 09:30", tz="Asia/Tokyo")
    frame = pd.DataFrame({"owner": ["Sato", "Sato"], "occurred_at": [stamp, pd.NaT]})
    owners = frame.groupby("owner").size().to_frame("n")
    book = sheets(cs.write_excel(tmp_path / "a.xlsx", touches=frame, owners=owners))
    assert book["touches"][1][1].value == datetime(2026, 10, 31, 9, 30)
    assert book["touches"][1][1].number_format == "yyyy-mm-dd hh:mm" and book["touches"][2][1].value is None
    assert [cell.value for cell in book["owners"][1]] == ["Sato", 2]
    with pytest.raises(Refused, match="not the name of an Excel file: let it end in .xlsx"):
        cs.write_excel(tmp_path / "a.xls", touches=frame)


def test_each_table_of_a_notebook_is_a_file_beside_its_page():
    shown = show_table(pd.DataFrame({"name": ["=1"], "rate": [.5]}), rate="Rate", name="<b>")
    data = {**shown._repr_mimebundle_(), "text/html": shown._repr_html_()}
    output = nbformat.v4.new_output("execute_result", data=data)
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("## How <i>often</i>?"),
                                           nbformat.v4.new_code_cell(outputs=[output, output])])
    book = nbformat.reads(nbformat.writes(book), as_version=4)
    about = dict.fromkeys(["page_title", "root", "links", "stamp", "css", "lang", "dataset", "month", "simulated"], "")
    text, tables = export.page(book, about, "exports/x")
    assert list(tables) == ["1 How <i>often</i>?", "2 How <i>often</i>?"]
    assert spreadsheet.csv_text(spreadsheet.tidy(tables["1 How <i>often</i>?"])) == "\ufeffRate,<b>\r\n0.5,'=1\r\n"
    assert 'href="exports/x-2.csv"' in text and 'href="exports/x.xlsx"' in text
    assert ROWS not in text


def test_the_tables_of_the_first_page_are_whole(tmp_path):
    """a03 fell from 22 to 15, the deepest; a03, a08 and a09 are due; red is likely lost at .507 (small_run)."""
    run = small_run(tmp_path)
    run.account_facts["account_name"] = (NAMES * 2)[:len(run.account_facts)]
    write_index(View(run))
    book = sheets(tmp_path / "exports" / "index.xlsx")
    assert list(book) == ["About", "Movers", "Renewals due in 90 days", "What we believe, tested",
                          "What to do in January", "Data"]
    assert [cell.value for cell in book["About"][2]] == ["Data set", "Paper Works (simulated)"]
    movers = [[cell.value for cell in row] for row in book["Movers"]]
    assert movers[1][0] == "a03" and movers[1][5:8] == [22, 15, -7]
    due = [[cell.value for cell in row] for row in book["Renewals due in 90 days"]]
    assert [row[0] for row in due[1:]] == ["a03", "a08", "a09"] and due[1][7] == pytest.approx(.50656, rel=1e-4)
    assert not [cell for rows in book.values() for row in rows for cell in row if cell.data_type == "f"]
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert 'href="exports/index.xlsx"' in page and page.count(".csv") == 5


def test_what_excel_cannot_hold_stands_there_in_words_and_a_disk_that_refuses_is_told(tmp_path):
    frame = pd.DataFrame({"rate": [1.5, float("inf")], "list": [[1, 2], None], "truth": [np.True_, np.False_]},
                         dtype=object)
    sheet = openpyxl.load_workbook(cs.write_excel(tmp_path / "a.xlsx", a=frame))["a"]
    assert [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)] == [
        [1.5, "[1, 2]", True], ["inf", None, False]]
    with pytest.raises(FileNotFoundError):
        cs.write_excel(tmp_path / "nowhere" / "a.xlsx", a=frame)
