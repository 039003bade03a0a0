"""Nothing in the data can act: no code is made of it, and hostile names come out of every door as plain text."""

import ast
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import nbformat
import openpyxl
import pandas as pd
import pytest
from hostile import HOSTILE
from small_data import made
from test_figures import BANDS, CARD, FEW, RATE, finding

from cs_research import figures
from cs_research.__main__ import exit_code
from cs_research.display import show_table
from cs_research.errors import Refused
from cs_research.report.export import page
from cs_research.report.spreadsheet import write_tables

ROOT = Path(__file__).resolve().parents[1]
# What makes code of data, or markup of text that nobody has looked at.
MODULES = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
CALLS = {"eval", "exec", "compile", "__import__", "read_pickle", "to_pickle", "unsafe_load", "full_load", "system",
         "popen", "to_html", "extractall"}
WORDS = {"style", "Styler", "render_links", "allow_pickle", "UnsafeLoader", "FullLoader"}


def unsafe(source: str) -> Iterator[str]:
    """What in a Python text may make code or markup of data."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ({alias.name.split(".")[0] for alias in node.names} & MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in MODULES:
            yield node.module
        elif isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            of = getattr(getattr(node.func, "value", None), "id", "")
            if name in CALLS and (of, name) not in {("re", "compile"), ("platform", "system")}:
                yield name
            asked = node.args[0] if name == "query" and isinstance(node.func, ast.Attribute) else None
            if (of, name) == ("yaml", "load") or isinstance(asked, ast.JoinedStr | ast.BinOp):
                yield name
            for word in node.keywords:
                if word.arg in {"shell", *WORDS} and getattr(word.value, "value", True):
                    yield word.arg
        elif isinstance(node, ast.Attribute) and node.attr in WORDS and ast.unparse(node.value) != "node":
            yield node.attr


SOURCES = sorted([*(ROOT / "cs_research").rglob("*.py"), *(ROOT / "notebooks").glob("*.ipynb")])


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_code_or_markup_is_made_of_data(path):
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        text = "\n".join(cell.source for cell in nbformat.reads(text, as_version=4).cells if cell.cell_type == "code")
    assert list(unsafe(text)) == []


@pytest.mark.parametrize("text", [
    "import pickle", "from joblib import load", "eval(name)", "exec(name)", "pd.read_pickle(path)", "os.system(name)",
    "yaml.load(text)", "yaml.load(text, Loader=yaml.UnsafeLoader)", "subprocess.run(name, shell=True)", "f.to_html()",
    "frame.style.format()", "frame.query(f'name == {name}')", "np.load(path, allow_pickle=True)", "compile(a, b, c)",
    "table(render_links=True)"])
def test_the_search_for_unsafe_code_finds_it(text):
    assert list(unsafe(text))


def test_templates_mark_nothing_as_safe():
    templates = list((ROOT / "cs_research").rglob("*.j2"))
    assert templates and not [path.name for path in templates
                              if re.search(r"\|\s*safe|autoescape", path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_in_a_drawing_is_text_and_crashes_none(name):
    drawn = (figures.draw_rates(finding({"group": name, **RATE}, {"group": f"{name} too", **FEW}, claimed=0.5)),
             figures.draw_indicators(finding({"indicator": "D-1", "name": name, "not_measured": 0.0, **BANDS}), CARD),
             figures.draw_bands(finding(*({"band": band, "accounts": 9, "share": s, "lower": None, "upper": None}
                                          for band, s in BANDS.items()), question=name)))
    for chart in drawn:
        root = ET.fromstring(chart.svg)
        assert {element.tag.rpartition("}")[2] for element in root.iter()}.isdisjoint(
            {"script", "image", "foreignObject", "a", "img"})
        assert not any(key.lower().startswith("on") for element in root.iter() for key in element.attrib)
    told = "".join(ET.fromstring(drawn[0].svg).itertext())
    assert "".join(name.split())[:20] in "".join(told.split())


def test_hostile_names_in_tables_are_text_on_the_page_and_in_its_files(tmp_path):
    rows = pd.DataFrame({"account_name": HOSTILE, "owner": HOSTILE[::-1]})
    table = show_table(rows, HOSTILE[0], account_name=HOSTILE[3], owner=HOSTILE[1])
    cell = nbformat.v4.new_code_cell("", outputs=[nbformat.v4.new_output("display_data", table._repr_mimebundle_())])
    about = {"page_title": HOSTILE[10], "root": "", "links": [], "accounts": {}, "stamp": [("Data set", HOSTILE[0])],
             "css": "", "lang": "en", "dataset": HOSTILE[0], "month": "2026-10", "simulated": False}
    text, tables = page(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("## What?"), cell]), about)
    assert not re.search(r"<(script|img|a href=.?(javascript|//))|<svg onload|on(error|load)=[^&]*>", text)
    assert "&lt;script&gt;alert(1)" in text and len(tables) == 1
    write_tables(tmp_path / "a", tables, {"Data set": HOSTILE[3]})
    listed = pd.read_csv(tmp_path / "a-1.csv", dtype=str, keep_default_na=False)
    assert all(cell in (name, f"'{name}") for cell, name in zip(listed.iloc[:, 0], HOSTILE, strict=True))
    cells = [*listed.columns, *listed.to_numpy().flat]
    assert len(cells) == 2 + 2 * len(HOSTILE) and not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@")]
    sheets = openpyxl.load_workbook(tmp_path / "a.xlsx")
    assert not [cell for sheet in sheets for row in sheet.iter_rows() for cell in row
                if cell.data_type == "f" or cell.hyperlink]


def test_hostile_values_come_out_of_check_as_json_and_command_no_terminal(tmp_path, capsys):
    values = [*HOSTILE, "\x1b[31mred\x1b[0m", "\x1b]0;title\x07"]
    lines = "".join('{},C{},"{}",,5\n'.format(n, n, value.replace('"', '""')) for n, value in enumerate(values))
    folder = made(tmp_path / "data", contracts=f"account_id,contract_id,start_date,end_date,seats\n{lines}")
    exit_code(["check", str(folder), "--json", str(tmp_path / "check.json"), "--out", str(tmp_path)])
    text = (tmp_path / "check.json").read_text(encoding="utf-8")
    shown = [row["value"] for file in json.loads(text)["files"] for row in file["rows"]]
    assert {*HOSTILE} <= {*shown} and "\x1b" not in text
    assert "\x1b]" not in capsys.readouterr().out


def test_a_sentence_is_one_line_and_commands_no_terminal():
    told = str(Refused("There is no account '\x1b]0;title\x07\n\x9b31m'", "look\x00"))
    assert told == "There is no account ' ]0;title   31m': look ."
