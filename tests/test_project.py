"""What holds the project together beside its code: environments, notebooks, the two commands."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml
from conftest import TOGETHER

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONDA_NAMES = {"duckdb": "python-duckdb", "jupyter-server": "jupyter_server", "matplotlib": "matplotlib-base"}
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def test_conda_users_get_the_names_and_bounds_of_pyproject():
    project = PROJECT["project"]
    wanted = {f"python {project['requires-python']}"}
    for text in project["dependencies"] + sum(project["optional-dependencies"].values(), []):
        name, bounds = re.fullmatch(r"([\w-]+)(.*)", text).groups()
        wanted.add(f"{CONDA_NAMES.get(name, name)} {bounds}".strip())
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    *names, by_pip = environment["dependencies"]
    assert {*names, *by_pip["pip"]} == {*wanted, "pip"}


def test_the_lock_pins_every_dependency_by_hash_and_names_no_registry():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pinned = dict(re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE))
    assert {re.match(r"[\w-]+", text)[0] for text in PROJECT["project"]["dependencies"]} <= set(pinned)
    assert len(re.findall(r"^[\w.-]+==", lock, re.MULTILINE)) == len(re.findall(r"^[\w.-]+==.*\\\n    --hash=sha256:",
                                                                               lock, re.MULTILINE))
    assert "://" not in lock


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """`make` as a person calls it, not as the `make test` does that these tests may run in."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    own = {name: value for name, value in os.environ.items() if name not in ("ARGS", "MAKEFLAGS", "MAKEOVERRIDES")}
    return subprocess.run(["make", "--no-print-directory", *arguments], cwd=folder, env=own, capture_output=True,
                          text=True, check=False)


def test_tests_that_share_what_is_dear_are_run_by_one_worker(tmp_path):
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path / "tests")
    (tmp_path / "tests" / "test_recover.py").write_text(
        "import time\nimport pytest\n\n@pytest.mark.parametrize('n', range(8))\n"
        "def test_one(n):\n    time.sleep(.1)\n", encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "pytest", "-n", "2", "-v", "--rootdir", tmp_path, "tests"],
                          cwd=tmp_path, capture_output=True, text=True, check=False)
    ran = re.findall(r"\[(gw\d)\].* PASSED tests/test_recover", done.stdout)
    assert "created: 2/2 workers" in done.stdout and (len(ran), len({*ran})) == (8, 1), done.stdout
    for start in TOGETHER:
        name, _, test = start.partition("::")
        assert f"def {test}" in (ROOT / "tests" / name).read_text(encoding="utf-8"), start


@pytest.mark.parametrize(("script", "words"), [
    ("exit 127", "No Python 3.11, 3.12 or 3.13 was found"),
    ('case "$*" in *venv*) exit 1;; *) exit 0;; esac', "cannot make a virtual environment: install its venv module"),
])
def test_a_machine_without_python_or_venv_is_told_what_to_install(tmp_path, script, words):
    python = tmp_path / "python-of-this-test"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    done = make(tmp_path, ".venv/installed", f"PYTHONS=no-such-python {python}")
    assert done.returncode != 0
    assert [line for line in done.stderr.splitlines() if words in line] == done.stderr.splitlines()[:1]
    assert not (tmp_path / ".venv").exists()


def test_the_lab_makes_a_report_first_where_there_is_none(tmp_path):
    for name in ("cs-research", "jupyter"):
        program = tmp_path / ".venv" / "bin" / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f'#!/bin/sh\necho "{name} $*"; test {name} = jupyter || mkdir -p reports/2026-10\n')
        program.chmod(0o755)
    (tmp_path / "notebooks").mkdir()
    ready = tmp_path / ".venv" / "installed"
    ready.touch()
    os.utime(ready, (2**31, 2**31))  # newer than the lock
    said = [make(tmp_path, "lab").stdout.splitlines() for _ in range(2)]
    assert said[0][0] == "There is no report in reports yet: making that of data/sample first."
    assert [line.split()[0] for line in said[0]] == ["There", "cs-research", "cd", "jupyter"]
    assert [line.split()[0] for line in said[1]] == ["cd", "jupyter"]


def test_ci_runs_exactly_make_test():
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert lines[-1] == "make test"
    assert "set -euo pipefail" in lines
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    assert workflow["jobs"]["test"]["steps"][-1] == {"run": "bash .ci/run"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_holds_no_output_and_names_the_kernel_of_the_environment(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata["kernelspec"]["name"] == "python3"
    for cell in notebook.cells:
        assert cell.cell_type != "code" or (not cell.outputs and cell.execution_count is None)
