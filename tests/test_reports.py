"""The report of every data set, from exports to pages, and the notebooks as an analyst opens them."""

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from test_faults import bytes_of

from cs_research import open_run
from cs_research.runs import damage

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
DATA_SETS = ("sample", "crm", "oulad")


class Page(HTMLParser):
    """What a page links to, loads and names."""

    def __init__(self, path: Path):
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.pictures: list[dict] = []
        self.depth = 0
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append(tag)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if tag == "a" and found.get("href") else []
        self.loaded += [found[name] for name in ("src", "data", "srcset", "poster") if name in found]
        if tag == "svg":
            self.pictures += [found] if self.depth == 0 else []
            self.depth += 1

    def handle_endtag(self, tag):
        self.depth -= tag == "svg"


@pytest.mark.parametrize("name", DATA_SETS)
def test_a_report_is_whole_and_its_books_add_up(name, report_of):
    folder = report_of(name)
    run = open_run(folder)
    assert not damage(folder.resolve())
    files = run.files.dropna(subset=["rows_in"])
    assert (files["rows_in"] == files["accepted"] + files["quarantined"] + files["excluded"]).all()
    assert len(run.scores) and len(run.history) and run.findings
    assert {path.stem for path in folder.glob("*.html")} == {"index", "index.ja", *NOTEBOOKS} - {
        "account", "rescore", "holdout", "sandbox"}
    listed = {link for link in Page(folder / "index.html").links if link.startswith("accounts/")}
    assert listed == {path.relative_to(folder).as_posix() for path in folder.glob("accounts/*.html")}
    assert 0 < len(listed) <= 30


@pytest.mark.parametrize("name", DATA_SETS)
def test_every_page_stands_alone_and_links_to_the_others(name, report_of):
    folder = report_of(name)
    simulated = open_run(folder).dataset["simulated"]
    for path in [*folder.glob("*.html"), *folder.glob("accounts/*.html")]:
        page, text = Page(path), path.read_text(encoding="utf-8")
        assert not [place for place in page.loaded if not place.startswith("data:")], path.name
        assert not {"script", "iframe", "link", "form", "object"} & set(page.tags), path.name
        assert len(page.ids) == len(set(page.ids)), f"{path.name}: an id stands twice"
        assert page.tags.count("h1") == 1, path.name
        for picture in page.pictures:
            assert picture.get("aria-hidden") == "true" or picture.get("role") == "img", path.name
        for link in page.links:
            there = os.path.normpath(path.parent / link.partition("#")[0])  # as a browser does
            assert re.match("https://|#", link) or os.path.isfile(there), f"{path.name}: {link}"
        assert (("シミュレーションデータ" if path.stem == "index.ja" else "SIMULATED DATA") in text) == simulated
        assert str(ROOT) not in text and "Traceback" not in text


def test_every_table_of_a_page_is_a_file_of_as_many_rows(report_of):
    folder = report_of("sample")
    for path in [*folder.glob("0*.html"), *folder.glob("accounts/*.html")]:
        text = path.read_text(encoding="utf-8")
        files = [path.parent / link for link in Page(path).links if link.endswith(".csv")]
        rows = [table.count("<tr>") - 1 for table in re.findall("<table.*?</table>", text, flags=re.DOTALL)]
        assert rows == [len(pd.read_csv(file, dtype=str)) for file in files], path.name


def test_the_notebooks_run_as_an_analyst_opens_them(report_of, tmp_path):
    # Beside a folder of reports, with the parameters that stand in them.
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    (tmp_path / "reports").symlink_to(report_of("sample").parent)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval-lax", "--rootdir", tmp_path]
    done = subprocess.run([*command, "notebooks"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    assert re.search(r"[1-9][0-9]* passed", done.stdout)


@pytest.mark.soak
def test_another_clone_on_another_machine_gives_the_same_bytes_of_every_table_page_and_export(report_of, tmp_path):
    """Another folder, zone, language, seed of hashes, number of threads and of notebooks at once; both languages."""
    clone = tmp_path / "a clone elsewhere"
    for part in ("cs_research", "notebooks", "reports/monthly.yml", "data/sample"):
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        (clone / part).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / part, clone / part)
    environment = {**os.environ, "PYTHONPATH": str(clone), "TZ": "Pacific/Kiritimati", "LANG": "ja_JP.UTF-8",
                   "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "4711", "OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "3"}
    one_processor = ["taskset", "-c", "0"] if shutil.which("taskset") else []
    command = [*one_processor, sys.executable, "-m", "cs_research", "run", "data/sample", "--month", "2026-10", "--out",
               str(tmp_path / "out"), "--jobs", "1"]
    done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    here, there = (bytes_of(folder.resolve()) for folder in (report_of("sample"), tmp_path / "out" / "2026-10"))
    assert here == there
    assert {"tables/scores.parquet", "tables/findings.parquet", "canonical/contracts.parquet", "index.html",
            "index.ja.html", "02_health.html"} <= set(here)
    assert {Path(name).suffix for name in here if name.startswith("exports/")} == {".csv", ".xlsx"}
    assert any(name.startswith("accounts/") for name in here)
