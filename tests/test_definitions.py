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
    ("cuts: [100, 250, 400]", "cut: [100, 250, 400]", 68, "key 'indicators.7.cut': is not a key of this kind of file"),
    ("cuts: [100, 250, 400]", "cuts: 100", 68, "key 'indicators.7.cuts': expected a list in [ ]"),
    ("better: lower", "better: smaller", 52, "key 'indicators.5.better'"),
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
    ("kind: " + "[" * 9999, "card.yml:1: nested more than 50 deep"),
    ("a: @b", "found character '@' that cannot start any token"),
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


EVENTS = ("kind: events\nlogin: []\ncore_action: []\nkey_feature: []\n"
          "counters:\n  calls: {about: calls, event_types: [call]}\n")
RATINGS = "kind: ratings\nkinds:\n  mood: {about: mood}\n"
RULE = "when: [{field: health, below: 17.5}]"             # alerts.yml:9
FACTOR = "when: [{field: meetings_held, at_most: 0}]"     # response_points.yml:25
BEFORE = "[{name: renewal, title: {en: R, ja: R}, during: renewal_due}]"
OTHER = {"events": EVENTS, "ratings": RATINGS,
         "stages": f"kind: stages\nversion: mine\nrenewal_due_days: 90\nby: event\nstages: {BEFORE}\n"}


def overlaid_refusal(folder: Path, kind: str, found: str, wrong: str) -> str:
    """How a data set's own file of a kind, the default but for one passage, is refused."""
    text = OTHER.get(kind) or (DEFAULTS / f"{kind}.yml").read_text(encoding="utf-8")
    assert found in text
    changed = text.replace('version: "1.0"', "version: mine").replace(found, wrong, 1)
    (folder / f"{kind}.yml").write_text(changed, encoding="utf-8")
    with pytest.raises(Refused, match=r"F_CONFIG") as error:
        load_definitions(folder)
    return str(error.value).replace(f"{folder}/", "")


@pytest.mark.parametrize(("kind", "found", "name", "line", "there"), [
    ("events", "calls", "seats", 6, "in measures.yml"),
    ("events", "calls", "arr", 6, "as a column of panel, scores or weeks"),
    ("events", "calls", "quadrant", 6, "as a column"), ("events", "calls", "owner", 6, "as a column"),
    ("events", "calls", "meetings_held", 6, "as a column"),
    ("events", "calls", "stop_request", 6, "in ratings.yml"),
    ("events", "calls", "mail_open_rate", 6, "in touch_points.yml"),
    ("events", "calls", "mail_sent_count", 6, "in touch_points.yml"),
    ("ratings", "mood", "stock", 3, "in measures.yml"), ("ratings", "mood", "health", 3, "as a column"),
    ("touch_points", "mail_open_rate", "stock", 29, "in measures.yml"),
])
def test_one_name_for_two_measures_is_refused(tmp_path, kind, found, name, line, there):
    told = overlaid_refusal(tmp_path, kind, found, name)
    assert told.startswith(f"F_CONFIG {kind}.yml:{line}: '{name}' is there already, {there}")


@pytest.mark.parametrize(("test", "line", "sentence"), [
    ("field: health_band, at_least: 3", 9, "expected among: [...], health_band is a word and no number"),
    ("field: quadrant, falls_by: 1", 9, "key 'rules.0.when.0.falls_by': expected among"),
    ("field: segment, above: 1", 9, "expected among"), ("field: dear.A-2.band, below: 2", 9, "expected among"),
    ("field: health, among: [red]", 9, "key 'rules.0.when.0.among': expected a number to compare with, health is no"),
    ("field: stock, among: [low]", 9, "expected a number"), ("field: dear.A-2, among: [low]", 9, "expected a number"),
    ("field: health_band, among: [red, rouge]", 9, "'rouge' is no word of health_band ("),
    ("field: dear.health_band, among: [3bad]", 9, "'3bad' is no word of dear.health_band (red, orange, yellow, green)"),
    ("field: usage.health_band, among: [rot]", 9, "'rot' is no word"),
    ("field: feature_health.login.band, among: [red]", 9, "feature_health.login.band (bad, normal, good)"),
    ("field: quadrant, among: [E]", 9, "'E' is no word of quadrant (A, B, C, D)"),
    ("field: stage, among: [trial]", 9, "'trial' is no word of stage (introduction, operation, utilisation, estab"),
    ("field: health_band, among: []", 9, "key 'rules.0.when.0.among'"),
    ("field: health, below: 9, months: 3", 9, "expected 'months' only with rises_by or falls_by"),
    ("field: health, falls_by: 9, months: 0", 9, "key 'rules.0.when.0.months': input should be greater than or equal"),
])
def test_a_test_that_its_field_cannot_pass_is_refused(tmp_path, test, line, sentence):
    told = overlaid_refusal(tmp_path, "alerts", RULE, f"when: [{{{test}}}]")
    assert told.startswith(f"F_CONFIG alerts.yml:{line}: ") and sentence in told


@pytest.mark.parametrize("test", [
    "field: segment, among: [whatever]", "field: health_band, among: [3bad, red]", "field: quadrant, among: [D, B]",
    "field: stage, among: [operation]", "field: health, falls_by: 5", "field: is_renewal_due, at_least: 1"])
def test_a_test_that_its_field_can_pass_is_taken(tmp_path, test):
    text = (DEFAULTS / "alerts.yml").read_text(encoding="utf-8").replace('"1.0"', "mine")
    (tmp_path / "alerts.yml").write_text(text.replace(RULE, f"when: [{{{test}}}]", 1), encoding="utf-8")
    assert load_definitions(tmp_path).alerts.rules[0].when[0].tests


@pytest.mark.parametrize(("kind", "found", "wrong", "line", "sentence"), [
    ("alerts", RULE, "when: []", 9, "key 'rules.0.when'"),
    ("alerts", "until: [{field: health, at_least: 20}]", "until: [{field: stage, at_least: 20}]", 10,
     "key 'rules.0.until.0.at_least': expected among"),
    ("response_points", FACTOR, "when: []", 25, "key 'factors.5.when'"),
    ("response_points", FACTOR, "when: [{field: meetings_held, among: [none]}]", 25, "key 'factors.5.when.0.among'"),
    ("response_points", FACTOR, "when: [{field: feature_health.health_band, at_most: 1}]", 25,
     "key 'factors.5.when.0.at_most': expected among"),
    ("response_points", "among: [3bad]", "among: [4bad]", 19, "'4bad' is no word of feature_health.health_band"),
    ("response_points", "when: [{field: stop_request, at_least: 1}]", "when: []", 34, "key 'suppressed.0.when'"),
    ("stages", BEFORE, "[]", 5, "key 'stages': expected 'stages' that follow one another"),
    ("stages", "R}", "S}", 5, "key 'stages': expected 'stages' that follow one another"),
    ("touch_points", "of: mail_open_count", "of: call_connect_rate", 29, "'call_connect_rate' is a reaction"),
    ("touch_points", "of: mail_open_count", "of: mail_open_rate", 29, "'mail_open_rate' is a reaction"),
    ("touch_points", "{at: 0.6, points: 2}", "{at: 0.6, points: 4}", 9, "expected 'levels' with rising at"),
    ("touch_points", "{at: 0.6, points: 2}", "{at: 0.2, points: 2}", 9, "expected 'levels' with rising at"),
    ("touch_points", "ladder: video,", "ladder: video, points: 2,", 8, "give either 'points' or levels"),
])
def test_what_would_mean_nothing_is_refused_with_its_line(tmp_path, kind, found, wrong, line, sentence):
    told = overlaid_refusal(tmp_path, kind, found, wrong)
    assert told.startswith(f"F_CONFIG {kind}.yml:{line}: ") and sentence in told


def test_a_stage_named_twice_is_refused(tmp_path):
    text = (DEFAULTS / "stages.yml").read_text(encoding="utf-8").replace("name: operation", "name: introduction")
    assert refusal(tmp_path, text, "stages.yml").startswith(
        "F_CONFIG stages.yml:5: key 'stages.0.name': the stage 'introduction' stands twice")


@pytest.mark.parametrize("name", ["crm", "oulad"])
def test_the_definitions_of_the_data_sets_are_taken(name):
    assert load_definitions(Path(__file__).parents[1] / "data" / name / "definitions").cards
