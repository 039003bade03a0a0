"""What the documents show works as shown."""

import re
from pathlib import Path

import duckdb
import nbformat

from cs_research.cli import app
from cs_research.ingest import ingest, open_dataset

ROOT = Path(__file__).resolve().parents[1]


def blocks(page: str, kind: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(rf"```{kind}\n(.*?)```", text, flags=re.DOTALL)


def test_the_export_with_japanese_headers_is_taken_in_whole(tmp_path):
    [csv], [mapping, _] = blocks("bring-your-own-data.md", "csv"), blocks("bring-your-own-data.md", "yaml")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "keiyaku.csv").write_text(csv, encoding="cp932")
    (tmp_path / "data" / "dataset.yml").write_text(mapping, encoding="utf-8")
    ingested = ingest(open_dataset(tmp_path / "data"), tmp_path / "run")
    assert ingested.files[["rows_in", "accepted"]].values.tolist() == [[3, 3]]
    rows = duckdb.sql(f"SELECT account_id, seats, mrr::INT, status, end_date::VARCHAR "
                      f"FROM '{ingested.folder}/contracts.parquet' ORDER BY contract_id").fetchall()
    assert rows == [("00101", 20, 60000, "renewed", "2025-10-01"), ("00101", 25, 75000, "active", "2026-10-01"),
                    ("00102", 10, 30000, "churned", "2025-11-01")]


def test_accounts_with_their_managers_are_made_of_the_contract_file(tmp_path):
    [csv], [mapping, query] = blocks("bring-your-own-data.md", "csv"), blocks("bring-your-own-data.md", "yaml")
    head, *rows = csv.splitlines()
    named = [f"{head},担当者", *(f"{row},{owner}" for row, owner in zip(rows, ("佐藤", "鈴木", "佐藤"), strict=True))]
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "keiyaku.csv").write_text("\n".join(named), encoding="utf-8")
    (tmp_path / "data" / "dataset.yml").write_text(mapping.replace("tables:\n", query), encoding="utf-8")
    folder = ingest(open_dataset(tmp_path / "data"), tmp_path / "run").folder
    assert duckdb.sql(f"SELECT account_id, owner FROM '{folder}/accounts.parquet' ORDER BY 1").fetchall() == [
        ("00101", "鈴木"), ("00102", "佐藤")]


def test_the_lines_of_the_quick_start_run(report_of, tmp_path, monkeypatch):
    """Line by line, as in a notebook, on a folder of reports; none gives an empty table."""
    (tmp_path / "reports").symlink_to(report_of("sample").parent)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for line in "".join(blocks("quick-start.md", "python")).splitlines():
        shown = line.split("#")[0].strip()
        if shown and not re.match(r"import |\w+ = ", shown):
            assert len(eval(shown, names)) if "write_excel" not in shown else eval(shown, names).is_file(), shown
        else:
            exec(line, names)
    commands = "".join(blocks("quick-start.md", "")).split("\n")
    assert {line.split()[1] for line in commands if "cs-research" in line} <= {c.name or c.callback.__name__
                                                                              for c in app.registered_commands}
    assert all((ROOT / word).exists() for line in commands for word in line.split() if "/defaults/" in word)


def test_the_answers_of_the_faq_stand_in_notebooks_under_the_question_named():
    text = re.sub(r"\s+", " ", (ROOT / "docs" / "faq.md").read_text(encoding="utf-8"))
    named = [(book, question) for place in re.findall(r"Where: (.*?)(?=\*\*|$)", text)
             for part in place.split(";") for book in re.findall(r"^\s*(\w+),", part)
             for question in re.findall(r'"([^"]+)"', part)]
    assert len(named) > 15
    for book, question in named:
        cells = nbformat.read(ROOT / "notebooks" / f"{book}.ipynb", as_version=4).cells
        assert f"## {question}" in {cell.source.splitlines()[0] for cell in cells if cell.source}, (book, question)


def test_every_link_between_documents_leads_somewhere():
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    links = [(page, link) for page in pages
             for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))]
    broken = [f"{page.name}: {link}" for page, link in links
              if not link.startswith("http") and not (page.parent / link).exists()]
    assert links and not broken


def test_every_path_of_the_repository_that_a_document_names_is_there():
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    named = [(page.name, path) for page in pages for path in re.findall(
        r"`((?:cs_research|docs|tests)/[\w./-]*)`", page.read_text(encoding="utf-8"))]
    assert len(named) > 15 and [each for each in named if not (ROOT / each[1]).exists()] == []


def test_every_test_that_the_guides_name_is_there():
    """What was seen of each fault, and what protects from each threat, is seen again by every `make test`."""
    there = {name for path in (ROOT / "tests").glob("test_*.py")
             for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)}
    for page in ("operations.md", "security.md"):
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        named = re.findall(r"`(test_\w+)`", text)
        assert len(named) > 15 and {*named} - there == set(), page
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    faults = text.partition("## Faults")[2].partition("\n## ")[0]
    rows = [re.split(r" *\| *", line.strip("| ")) for line in faults.splitlines() if line.startswith("| ")][1:]
    for fault, code, sentence, stays, test in rows:
        assert re.match(r"(0|2|3|4|74|75|137)\b", code) and sentence and stays and re.match("`test_", test), fault
    assert len(rows) > 20


def test_every_exit_code_has_its_remedy_in_the_guide():
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| (\d+) \|", text, re.MULTILINE) == re.findall(r"\b(\d+) [a-z]", app.info.epilog)
