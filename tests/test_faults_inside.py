"""What a run meets inside itself: cells that fail, never end or ask for too much, data that lack something."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from small_notebooks import write_notebook
from test_faults import MONTH, PARAMETERS, STATED, Place, place, write_data

from cs_research import doctor, open_run

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks at processes under /proc")

OPENED = "from cs_research import open_run\nfrom cs_research.finding import Finding\nrun = open_run(run_dir)"
RECORDED = 'run.record("one", Finding("share", "All is well.", n=len(run.scores)))'
GREEDY = "import resource\nresource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))\nbytearray(4 << 30)"


def ends(place: Place, code: int, words: str, **request: object) -> None:
    """A run ends with the code and one sentence that says the words; the report of before stays."""
    before = place.published()
    place.log.unlink()
    place.begin(**request)
    assert place.ended() == code, place.log.read_text(encoding="utf-8")
    (told,) = re.findall("^cs-research: (.*)$", place.log.read_text(encoding="utf-8"), re.MULTILINE)
    assert re.search(words, told) and told.endswith((".", "?")), told
    assert "Traceback" not in place.log.read_text(encoding="utf-8")
    assert place.published() == before


@pytest.mark.parametrize("place", [(OPENED, RECORDED)], indirect=True)
def test_whatever_a_cell_does_its_number_is_told_and_the_next_run_needs_no_repair(place):
    place.make()
    before = place.published()
    write_data(place.root / "data", 90)
    for cell, words in {
        "1 / 0": r"Notebook one stopped in code cell 3 \(ZeroDivisionError: division by zero\)",
        "while True: pass": r"Notebook one stopped in code cell 3 \(.*timed out.* 2 seconds",
        "import sys; sys.exit(0)": "Notebook one ended early, in code cell 3",
        GREEDY: r"Notebook one stopped in code cell 3 \(MemoryError\)",
    }.items():
        write_notebook(place.root / "notebooks" / "one.ipynb", "1 + 1", cell, RECORDED, parameters=PARAMETERS)
        ends(place, 3, words, cell_seconds=2 if "while" in cell else 60)
    write_notebook(place.root / "notebooks" / "one.ipynb", OPENED, RECORDED, parameters=PARAMETERS)
    place.make()
    assert place.published() != before and place.left_over() == []


def no_october(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if ",2025-10-" not in line)


def head_alone(text: str) -> str:
    return text.splitlines(keepends=True)[0]


ACCOUNTS = "account_id,account_name\n" + "".join(f"{i:03},Account {i}\n" for i in range(12))


@pytest.mark.parametrize(("name", "change", "code", "words"), [
    ("usage_events.csv", no_october, 4, "usage_events has no rows of 2025-10: .*--acknowledge H_MONTH_MISSING"),
    ("contracts.csv", head_alone, 2, "F_NO_ROWS contracts.csv: the file has a header and no rows: export it again"),
    ("accounts.csv", head_alone, 2, "F_NO_ROWS accounts.csv: the file has a header and no rows: export it again"),
    ("contracts.csv", lambda text: None, 2, "contracts"),
])
def test_an_export_that_lacks_a_month_or_every_account_replaces_no_report(place, name, change, code, words):
    data = place.root / "data"
    if name == "accounts.csv":
        (data / name).write_text(ACCOUNTS, encoding="utf-8")
    place.make()
    before, whole = place.published(), (data / name).read_text(encoding="utf-8")
    lacking = change(whole)
    (data / name).unlink() if lacking is None else (data / name).write_text(lacking, encoding="utf-8")
    ends(place, code, words)
    (data / name).write_text(whole, encoding="utf-8")
    place.make()
    assert place.published() == before, "the export came again as it was"


def test_a_notebook_that_holds_tables_open_hinders_no_run_and_reads_on(place):
    place.make()
    before = place.published()
    run = open_run(place.out / MONTH)
    with duckdb.connect() as con, (before / "tables" / "scores.parquet").open("rb") as held:
        rows = con.execute("SELECT * FROM read_parquet(?)", [f"{place.out}/{MONTH}/tables/scores.parquet"])
        first = rows.fetchone()
        write_data(place.root / "data", 90)
        place.make()
        assert place.published() != before
        assert first and held.read(4) == b"PAR1" and len(rows.fetchall()) == len(run.scores) - 1
        assert len(run.indicators), "what it had not read yet is there, of the run that it opened"


def test_a_clock_set_back_changes_no_report_and_hinders_none(place):
    later = "2099-01-01T00:00:00+00:00"
    place.begin(now=later)
    assert place.ended() == 0, place.log.read_text(encoding="utf-8")
    before = place.published()
    assert json.loads((before / "run.json").read_text(encoding="utf-8"))["started"] == later
    assert [check.seen for check in doctor.examine(place.out) if check.state == "warning"
            and check.seen.startswith("The clock says")]
    place.make()
    assert place.published() == before, "the same data give the same run, whatever the clock says"
    write_data(place.root / "data", 90)
    place.make()
    assert place.published() != before
    assert open_run(place.out / MONTH).about["started"] < str(datetime.now(UTC).year + 1)
