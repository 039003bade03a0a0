"""The benchmark runs on a small number of events and says what it measured."""

from cs_research.bench import RATIOS, TASKS, measure_ingest


def test_every_task_is_timed_and_every_ratio_given():
    told: list[str] = []
    found = measure_ingest(events=2_000, repeat=1, tell=told.append)
    assert set(found["tasks"]) == set(TASKS) and len(told) == len(TASKS)
    assert all(task["seconds"] > 0 and task["mb"] > 10 for task in found["tasks"].values())
    assert {name: ratio["limit"] for name, ratio in found["ratios"].items()} == {
        name: limit for name, (_, _, limit) in RATIOS.items()}
