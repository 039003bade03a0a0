"""Cards beside each other, on accounts small enough to score on paper."""

from datetime import date
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cs_research.definitions import load_definitions
from cs_research.errors import Refused
from cs_research.scorecards import health, indicators
from cs_research.scores import chosen, indicators_chosen
from cs_research.studies import cards
from cs_research.tables import _in_use

DEFAULTS = load_definitions()
USAGE, FEATURES, GROUPS, DEAR = (DEFAULTS.scorecards[name] for name in ("usage", "feature_health", "groups", "dear"))


def sheet(card, months: list[dict], account: str = "a", first: str = "2026-01-01") -> pd.DataFrame:
    """Measures of one account, month after month; what is not named is not measured."""
    at = pd.date_range(first, periods=len(months), freq="MS")
    rows = [{"account_id": account, "month": month, **row} for month, row in zip(at, months, strict=True)]
    return pd.DataFrame(rows).reindex(columns=["account_id", "month", *card.reads]).astype(
        dict.fromkeys(card.reads, float))


def scored(card, months: list[dict]) -> pd.DataFrame:
    return health(indicators(sheet(card, months), card), card)


# ---------------------------------------------------------------- usage score (003)


def test_the_usage_score_is_the_mean_of_three_straight_lines():
    # 5 of 10 seats covered = 50; 200 objects a seat = 50; 10 user-days a week over 5 users = 2 days = 40.
    account = {"seats": 10, "covered_users": 5, "stock": 2000, "user_days_a_week": 10, "active_users": 5}
    row = scored(USAGE, [account]).iloc[0]
    assert row.health == pytest.approx((50 + 50 + 40) / 3, abs=1e-9) and row.health_band == "orange"
    rows = indicators(sheet(USAGE, [account]), USAGE).set_index("indicator")
    assert rows["points"].tolist() == [50, 50, 40] and rows["contribution"].sum() == pytest.approx(row.health)
    assert rows["band"].to_dict() == {"coverage": "yellow", "database": "yellow", "activity": "yellow"}


def test_a_straight_line_ends_at_its_ends_and_nobody_active_earns_nothing():
    rich = {"seats": 10, "covered_users": 12, "stock": 9000, "user_days_a_week": 70, "active_users": 10}
    dead = {"seats": 10, "covered_users": 0, "stock": 0, "user_days_a_week": 0, "active_users": 0}
    assert scored(USAGE, [rich, dead])["health"].tolist() == [100, 0]


# ---------------------------------------------------------------- feature health (002)

GOOD, BAD = 9, 0
FEATURES_READ = ("login_users", "core_users", "key_users")


def feature_months(*months: str) -> list[dict]:
    """Months as three letters, login, core action and key feature: g good, b bad, - not measured."""
    words = {"g": GOOD, "b": BAD, "-": None}
    return [{"seats": 10, "active_users": 10, **{name: words[c] for name, c in zip(FEATURES_READ, month, strict=True)}}
            for month in months]


@pytest.mark.parametrize(("months", "expected"), [
    (["ggg"], ["normal"]),
    (["bgg"], ["1bad"]), (["bbg"], ["2bad"]), (["bbb"], ["3bad"]),
    (["bgg", "bgg", "bgg"], ["1bad", "2bad", "3bad"]),           # one feature bad for three months
    (["bgg"] * 5, ["1bad", "2bad", "3bad", "3bad", "3bad"]),     # capped
    (["bgg", "gbg", "ggb"], ["1bad", "1bad", "1bad"]),           # never the same feature
    (["bgg", "bgg", "ggg", "bgg"], ["1bad", "2bad", "normal", "1bad"]),
    (["bgg", "-gg", "bgg"], ["1bad", "1bad", "2bad"]),           # not measured neither breaks nor lengthens
    (["bgg", "bgg", "gbb"], ["1bad", "2bad", "2bad"]),
])
def test_feature_health_counts_features_and_runs(months, expected):
    found = scored(FEATURES, feature_months(*months))
    assert found["health_band"].tolist() == expected
    assert found["health"].tolist() == [3 - int(word[0]) if word != "normal" else 3 for word in expected]


def test_a_feature_out_of_three_not_measured_leaves_two_thirds_and_two_leave_no_score():
    found = scored(FEATURES, feature_months("g-g", "--g"))
    assert found["measured_share"].round(2).tolist() == [0.67, 0.33]
    assert found["health"].isna().tolist() == [False, True]


# ---------------------------------------------------------------- nested groups (001)

FULL = {"milestones_done": 4, "milestones_due": 4, "active_users": 6, "seats": 10, "key_users": 3,
        "surveys_answered": 1, "surveys_sent": 4, "decision_maker_months": 4, "keyman_relation": 2,
        "goals_achieved": 0, "goals_agreed": 2}


def test_nested_groups_weigh_as_they_say():
    # process = (1 x onboarding 4/4 + 2 x usage) / 3, usage = mean(60 % -> 3/4, 50 % -> 3/4) = .75: (1 + 1.5) / 3
    # relationship = mean(25 % -> 2/4, 4 months -> 3/4, normal -> 3/4) = 2/3; outcome: 0 % -> 1/4
    row = scored(GROUPS, [FULL]).iloc[0]
    assert row.health == pytest.approx(100 * (2.5 / 3 + 2 / 3 + 1 / 4) / 3, abs=1e-9)
    assert row.health_band == "orange" and not row.is_usage_only


def test_what_is_not_measured_gives_its_weight_to_its_neighbours_in_the_group():
    # without goals the card is the mean of process and relationship; without milestones process is usage alone
    row = scored(GROUPS, [{**FULL, "goals_agreed": None, "milestones_due": None}]).iloc[0]
    assert row.health == pytest.approx(100 * (0.75 + 2 / 3) / 2, abs=1e-9)
    assert row.measured_share == pytest.approx(5 / 7)


def test_a_missing_value_is_carried_for_so_many_months_and_counted_as_not_measured():
    silent = {**FULL, "surveys_sent": None}
    rows = indicators(sheet(GROUPS, [FULL, silent, silent, silent, silent]), GROUPS)
    answers = rows[rows["indicator"] == "survey_answers"]
    assert answers["points"].tolist()[:4] == [2, 2, 2, 2] and np.isnan(answers["points"].iloc[4])  # carried 3 months
    assert answers["filled_by"].fillna("").tolist() == ["", "carried", "carried", "carried", ""]
    assert answers["is_measured"].tolist() == [True, False, False, False, False]
    assert health(rows, GROUPS)["measured_share"].iloc[1] == pytest.approx(6 / 7)


def test_carried_values_follow_the_calendar_of_each_account():
    first = sheet(GROUPS, [FULL, {**FULL, "surveys_sent": None}])
    late = sheet(GROUPS, [{**FULL, "surveys_sent": None}], first="2026-06-01")   # five months later
    other = sheet(GROUPS, [{**FULL, "surveys_sent": None}], account="b", first="2026-02-01")
    rows = indicators(pd.concat([late, other, first], ignore_index=True), GROUPS)
    answers = rows[rows["indicator"] == "survey_answers"].set_index(["account_id", "month"])["points"].sort_index()
    assert answers.isna().tolist() == [False, False, True, True]


def test_a_missing_value_may_take_the_worst_colour():
    strict = DEAR.model_copy(update={"indicators": tuple(
        i.model_copy(update={"when_missing": "worst"}) if i.id == "R-1" else i for i in DEAR.indicators)})
    row = {"seats": 10, "target_users": 10, "activated_users": 10, "login_users": 10, "core_users": 10,
           "touch_score": 2, "keyman_months": 0, "weekly_users": 10, "active_users": 10, "stock": 9000, "key_users": 10}
    plain, worst = scored(DEAR, [row]).iloc[0], scored(strict, [row]).iloc[0]
    assert (plain.health, worst.health) == (40, 37) and plain.measured_share == worst.measured_share == 0.9


# ---------------------------------------------------------------- exceptions, choices, versions

EXCEPTION = '  - {name: one_red, bands: [red], health_at_most: 17.0}\n'
DEAR_TEXT = DEFAULTS.files["scorecard dear 1.0"].read_text(encoding="utf-8")
STRICT = DEAR_TEXT.replace('"1.0"', '"2.0"').replace("indicators:\n", f"exceptions:\n{EXCEPTION}indicators:\n")


GROUPS_TEXT = DEFAULTS.files["scorecard groups 1.0"].read_text(encoding="utf-8").replace('"1.0"', '"2.0"')


def overlay(folder: Path, **files: str):
    for name, text in files.items():
        (folder / f"{name}.yml").write_text(text, encoding="utf-8")
    return load_definitions(folder)


def test_one_red_makes_red_and_says_so(tmp_path):
    card = overlay(tmp_path, strict=STRICT).scorecards["dear"]
    best = {"seats": 10, "target_users": 10, "activated_users": 10, "login_users": 10, "core_users": 10,
            "touch_score": 2, "keyman_months": 0, "weekly_users": 10, "active_users": 10, "stock": 9000,
            "key_users": 10, "goals_achieved": 1, "goals_agreed": 1}
    both = scored(card, [best, {**best, "stock": 0}])
    assert both["health"].tolist() == [40, 17] and both["health_band"].tolist() == ["green", "red"]
    assert both["capped_by"].fillna("").tolist() == ["", "one_red"]
    rows = indicators(sheet(card, [{**best, "stock": 0}]), card)
    assert rows["contribution"].sum() == pytest.approx(37), "contributions are those before exceptions"


@pytest.mark.parametrize(("among", "capped"), [("process", True), ("usage", True), ("feature_use", True),
                                               ("outcome", False), ("onboarding", False)])
def test_an_exception_of_a_group_means_everything_within_it(tmp_path, among, capped):
    # Nobody uses the key feature: red in the group usage, which lies within process; all else is the best.
    best = {**FULL, "goals_achieved": 2, "active_users": 10, "key_users": 0, "surveys_answered": 4,
            "decision_maker_months": 0, "keyman_relation": 3}
    capping = f"exceptions:\n  - {{name: red, among: [{among}], bands: [red], health_at_most: 30}}\nindicators:\n"
    card = overlay(tmp_path, card=GROUPS_TEXT.replace("indicators:\n", capping, 1)).scorecards["groups"]
    row = scored(card, [best]).iloc[0]
    assert (row.health == 30) == capped and (row.capped_by == "red") == capped


def test_a_card_without_any_of_its_outcome_groups_is_of_usage_only(tmp_path):
    text = GROUPS_TEXT.replace("[relationship, outcome]", "[ROI]")
    assert scored(overlay(tmp_path, card=text).scorecards["groups"], [FULL])["is_usage_only"].tolist() == [True]


def test_outcome_groups_may_be_groups_of_groups(tmp_path):
    card = GROUPS.model_copy(update={"outcome_groups": ("process",)})
    few = {**FULL, "active_users": None, "milestones_due": None}
    assert scored(card, [FULL, few])["is_usage_only"].tolist() == [False, True]


def test_the_words_of_a_relation_have_three_of_the_four_colours():
    rows = indicators(sheet(GROUPS, [{**FULL, "keyman_relation": value} for value in (1, 2, 3)]), GROUPS)
    assert rows.loc[rows["indicator"] == "keyman_relation", "band"].tolist() == ["red", "yellow", "green"]


def test_versions_stand_beside_each_other_and_the_month_tells_which_leads(tmp_path):
    later = STRICT.replace('version: "2.0"\n', 'version: "2.0"\nin_use_from: 2026-06\n')
    found = overlay(tmp_path, later=later)
    assert [c.version for c in found.cards if c.name == "dear"] == ["1.0", "2.0"]
    assert found.in_use("2026-05").scorecards["dear"].version == "1.0"
    assert found.in_use("2026-06").scorecards["dear"].version == "2.0"


def test_of_two_versions_in_use_the_higher_leads_and_numbers_are_numbers(tmp_path):
    found = overlay(tmp_path, nine=DEAR_TEXT.replace('"1.0"', '"1.9"'), ten=DEAR_TEXT.replace('"1.0"', '"1.10"'))
    assert found.scorecards["dear"].version == "1.10"


def test_a_version_never_changes_its_content(tmp_path):
    with pytest.raises(Refused, match=r"mine.yml:3: key 'version': 1.0 is the package's own and reads otherwise"):
        overlay(tmp_path, mine=DEAR_TEXT.replace("0.25", "0.26", 1))


CHOICE = """kind: scorecard
name: by_size
version: "1.0"
title: {en: By size, ja: 規模別}
source: a test
overall_cuts: [17.5, 25.0, 32.5]
choose:
  - {card: strict, segment: enterprise}
  - {card: dear}
"""


def test_a_card_takes_each_account_from_the_card_of_its_segment(tmp_path):
    found = overlay(tmp_path, strict=STRICT.replace("name: dear", "name: strict"), by_size=CHOICE)
    card = found.scorecards["by_size"]
    rows = pd.DataFrame([("a", "dear", "1.0", "smb", 30.0), ("a", "strict", "2.0", "smb", 17.0),
                         ("b", "dear", "1.0", "enterprise", 31.0), ("b", "strict", "2.0", "enterprise", 16.0)],
                        columns=["account_id", "scorecard", "version", "segment", "health"])
    rows = rows.assign(month=pd.Timestamp("2026-01-01"), stage="operation", quadrant="A")
    taken = chosen(rows, card, found)
    assert taken[["account_id", "health", "taken_from"]].values.tolist() == [["a", 30.0, "dear"], ["b", 16.0, "strict"]]
    assert set(taken["scorecard"]) == {"by_size"} and {i.id for i in card.indicators} == {i.id for i in DEAR.indicators}
    behind = indicators_chosen(rows.assign(indicator="D-1"), taken, card, found)
    assert behind[["account_id", "health"]].values.tolist() == [["a", 30.0], ["b", 16.0]]


def test_a_choice_takes_the_version_in_use_and_before_the_first_that(tmp_path):
    strict = STRICT.replace("name: dear", "name: strict").replace("name: strict", "name: strict\nin_use_from: 2026-03")
    found = overlay(tmp_path, newer=STRICT, strict=strict, by_size=CHOICE)
    rows = pd.DataFrame([("a", "dear", "1.0", 30.0), ("a", "dear", "2.0", 17.0)],
                        columns=["account_id", "scorecard", "version", "health"])
    rows = rows.assign(month=pd.Timestamp("2026-04-01"), segment="smb", stage="operation", quadrant="A")
    in_use = found.in_use("2026-04")
    taken = chosen(rows, in_use.scorecards["by_size"], in_use)
    behind = indicators_chosen(rows.assign(indicator="D-1"), taken, in_use.scorecards["by_size"], in_use)
    assert taken["health"].tolist() == behind["health"].tolist() == [17.0]
    assert found.in_use("2026-02").scorecards["strict"].in_use_from == "2026-03"


@pytest.mark.parametrize(("old", "new", "fault"), [
    ("- {card: dear}", "- {card: daer}", r"by_size.yml:9: key 'choose': no card 'daer' of the same total"),
    ("- {card: dear}", "- {card: usage}", r"by_size.yml:9: key 'choose': no card 'usage' of the same total"),
    ("  - {card: dear}\n", "", "a last choice without segment and stage"),
    ("segment: enterprise", "stage: operations", r"by_size.yml:8: key 'operations': expected a stage of stages.yml"),
    ("choose:", "outcome_groups: [ROI]\nchoose:", r"by_size.yml:7: key 'outcome_groups': expected no 'outcome_groups'"),
    ("choose:", "indicators:\n  - {id: a, name: {en: a, ja: a}, group: g, value: stock, cuts: [1, 2, 3]}\nchoose:",
     r"by_size.yml:7: key 'indicators': expected no 'indicators' on a card that takes its score from others"),
])
def test_a_choice_that_leaves_someone_out_is_refused(tmp_path, old, new, fault):
    with pytest.raises(Refused, match=fault):
        overlay(tmp_path, strict=STRICT.replace("name: dear", "name: strict"), by_size=CHOICE.replace(old, new))


FEATURES_TEXT = DEFAULTS.files["scorecard feature_health 1.0"].read_text(encoding="utf-8").replace('"1.0"', '"2.0"')
USAGE_TEXT = DEFAULTS.files["scorecard usage 1.0"].read_text(encoding="utf-8").replace('"1.0"', '"2.0"')


@pytest.mark.parametrize(("text", "old", "new", "fault"), [
    (DEAR_TEXT, "[17.5, 25.0, 32.5]", "[25.0, 17.5, 32.5]", "rising overall_cuts"),
    (DEAR_TEXT, "[17.5, 25.0, 32.5]", "[17.5, 25.0, 42.5]", "card.yml:6: key 'overall_cuts': .* to the total, 40"),
    (DEAR_TEXT, "cuts: [0.25, 0.50, 0.75]", "cuts: [0.50, 0.25, 0.75]", "cuts ordered from the worst"),
    (GROUPS_TEXT, "weight: 2", "weight: 0", "greater than 0"),
    (GROUPS_TEXT, "within: process", "within: processes", "must lie within a group of the card"),
    (GROUPS_TEXT, "  outcome: {title: {en: Outcome, ja: 成果}, weight: 1}\n", "", "a group 'outcome' with its weight"),
    (GROUPS_TEXT, "    carry_months: 3\n", "", "carry_months with when_missing: carry_forward"),
    (USAGE_TEXT, "[[0, 0], [400, 100]]", "[[400, 0], [0, 100]]", "rising values"),
    (USAGE_TEXT, "[[0, 0], [400, 100]]", "[[0, 100], [400, 0]]", "points of the scale that go one way"),
    (STRICT, "bands: [red]", "bands: [rouge]", "names 'rouge', which the card does not have"),
    (STRICT, "bands: [red]", "bands: []", r"card.yml:9: key 'exceptions.0.bands'"),
    (STRICT, "at_most: 17.0", "at_most: 41", r"card.yml:9: key 'exceptions.0.health_at_most'.* to the total, 40"),
    (STRICT, "at_most: 17.0", "at_most: -1", r"card.yml:9: key 'exceptions.0.health_at_most'"),
    (GROUPS_TEXT, "quadrant_cut: 60.0", "quadrant_cut: 101", r"card.yml:8: key 'quadrant_cut': .* total, 100"),
    (GROUPS_TEXT, "quadrant_cut: 60.0", "quadrant_cut: -5", r"card.yml:8: key 'quadrant_cut'"),
    (GROUPS_TEXT, "total: 100.0", "total: 0", r"card.yml:6: key 'total': .* greater than 0"),
    (GROUPS_TEXT, "[relationship, outcome]", "[outcome, relation]", r"card.yml:9: key 'outcome_groups.1': 'relation'"),
    (GROUPS_TEXT, "id: account_usage", "id: usage", r"card.yml:.*'usage' is an indicator and something else"),
    (DEAR_TEXT, "id: D-2", "id: health_band", r"'health_band' is an indicator and something else"),
    (FEATURES_TEXT, "total: 3.0", "total: 6.0", r"card.yml:6: key 'combine': .*'bad_run' overall_cuts 1, 2, ... up to"),
    (FEATURES_TEXT, "[1.0, 2.0, 3.0]", "[0.5, 2.0, 3.0]", r"card.yml:6: key 'combine'"),
    (FEATURES_TEXT, "[3bad, 2bad, ", "[3bad, 3bad, ", r"card.yml:8: key 'bands': expected each of 'bands' once"),
    (FEATURES_TEXT, "[bad, normal, good]", "[bad, good, good]", r"card.yml:9: key 'indicator_bands'"),
])
def test_a_card_that_cannot_be_meant_is_refused(tmp_path, text, old, new, fault):
    assert old in text
    with pytest.raises(Refused, match=fault):
        overlay(tmp_path, card=text.replace(old, new, 1).replace('"1.0"', '"9.0"'))


def test_a_group_within_itself_is_refused():
    with pytest.raises(ValidationError, match="not within itself"):
        type(GROUPS)(**{**GROUPS.model_dump(), "groups": {
            **{name: group.model_dump() for name, group in GROUPS.groups.items()},
            "process": {"title": {"en": "p", "ja": "p"}, "weight": 1, "within": "usage"}}})


# ---------------------------------------------------------------- what always holds

NUMBER = st.one_of(st.none(), st.floats(0, 1e4))
CARDS = st.sampled_from([DEAR, USAGE, GROUPS])


@given(CARDS, st.data())
def test_contributions_add_up_to_health_and_health_stays_on_the_card(card, data):
    row = data.draw(st.fixed_dictionaries({name: NUMBER for name in card.reads}))
    rows = indicators(sheet(card, [row]), card)
    total = health(rows, card).iloc[0]
    counted = rows[rows["points"].notna()]
    assert not len(counted) or 0 <= counted["contribution"].sum() <= card.total + 1e-9
    if not np.isnan(total.health):
        assert total.health == pytest.approx(rows["contribution"].sum(), abs=1e-8)


@given(CARDS, st.data())
def test_a_better_value_never_lowers_health(card, data):
    row = data.draw(st.fixed_dictionaries({name: st.floats(1, 1e4) for name in card.reads}))
    below = {i.denominator for i in card.indicators}
    one = data.draw(st.sampled_from([i for i in card.indicators if (i.value or i.numerator) not in below]))
    name = one.value or one.numerator
    better = {**row, name: row[name] * (0.5 if one.better == "lower" else 2)}
    assert scored(card, [better])["health"].iloc[0] >= scored(card, [row])["health"].iloc[0] - 1e-9


def test_a_first_month_without_a_score_begins_no_bad_run():
    """Two days of April, then May with only the login bad: one bad feature, in its first month."""
    rows = sheet(FEATURES, feature_months("bgg", "bgg"), first="2026-04-01").assign(
        age_months=[0, 1], days_since_start=[2, 33])
    found = health(indicators(rows, FEATURES), FEATURES)
    assert found["health_band"].fillna("").tolist() == ["", "1bad"]
    whole = rows.assign(days_since_start=[20, 51])
    assert health(indicators(whole, FEATURES), FEATURES)["health_band"].tolist() == ["1bad", "2bad"]


def test_rules_read_the_version_that_led_in_each_month(tmp_path):
    found = overlay(tmp_path, later=STRICT.replace('version: "2.0"\n', 'version: "2.0"\nin_use_from: 2026-06\n'))
    rows = pd.DataFrame([(month, "dear", version) for month in pd.to_datetime(["2026-05-01", "2026-06-01"])
                         for version in ("1.0", "2.0")], columns=["month", "scorecard", "version"])
    led = _in_use(rows, found)
    assert led["version"].tolist() == ["1.0", "2.0"]


def test_a_tried_card_is_compared_with_the_version_that_led(tmp_path):
    texts = {f"v{n}": DEAR_TEXT.replace('"1.0"', f'"1.{n}"') for n in (1, 2)}
    found = overlay(tmp_path, **texts, tried=STRICT)
    run = SimpleNamespace(about={"tried_card": {"name": "dear", "version": "2.0"}}, definitions=found,
                          month=date(2026, 6, 1), dataset={"scorecard": "dear"})
    assert [card.version for card in cards.tried(run)] == ["1.2", "2.0"]
