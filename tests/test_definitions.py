"""Definition files: what they mean, and that a wrong one is refused with file, line, key and remedy."""

import shutil
from pathlib import Path

import pytest

from cs_research.definitions import load_definitions, strict_yaml
from cs_research.definitions.loader import DEFAULTS, read_definition
from cs_research.errors import Refused

CARD = (DEFAULTS / "scorecards" / "dear.yml").read_text(encoding="utf-8")


def refusal(tmp_path: Path, text: str | bytes, name: str = "card.yml") -> str:
    """The sentence with which a definition file of this text is refused."""
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(Refused) as error:
        read_definition(path)
    assert error.value.exit_code == 2
    return str(error.value).replace(str(tmp_path) + "/", "")


@pytest.mark.parametrize(("found", "wrong", "line", "sentence"), [
    ("cuts: [0.25, 0.50, 0.75]", "cuts: [0.50, 0.25, 0.75]", 9, "expected cuts ordered"),
    ("cuts: [0.25, 0.50, 0.75]", "cuts: [0.25, 0.50]", 9, "one more entry in points than in cuts"),
    ("overall_cuts: [17.5, 25.0, 32.5]", "overall_cuts: [25.0, 17.5, 32.5]", 1, "expected rising overall_cuts"),
    ("numerator: seats", "numerater: seats", 12, "key 'indicators.0.numerater': is not a key of this kind of file"),
    ("    denominator: target_users\n", "", 9, "give either value, or numerator and denominator"),
    ('version: "', "version: 7 #", 3, "key 'version'"),
    ("id: D-2", "id: D-1", 1, "each id once"),
    ("cuts: [100, 250, 400]", "cut: [100, 250, 400]", 67, "key 'indicators.7.cut': is not a key of this kind of file"),
    ("cuts: [100, 250, 400]", "cuts: 100", 67, "key 'indicators.7.cuts': expected a list in [ ]"),
    ("better: lower", "better: smaller", 51, "key 'indicators.5.better'"),
])
def test_a_wrong_card_is_refused_with_its_line_and_key(tmp_path, found, wrong, line, sentence):
    assert found in CARD
    told = refusal(tmp_path, CARD.replace(found, wrong, 1))
    assert told.startswith(f"F_CONFIG card.yml:{line}: ") and sentence in told


@pytest.mark.parametrize(("text", "sentence"), [
    ("kind: !!python/object/apply:os.system ['true']", "the tag tag:yaml.org,2002:python/object/apply:os.system"),
    ("a: &x [1]\nb: *x", "anchors and aliases are not allowed"),
    ("kind: events\nkind: events", "card.yml:2: key 'kind' stands twice"),
    ("kind: events\nlogin: [NO]", "card.yml:2: key 'login.0': NO can be read in two ways"),
    ("kind: stages\nversion: 1_000", "1_000 can be read in two ways"),
    ("kind: stages\nversion: 012", "012 can be read in two ways"),
    ("kind: stages\nversion: 190:20", "190:20 can be read in two ways"),
    ("points: {on: 1}", "key on must be quoted text"),
    ("", "the file is empty"),
    ("kind: scorecrd", "key 'kind': expected one of alerts, claims"),
    ("- 1", "key 'kind'"),
    ("kind: [", "card.yml:1"),
    (b"kind: \x83\x65", "card.yml:1: expected UTF-8 text"),
])
def test_yaml_that_could_mean_something_else_is_refused(tmp_path, text, sentence):
    assert sentence in refusal(tmp_path, text)


def test_a_stage_plan_with_a_gap_is_refused(tmp_path):
    stages = (DEFAULTS / "stages.yml").read_text(encoding="utf-8").replace("from_month: 12", "from_month: 13")
    assert "stage 'utilisation' must begin at month 12" in refusal(tmp_path, stages)


def test_touch_types_of_one_ladder_must_agree(tmp_path):
    text = (DEFAULTS / "touch_points.yml").read_text(encoding="utf-8")
    wrong = text.replace("seminar_application: {channel: offline", "seminar_application: {channel: online")
    assert "'seminar_application' and 'seminar_attendance' share the ladder 'seminar'" in refusal(tmp_path, wrong)


def test_a_card_on_an_unknown_measure_is_refused(tmp_path):
    card = CARD.replace("numerator: seats", "numerator: seets", 1).replace('"1.0"', '"1.1"', 1)
    (tmp_path / "card.yml").write_text(card, encoding="utf-8")
    with pytest.raises(Refused, match="reads 'seets', which no file declares, did you mean 'seats'"):
        load_definitions(tmp_path)


def test_a_data_set_overlays_the_defaults_by_kind_and_by_card_name(tmp_path):
    (tmp_path / "mine.yml").write_text(CARD.replace("name: dear", "name: mine"), encoding="utf-8")
    (tmp_path / "events.yml").write_text("kind: events\nlogin: [signed_in]\ncore_action: []\nkey_feature: []\n"
                                         "counters:\n  calls: {about: calls, event_types: [call]}\n", encoding="utf-8")
    both = load_definitions(tmp_path)
    assert {"dear", "mine"} < set(both.scorecards)
    assert both.events.login == ("signed_in",) and both.files["events"] == tmp_path / "events.yml"
    assert both.touch_points == load_definitions().touch_points
    shutil.copy(tmp_path / "mine.yml", tmp_path / "twin.yml")
    with pytest.raises(Refused, match="'scorecard mine 1.0' is defined in mine.yml too"):
        load_definitions(tmp_path)


def test_a_definition_cannot_be_changed_after_reading():
    card = load_definitions().scorecards["dear"]
    with pytest.raises(ValueError, match="frozen"):
        card.total = 100


def test_lines_are_known_for_every_key(tmp_path):
    path = tmp_path / "x.yml"
    path.write_text("a:\n  - b: 1\n    c: two\n", encoding="utf-8")
    data, lines = strict_yaml.read_yaml(path)
    assert data == {"a": ({"b": 1, "c": "two"},)}
    assert lines[("a", 0, "c")] == 3
