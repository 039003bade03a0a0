"""Stages by age and by event, teams by segment and stage, goals, value matrix, roadmap: worked out by hand."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from canonical import panel, term, write_canonical

from cs_research import scores
from cs_research.definitions import load_definitions
from cs_research.definitions.loader import DEFAULTS as FILES
from cs_research.errors import Refused
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
