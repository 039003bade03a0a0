"""Opens a run: its tables, its definitions, its Findings. Every notebook begins here.

This layer reads what a run has written and records Findings; it may not compute a score or publish anything.
"""

import json
import os
import re
from collections.abc import Iterator
from datetime import date
from difflib import get_close_matches
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from cs_research.definitions import Definitions, load_definitions
from cs_research.errors import Refused
from cs_research.finding import Finding

_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_NOTEBOOK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


class Run:
    """A run folder, read-only but for `record`.

    A table is an attribute, a DataFrame read at first use: ids are text, `month` and `*_date` are datetime64.
    Opened through a month's link, it stays with the run that the link pointed at.

    >>> run = open_run("reports/2026-10")           # doctest: +SKIP
    >>> run.scores[["account_id", "health"]]        # doctest: +SKIP
    """

    def __init__(self, folder: Path):
        self.folder = folder.resolve()
        self.about: dict[str, Any] = json.loads((self.folder / "run.json").read_text(encoding="utf-8"))
        self.month = date.fromisoformat(f"{self.about['month']}-01")
        self.as_of = date.fromisoformat(self.about["as_of"])
        self.dataset: dict[str, Any] = self.about["dataset"]
        self._read: dict[str, pd.DataFrame] = {}

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the tables that this run holds."""
        return tuple(sorted(path.stem for path in (self.folder / "tables").glob("*.parquet")))

    @cached_property
    def definitions(self) -> Definitions:
        """The definitions as they stood when the run was made."""
        return load_definitions(self.folder / "definitions")

    def table(self, name: str) -> pd.DataFrame:
        """One output table as a DataFrame of its own; columns as in the data contract.

        Raises Refused, naming the nearest, when the run has no such table.
        """
        if name not in self._read:
            if name not in self.tables:
                raise Refused(f"The run of {self.month:%Y-%m} has no table '{name}'", self._tables_like(name))
            path = self.folder / "tables" / f"{name}.parquet"
            with duckdb.connect() as connection:
                self._read[name] = connection.read_parquet(str(path)).df()
        return self._read[name].copy(deep=False)  # copy on write keeps the original

    @property
    def holds(self) -> list[dict[str, str]]:
        """Why the run was held back until someone acknowledged it: code and sentence of each reason."""
        return self.about.get("holds", [])

    def canonical(self, name: str) -> pd.DataFrame | None:
        """An input table as ingest left it (columns as in the data contract), None when it was not delivered."""
        path = self.folder / "canonical" / f"{name}.parquet"
        if not path.exists():
            return None
        with duckdb.connect() as connection:
            return connection.read_parquet(str(path)).df()

    def spans(self) -> pd.DataFrame:
        """One row per input table delivered: table, rows, first_date, last_date (empty where no column dates it)."""
        spans = []
        with duckdb.connect() as connection:
            for name, table in self.definitions.tables.items():
                path, when = self.folder / "canonical" / f"{name}.parquet", table.time or "NULL"
                if path.exists():
                    query = f"SELECT COUNT(*), MIN({when})::DATE, MAX({when})::DATE FROM read_parquet(?)"
                    spans.append((name, *connection.execute(query, [str(path)]).fetchone()))
        frame = pd.DataFrame(spans, columns=["table", "rows", "first_date", "last_date"])
        return frame.astype({"first_date": "datetime64[us]", "last_date": "datetime64[us]"})

    def _tables_like(self, name: str) -> str:
        near = get_close_matches(name, self.tables, n=1)
        return f"did you mean '{near[0]}'" if near else f"its tables are {', '.join(self.tables) or 'none yet'}"

    def __getattr__(self, name: str) -> pd.DataFrame:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self.table(name)
        except Refused as error:
            raise AttributeError(str(error)) from None

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.tables})

    @property
    def findings(self) -> dict[str, Finding]:
        """Question -> Finding; while the run is being made, those recorded so far."""
        return {finding.question: finding for finding in self._findings()}

    def _findings(self) -> Iterator[Finding]:
        if "findings" in self.tables:
            for row in self.table("findings").to_dict("records"):
                yield Finding.from_record(row)
        else:
            for path in sorted((self.folder / "results").glob("*.json")):
                for record in json.loads(path.read_text(encoding="utf-8"))["findings"]:
                    yield Finding.from_record(record)

    def record(self, notebook: str, *findings: Finding) -> None:
        """Write the Findings of a notebook to `results/<notebook>.json`: the proof that it ran to its end.

        A finished run is immutable, so there a notebook opened by hand records nothing.
        """
        if not _NOTEBOOK.fullmatch(notebook):
            raise Refused(f"'{notebook}' is not the name of a notebook", "give it as '05_onboarding'")
        if (self.folder / "manifest.json").exists():
            return
        path = self.folder / "results" / f"{notebook}.json"
        result = {"notebook": notebook, "findings": [finding.as_record() for finding in findings]}
        text = json.dumps(result, ensure_ascii=False, allow_nan=False, indent=1)
        path.parent.mkdir(exist_ok=True)
        new = path.with_suffix(".new")
        new.write_text(text + "\n", encoding="utf-8")
        os.replace(new, path)

    def __repr__(self) -> str:
        simulated = ", SIMULATED DATA" if self.dataset["simulated"] else ""
        return f"<Run {self.month:%Y-%m} of {self.dataset['name']}{simulated}: {', '.join(self.tables)}>"

    def _repr_html_(self) -> str:
        simulated = ' <strong class="simulated">SIMULATED DATA</strong>' if self.dataset["simulated"] else ""
        return (f'<p class="run">{escape(str(self.dataset["name"]))}, {self.month:%Y-%m}, as of {self.as_of}'
                f" ({escape(str(self.dataset['zone']))}){simulated}</p>")


def open_run(path: str | os.PathLike[str]) -> Run:
    """Open a month (`reports/2026-10`), a run folder, or the newest month of a reports folder (`reports`).

    Raises Refused, naming the months there are, when no run is there.
    """
    folder = Path(path)
    if (folder / "run.json").is_file():
        return Run(folder)
    months = _months(folder)
    if months:
        return Run(folder / months[-1])
    beside = ", ".join(_months(folder.parent)[-6:])
    raise Refused(f"There is no run at '{path}'",
                  f"the months there are: {beside}" if beside else "make one with `make report`")


def _months(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted(p.name for p in folder.iterdir() if _MONTH.fullmatch(p.name) and (p / "run.json").is_file())
