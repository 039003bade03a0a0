"""The numbers of the three data sets' reports, held to golden tables.

A golden table changes only on purpose: `.venv/bin/pytest tests/test_golden.py --write-golden`, then read the diff.
"""

import re
from pathlib import Path

import pandas as pd
import pytest

from cs_research import open_run
from cs_research.run import Run

GOLDEN = Path(__file__).resolve().parent / "golden"
SAYS = {"sample": "Sample Works K.K.", "crm": "crm_usage 1.0", "oulad": "coursework 1.0"}


@pytest.fixture(params=SAYS)
def named_run(request, report_of) -> tuple[str, Run]:
    """A data set's name and its published report."""
    return request.param, open_run(report_of(request.param))


def scores_by_month(run: Run) -> pd.DataFrame:
    """Per month the accounts, their bands and quadrants, and mean scores of the card that leads."""
    scores = run.scores[run.scores["scorecard"] == run.dataset["scorecard"]]
    columns = {"accounts": scores["account_id"].notna(), "health_sum": scores["health"],
               "touch_sum": scores["touch_score"], "moved_into_a": scores["moved_into_a"]}
    columns |= {band: scores["health_band"] == band for band in ("red", "orange", "yellow", "green")}
    columns |= {f"quadrant_{letter}": scores["quadrant"] == letter for letter in "ABCD"}
    return pd.DataFrame(columns).astype(float).groupby(scores["month"]).sum().reset_index()


def golden_tables(run: Run) -> dict[str, pd.DataFrame]:
    """What is kept of a run: every number that a reader of the report relies on, in a few small tables."""
    outcomes = run.outcomes.assign(year=run.outcomes["due_date"].dt.year)
    return {
        "scores": scores_by_month(run),
        "retention": run.retention[run.retention["segment"] == "all"].tail(60),
        "outcomes": outcomes.groupby(["year", "outcome"], as_index=False)[["arr_before", "arr_after"]].agg(
            ["count", "sum"]).pipe(_flat),
        "findings": pd.DataFrame([{"question": f.question, "estimate": f.estimate, "lower": f.lower,
                                   "upper": f.upper, "n": f.n, "verdict": f.verdict}
                                  for f in run.findings.values()]).sort_values("question"),
        "files": run.files[["file", "table", "outcome", "rows_in", "accepted", "quarantined", "excluded"]],
    }


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.set_axis(["_".join(filter(None, map(str, name))) for name in frame.columns], axis="columns")


def test_the_numbers_are_those_of_the_golden_tables(named_run, request):
    name, run = named_run
    for table_name, table in golden_tables(run).items():
        path = GOLDEN / name / f"{table_name}.csv"
        text = table.to_csv(index=False, float_format="%.9g", lineterminator="\n")
        if request.config.getoption("--write-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8"), f"golden/{name}/{path.name} differs"


def test_no_page_shows_an_empty_number(named_run):
    name, run = named_run
    for path in run.folder.glob("*.html"):
        assert not re.search(r">\s*(nan|None|NaT|&lt;NA&gt;|inf)\s*<", path.read_text(encoding="utf-8")), path.name
    index = (run.folder / "index.html").read_text(encoding="utf-8")
    assert SAYS[name] in index and len(index.encode()) < 500_000


def test_every_bridge_adds_up_to_the_unit(named_run):
    rows = named_run[1].retention.dropna(subset=["arr_opening"])
    up = rows[["arr_opening", "arr_new", "arr_expansion"]].sum(axis=1)
    down = rows["arr_contraction"] + rows["arr_churned"]
    assert ((up - down - rows["arr_closing"]).abs() < 0.005).all() and rows.empty == (named_run[0] == "oulad")
    logos = rows["logos_opening"] + rows["logos_new"] - rows["logos_churned"]
    assert (logos == rows["logos_closing"]).all()


def test_every_claim_has_a_verdict_and_a_sentence(named_run):
    run = named_run[1]
    for claim in run.definitions.claims.claims:
        finding = run.findings[claim]
        assert finding.verdict in ("supported", "contradicted", "cannot_tell") and len(finding.sentence) > 20
        assert "nan" not in finding.sentence.lower().split()
