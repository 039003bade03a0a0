"""A run is opened by its month, read lazily, and records Findings until it is finished."""

import json
import subprocess
import sys

import pandas as pd
import pytest

import cs_research
from cs_research import open_run, runs
from cs_research.definitions.models import Scorecard
from cs_research.errors import NotebookFailed, Refused
from cs_research.finding import Finding
from cs_research.tables import write_table

ABOUT = {"month": "2026-10", "as_of": "2026-10-31", "id": "abc", "rows": {"scores": 2},
         "dataset": {"name": "Aoba <b>", "zone": "Asia/Tokyo", "simulated": True, "scorecard": "dear"}}


@pytest.fixture
def reports(tmp_path):
    for month in ("2026-09", "2026-10"):
        run = tmp_path / ".runs" / f"{month}-abc"
        (run / "tables").mkdir(parents=True)
        (run / "run.json").write_text(json.dumps({**ABOUT, "month": month}))
        (tmp_path / month).symlink_to(run)
    frame = pd.DataFrame({"account_id": ["00123", "00045"], "month": pd.to_datetime(["2026-10-01"] * 2),
                          "scorecard": "dear", "version": "1", "health": [26.0, None]})
    write_table(frame, tmp_path / "2026-10" / "tables" / "scores.parquet")
    return tmp_path


def test_a_reports_folder_opens_its_newest_month(reports):
    assert open_run(reports).month == open_run(reports / "2026-10").month == pd.Timestamp("2026-10-01").date()
    assert open_run(reports / ".runs" / "2026-09-abc").month.month == 9


def test_an_opened_run_stays_the_one_it_was_when_the_link_moves(reports):
    run = open_run(reports / "2026-10")
    (reports / "2026-10").unlink()
    assert len(run.scores) == 2


def test_ids_stay_text_and_months_are_dates(reports):
    scores = open_run(reports).scores
    assert scores["account_id"].tolist() == ["00045", "00123"]
    assert pd.api.types.is_string_dtype(scores["account_id"])
    assert pd.api.types.is_datetime64_dtype(scores["month"])


def test_a_table_changed_by_a_notebook_is_read_whole_again(reports):
    run = open_run(reports)
    mine = run.scores
    mine["health"] = 0
    mine.loc[0, "account_id"] = "x"
    assert run.scores["health"].tolist()[1] == 26.0
    assert run.scores["account_id"].tolist()[0] == "00045"


def test_an_unknown_table_names_the_nearest(reports):
    with pytest.raises(AttributeError, match="no table 'score': did you mean 'scores'"):
        open_run(reports).score  # noqa: B018
    assert not hasattr(open_run(reports), "retention")


def test_the_rows_of_a_card_are_read_alone_from_a_month_up_to_another(reports):
    months, folder = pd.date_range("2026-07-01", periods=4, freq="MS"), reports / "2026-10" / "tables"
    rows = pd.MultiIndex.from_product([["a"], months, ["dear", "usage"], ["1", "2"]],
                                      names=["account_id", "month", "scorecard", "version"]).to_frame(index=False)
    write_table(rows.assign(health=range(len(rows))), folder / "history.parquet")
    run, card = open_run(reports), Scorecard.model_construct(name="dear", version="2")
    assert run.of_card("history", card)["health"].tolist() == [1, 5, 9, 13]
    assert run.of_card("history", card, months[2], months[1])["health"].tolist() == [5, 9]
    with pytest.raises(Refused, match="no table of cards 'histories': did you mean 'history'"):
        run.of_card("histories", card)


@pytest.mark.parametrize("place", ["2026-11", "nowhere/2026-11"])
def test_a_month_that_is_not_there_names_those_that_are(reports, place):
    with pytest.raises(Refused, match="2026-09, 2026-10" if place == "2026-11" else "make report"):
        open_run(reports / place)


def test_findings_are_those_recorded_so_far_then_those_of_the_table(reports):
    run = open_run(reports)
    finding = Finding("share_green", "23% are green.", .23, .2, .27, n=381, details={"rows": [{"band": "green"}]})
    run.record("02_health", finding, Finding("empty", "Nothing."))
    assert run.findings["share_green"] == finding
    write_table(pd.DataFrame([f.as_record() for f in run.findings.values()]),
                run.folder / "tables" / "findings.parquet")
    (run.folder / "results" / "02_health.json").unlink()
    assert open_run(reports).findings == {"share_green": finding, "empty": Finding("empty", "Nothing.")}


def test_a_question_that_two_notebooks_answer_is_refused(reports):
    run = open_run(reports)
    run.record("02_health", Finding("share_green", "23% are green."))
    run.record("03_touch", Finding("share_green", "24% are green."))
    with pytest.raises(NotebookFailed, match="'share_green' is answered twice, by 02_health and by 03_touch: record"):
        run.findings  # noqa: B018


@pytest.mark.parametrize("name", ["run.json", "tables/scores.parquet", "canonical/contracts.parquet",
                                  "definitions/outcomes.yml"])
def test_a_damaged_file_of_a_finished_run_is_named_before_it_is_read(reports, name):
    folder = (reports / "2026-10").resolve()
    for extra in ("canonical/contracts.parquet", "definitions/outcomes.yml"):
        (folder / extra).parent.mkdir()
        (folder / extra).write_text("not read")
    files = [path for path in folder.rglob("*") if path.is_file()]
    runs.write_json(folder / "manifest.json", {"files": runs.file_hashes(files, folder)})
    assert len(open_run(folder).scores) == 2
    (folder / name).write_bytes((folder / name).read_bytes() + b" ")
    with pytest.raises(Refused, match=f"{name} of the run in .* has changed since the run was made: make the report"):
        run = open_run(folder)
        run.canonical("contracts") if "canonical" in name else run.definitions if "def" in name else run.table("scores")


def test_a_finished_run_records_nothing_and_a_name_is_no_path(reports):
    run = open_run(reports)
    with pytest.raises(Refused, match="not the name of a notebook"):
        run.record("../02_health")
    runs.write_json(run.folder / "manifest.json", {"files": {}})
    run.record("02_health")
    assert not (run.folder / "results").exists()


def test_a_run_shows_itself_without_a_path_and_says_that_it_is_simulated(reports):
    shown = open_run(reports)._repr_html_()
    assert "SIMULATED DATA" in shown and "Aoba &lt;b&gt;" in shown
    assert "scores (2 rows)" in shown and "dear 1.0" in shown and "run.at(&quot;2026-10&quot;)" in shown
    assert str(reports) not in shown + repr(open_run(reports))


def test_the_front_door_is_light_and_names_what_it_has(reports):
    heavy = "{'statsmodels', 'matplotlib', 'scipy', 'sklearn', 'seaborn', 'jinja2', 'nbconvert'}"
    program = ("import sys, cs_research as cs; assert 'pandas' not in sys.modules; "
               f"cs.open_run({str(reports)!r}).scores; print(sorted({heavy} & set(sys.modules)), dir(cs))")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[] ['open_run', 'show_table', 'write_excel']\n"
    assert {"scores", "findings", "at", "describe"} <= set(dir(open_run(reports)))
    with pytest.raises(AttributeError, match="no attribute 'open_rum'; it has open_run"):
        cs_research.open_rum  # noqa: B018


def test_a_month_is_set_beside_an_earlier_one(reports):
    """00045 fell from 30 to 26; 00123 has no score now, so no change; 00007 left and is in the earlier month alone."""
    rows = [("00045", "2026-10", 26.0), ("00123", "2026-10", None), ("00045", "2026-09", 30.0),
            ("00123", "2026-09", 20.0), ("00007", "2026-09", 12.0)]
    scores = pd.DataFrame(rows, columns=["account_id", "month", "health"]).assign(
        scorecard="dear", version="1.0", health_band="yellow", month=lambda f: pd.to_datetime(f["month"]))
    folder = reports / "2026-10" / "tables"
    write_table(scores, folder / "scores.parquet")
    write_table(scores[["account_id", "month"]].assign(is_history=False, next_due_date=pd.Timestamp("2027-01-31")),
                folder / "measures.parquet")
    write_table(pd.DataFrame({"account_id": ["00045", "00123"], "account_name": ["Aoba", "Wakaba"], "industry": "steel",
                              "goal": "cost"}), folder / "account_facts.parquet")
    run = open_run(reports)
    columns = ["account_id", "account_name", "health", "health_before", "change"]
    now = run.at()[columns].astype(object)
    assert now.where(now.notna(), None).values.tolist() == [
        ["00045", "Aoba", 26.0, 30.0, -4.0], ["00123", "Wakaba", None, 20.0, None]]
    assert run.at(since=pd.Timestamp("2026-09-01"))["change"].equals(run.at("2026-10")["change"])
    assert run.at("2026-09")["account_id"].tolist() == ["00007", "00045", "00123"]
    with pytest.raises(Refused, match="no month '2026-08': did you mean '2026-10' or '2026-09'"):
        run.at(since="2026-08")
    with pytest.raises(Refused, match="no card 'daer': did you mean 'dear'"):
        run.at(scorecard="daer")


def test_a_table_says_what_stands_in_it(reports):
    run = open_run(reports)
    told = run.describe("scores").set_index("column")
    assert told.loc["health"].tolist() == ["points", "total of the card", .5]
    assert run.describe()["table"].tolist() == ["scores"]
    with pytest.raises(Refused, match="no table 'scors': did you mean 'scores'"):
        run.describe("scors")


def test_findings_are_a_list_to_look_at_and_an_unknown_one_names_the_nearest(reports):
    run = open_run(reports)
    rows = [{"month": "2026-09-01", "due_date": None, "n": 3},
            {"month": "2026-10-01", "due_date": "2026-12-31", "n": 4}]
    run.record("02_health", Finding("share_green", "23% are <green>.", .23, details={"rows": rows}))
    table = run.findings["share_green"].table
    assert [kind.kind for kind in table.dtypes] == ["M", "M", "i"]
    assert table["due_date"].isna().tolist() == [True, False]
    assert "&lt;green&gt;" in run.findings._repr_html_()
    assert "2 rows in .table" in run.findings["share_green"]._repr_html_()
    with pytest.raises(KeyError, match="no finding 'share_gren': did you mean 'share_green'"):
        run.findings["share_gren"]
    assert run.findings.get("share_gren") is None
