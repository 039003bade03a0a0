"""The whole story on a small company: made once, found again, refused in a sentence, held when it must be."""

import json
import os
import re
import shlex
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from small_data import made
from small_notebooks import write_notebook, write_recipe

from cs_research import open_run, provenance
from cs_research.definitions import load_definitions
from cs_research.errors import CannotWrite, Held, NotebookFailed, Refused
from cs_research.pipeline import Request, last_complete_month, run_month
from cs_research.report.archive import write_archive
from cs_research.runs import damage, sha256
from cs_research.simulate import simulate

PARAMETERS = 'run_dir = "../reports"\nmonth = ""\nscorecard = ""'
CELLS = ("from cs_research import open_run\nfrom cs_research.finding import Finding\nrun = open_run(run_dir)",
         "run.scores.head(3)",
         'run.record("one", Finding("share", "All is well.", n=len(run.scores)))')


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "small"
    simulate(folder, accounts=40, months=14, seed=1, truth_accounts=20)
    return folder


@pytest.fixture(scope="module")
def request_(data, tmp_path_factory) -> Request:
    root = tmp_path_factory.mktemp("root")
    write_notebook(root / "notebooks" / "one.ipynb", *CELLS, parameters=PARAMETERS)
    recipe = write_recipe(root, "kind: recipe\nnotebooks:\n  - notebook: one")
    return Request(data, root / "out", recipe=recipe, jobs=1)


@pytest.fixture(scope="module")
def index(request_) -> Path:
    return run_month(request_)


def files_of(run: Path) -> dict[str, str]:
    return {path.relative_to(run).as_posix(): sha256(path) for path in sorted(run.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(("as_of", "month"), [
    (date(2026, 10, 31), "2026-10"), (date(2026, 10, 30), "2026-09"), (date(2024, 2, 28), "2024-01"),
    (date(2024, 2, 29), "2024-02"), (date(2026, 1, 1), "2025-12"), (date(2025, 12, 31), "2025-12"),
])
def test_the_last_complete_month(as_of, month):
    assert last_complete_month(as_of) == month


def test_a_run_holds_everything_that_was_promised(index):
    run = index.parent
    assert run.name == "2026-10" and run.is_symlink() and not damage(run.resolve())
    assert {"index.html", "one.html", "run.json", "manifest.json", "tables", "definitions", "canonical",
            "notebooks"} <= set(os.listdir(run))
    opened = open_run(run)
    assert opened.findings["share"].n == len(opened.scores) > 0
    assert (opened.files["rows_in"] == opened.files[["accepted", "quarantined", "excluded"]].sum(axis=1)).all()
    assert opened.about["rows"]["scores"] == len(opened.scores)
    assert opened.definitions.scorecards["dear"].name == "dear"


def test_the_pages_reach_for_nothing_and_show_no_code_and_say_that_data_are_simulated(index):
    for name in ("index.html", "one.html"):
        text = (index.parent / name).read_text(encoding="utf-8")
        assert "Content-Security-Policy\" content=\"default-src 'none'" in text
        assert "<script" not in text and "import " not in text and "src=\"http" not in text
        assert "SIMULATED DATA" in text
        assert str(index.parents[1]) not in text


def test_the_same_again_publishes_what_is_there(index, request_):
    before = files_of(index.parent)
    told: list[str] = []
    assert run_month(replace(request_, tell=told.append)) == index
    assert "Nothing has changed" in told[-1]
    assert files_of(index.parent) == before
    assert len(list((request_.out / ".runs").glob("2026-10-*"))) == 1


def test_another_folder_gives_the_same_bytes_but_for_what_tells_of_the_making(index, request_, tmp_path):
    elsewhere = tmp_path / "data"
    shutil.copytree(request_.data, elsewhere)
    other = run_month(replace(request_, data=elsewhere, out=tmp_path / "out"))
    assert other.parent.resolve().name == index.parent.resolve().name
    telling = ("run.json", "manifest.json", "kernels.log", "steps.json", "notebooks/")
    one, two = ({name: digest for name, digest in files_of(i.parent).items() if not name.startswith(telling)}
                for i in (index, other))
    assert one == two and "one.html" in one and "tables/findings.parquet" in one


def test_the_language_changes_the_first_page_and_its_workbook_and_nothing_else(index, request_, tmp_path):
    first = run_month(replace(request_, out=tmp_path, lang="ja"))
    telling = ("index.", "exports/index.xlsx", "one.html", "run.json", "manifest.json", "kernels.log", "steps.json",
               "notebooks/")
    ja, en = ({name: digest for name, digest in files_of(i.parent).items() if not name.startswith(telling)}
              for i in (first, index))
    assert ja == en and "tables/findings.parquet" in ja
    one, same = (i.with_name("one.html").read_text(encoding="utf-8").replace(open_run(i.parent).about["id"], "")
                 for i in (first, index))
    assert one == same
    both = [(first, first.with_name("index.en.html")), (index.with_name("index.ja.html"), index)]
    for page, other in both:
        assert '<html lang="ja">' in page.read_text(encoding="utf-8")
        assert '<html lang="en">' in other.read_text(encoding="utf-8")


@pytest.mark.parametrize(("changes", "words"), [
    ({"month": "2030-01"}, "2030-01 is outside the data, which end on 2026-10-31: the last complete month is 2026-10"),
    ({"month": "2020-01"}, "2020-01 is outside the data, which begin in"),
    ({"data": Path("nowhere")}, "'nowhere' does not exist"),
    ({"recipe": Path("nowhere.yml")}, "no recipe"),
    ({"lang": "xx"}, "--lang 'xx' is not possible: it is en or ja"),
])
def test_what_cannot_be_done_is_refused_and_earlier_reports_stay(index, request_, changes, words):
    before = files_of(index.parent)
    with pytest.raises(Refused, match=words):
        run_month(replace(request_, **changes))
    assert files_of(index.parent) == before
    assert {p.name for p in request_.out.iterdir()} == {".runs", "2026-10", "index.html"}


def test_a_run_whose_contracts_are_all_set_aside_says_so(tmp_path):
    data = made(tmp_path / "my data", contracts="account_id,contract_id,start_date,end_date,seats\n1,C1,never,,1\n" * 2)
    told = "No contract can be used: of 3 rows 3 were set aside .R_DATE_FORMAT, R_HEADER_REPEATED. and 0 excluded"
    with pytest.raises(Refused, match=f"{told} .*`cs-research check '.*my data'` tells why, and where"):
        run_month(Request(data, tmp_path / "out"))


@pytest.mark.parametrize("change", [lambda path: path.write_text(f"{path.read_text()}\n"), Path.unlink])
def test_data_that_change_while_they_are_read_are_refused(request_, tmp_path, change):
    data = tmp_path / "data"
    shutil.copytree(request_.data, data)
    changed: list[str] = []

    def disturb(step: str, _: float) -> None:
        if step.startswith("Tables"):
            raise AssertionError("the change was not seen")
        if not changed:
            changed.append(step)
            change(data / "dataset.yml")

    with pytest.raises(Refused, match=r"changed while they were read \(dataset.yml\): run again when"):
        run_month(replace(request_, data=data, out=tmp_path / "out", progress=disturb))
    assert not list((tmp_path / "out").glob("20*"))


def test_a_failing_notebook_leaves_the_earlier_report_and_itself_to_look_at(index, request_, tmp_path):
    before = files_of(index.parent)
    write_notebook(tmp_path / "notebooks" / "one.ipynb", "1 / 0", parameters=PARAMETERS)
    recipe = write_recipe(tmp_path, "kind: recipe\nnotebooks:\n  - notebook: one")
    with pytest.raises(NotebookFailed, match=r"code cell 2 \(ZeroDivisionError") as failure:
        run_month(replace(request_, recipe=recipe))
    assert files_of(index.parent) == before
    kept = next((request_.out / ".runs").glob("making-*/notebooks/one.ipynb"))
    assert str(kept) in failure.value.remedy
    run_month(request_)
    assert not kept.exists()


def test_an_incomplete_month_is_built_held_and_published_once_acknowledged(request_, tmp_path):
    early = replace(request_, as_of="2026-10-15", month="2026-10", out=tmp_path / "my out")
    with pytest.raises(Held, match="not complete: the data end on 2026-10-15") as held:
        run_month(early)
    words = shlex.split(re.search("`(.*)`", held.value.remedy)[1])
    options = {"--month": "2026-10", "--out": str(early.out), "--as-of": "2026-10-15", "--recipe": str(early.recipe),
               "--jobs": "1", "--acknowledge": "H_INCOMPLETE"}
    assert words == ["cs-research", "run", str(early.data), *(word for pair in options.items() for word in pair)]
    assert not (early.out / "2026-10").exists()
    built = next((early.out / ".runs").glob("2026-10-*"))
    index = run_month(replace(early, acknowledged=frozenset({"H_INCOMPLETE"})))
    assert index.parent.resolve() == built.resolve()


def test_an_export_that_shrank_since_last_month_is_held_and_the_report_says_so(request_, tmp_path):
    last = replace(request_, month="2026-09", out=tmp_path / "out")
    run_month(last)
    small = tmp_path / "data"
    shutil.copytree(request_.data, small)
    meetings = (small / "meetings.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (small / "meetings.csv").write_text("".join(meetings[:3]), encoding="utf-8")
    shrunken = replace(last, data=small, month="2026-10")
    with pytest.raises(Held, match="meetings has 2 rows after [0-9]+ a month ago.*--acknowledge H_SHRUNKEN"):
        run_month(shrunken)
    index = run_month(replace(shrunken, acknowledged=frozenset({"H_SHRUNKEN"})))
    assert "Published only after acknowledgement: meetings has 2 rows" in index.read_text(encoding="utf-8")


def test_a_flipped_bit_in_a_kept_run_is_seen_and_the_run_is_made_again(index, request_):
    run = index.parent.resolve()
    table = run / "tables" / "scores.parquet"
    whole = sha256(table)
    content = bytearray(table.read_bytes())
    content[len(content) // 2] ^= 1
    table.chmod(0o644)
    table.write_bytes(content)
    with pytest.raises(Refused, match="tables/scores.parquet of the run in .* has changed.*make the report"):
        open_run(index.parent).table("scores")
    assert run_month(request_) == index
    assert sha256(index.parent / "tables" / "scores.parquet") == whole
    assert not run.exists()


def test_the_id_is_made_of_the_definitions_and_the_suite_too(index):
    about = json.loads((index.parent / "run.json").read_text(encoding="utf-8"))
    assert "cs_research/pipeline.py" in about["sources"] and "cs_research/sql/measures.sql" in about["sources"]
    assert {"scorecard dear 1.0", "outcomes"} <= set(about["definitions"])
    assert {"python", "duckdb", "pandas"} <= set(about["packages"])
    assert set(about["inputs"]) >= {"contracts.csv", "dataset.yml", "users.parquet"}
    assert provenance.PACKAGE.name == "cs_research"


def test_the_page_of_all_months_lists_what_is_published_and_names_what_is_damaged(index, request_, tmp_path):
    assert '<h2><a href="2026-10/index.html">October 2026</a></h2>' in (
        request_.out / "index.html").read_text(encoding="utf-8")
    for month in ("2026-08", "2026-09", "2026-10"):
        shutil.copytree(index.parent.resolve(), tmp_path / month)
        about = (tmp_path / month / "run.json").read_text(encoding="utf-8").replace('"2026-10"', f'"{month}"')
        (tmp_path / month / "manifest.json").unlink()
        (tmp_path / month / "run.json").unlink()
        told = json.loads(about)
        assert told.pop("tiles")[0].keys() == {"key", "value", "lower", "upper"}
        if month != "2026-08":  # which an earlier version made
            told["tiles"] = [{"key": key, "value": .953, "lower": .892, "upper": 1.02} for key in
                             ("tile_nrr", "tile_logo_churn_month", "tile_red")]
        (tmp_path / month / "run.json").write_text(json.dumps(told), encoding="utf-8")
    (tmp_path / "2026-09" / "manifest.json").write_text("{", encoding="utf-8")
    (tmp_path / "2026-10.pdf").write_text("", encoding="utf-8")
    text = write_archive(tmp_path).read_text(encoding="utf-8")
    assert re.findall('href="(.*?)"', text) == ["2026-10/index.html", "2026-10.pdf", "2026-09/index.html",
                                                "2026-08/index.html"]
    assert text.count("<b>95%</b> <span class=\"soft\">89–102%</span>") == 3
    assert "The files of this month have changed since it was made" in text and str(tmp_path) not in text
    assert "<dt>Accounts lost this month</dt>" in text and "<dt>Share in the worst band</dt>" in text
    assert text.count("An earlier version made this month") == 1
    assert "August 2026" in text and "September 2026" not in text


def test_what_lies_beside_a_run_gives_it_no_other_id():
    parts, known, day = {"inputs": {"a.csv": "0"}}, load_definitions(), date(2026, 10, 31)
    found = [provenance.described(parts, known, month, day, {}, None, before)
            for month, before in (("2026-10", {}), ("2026-10", {"users": 500}), ("2026-09", {}))]
    assert found[0]["id"] == found[1]["id"] != found[2]["id"] and found[1]["rows_before"] == {"users": 500}


def test_a_page_of_someone_else_is_not_written_over(tmp_path):
    (tmp_path / "index.html").write_text("<h1>Mine</h1>", encoding="utf-8")
    with pytest.raises(CannotWrite, match="move it away"):
        write_archive(tmp_path)
    assert (tmp_path / "index.html").read_text(encoding="utf-8") == "<h1>Mine</h1>"


def test_a_pdf_lies_beside_its_month_until_another_run_takes_the_place(index, request_, chromium):
    pdf = request_.out / "2026-10.pdf"
    run_month(replace(request_, pdf=True))
    assert pdf.read_bytes().startswith(b"%PDF-") and not damage(index.parent.resolve())
    run_month(request_)
    assert pdf.is_file(), "what it shows has not changed"
    index.parent.unlink()
    index.parent.symlink_to(".runs")
    run_month(request_)
    assert not pdf.exists()


def test_without_a_browser_a_pdf_is_refused_before_anything_is_made(data, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refused, match="no Chromium or Chrome .* apt-get install chromium"):
        run_month(Request(data, tmp_path / "out", pdf=True))
    assert not (tmp_path / "out").exists()
