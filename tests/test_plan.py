"""Stages by age and by event, teams by segment and stage, goals, value matrix, roadmap: worked out by hand."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from canonical import DEFAULTS, panel, term, write_canonical

from cs_research import scores
from cs_research.definitions import load_definitions
from cs_research.definitions.loader import DEFAULTS as FILES
from cs_research.errors import Refused
from cs_research.studies import plan
from cs_research.tables import build_tables, horizon

BY_EVENT = """kind: stages
version: mine
by: event
renewal_due_days: 90
stages:
  - {name: introduction, title: {en: Introduction, ja: 導入期}, until: onboarded}
  - {name: operation, title: {en: Operation, ja: 運用期}, until: renewal_1}
  - {name: utilisation, title: {en: Utilisation, ja: 活用期}, until: renewal_2}
  - {name: established, title: {en: Established, ja: 定着期}}
"""


def overlaid(folder: Path, **files: str):
    """The definitions with these files laid over the defaults."""
    for name, text in files.items():
        (folder / f"{name}.yml").write_text(text.replace('version: "1.0"', "version: mine"), encoding="utf-8")
    return load_definitions(folder)


def refusal(folder: Path, **files: str) -> str:
    with pytest.raises(Refused) as error:
        overlaid(folder, **files)
    return str(error.value).replace(f"{folder}/", "")


def test_stages_by_event_follow_what_has_happened(tmp_path):
    plan = overlaid(tmp_path, stages=BY_EVENT).stages
    # not onboarded, onboarded, renewed once though never onboarded, renewed twice, nothing known of milestones
    rows = pd.DataFrame({"age_months": 0, "onboarding_share": [0.75, 1, 0.5, 1, None], "renewals": [0, 0, 1, 2, 0]})
    assert scores.stages(rows, plan).tolist() == ["introduction", "operation", "utilisation", "established",
                                                  "introduction"]


def test_what_stages_by_event_ask_for_is_counted_by_hand(tmp_path):
    made = panel(
        tmp_path, date(2026, 4, 1), date(2026, 4, 30),
        contracts=[
            # Renewed on 1 March, signed in time; an add-on that ended in February is no renewal.
            term("001", "2026-01-01", "2026-03-01"), term("001", "2026-03-01", None, recorded_at="2026-02-10"),
            {**term("001", "2026-01-15", "2026-02-15"), "contract_id": "add-on"}],
        milestones=[{"account_id": "001", "milestone": "kickoff", "completed_date": "2026-01-20"},
                    {"account_id": "001", "milestone": "training", "completed_date": "2026-02-10",
                     "recorded_at": "2026-03-05"}])
    rows = made.measures()
    then, now = rows[rows["is_history"]], rows[~rows["is_history"]]
    assert then["onboarding_share"].tolist() == [0.5, 0.5, 1, 1]   # February's was recorded in March
    assert now["onboarding_share"].tolist() == [0.5, 1, 1, 1]
    assert then["renewals"].tolist() == now["renewals"].tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(("found", "wrong", "line", "sentence"), [
    ("until: renewal_1", "until: onboarded", 7,
     "key 'stages.1.name': stage 'operation' must have an until, later than"),
    (", until: renewal_2", "", 8, "stage 'utilisation' must have an until"),
    ("期}}", "期}, until: renewal_3}", 9, "stage 'established' is the last: expected no until"),
    ("by: event", "by: age", 6, "stage 'introduction' ends at an event: expected by: event"),
    ("until: onboarded", "until: onboarded, to_month: 2", 6, "stage 'introduction' has months: expected by: age"),
    ("until: renewal_1", "until: renewal_0", 7, "key 'stages.1.until'"),
])
def test_a_plan_of_events_with_a_gap_is_refused_with_its_line(tmp_path, found, wrong, line, sentence):
    told = refusal(tmp_path, stages=BY_EVENT.replace(found, wrong))
    assert told.startswith(f"F_CONFIG stages.yml:{line}: ") and sentence in told


RENEWAL = """kind: stages
version: mine
renewal_due_days: 90
stages:
  - {name: trial, title: {en: Trial, ja: トライアル}, from_month: 0, to_month: 1}
  - {name: onboarding, title: {en: Onboarding, ja: 導入}, from_month: 1, to_month: 3}
  - {name: operation, title: {en: Operation, ja: 運用}, from_month: 3, to_month: null}
  - {name: renewal, title: {en: Renewal period, ja: 更新期間}, during: renewal_due}
"""
FOUR = {
    "stages": RENEWAL,
    "segments": """kind: segments
version: mine
enterprise_share: 0.1
teams:
  smb: {trial: Sales, onboarding: Onboarding, operation: CSMs, renewal: Renewals}
""",
    "alerts": """kind: alerts
version: mine
rules:
  - {id: low, title: {en: Low, ja: 低}, kind: challenge, when: [{field: health, below: 20}], stages: [trial],
     action: {en: Ask, ja: 聞く}}
""",
    "roadmap": "kind: roadmap\nversion: mine\nstages: []\n"}


def test_the_stages_of_001_split_off_the_time_before_a_renewal(tmp_path):
    mine = overlaid(tmp_path, **FOUR)
    canonical = write_canonical(tmp_path / "canonical", mine, contracts=[
        term("001", "2025-07-01", "2026-07-01", recorded_at="2025-06-15"),
        term("001", "2026-07-01", "2027-07-01", recorded_at="2026-06-20")])
    build_tables(canonical, mine, horizon(date(2026, 8, 1), date(2026, 8, 31)), tmp_path / "tables")
    rows = pd.read_parquet(tmp_path / "tables" / "scores.parquet")
    # Due on 1 July 2026: from the end of April (62 days) on; the end of March is 92 days before it.
    assert rows.loc[rows["scorecard"] == "dear", "stage"].tolist() == [
        "trial", *["onboarding"] * 2, *["operation"] * 6, *["renewal"] * 3, *["operation"] * 2]


def test_stages_of_ones_own_need_teams_of_ones_own(tmp_path):
    assert "segments.yml:6: key 'introduction': expected a stage of stages.yml (trial, onboarding, operation, " \
           "renewal); lay a segments.yml of your own beside it" in refusal(tmp_path, stages=RENEWAL)


def test_a_plan_of_ages_with_a_gap_is_refused_with_its_line(tmp_path):
    text = (FILES / "stages.yml").read_text(encoding="utf-8").replace("from_month: 12", "from_month: 13")
    assert refusal(tmp_path, stages=text).startswith(
        "F_CONFIG stages.yml:7: key 'stages.2.name': stage 'utilisation' must begin at month 12")


@pytest.mark.parametrize(("kind", "found", "wrong", "line", "sentence"), [
    ("segments", "{introduction: Onboarding Group, ", "{", 8,
     "key 'teams.smb': expected a team for every stage of stages.yml, none for 'introduction'"),
    ("segments", "{introduction: Onboarding", "{beginning: Onboarding", 9,
     "key 'beginning': expected a stage of stages.yml"),
    ("roadmap", "stage: operation", "stage: operations", 20, "key 'operations': expected a stage of stages.yml"),
    ("alerts", "stages: [operation]", "stages: [running]", 27, "key 'running': expected a stage of stages.yml"),
    ("alerts", "field: keyman_weeks, falls", "field: keyman_week, falls", 21, "did you mean 'keyman_weeks'"),
    ("alerts", "id: health_falls", "id: health_low", 6, "the rule 'health_low' stands twice"),
])
def test_what_names_no_stage_or_lacks_one_is_refused_with_its_line(tmp_path, kind, found, wrong, line, sentence):
    text = (FILES / f"{kind}.yml").read_text(encoding="utf-8")
    assert found in text
    told = refusal(tmp_path, **{kind: text.replace(found, wrong, 1)})
    assert told.startswith(f"F_CONFIG {kind}.yml:{line}: ") and sentence in told


# ---------------------------------------------------------------- studies of the plan

OCTOBER = pd.Timestamp("2026-10-01")
FACTS = pd.DataFrame({"account_id": [f"a{n:02d}" for n in range(24)], "account_name": [f"Co {n}" for n in range(24)],
                      "goal": ["finance"] * 12 + ["process"] * 11 + [None], "owner": [f"M{n % 12}" for n in range(24)]})


def month_of_scores() -> pd.DataFrame:
    """24 accounts: a00 to a11 smb in operation, a12 to a22 enterprise and established, a23 in neither segment."""
    return pd.DataFrame({
        "account_id": FACTS["account_id"], "month": OCTOBER, "scorecard": "dear", "version": "1.0",
        "health": [20.0] * 12 + [30.0] * 12, "touch_score": [0.2] * 12 + [0.8] * 12, "arr": range(24, 0, -1),
        "stage": ["operation"] * 12 + ["established"] * 12, "segment": ["smb"] * 12 + ["enterprise"] * 11 + [None],
        "owner": FACTS["owner"]})


def alert_rows(*rows: tuple) -> pd.DataFrame:
    """(account, rule, opened, closed, by) as rows of the table alerts, months as 2026-MM."""
    frame = pd.DataFrame(rows, columns=["account_id", "rule", "opened", "closed", "closed_by"])
    for name in ("opened", "closed"):
        frame[f"{name}_date"] = pd.to_datetime(frame[name] + "-01") + pd.offsets.MonthEnd(0)
    months = (frame["closed_date"] - frame["opened_date"]).dt.days / 30.44
    kinds = {rule.id: rule.kind for rule in DEFAULTS.alerts.rules}
    return frame.assign(months=months.round(), kind=frame["rule"].map(kinds), team="x",
                        owner="M1", action="x", stage="introduction")


ALERTS = alert_rows(
    ("a00", "health_low", "2026-05", None, None),
    ("a00", "survey_unanswered", "2026-06", "2026-08", "resolved"),
    ("a01", "health_low", "2026-09", "2026-10", "ended"),
    ("a02", "stock_low", "2026-07", "2026-11", "resolved"),     # in October not yet
    ("a12", "goal_achieved", "2026-10", None, None))
NOTHING_MISSING = pd.DataFrame({"measure": pd.Series(dtype="str"), "reason": pd.Series(dtype="str")})


def test_everyone_is_in_one_stage_and_segment_with_the_team_in_charge():
    found = plan.stages_and_teams(month_of_scores(), ALERTS, DEFAULTS, OCTOBER)
    assert [[row[k] for k in ("stage", "segment", "team", "n", "alerts", "health")] for row in found.rows] == [
        ["Operation", "smb", "SMB CSMs", 12, 2, 20], ["Established", "enterprise", "Enterprise Sales Group", 11, 1, 30],
        ["Established", "without segment", "nobody named", 1, 0, "too few"]]
    assert "The largest group, 12, is smb in the stage Operation; in charge: SMB CSMs." in found.sentence
    assert found.details["notes"][0].startswith("1 account without a team")


def test_the_roadmap_shows_who_is_where_in_it():
    found = plan.roadmap(month_of_scores(), ALERTS, FACTS, DEFAULTS, OCTOBER)
    parts = {row.pop("part"): row for row in found.rows}
    assert list(parts)[:6] == list(plan.PARTS.values()) and all(parts["To be achieved"].values())
    assert parts["Accounts"] == {"introduction": "0", "operation": "12", "utilisation": "0", "established": "12"}
    assert parts["Alerts open"]["operation"] == "2" and parts["Alerts open"]["established"] == "1"
    assert parts["Most at risk"]["operation"] == "Co 0, Co 2" and parts["Most at risk"]["established"] is None
    assert found.sentence.endswith("with 3 open alerts at 3 accounts.")


def test_goals_are_compared_by_intervals_only():
    due = pd.DataFrame({"account_id": FACTS["account_id"], "due_date": pd.Timestamp("2026-03-10"),
                        "outcome": ["churned"] * 12 + ["renewed"] * 12})
    found = plan.by_goal(month_of_scores(), FACTS, due, DEFAULTS, OCTOBER)
    rows = {row["goal"]: row for row in found.rows}
    assert [rows["finance"][k] for k in ("n", "health", "touch", "due", "rate")] == [12, 20, 0.2, 12, 1]
    assert [rows["process"][k] for k in ("n", "due", "rate")] == [11, 11, 0]
    assert [rows["learning"][k] for k in ("n", "health", "touch", "due", "rate")] == [0, "too few", "too few", 0, None]
    assert "Churn is higher with the goal finance than with process" in found.sentence
    assert "23 of 24 accounts name" in found.sentence
    mixed = due.assign(outcome=["churned", "renewed"] * 12)
    assert "meet, so none differs" in plan.by_goal(month_of_scores(), FACTS, mixed, DEFAULTS, OCTOBER).sentence
    few = due.assign(due_date=pd.Timestamp("2024-03-10"))
    assert "too few renewals" in plan.by_goal(month_of_scores(), FACTS, few, DEFAULTS, OCTOBER).sentence
    nobody = plan.by_goal(month_of_scores(), FACTS.assign(goal=None), due, DEFAULTS, OCTOBER)
    assert nobody.sentence == "Not measured: no account names its goal."


def test_the_value_matrix_counts_the_ratings_in_force():
    cells = DEFAULTS.ratings.kinds["value_matrix"].values
    measures = pd.DataFrame({"account_id": FACTS["account_id"], "month": OCTOBER, "value_matrix":
                             [cells["unsatisfied"]] * 10 + [cells["thanks"]] * 4 + [None] * 10})
    found = plan.value_matrix(month_of_scores(), measures, FACTS, DEFAULTS, OCTOBER)
    rows = {row["cell"]: row for row in found.rows}
    assert {cell: row["n"] for cell, row in rows.items()} == {
        "thanks": 4, "unwanted": 0, "unsatisfied": 10, "silent": 0}
    assert (rows["unsatisfied"]["delivered"], rows["unsatisfied"]["valued"]) == ("no", "yes")
    assert rows["thanks"]["names"] == "Co 10, Co 11, Co 12" and rows["silent"]["names"] is None   # the largest first
    assert found.estimate == pytest.approx(10 / 14) and found.n == 14
    few = plan.value_matrix(month_of_scores(), measures.tail(12), FACTS, DEFAULTS, OCTOBER)
    assert few.sentence.startswith("Too few to say: 2 accounts")
    none = plan.value_matrix(month_of_scores(), measures.drop(columns="value_matrix"), FACTS, DEFAULTS, OCTOBER)
    assert none.sentence == "Not measured: no rating of the kind value_matrix is in force."


def test_open_alerts_come_with_age_owner_and_todays_team():
    found = plan.open_alerts(ALERTS, month_of_scores(), FACTS, NOTHING_MISSING, DEFAULTS, OCTOBER)
    assert [[row[k] for k in ("account_name", "rule", "team", "stage", "age")] for row in found.rows] == [
        ["Co 0", "Health is red", "SMB CSMs", "Operation", 5],
        ["Co 2", "Under 400 per seat two months after the start", "SMB CSMs", "Operation", 3],
        ["Co 12", "A goal was achieved in the last 3 months", "Enterprise Sales Group", "Established", 0]]
    assert found.sentence == ("3 alerts at 3 accounts are open at the end of 2026-10: 2 risks and 1 opportunity. "
                              "Half of the risks have been open for 4 months or more.")


def test_a_rule_that_the_data_cannot_measure_is_told_in_one_sentence_and_the_rest_stands():
    missing = pd.DataFrame([("dear.A-2", "no core action event occurs in the data"),
                            ("survey_wait_days", "no table of surveys")], columns=["measure", "reason"])
    found = plan.open_alerts(ALERTS, month_of_scores(), FACTS, missing, DEFAULTS, OCTOBER)
    assert found.details["notes"] == [
        "Not measured in this data set: Under 400 per seat two months after the start (no core action event occurs in "
        "the data); A survey waits for an answer (no table of surveys).",
        "Team and stage are today's; the table alerts has those of the month in which an alert opened."]
    assert len(found.rows) == 3


def test_alerts_by_month_open_and_close():
    found = plan.alerts_by_month(ALERTS, OCTOBER)
    assert [(row["month"][5:7], row["into"], row["out"], row["left"], row["open"]) for row in found.rows] == [
        ("05", 1, 0, 0, 1), ("06", 1, 0, 0, 2), ("07", 1, 0, 0, 3), ("08", 0, 1, 0, 2), ("09", 1, 0, 0, 3),
        ("10", 1, 1, 1, 3)]
    assert found.sentence == ("In 6 months 5 alerts opened and 2 closed, 1 of them because the account left.")
    assert plan.alerts_by_month(ALERTS.iloc[:0], OCTOBER).sentence == "Not measured: no alert has opened yet."


def test_how_long_alerts_last_counts_those_old_enough_to_tell():
    many = [(f"a{n:02d}", "survey_unanswered", "2026-01", closed, by) for n, (closed, by) in enumerate(
        [("2026-03", "resolved")] * 6 + [("2026-05", "resolved")] * 3 + [("2026-02", "ended")] * 3)]
    table = alert_rows(*many, ("a00", "survey_unanswered", "2026-08", "2026-09", "resolved"))
    found = plan.alert_rules(table.assign(owner=FACTS["owner"].head(13)), NOTHING_MISSING, DEFAULTS, OCTOBER)
    row = next(row for row in found.rows if row["rule"] == "A survey waits for an answer")
    assert (row["open"], row["opened"], row["months"], row["rate"]) == (0, 13, 2, 0.5)   # six of twelve
    assert (found.estimate, found.n) == (0.5, 12)
    assert found.details["notes"][0].endswith(
        "'Health is red' opens with health below 17.5 and closes with health at least 20.")
    few = plan.alert_rules(ALERTS, NOTHING_MISSING, DEFAULTS, OCTOBER)
    assert few.sentence.startswith("Too few to say: 2 accounts")
