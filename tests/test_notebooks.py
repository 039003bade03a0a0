"""A notebook is believed only when every cell ran and its result is there."""

import json
import signal
from pathlib import Path

import nbformat
import pytest
from small_notebooks import PARAMETERS, write_notebook, write_recipe

from cs_research.errors import NotebookFailed, Refused
from cs_research.report.notebooks import Job, declared_parameters, execute_notebooks, read_jobs

GIVEN = ("run_dir", "month")
RECORD = 'import json, pathlib; p = pathlib.Path(run_dir) / "results"; p.mkdir(exist_ok=True)\n' \
         '(p / "one.json").write_text(json.dumps({"month": month}))'


def run_cells(root: Path, *sources: str, seconds: int = 60) -> list[Path]:
    job = Job("one", write_notebook(root / "notebooks" / "one.ipynb", *sources), {})
    run = root / "run {0}"  # Papermill formats paths: braces must do no harm
    run.mkdir()
    return execute_notebooks([job], run, {"run_dir": str(run), "month": "2026-10"}, cell_seconds=seconds)


def test_a_whole_notebook_is_kept_with_its_parameters(tmp_path):
    (executed,) = run_cells(tmp_path, RECORD)
    assert json.loads((executed.parents[1] / "results" / "one.json").read_text()) == {"month": "2026-10"}
    assert "injected-parameters" in [cell.id for cell in nbformat.read(executed, as_version=4).cells]


def test_settings_of_the_machine_for_drawings_reach_no_kernel(tmp_path, monkeypatch):
    (tmp_path / "matplotlibrc").write_text("lines.linewidth: 77")
    monkeypatch.setenv("MATPLOTLIBRC", str(tmp_path / "matplotlibrc"))
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path))
    check = "import matplotlib; assert matplotlib.rcParams['lines.linewidth'] == 1.5"  # fails the notebook
    (executed,) = run_cells(tmp_path, check, RECORD)
    assert executed.is_file()


@pytest.mark.parametrize(("cells", "words"), [
    (("1 / 0", RECORD), r"code cell 2 \(ZeroDivisionError: division by zero\)"),
    (("raise MemoryError", RECORD), r"in code cell 2 \(MemoryError\): see"),
    ((RECORD, "import sys; sys.exit(0)"), "code cell 3"),
    (("import sys; sys.exit(0)", RECORD), "code cell 2"),
    ((RECORD, f"import os; os.kill(os.getpid(), {int(signal.SIGKILL)})"), "code cell 3"),
    (("1 + 1",), "recorded no result"),
])
def test_a_notebook_that_only_looks_finished_is_refused(tmp_path, cells, words):
    with pytest.raises(NotebookFailed, match=words):
        run_cells(tmp_path, *cells)


def test_an_endless_cell_is_stopped_and_named(tmp_path):
    with pytest.raises(NotebookFailed, match="code cell 2"):
        run_cells(tmp_path, "while True: pass", RECORD, seconds=2)


EACH = (RECORD, "import os; print(os.getpid(), account_id)", "assert account_id != 'bad'")


def run_each(root: Path, **values: str) -> list[Path]:
    source = write_notebook(root / "notebooks" / "one.ipynb", *EACH, parameters=f'{PARAMETERS}\naccount_id = ""')
    run = root / "run"
    run.mkdir()
    job = Job("one", source, {}, "account_id", 30, values)
    return execute_notebooks([job], run, {"run_dir": str(run), "month": "2026-10"})


def test_a_notebook_for_each_account_runs_in_one_kernel_and_leaves_no_result_of_the_run(tmp_path):
    executed = run_each(tmp_path, first="001", second='"; 1 / 0 #')
    assert [path.relative_to(tmp_path / "run/notebooks").as_posix() for path in executed] == [
        "one/first.ipynb", "one/second.ipynb"]
    said = [out.text.split(maxsplit=1) for path in executed
            for cell in nbformat.read(path, as_version=4).cells for out in cell.get("outputs", [])
            if out.output_type == "stream"]
    assert [words for _, words in said] == ["001\n", '"; 1 / 0 #\n']
    assert said[0][0] == said[1][0], "one kernel"
    assert not list((tmp_path / "run" / "results").glob("*"))


def test_an_account_whose_page_fails_is_named(tmp_path):
    with pytest.raises(NotebookFailed, match=r"in code cell 4 \(AssertionError.*\) for account_id 'bad'"):
        run_each(tmp_path, first="001", second="bad", third="003")


def test_declared_parameters_are_the_names_of_the_tagged_cell(tmp_path):
    path = write_notebook(tmp_path / "n.ipynb", "other = 1", parameters='a = 1\nb: str = ""\n# c = 2')
    assert declared_parameters(path) == ["a", "b"]


@pytest.mark.parametrize(("recipe", "words"), [
    ("kind: recipe\nnotebooks:\n  - notebook: one\n    parameters: {mnoth: x}",
     "no parameter 'mnoth': did you mean 'month'"),
    ("kind: recipe\nnotebooks:\n  - notebook: oen", "no notebook 'oen'.*did you mean 'one'"),
    ("kind: recipe\nnotebooks:\n  - notbook: one", "F_CONFIG"),
    ("kind: recipe\nnotebooks:\n  - {notebook: one, each: month}", "F_CONFIG"),
    ("kind: recipe\nnotebooks:\n  - {notebook: one, each: account_id}", "no parameter 'account_id'"),
    ('kind: recipe\nnotebooks:\n  - notebook: one\n    parameters: {"month=1;import os": x}', "F_CONFIG"),
])
def test_a_mistyped_recipe_is_refused_before_anything_runs(tmp_path, recipe, words):
    write_notebook(tmp_path / "notebooks" / "one.ipynb", "1")
    with pytest.raises(Refused, match=words):
        read_jobs(write_recipe(tmp_path, recipe), GIVEN)


def test_a_notebook_must_declare_what_it_is_given(tmp_path):
    write_notebook(tmp_path / "notebooks" / "one.ipynb", "1", parameters='run_dir = ""')
    with pytest.raises(Refused, match="no parameter 'month'"):
        read_jobs(write_recipe(tmp_path, "kind: recipe\nnotebooks:\n  - notebook: one"), GIVEN)
