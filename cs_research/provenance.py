"""What a run is made of: everything that decides its content, by which it gets its id and is told from another.

This layer hashes, copies and compares; it reads no export and computes nothing.
"""

import platform
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from importlib.metadata import distributions, version
from itertools import product
from pathlib import Path
from typing import Any

from cs_research import runs
from cs_research.definitions import Definitions, read_card, read_definition
from cs_research.errors import Refused
from cs_research.ingest import Dataset
from cs_research.report.notebooks import Job
from cs_research.run import Run, open_run

PACKAGE = Path(__file__).resolve().parent


def parts(dataset: Dataset, notebooks: Sequence[Job], recipe: Path) -> dict[str, Any]:
    """What every run of a data set is made of, whichever its month; `inputs` are the hashes of its files."""
    return {
        "dataset": {name: getattr(dataset, name) for name in
                    ("name", "zone", "currency", "simulated", "licence", "source", "scorecard")},
        "inputs": inputs(dataset),
        "definitions": _hashes(dataset.definitions),
        "sources": runs.file_hashes(_sources(recipe, notebooks), PACKAGE.parent),
        "packages": _packages(),
    }


def described(parts: dict[str, Any], definitions: Definitions, month: str, as_of: date, parameters: dict[str, Any],
              card: Path | None, rows_before: dict[str, int]) -> dict[str, Any]:
    """Everything that decides the content of a run, under the id that it has (run.json).

    `card` is one that is tried. `rows_before` are the rows by table of the month before, which decide whether the run
    is held when it is made and nothing of its content: what lies beside it gives it no other id.
    """
    made_of = {
        **parts, "month": month, "as_of": as_of.isoformat(), "parameters": parameters,
        "tried_card": card and read_card(card).model_dump(include={"name", "version"}),
        "definitions": _hashes(definitions),
    }
    return {
        "schema_version": 1, "id": runs.run_id(made_of), **made_of, "rows_before": rows_before,
        "version": version("cs-research"), "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _hashes(definitions: Definitions) -> dict[str, str]:
    return {key: runs.sha256(path) for key, path in sorted(definitions.files.items())}


def inputs(dataset: Dataset) -> dict[str, str]:
    """The hash of every file that the data set is made of and that is there."""
    paths = {dataset.folder / "dataset.yml", *dataset.paths}
    return runs.file_hashes((path for path in paths if path.exists()), dataset.root)


def copy_definitions(dataset: Dataset, folder: Path) -> None:
    """Lay a copy of every definition file into a run."""
    folder.mkdir(exist_ok=True)
    for key, path in dataset.definitions.files.items():
        shutil.copyfile(path, folder / _copied(key))


def refuse_changed_versions(dataset: Dataset, out: Path, month: str) -> None:
    """Raise Refused where a definition reads otherwise under the version that it had in a published report.

    A version names one content for ever. Compared are the published run of the month and the newest one there is.
    """
    months = dict.fromkeys([month, *runs.published_months(out)[-1:]])
    reports = [out / month for month in months if published_run(out, month, dataset.name)]
    for published, (key, path) in product(reports, dataset.definitions.files.items()):
        copy = published / "definitions" / _copied(key)
        if copy.is_file() and copy.read_bytes() != path.read_bytes():
            now = read_definition(path)
            try:
                then = read_definition(copy)
            except Refused:  # of an earlier release, with keys that are no more
                continue
            if now != then and getattr(now, "version", None) == getattr(then, "version", ""):
                raise Refused(f"{path} has changed since the report in {published} and is still version {now.version}",
                              "give it a new version, or put back what it was")


def published_run(out: Path, month: str, name: str) -> Run | None:
    """The run of a data set that is published for a month; None without one, or where it is damaged."""
    try:
        run = open_run(out / month)
    except Refused:
        return None
    return run if run.dataset["name"] == name else None


def made_of_other_data(out: Path, month: str, name: str, inputs: dict[str, str]) -> list[str]:
    """The published months of a data set after a month for which it held other rows than `inputs` when they were
    made."""
    later = [(other, published_run(out, other, name)) for other in runs.published_months(out) if other > month]
    return [other for other, run in later if run and run.about["inputs"] != inputs]


def _copied(key: str) -> str:
    return f"{key.replace(' ', '-')}.yml"


def _sources(recipe: Path, notebooks: Sequence[Job]) -> Iterator[Path]:
    yield recipe.resolve()
    yield from (job.source for job in notebooks)
    for path in PACKAGE.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def _packages() -> dict[str, str]:
    # What is installed, not what the lock file says: a run is made by the former.
    read = (dist.metadata for dist in distributions())  # from a file, each time that it is asked for
    found = {about["Name"]: about["Version"] for about in read if about["Name"] not in ("cs-research", "pip")}
    return {"python": platform.python_version(), "machine": platform.machine(), **dict(sorted(found.items()))}
