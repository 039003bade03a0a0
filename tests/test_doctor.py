"""What a machine lacks is told before a report is made: a line for each thing, with its remedy."""

import json
import re
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from test_run import ABOUT

from cs_research import doctor
from cs_research.__main__ import exit_code

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def no_settings(tmp_path, monkeypatch) -> Path:
    """A folder for settings of Jupyter, empty, in the place of those of the machine."""
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_CONFIG_PATH"):
        monkeypatch.setenv(name, str(tmp_path / "jupyter"))
    monkeypatch.setattr("jupyter_core.paths.SYSTEM_CONFIG_PATH", [])
    (tmp_path / "jupyter").mkdir()
    return tmp_path / "jupyter"


def told(out: Path, state: str) -> list[str]:
    return [str(check) for check in doctor.examine(out) if check.state == state]


def test_a_machine_that_can_make_reports_has_no_fault_and_each_thing_has_a_line(tmp_path, capsys):
    assert exit_code(["doctor", "--out", str(tmp_path / "reports")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 9 and all(re.match("(ok|warning)  ", line) for line in lines)
    assert all(": " in line for line in lines if line.startswith("warning")), "with a remedy"
    assert not (tmp_path / "reports").exists(), "it changes nothing"


def test_the_floors_are_those_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    assert {"jupyter-server>=2.20.0", "nbconvert>=7.17.1"} <= set(project)


@pytest.mark.parametrize(("name", "installed", "words"), [
    ("jupyter-server", "2.19.9", "jupyter-server 2.19.9 (needs >=2.20.0)"),
    ("nbconvert", None, "nbconvert none (needs >=7.17.1)"), ("Python", "3.10.1", "Python 3.10.1 (needs ")])
def test_a_package_below_its_floor_is_a_fault(name, installed, words, tmp_path, monkeypatch, capsys):
    real = doctor._installed
    monkeypatch.setattr(doctor, "_installed", lambda one: installed if one == name else real(one))
    assert exit_code(["doctor", "--out", str(tmp_path)]) == 2
    (fault,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("fault")]
    assert words in fault and fault.endswith("install what is needed, then `make report`")


@pytest.mark.parametrize(("lock", "words"), [("pandas==1.0 \\\n    --hash=sha256:0\n", "pandas 3"), (None, "not here")])
def test_packages_other_than_the_locked_ones_are_a_warning(lock, words, tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "LOCK", tmp_path / "requirements.lock")
    if lock:
        (tmp_path / "requirements.lock").write_text(lock)
    assert any(words in line for line in told(tmp_path, "warning"))


def test_a_place_that_takes_no_report_is_a_fault(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    assert told(tmp_path / "file", "fault") == [
        f"fault    {tmp_path / 'file'} cannot be written to (it is a file): give rights, or another --out"]
    monkeypatch.setattr(doctor, "NEEDED_GB", 1e9)
    assert "make room" in told(tmp_path, "fault")[0]


def test_a_run_of_the_future_warns_of_the_clock_and_hinders_no_later_month(tmp_path):
    run = tmp_path / ".runs" / "2026-10-0123456789ab"
    run.mkdir(parents=True)
    for days, warnings in ((-1, 0), (1, 1)):
        started = (datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="seconds")
        (run / "run.json").write_text(json.dumps({**ABOUT, "started": started}))
        clock = [line for line in told(tmp_path, "warning") if "The clock says" in line]
        assert len(clock) == warnings and told(tmp_path, "fault") == []
    assert f"but {run.name} was made at {started}: set the clock, unless it was wrong then" in clock[0]
    for damaged in ("{", "{}"):
        (run / "run.json").write_text(damaged)
        assert told(tmp_path, "fault") == [], "an old report that is damaged hinders no new one"


def test_what_only_some_reports_need_is_a_warning(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    (tmp_path / "true").symlink_to("/bin/true")
    assert [re.search("letters|Chromium|Java", line)[0] for line in told(tmp_path, "warning")] == [
        "letters", "Chromium", "Java"]
    assert told(tmp_path, "fault") == []


@pytest.mark.parametrize(("file", "text", "words"), [
    ("jupyter_server_config.py", "c.ServerApp.ip = '0.0.0.0'", "serve other machines (ip '0.0.0.0')"),
    ("jupyter_lab_config.py", "c.ServerApp.ip = '*'", "serve other machines (ip '*')"),
    ("jupyter_lab_config.py", "c.ServerApp.ip = '192.168.1.20'", "serve other machines (ip '192.168.1.20')"),
    ("jupyter_server_config.json", '{"ServerApp": {"ip": "::"}}', "serve other machines (ip '::')"),
    ("jupyter_server_config.d/a.json", '{"NotebookApp": {"ip": ""}}', "serve other machines (ip '')"),
    ("jupyter_server_config.py", "c.IdentityProvider.token = ''", "an empty token and no password"),
    ("jupyter_lab_config.py", "c.ServerApp.ip = '192.168.1.20'", "serve other machines (ip '192.168.1.20')"),
    ("jupyter_server_config.json", '{"ServerApp": {"token": "", "password": ""}}', "an empty token and no password"),
    ("jupyter_server_config.py", "1 / 0", "cannot be read (ZeroDivisionError"),
    ("jupyter_server_config.py", "c.IdentityProvider.token = ''\nc.PasswordIdentityProvider.hashed_password = 'x'", ""),
    ("jupyter_server_config.py", "c.ServerApp.ip = '127.0.0.1'", ""),
])
def test_a_jupyter_that_lets_others_in_is_a_fault(file, text, words, no_settings, tmp_path):
    (no_settings / file).parent.mkdir(exist_ok=True)
    (no_settings / file).write_text(text)
    faults = told(tmp_path, "fault")
    assert len(faults) == bool(words) and all(words in line and "make lab" in line for line in faults)
