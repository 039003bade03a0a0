"""The benchmark runs on a small number of events, says what it measured, and finds out where pandas differs."""

import json

import pandas as pd
import pytest

from cs_research.bench import Size, measure
from cs_research.bench.ingest import RATIOS, TASKS
from cs_research.bench.page import write_page
from cs_research.bench.panel import differences
from cs_research.bench.timing import ratio


def test_every_task_of_ingest_is_timed_and_every_ratio_given():
    found = measure("ingest", Size(events=2_000), repeat=1, tell=lambda text: None)
    assert set(found["tasks"]) == set(TASKS)
    assert all(task["seconds"] > 0 and task["mb"] > 10 for task in found["tasks"].values())
    assert {name: ratio["limit"] for name, ratio in found["ratios"].items()} == {
        name: limit for name, (_, _, limit) in RATIOS.items()}


def test_the_simulator_is_timed():
    found = measure("simulate", Size(accounts=20, months=3), repeat=1, tell=lambda text: None)
    assert found["tasks"]["simulate"]["seconds"] > 0 and found["sizes"]["usage_events"] > 100


@pytest.fixture(scope="module")
def panel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    found = measure("panel", Size(events=60_000, accounts=50, months=24), 1, folder / "performance.md",
                    folder / "panel.json", tell=lambda text: None)
    write_page(folder / "performance.md", "panel", found)  # takes the place of the first
    return json.loads((folder / "panel.json").read_text()), (folder / "performance.md").read_text()


def test_the_panel_is_measured_and_pandas_finds_the_same(panel):
    found, _ = panel
    assert found["identical"] and set(found["differences"].values()) == {0} and len(found["differences"]) >= 16
    assert all(found[name] > 0 for name in ("scan_s", "bare_s", "panel_s", "pandas_s", "incremental_s", "peak_mb"))
    assert {"panel_to_bare", "bare_to_scan", "pandas_to_panel", "incremental_to_panel"} == set(found["ratios"])
    assert {"machine", "versions", "date", "steps"} <= set(found)


def test_the_data_have_the_sizes_and_the_skew_that_are_told(panel):
    sizes = panel[0]["sizes"]
    assert (sizes["events"], sizes["touches"], sizes["accounts"], sizes["months"]) == (60_000, 1_200, 50, 24)
    assert 0.09 < sizes["events_recorded_late"] / sizes["events"] < 0.11
    assert 0.02 < sizes["events_recorded_in_a_later_month"] / sizes["events"] < 0.06


def test_the_page_has_one_section_with_every_ratio(panel):
    found, page = panel
    assert page.count("\n## Panel: 60,000 events, 50 accounts, 24 months\n") == 1
    assert f"| panel to bare | {found['ratios']['panel_to_bare']['ratio']} |" in page
    assert "All ways lead to the same numbers: yes." in page


@pytest.mark.soak
def test_scaling_halves_one_size_at_a_time():
    found = measure("scaling", Size(events=4_000, accounts=8, months=6), repeat=1, tell=lambda text: None)
    rows = {row["halved"]: (row["events"], row["accounts"], row["months"]) for row in found["grid"]}
    assert rows == {"all": (4_000, 8, 6), "events": (2_000, 8, 6), "accounts": (4_000, 4, 6), "users": (4_000, 8, 6),
                    "months": (4_000, 8, 3)}


@pytest.mark.soak
def test_a_report_is_set_against_its_notebooks_with_only_their_imports():
    found = measure("report", Size(events=30_000, accounts=40, months=12), repeat=1, tell=lambda text: None)
    seconds = {name: task["seconds"] for name, task in found["tasks"].items()}
    assert seconds["imports"] < seconds["sample"] and set(found["ratios"]) == {"sample_to_imports", "company_to_panel"}
    assert abs(seconds["beyond"] - (seconds["company"] - seconds["imports"])) < 1e-9


OURS = pd.DataFrame({"account_id": ["a", "b"], "month": pd.to_datetime(["2026-10-01"] * 2), "is_history": [True] * 2,
                     "active_users": [3.0, 4.0], "touch_score": [0.25, 0.5]})
THEIRS = OURS.assign(month=2026 * 12 + 10)


@pytest.mark.parametrize(("column", "value", "apart"), [
    ("touch_score", 0.25 + 1e-12, 0), ("touch_score", 0.25 + 1e-6, 1e-6), ("touch_score", None, 9e99),
    ("active_users", 2.0, 1), ("active_users", 3.0 + 1e-12, 0)])
def test_a_difference_beyond_rounding_is_found(column, value, apart):
    theirs = THEIRS.copy()
    theirs.loc[0, column] = value
    assert differences(OURS, theirs)[column] == pytest.approx(apart)


def test_of_fewer_accounts_only_those_are_compared_and_a_row_that_is_missing_is_told():
    assert set(differences(OURS, THEIRS.head(1)).values()) == {0}
    assert set(differences(OURS.head(1), THEIRS).values()) == {float("inf")}


def test_ratios_are_within_the_rounds_and_of_a_task_that_ran_once_to_the_others_median():
    runs = {name: [{"seconds": second} for second in seconds] for name, seconds in {
        "once": [60.0], "panel": [5.0, 6.0, 9.0], "bare": [1.0, 2.0, 2.0]}.items()}
    assert ratio(runs, "once", "panel") == 10.0 and ratio(runs, "panel", "bare") == 4.5
