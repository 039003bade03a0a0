"""Notebooks stay prose: a question, a call, a figure or table, a reading; no code of their own, no outputs."""

import ast
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).parent.parent / "notebooks"
PATHS = sorted(FOLDER.glob("*.ipynb"))
GIVEN = ["run_dir", "month", "scorecard"]


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def notebook(request):
    book = nbformat.read(request.param, as_version=4)
    book.name = request.param.stem
    return book


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_the_monthly_notebooks_are_there():
    assert {path.stem[:2] for path in PATHS} >= {f"{n:02}" for n in range(8)}


def test_outputs_are_stripped_and_cells_have_ids_of_their_own(notebook):
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code_cells(notebook))
    assert notebook.metadata.kernelspec.name == "python3"
    assert set(notebook.metadata) == {"kernelspec", "language_info"}


def test_parameters_are_declared_as_text(notebook):
    (cell,) = [cell for cell in code_cells(notebook) if "parameters" in cell.metadata.get("tags", [])]
    given = {node.targets[0].id: ast.literal_eval(node.value) for node in ast.parse(cell.source).body}
    assert list(given)[:3] == GIVEN and "lang" not in given
    assert all(isinstance(value, str) for value in given.values())


def test_cells_are_short_and_define_nothing(notebook):
    for cell in code_cells(notebook):
        assert len(cell.source.splitlines()) <= 5, cell.source
        forbidden = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.For, ast.While, ast.If)
        assert not any(isinstance(node, forbidden) for node in ast.walk(ast.parse(cell.source))), cell.source


def test_every_section_is_a_question_with_something_to_look_at_and_a_reading(notebook):
    assert notebook.cells[0].cell_type == "markdown" and notebook.cells[0].source.startswith("# ")
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            assert cell.source.splitlines()[0].endswith("?")
            assert notebook.cells[number + 1].cell_type == "code"


def test_the_last_cell_records_what_was_found_under_the_notebooks_own_name(notebook):
    (call,) = ast.parse(notebook.cells[-1].source).body
    assert ast.unparse(call.value.func) == "run.record"
    assert call.value.args[0].value == notebook.name
    # The summary repeats what other notebooks record, and the sandbox answers nobody's question yet.
    assert len(call.value.args) > 1 or notebook.name in ("00_summary", "sandbox")


def test_a_question_is_recorded_by_one_notebook():
    recorded = [(ast.unparse(name), path.stem) for path in PATHS
                for name in ast.parse(nbformat.read(path, as_version=4).cells[-1].source).body[0].value.args[1:]]
    assert {"net": "04_retention", "gross": "04_retention"}.items() <= dict(recorded).items()
    assert len({name for name, _ in recorded}) == len(recorded)


def test_every_notebook_follows_its_month(notebook):
    sources = " ".join(cell.source for cell in code_cells(notebook))
    assert "month = pd.Timestamp(month or run.month)" in sources
    assert "Evidence.from_run(run, scorecard)" not in sources and 'run.of_card("scores", card)' not in sources


def test_prose_holds_no_figure_typed_by_hand(notebook):
    """Only what a claim itself says may stand in words; a measured number comes from code."""
    words = " ".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert not any(character.isdigit() for character in words.replace("70 in a hundred", "")), words
