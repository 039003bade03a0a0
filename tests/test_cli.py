"""Every command: help with an example, one sentence for every error, the promised exit codes."""

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from small_data import made

import cs_research
from cs_research import cli
from cs_research.__main__ import exit_code
from cs_research.simulate import simulate

COMMANDS = [command.callback.__name__ for command in cli.app.registered_commands]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "small"
    simulate(folder, accounts=40, months=14, seed=1, truth_accounts=20)
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command, capsys):
    assert exit_code([command, "--help"]) == 0
    assert f"Example: cs-research {command} " in " ".join(capsys.readouterr().out.split())


def test_the_module_is_the_command():
    command = [sys.executable, "-m", "cs_research", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0.1.0"


@pytest.mark.parametrize(("arguments", "words"), [
    (["run", "data", "--mnth", "2026-10"], "No such option: --mnth"),
    (["rnu", "data"], "No such command 'rnu'. Did you mean 'run'?"),
    (["run"], "Missing argument"),
    (["run", "data", "--month", "2026-13"], "--month '2026-13' is not possible: write it as 2026-10."),
    (["run", "data", "--month", "2026-1"], "write it as 2026-10"),
    (["run", "data", "--lang", "fr"], "--lang 'fr' is not possible: it is en or ja"),
    (["run", "data", "--jobs", "0"], "--jobs"),
    (["run", "data", "--recipe", "nowhere.yml"], "There is no recipe"),
    (["check"], "There is nothing to check: give either the folder of a data set or --definitions FOLDER."),
    (["check", "--definitions", "no-such-folder"], "There are no definition files in 'no-such-folder'"),
    (["check", "no-such-data"], "'no-such-data' does not exist"),
    (["simulate", "out", "--world", "nul"], "There is no world 'nul'"),
])
def test_wrong_usage_is_one_sentence_and_ends_with_2(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert exit_code(arguments) == 2
    said = capsys.readouterr().err.strip()
    assert words in said and said.startswith("cs-research: ")
    assert len(said.splitlines()) == 1 and said.endswith((".", "?"))
    assert os.listdir(tmp_path) == []


def test_an_unknown_data_set_names_the_nearest(data, capsys):
    assert exit_code(["check", str(data.with_name("smal"))]) == 2
    assert f"did you mean '{data}'?" in capsys.readouterr().err


def test_check_counts_every_file_and_keeps_nothing(data, capsys, tmp_path):
    before = sorted(data.iterdir())
    assert exit_code(["check", str(data), "--json", str(tmp_path / "check.json")]) == 0
    assert "feedback.csv feedback accept " in " ".join(capsys.readouterr().out.split())
    assert json.loads((tmp_path / "check.json").read_text())["ok"]
    assert sorted(data.iterdir()) == before


def test_check_shows_examples_and_where_the_rows_went(data, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "contracts.csv").write_text(
        "account_id,contract_id,start_date,end_date,seats\n1,C1,2026-01-01,,0\n2,C2,2026-01-01,,5\n")
    assert exit_code(["check", "mine", "--zone", "UTC", "--as-of", "2026-10-31"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "R_SEATS_RANGE contracts.csv 1 seats are whole numbers from 1 to 100,000 line 2 seats '0' correct" in said
    assert "Rows set aside: reports/quarantine/mine. Correct them there, lay the file in mine/corrections" in said
    assert (tmp_path / "reports/quarantine/mine/contracts.csv.quarantine.csv").is_file()
    assert os.listdir(tmp_path / "mine") == ["contracts.csv"]


def test_check_tells_of_files_without_table_and_of_touches_without_points(tmp_path, capsys):
    mapping = "tables: {touches: {values: {touch_type: {tel: call, mail: mail_click, 訪問: mid_review}}}}\n"
    folder = made(tmp_path, mapping, touch="a,b\n1,2\n",
                  touches="touch_id,account_id,occurred_at,touch_type\nt1,007,2025-05-01T10:00:00+09:00,tel\n")
    assert exit_code(["check", str(folder), "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert re.search(r"touch\.csv +unused", told) and "accept_warn" not in told
    assert "cs-research init proposes how" in " ".join(told.split())
    assert "Touches of type call earn no points" in told


def test_definition_files_are_checked_the_same_way(tmp_path, capsys):
    (tmp_path / "stages.yml").write_text("kind: stages\nkind: stages\n")
    assert exit_code(["check", "--definitions", str(tmp_path), "--json", str(tmp_path / "check.json")]) == 2
    assert "F_CONFIG stages.yml 1 a definition file is not acceptable line 2 key 'kind' stands twice" in \
        " ".join(capsys.readouterr().out.split())
    (file,) = json.loads((tmp_path / "check.json").read_text())["files"]
    assert (file["file"], file["outcome"], file["codes"]) == ("stages.yml", "reject_file", {"F_CONFIG": 1})
    defaults = Path(cs_research.__file__).with_name("definitions") / "defaults"
    assert exit_code(["check", "--definitions", str(defaults)]) == 0


def test_a_rejected_file_ends_with_2(data, tmp_path, capsys):
    (tmp_path / "contracts.csv").write_text("account_id,start_date\n1,2026-01-01\n")
    assert exit_code(["check", str(tmp_path), "--zone", "UTC", "--as-of", "2026-10-31"]) == 2
    assert "contracts.csv contracts reject_file" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(("error", "code", "words"), [
    (OSError(errno.ENOSPC, "No space left on device", "x.parquet"), 74, "x.parquet: No space left on device"),
    (KeyError("oops"), 1, "A defect of cs-research, not of your data (KeyError: 'oops'); report it with "),
    (KeyboardInterrupt(), 130, "Interrupted"),
])
def test_what_goes_wrong_below_becomes_a_sentence_and_a_code(error, code, words, monkeypatch, capsys, data, tmp_path):
    def fail(*_args, **_options):
        raise error

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("cs_research.simulate.simulate", fail)
    assert exit_code(["simulate", "anywhere"]) == code
    said = capsys.readouterr().err.strip()
    assert words in said and "Traceback" not in said
    if code == 1:
        log = next(tmp_path.glob("cs-research-*.log"))
        assert str(log) in said and "Traceback" in log.read_text()


def test_a_disk_that_takes_no_more_is_told_whoever_writes(data, tmp_path):
    program = "import resource, sys; from cs_research.__main__ import main\n" \
              "resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192)); main(sys.argv[1:])"
    command = [sys.executable, "-c", program, "run", str(data), "--out", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 74, done.stderr
    assert ": File too large: make room or give a folder you may write to." in done.stderr
    assert "defect" not in done.stderr and not list(tmp_path.glob("out/20*"))


FOR_PAGES = "papermill nbconvert IPython matplotlib seaborn statsmodels scipy sklearn pyspark"
FOR_DATA = "pandas duckdb numpy pyarrow yaml"


@pytest.mark.parametrize(("program", "heavy", "most"), [
    ("import cs_research", f"{FOR_DATA} {FOR_PAGES} typer rich", 150),
    ("run(['--help'])", f"{FOR_DATA} {FOR_PAGES}", 700),
    ("run(['run', '--help'])", f"{FOR_DATA} {FOR_PAGES}", 700),
    ("run(['check', '--help'])", f"{FOR_DATA} {FOR_PAGES}", 700),
    ("run(['check', sys.argv[1]])", FOR_PAGES, 1500)])
def test_a_command_imports_no_more_than_it_needs(program, heavy, most, data, tmp_path):
    """As counted from a process of its own; `most` is half as much again as was seen, or more."""
    program = f"""import sys
def run(words):
    from cs_research.__main__ import exit_code
    assert not exit_code(words)
{program}
print([m for m in '{heavy}'.split() if m in sys.modules], len(sys.modules) < {most})"""
    done = subprocess.run([sys.executable, "-c", program, str(data)], capture_output=True, text=True, check=True,
                          cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "[] True"
