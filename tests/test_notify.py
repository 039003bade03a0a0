"""How a run ended reaches the operator's program: exit code and sentence, and nothing that a name could act by."""

import json
import sys
from pathlib import Path

import pytest
from test_faults import write_data

from cs_research.__main__ import exit_code
from cs_research.errors import Held, Refused
from cs_research.notify import notified


@pytest.fixture
def command(tmp_path) -> str:
    """A program that writes down its words and what it is told."""
    (tmp_path / "tell.py").write_text(
        "import json, os, sys\njson.dump([sys.argv[1:], os.environ['CS_RESEARCH_EXIT'], "
        f"os.environ['CS_RESEARCH_SENTENCE']], open({str(tmp_path / 'told.json')!r}, 'w'))\nprint('told')")
    return f"{sys.executable} {tmp_path / 'tell.py'} 'two words'"


def test_a_run_that_is_done_tells_so(command, tmp_path, capfd):
    with notified(command):
        pass
    assert (tmp_path / "told.json").read_text() == '[["two words"], "0", "The report is published."]'
    assert capfd.readouterr().out == "", "the last line printed is the path of the report"


def test_a_run_that_fails_tells_exit_and_sentence(command, tmp_path, capfd):
    arguments = ["run", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out"), "--notify", command]
    assert exit_code(arguments) == 2
    sentence = capfd.readouterr().err.splitlines()[-1].removeprefix("cs-research: ")
    assert (tmp_path / "told.json").read_text() == f'[["two words"], "2", "{sentence}"]' and "nowhere" in sentence


def test_a_machine_that_is_at_fault_is_told_and_makes_no_report(command, tmp_path, capfd):
    (tmp_path / "out").write_text("")
    write_data(tmp_path / "data", 60)
    arguments = ["run", str(tmp_path / "data"), "--out", str(tmp_path / "out"), "--doctor", "--notify", command]
    assert exit_code(arguments) == 2
    sentence = f"{tmp_path / 'out'} cannot be written to (it is a file): give rights, or another --out."
    assert json.loads((tmp_path / "told.json").read_text())[1:] == ["2", sentence]
    said = capfd.readouterr()
    assert f"cs-research: {sentence}" in said.err.splitlines() and said.out == ""
    assert "ok       the clock says" in said.err, "what else was seen is said, too"


def test_no_shell_reads_what_is_told_or_the_command(command, tmp_path):
    name = f"$(touch {tmp_path}/mark) `touch {tmp_path}/mark`; touch {tmp_path}/mark\0"
    with pytest.raises(Held), notified(f"{command} '; touch {tmp_path}/mark'"):
        raise Held(name, "acknowledge")
    assert '"4", "$(touch' in (tmp_path / "told.json").read_text() and not (tmp_path / "mark").exists()


def test_a_defect_is_told_as_such_and_once(command, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("cs_research.pipeline.run_month", lambda request: {}["oops"])
    assert exit_code(["run", str(tmp_path), "--notify", command]) == 1
    assert "A defect of cs-research" in (tmp_path / "told.json").read_text()
    assert len(list(tmp_path.glob("cs-research-*.log"))) == 1 and "KeyError" in capfd.readouterr().err


@pytest.mark.parametrize(("words", "remedy"), [("no-such-program x", "cannot be run"), ("'", "cannot be read"),
                                               ("", "cannot be run")])
def test_a_command_that_cannot_be_run_is_refused_before_anything_is_made(words, remedy, tmp_path):
    with pytest.raises(Refused, match=remedy), notified(words):
        (Path(tmp_path) / "made").touch()
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("code", ["exit(3)", "import time; time.sleep(9)"])
def test_a_command_that_fails_or_hangs_changes_nothing(code, monkeypatch, capfd):
    monkeypatch.setattr("cs_research.notify.SECONDS", 1)
    with notified(f'{sys.executable} -c "{code}"'):
        pass
    assert "cs-research: nobody was notified" in capfd.readouterr().err
