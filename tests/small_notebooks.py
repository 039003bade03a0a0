"""Notebooks and recipes written by hand for tests."""

from pathlib import Path

import nbformat

PARAMETERS = 'run_dir = "../reports"\nmonth = ""'


def write_notebook(path: Path, *sources: str, parameters: str = PARAMETERS) -> Path:
    first = nbformat.v4.new_code_cell(parameters, id="p")
    first.metadata["tags"] = ["parameters"]
    rest = [nbformat.v4.new_code_cell(source, id=f"c{n}") for n, source in enumerate(sources)]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[first, *rest], metadata=metadata), path)
    return path


def write_recipe(root: Path, text: str) -> Path:
    path = root / "reports" / "monthly.yml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path
