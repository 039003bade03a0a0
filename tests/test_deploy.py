"""What makes the report every month by itself is written as systemd, cron and GitHub read it."""

import json
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
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from test_project import make

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
INSTALLED = "/opt/cs-research"


def monthly(folder: Path, today: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """Run deploy/monthly.sh on a day of choice, with a program that prints what it is called with."""
    clock = f"import datetime, sys; print(datetime.date.fromisoformat('{today}').strftime(sys.argv[1][1:]))"
    programs = {"date": f'exec {sys.executable} -c "{clock}" "$1"',
                "cs-research": 'echo "$*"; exit 4'}
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
    assert done.stdout == f"run my data --out my out --month {month} --doctor --notify a b\n"
    assert (done.returncode, done.stderr) == (4, ""), "how the run ended is how this ends"


def test_another_month_or_the_newest_of_the_data_can_be_asked_for(tmp_path):
    assert "--month 2020-02" in monthly(tmp_path, "2026-11-01", MONTH="2020-02").stdout
    assert monthly(tmp_path, "2026-11-01", MONTH="").stdout == "run data/sample --out reports --doctor\n"


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
    service = (DEPLOY / "cs-research.service").read_text(encoding="utf-8")
    logs = re.search("^LogsDirectory=(.*)$", service, re.MULTILINE)[1]
    assert f" TMPDIR=/var/log/{logs}\n" in service, "what lies in PrivateTmp is gone when the service has ended"
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
                 "quarantine/a.csv", "quarantine/exports/a.csv", "run.json"):
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


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder in which `make` finds this environment to be installed."""
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    (tmp_path / ".venv" / "installed").touch()
    os.utime(tmp_path / ".venv" / "installed", (2**31, 2**31))  # newer than the lock
    return tmp_path


def test_an_audit_that_reaches_nobody_fails_and_says_so(folder, monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # where nobody listens
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    done = make(folder, "audit")
    assert done.returncode != 0 and "No known vulnerabilities" not in done.stdout + done.stderr
    assert "Unable to connect" in done.stderr or "could not be audited" in done.stderr


def test_the_bill_of_materials_names_every_package_of_the_lock_with_its_hashes_and_no_place(folder):
    assert make(folder, "sbom", "ARGS=--no-validate").returncode == 0  # that is done here
    text = (folder / "sbom.json").read_text(encoding="utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill, lock = json.loads(text), (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pinned = {found[1]: (found[2], {*re.findall("sha256:([0-9a-f]{64})", found[3])})
              for found in re.finditer(r"^([\w.-]+)==(\S+)(.*(?:\n .*)*)", lock, re.MULTILINE)}
    listed = {part["name"]: (part["version"], {entry["content"] for reference in part["externalReferences"]
                                               for entry in reference["hashes"]}) for part in bill["components"]}
    assert listed == pinned and len(pinned) > 100 and all(hashes for _, hashes in pinned.values())
    assert bill["metadata"]["component"]["name"] == "cs-research"
    assert "://" not in json.dumps(bill["components"]), "which registry they come from is each machine's own affair"
    assert not [place for place in (folder, ROOT, Path.home()) if f"{place}/" in text]
