"""What makes the report every month by itself is written as systemd, cron and GitHub read it."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
INSTALLED = "/opt/cs-research"


def monthly(folder: Path, today: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """Run deploy/monthly.sh on a day of choice, with a program that prints what it is called with."""
    clock = f"import datetime, sys; print(datetime.date.fromisoformat('{today}').strftime(sys.argv[1][1:]))"
    programs = {"date": f'exec {sys.executable} -c "{clock}" "$1"',
                "cs-research": 'echo "$*"; test "$1" != doctor || exit ${DOCTOR:-0}'}
    for name, text in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    path = {"PATH": f"{folder}:{os.environ['PATH']}", "CS_RESEARCH": str(folder / "cs-research")}
    return subprocess.run([DEPLOY / "monthly.sh", *arguments], env={**path, **environment}, capture_output=True,
                          text=True, check=False)


@pytest.mark.parametrize(("today", "month"), [("2026-11-01", "2026-10"), ("2026-01-01", "2025-12"),
                                              ("2026-03-31", "2026-02"), ("2026-10-05", "2026-09"),
                                              ("2026-08-01", "2026-07"), ("2026-12-09", "2026-11")])
def test_the_month_that_has_ended_is_passed(tmp_path, today, month):
    done = monthly(tmp_path, today, "--notify", "a b", DATA="my data", OUT="my out")
    assert done.stdout == f"run my data --out my out --month {month} --notify a b\n"
    assert done.stderr == "doctor --out my out\n"


def test_another_month_or_the_newest_of_the_data_can_be_asked_for(tmp_path):
    assert "--month 2020-02" in monthly(tmp_path, "2026-11-01", MONTH="2020-02").stdout
    assert monthly(tmp_path, "2026-11-01", MONTH="").stdout == "run data/sample --out reports\n"


def test_a_machine_that_is_at_fault_makes_no_report(tmp_path):
    done = monthly(tmp_path, "2026-11-01", DOCTOR="2")
    assert done.returncode == 2 and done.stdout == ""


def analysed(*words: str | Path) -> tuple[int, str, str]:
    done = subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_systemd_takes_the_units(tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not here")
    for unit in ("cs-research.service", "cs-research.timer"):
        text = (DEPLOY / unit).read_text(encoding="utf-8")
        (tmp_path / unit).write_text(text.replace(INSTALLED, str(ROOT)), encoding="utf-8")
        assert analysed("verify", tmp_path / unit) == (0, "", "")
    code, told, _ = analysed("calendar", "--base-time=2026-11-01 06:00", re.search("OnCalendar=(.*)", text)[1])
    assert code == 0 and "2026-12-01 06:00" in told


def test_the_line_for_cron_has_five_times_a_user_and_a_program():
    lines = [line for line in (DEPLOY / "cs-research.cron").read_text(encoding="utf-8").splitlines()
             if not line.startswith("#")]
    *settings, line = lines
    assert all(re.fullmatch(r"[A-Z]+=\S+", setting) for setting in settings)
    *times, user, command = line.split(maxsplit=6)
    for time, (first, last) in zip(times, ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7)), strict=True):
        assert time == "*" or first <= int(time) <= last
    assert times[2] == "1" and user == "cs-research"
    assert "%" not in command, "cron reads a % as the end of the command"
    program = shlex.split(command)[0].replace(INSTALLED, str(ROOT))
    assert os.access(program, os.X_OK)
    assert (DEPLOY / "cs-research.cron").read_bytes().endswith(b"\n"), "cron leaves out a last line without its end"


def workflow(name: str) -> dict:
    return yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8"))


def test_the_workflow_is_one_that_github_takes():
    """By the documented syntax of workflows: known keys, jobs with a runner and steps that run or use one thing."""
    found = workflow("monthly.yml")
    assert set(found) <= {"name", True, "permissions", "concurrency", "jobs", "env"}  # YAML reads `on` as true
    (schedule,) = found[True]["schedule"]
    assert re.fullmatch(r"\d{1,2} \d{1,2} 1 \* \*", schedule["cron"])
    assert found[True]["workflow_dispatch"]["inputs"]["month"]["type"] == "string"
    for job in found["jobs"].values():
        assert set(job) <= {"runs-on", "timeout-minutes", "env", "steps", "needs", "if"} and job["runs-on"]
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step) and set(step) <= {"name", "run", "uses", "with", "env"}
            assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step.get("uses", "a/b@v1"))


def test_the_workflow_has_no_more_rights_than_it_needs_and_runs_no_words_of_others():
    found = workflow("monthly.yml")
    assert found["permissions"] == {"contents": "read"}
    steps = [step for job in found["jobs"].values() for step in job["steps"]]
    assert all("${{" not in step.get("run", "") for step in steps), "what is given reaches a shell by the environment"
    assert all(step["with"] == {"persist-credentials": False} for step in steps if "checkout" in step.get("uses", ""))


def test_the_workflow_makes_gathers_and_audits(tmp_path):
    found = workflow("monthly.yml")["jobs"]
    assert "deploy/monthly.sh" in [step.get("run") for step in found["report"]["steps"]]
    assert [step["run"] for step in found["audit"]["steps"] if "run" in step] == ["make audit", "make sbom"]
    run = tmp_path / "reports" / ".runs" / "2026-10-a"
    for name in ("index.html", "accounts/a.html", "exports/a-1.csv", "canonical/users.parquet", "notebooks/a.ipynb",
                 "quarantine/a.csv", "run.json"):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text("")
    (tmp_path / "reports" / "2026-10").symlink_to(".runs/2026-10-a")
    (gather,) = [step["run"] for step in found["report"]["steps"] if step.get("name", "").startswith("Gather")]
    subprocess.run(["bash", "-euo", "pipefail", "-c", gather], cwd=tmp_path, check=True)
    edition = tmp_path / "edition"
    assert sorted(path.relative_to(edition).as_posix() for path in edition.rglob("*.*")) == [
        "2026-10/accounts/a.html", "2026-10/exports/a-1.csv", "2026-10/index.html"]


def test_the_audit_fails_where_it_cannot_audit_and_is_no_part_of_ci():
    made = (ROOT / "Makefile").read_text(encoding="utf-8")
    (audit,) = re.findall(r"^\t.*pip-audit .*$", made, re.MULTILINE)
    assert {"--strict", "--require-hashes", "requirements.lock"} <= set(audit.split()), "strict: what was skipped fails"
    assert not audit.strip().startswith(("-", "@-")) and "||" not in audit, "make may not pass over its exit code"
    assert "audit" not in (ROOT / ".ci" / "run").read_text(encoding="utf-8") + str(workflow("ci.yml"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {"pip-audit>=2.10", "cyclonedx-bom>=7.5"} <= {*project["optional-dependencies"]["dev"]}
