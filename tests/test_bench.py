"""The benchmark runs on a small number of events and says what it measured."""

from cs_research.bench.ingest import RATIOS, TASKS, measure_ingest
from cs_research.bench.panel import Size, measure_panel


def test_every_task_is_timed_and_every_ratio_given():
    told: list[str] = []
    found = measure_ingest(events=2_000, repeat=1, tell=told.append)
    assert set(found["tasks"]) == set(TASKS) and len(told) == len(TASKS)
    assert all(task["seconds"] > 0 and task["mb"] > 10 for task in found["tasks"].values())
    assert {name: ratio["limit"] for name, ratio in found["ratios"].items()} == {
        name: limit for name, (_, _, limit) in RATIOS.items()}


def test_the_panel_is_measured_against_a_bare_group_by():
    found = measure_panel(Size(events=20_000, accounts=40, months=12), repeat=1, tell=lambda text: None)
    assert found["sizes"]["events"] == 20_000 and found["sizes"]["accounts"] == 40
    assert all(found[name] > 0 for name in ("scan_s", "bare_s", "panel_s", "peak_mb"))
    assert {"panel_to_bare", "bare_to_scan"} <= set(found["ratios"])
