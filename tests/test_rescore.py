"""A card tried on all history: both versions side by side, and a version that never changes its content."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from small_notebooks import write_notebook, write_recipe

from cs_research import open_run
from cs_research.calibrate import write_calibrated
from cs_research.definitions import load_definitions
from cs_research.errors import Refused
from cs_research.pipeline import Request, rescore, run_month
from cs_research.simulate import simulate
from cs_research.studies import cards

DEFAULTS = load_definitions()
DEAR = DEFAULTS.files["scorecard dear 1.0"].read_text(encoding="utf-8")
# The stock cut in half: whoever held 50 to 99 a seat, 125 to 249 or 200 to 399 gains a point.
EASIER = DEAR.replace('version: "1.0"', 'version: "2.0"').replace("cuts: [100, 250, 400]", "cuts: [50, 125, 200]")
QUADRANTS = DEFAULTS.files["quadrants"].read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def request_(tmp_path_factory) -> Request:
    root = tmp_path_factory.mktemp("rescore")
    simulate(root / "data", accounts=60, months=14, seed=1, truth_accounts=20)
    write_notebook(root / "notebooks" / "one.ipynb", "from cs_research import open_run",
                   'open_run(run_dir).record("one")', parameters='run_dir = ""\nmonth = ""\nscorecard = ""')
    recipe = write_recipe(root, "kind: recipe\nnotebooks:\n  - notebook: one")
    request = Request(root / "data", root / "out", recipe=recipe, jobs=1)
    run_month(request)
    return request


@pytest.fixture(scope="module")
def tried(request_):
    (request_.out.parent / "easier.yml").write_text(EASIER, encoding="utf-8")
    return rescore(replace(request_, card=request_.out.parent / "easier.yml"))


def test_both_versions_stand_in_the_history_and_the_old_rows_are_as_they_were(request_, tried):
    before, (page, run) = open_run(request_.out / "2026-10"), tried
    assert page.is_file() and "dear 2.0" in page.read_text(encoding="utf-8")
    versions = run.history[run.history["scorecard"] == "dear"].groupby("version").size()
    assert versions.index.tolist() == ["1.0", "2.0"] and versions["1.0"] == versions["2.0"]
    old = run.history.query("scorecard == 'dear' and version == '1.0'").reset_index(drop=True)
    pd.testing.assert_frame_equal(old, before.history.query("scorecard == 'dear'").reset_index(drop=True))


def test_the_report_is_not_touched(request_, tried):
    assert {card.version for card in open_run(request_.out / "2026-10").definitions.cards} == {"1.0"}


def test_who_changes_colour_is_told_by_name_and_every_change_is_an_easier_stock(tried):
    _, run = tried
    listed = run.findings["colour_changes"].rows
    both = run.scores[run.scores["month"] == pd.Timestamp(run.month)].query("scorecard == 'dear'").pivot(
        index="account_id", columns="version", values=["health", "health_band"])
    differ = both[both["health_band"]["1.0"] != both["health_band"]["2.0"]]
    assert {row["account_id"] for row in listed} == set(differ.index) and len(differ) > 0
    assert all(row["health_new"] > row["health_old"] for row in listed)
    assert (both["health"]["2.0"] - both["health"]["1.0"]).dropna().between(0, 40 / 6 + 1e-9).all()


def test_the_crossing_counts_every_account_of_both_cards(tried):
    _, run = tried
    old, new = cards.tried(run)
    month = pd.Timestamp(run.month)
    table = cards.crossed(run.scores, old, new, month)
    scored = run.scores[(run.scores["month"] == month) & run.scores["health"].notna()].query("scorecard == 'dear'")
    assert table[list(new.bands)].to_numpy().sum() == scored["account_id"].nunique()
    assert (old.version, new.version) == ("1.0", "2.0")


def test_what_differs_between_two_cards_is_named(tried):
    old, new = cards.tried(tried[1])
    assert cards.differences(old, new).values.tolist() == [["A-2", "cuts", "100, 250, 400", "50, 125, 200"]]
    fewer = new.model_copy(update={"indicators": new.indicators[1:], "min_measured_share": 0.5})
    assert cards.differences(new, fewer).values.tolist() == [
        ["the card", "min measured share", "0.6", "0.5"], ["D-1", "indicator", "Contract rate", "none"]]


@pytest.mark.parametrize(("text", "fault"), [
    (DEAR.replace("0.25", "0.26", 1), r"new.yml:3: key 'version': dear 1.0 is in use; give a changed card a new one"),
    (EASIER.replace("name: dear", "name: dear\nin_use_from: 2027-01"), r"would not lead in 2026-10"),
    (QUADRANTS, r"new.yml:1: key 'kind': expected scorecard"),
])
def test_a_card_that_cannot_be_tried_is_refused(request_, tmp_path, text, fault):
    (tmp_path / "new.yml").write_text(text, encoding="utf-8")
    with pytest.raises(Refused, match=fault):
        rescore(replace(request_, card=tmp_path / "new.yml"))


def test_a_definition_that_changed_under_its_version_is_refused_and_under_a_new_one_taken(request_):
    folder = request_.data / "definitions"
    folder.mkdir()
    mine: Path = folder / "quadrants.yml"
    for version, cut, refused in (("mine-1", 26, False), ("mine-1", 27, True), ("mine-2", 27, False)):
        text = QUADRANTS.replace('"1.0"', f'"{version}"').replace("health_cut: 25.0", f"health_cut: {cut}.0")
        mine.write_text(text, encoding="utf-8")
        if refused:
            with pytest.raises(Refused, match="has changed since the report in .* and is still version mine-1"):
                run_month(request_)
        else:
            assert open_run(run_month(request_).parent).definitions.quadrants.health_cut == cut
    earlier = replace(request_, month="2026-09")   # not published yet: compared with the newest month that is
    mine.write_text(text.replace("health_cut: 27.0", "health_cut: 28.0"), encoding="utf-8")
    with pytest.raises(Refused, match="has changed since the report in .* and is still version mine-2"):
        run_month(earlier)
    mine.write_text(text, encoding="utf-8")
    mine.write_text(f"# a comment is no change\n{mine.read_text(encoding='utf-8')}", encoding="utf-8")
    run_month(request_)


def test_calibrating_a_company_with_few_ends_writes_no_card_and_says_why(request_, tmp_path):
    said, path = write_calibrated(request_, tmp_path, always=True)
    assert path is None and not list(tmp_path.iterdir())
    assert said.sentence.startswith("No points can be calibrated: fewer than 10")
