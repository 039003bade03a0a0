"""Opens a run: its tables, its definitions, its Findings. Every notebook begins here.

This layer reads what a run has written and records Findings; it may not compute a score or publish anything.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator
from datetime import date
from difflib import get_close_matches
from functools import cache, cached_property
from html import escape
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from cs_research.definitions import Definitions, load_definitions, models
from cs_research.definitions.dictionary import described, outputs
from cs_research.errors import NotebookFailed, Refused
from cs_research.finding import VERDICTS, Finding
from cs_research.movement import two_months
from cs_research.runs import MANIFEST, published_months, sha256, write_json
from cs_research.tables import KEYS, read_table

_NOTEBOOK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


class Run:
    """A run folder, read-only but for `record`.

    A table is an attribute, a DataFrame read at first use: ids are text, `month` and `*_date` are datetime64;
    `describe` says what stands in it. Opened through a month's link, it stays with the run that the link pointed at.
    Each file of a finished run is checked against the manifest before its first use; one that is damaged raises
    Refused, naming it.

    >>> run = open_run("reports/2026-10")                                     # doctest: +SKIP
    >>> run.scores, run.at("2026-08"), run.findings["share_green"].table     # doctest: +SKIP
    """

    def __init__(self, folder: Path):
        self.folder = folder.resolve()
        self._whole: set[Path] = set()
        self.about: dict[str, Any] = json.loads(self.checked("run.json").read_text(encoding="utf-8"))
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
        for path in (self.folder / "definitions").glob("*.yml"):
            self.checked(f"definitions/{path.name}")
        return _definitions(self.folder / "definitions", self.about["id"]).in_use(f"{self.month:%Y-%m}")

    def table(self, name: str) -> pd.DataFrame:
        """One output table as a DataFrame of its own; columns as in the data contract.

        Raises Refused, naming the nearest, when the run has no such table.
        """
        if name not in self._read:
            if name not in self.tables:
                raise self._unknown("table", name, self.tables)
            self._read[name] = read_table(self.checked(f"tables/{name}.parquet"))
        return self._read[name].copy(deep=False)  # copy on write keeps the original

    def of_account(self, name: str, account_id: str) -> pd.DataFrame | None:
        """The rows of one account in an output or an input table, read alone; None where there is no such table."""
        for part in ("tables", "canonical"):
            if (self.folder / part / f"{name}.parquet").exists():
                return read_table(self.checked(f"{part}/{name}.parquet"), "account_id = $id", id=account_id)
        return None

    def of_card(self, name: str, card: models.Scorecard, month: date | None = None,
                since: date | None = None) -> pd.DataFrame:
        """The rows of one card, in its current version, of scores, indicators, history or history_indicators, read
        alone: up to a month and from another, where they are given. Raises Refused for other tables.

        >>> run.of_card("history", run.card(), run.month)                     # doctest: +SKIP
        """
        of_cards = [table for table in self.tables if "scorecard" in KEYS.get(table, ())]
        if name not in of_cards:
            raise self._unknown("table of cards", name, of_cards)
        where, given = "scorecard = $card AND version = $version", {"card": card.name, "version": card.version}
        for compared, when in (("<=", month), (">=", since)):
            where += f" AND month {compared} DATE '{when:%Y-%m-%d}'" if when else ""
        return read_table(self.checked(f"tables/{name}.parquet"), where, **given)

    def card(self, name: str = "") -> models.Scorecard:
        """A card by its name, without one the card that the data set leads with. Raises Refused, naming the nearest."""
        cards, name = self.definitions.scorecards, name or self.dataset["scorecard"]
        if name not in cards:
            raise self._unknown("card", name, cards)
        return cards[name]

    def at(self, month: Any = "", scorecard: str = "", since: Any = "") -> pd.DataFrame:
        """The accounts of a month beside what they were `since` (the month before), the deepest fall of health first.

        Months as "2026-08" or dates, the run's where none is given; the leading card unless another is named. Out:
        the columns of `scores`, then those of `two_months`, account_name, industry, goal, next_due_date.
        Raises Refused for a month or a card that is not there.
        """
        rows = self.of_card("scores", self.card(scorecard))
        month = self._month(month or self.month, rows)
        today = self.measures.query("not is_history and month == @month")
        then = self._month(since, rows) if since else month - pd.DateOffset(months=1)
        names = self.account_facts[["account_id", "account_name", "industry", "goal"]]
        due = today[["account_id", "next_due_date"]]
        return two_months(rows, then, month).merge(names, "left", "account_id").merge(due, "left", "account_id")

    def _month(self, month: Any, rows: pd.DataFrame) -> pd.Timestamp:
        there = {f"{known:%Y-%m}": known for known in sorted(rows["month"].unique())}
        if str(month)[:7] not in there:
            raise self._unknown("month", str(month)[:7], there)
        return there[str(month)[:7]]

    def describe(self, name: str = "") -> pd.DataFrame:
        """What stands in a table of the run or of its input: column, unit, about, filled (share of rows with a value).

        Without a name the tables themselves: table, rows, row (what one is), key. Raises Refused, naming the nearest.
        """
        if not name:
            told = [(name, self.about["rows"].get(name), outputs()[name]) for name in self.tables]
            return pd.DataFrame([(name, n, table["row"], ", ".join(table["key"])) for name, n, table in told],
                                columns=["table", "rows", "row", "key"])
        frame = None if name in self.tables else self.canonical(name)
        frame = self.table(name) if frame is None else frame
        lines = pd.DataFrame(described(name, self.definitions), columns=["column", "unit", "about"])
        lines = lines[lines["column"].isin(frame.columns)]
        return lines.assign(filled=lines["column"].map(frame.notna().mean())).reset_index(drop=True)

    def _unknown(self, what: str, name: str, known: Iterable[str]) -> Refused:
        near = get_close_matches(name, known, n=3)
        remedy = f"did you mean {' or '.join(map(repr, near))}" if near else \
            f"its {what}s are {', '.join(known) or 'none yet'}"
        return Refused(f"The run of {self.month:%Y-%m} has no {what} '{name}'", remedy)

    @property
    def holds(self) -> list[dict[str, str]]:
        """Why the run was held back until someone acknowledged it: code and sentence of each reason."""
        return self.about.get("holds", [])

    def canonical(self, name: str) -> pd.DataFrame | None:
        """An input table as ingest left it (columns as in the data contract), None when it was not delivered."""
        name = f"canonical/{name}.parquet"
        return read_table(self.checked(name)) if (self.folder / name).exists() else None

    def spans(self) -> pd.DataFrame:
        """One row per input table delivered: table, rows, first_date, last_date (empty where no column dates it)."""
        return self._counted("SELECT COUNT(*), MIN({when})::DATE, MAX({when})::DATE FROM read_parquet($path)",
                             ["rows", "first_date", "last_date"], self.definitions.tables)

    def late_rows(self) -> pd.DataFrame:
        """Rows recorded after their own month: table, month, recorded_month, rows, first_date, last_date."""
        dated = [name for name, table in self.definitions.tables.items() if table.time]
        return self._counted(
            "SELECT DATE_TRUNC('month', {when})::TIMESTAMP AS month, DATE_TRUNC('month', recorded_at)::TIMESTAMP AS "
            "recorded_month, COUNT(*), MIN(recorded_at)::DATE, MAX(recorded_at)::DATE FROM read_parquet($path) "
            "WHERE recorded_month > month GROUP BY ALL ORDER BY ALL",
            ["month", "recorded_month", "rows", "first_date", "last_date"], dated)

    def _counted(self, query: str, columns: list[str], names: Iterable[str]) -> pd.DataFrame:
        """What a query says of each input table that is there, under the table's name."""
        found = []
        with duckdb.connect() as connection:
            for name in names:
                if (self.folder / "canonical" / f"{name}.parquet").exists():
                    path = str(self.checked(f"canonical/{name}.parquet"))
                    when = self.definitions.tables[name].time or "NULL"
                    rows = connection.execute(query.format(when=when), {"path": path}).fetchall()
                    found += [(name, *row) for row in rows]
        dates = [name for name in columns if name != "rows"]
        return pd.DataFrame(found, columns=["table", *columns]).astype(dict.fromkeys(dates, "datetime64[us]"))

    @cached_property
    def _manifest(self) -> dict[str, str]:
        """The SHA-256 of every file of a finished run; empty while it is being made."""
        path = self.folder / MANIFEST
        try:
            return json.loads(path.read_text(encoding="utf-8"))["files"] if path.exists() else {}
        except (ValueError, KeyError):
            raise self._damaged(MANIFEST, "cannot be read") from None

    def checked(self, name: str) -> Path:
        """The path of a file of this run, which is what the manifest says."""
        path = self.folder / name
        if self._manifest and path not in self._whole:
            if not path.is_file() or sha256(path) != self._manifest.get(name):
                raise self._damaged(name, "has changed since the run was made" if path.is_file() else "is missing")
            self._whole.add(path)
        return path

    def _damaged(self, name: str, what: str) -> Refused:
        return Refused(f"{name} of the run in {self.folder} {what}",
                       "make the report of that month again, which replaces a damaged run")

    def __getattr__(self, name: str) -> pd.DataFrame:
        if name.startswith("_") or name not in self.tables:
            raise AttributeError(name if name.startswith("_") else str(self._unknown("table", name, self.tables)))
        return self.table(name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.tables})

    @property
    def findings(self) -> "Findings":
        """Question -> Finding; while the run is being made, those recorded so far."""
        findings, answered = Findings(self), {}
        for source, finding in self._findings():
            question = finding.question
            if question in findings:
                raise NotebookFailed(f"The question '{question}' is answered twice, "
                                     f"by {answered[question]} and by {source}", "record it in one notebook, once")
            findings[question], answered[question] = finding, source
        return findings

    def _findings(self) -> Iterator[tuple[str, Finding]]:
        """Each Finding beside what it was recorded by."""
        if "findings" in self.tables:
            for row in self.table("findings").to_dict("records"):
                yield "the table findings", Finding.from_record(row)
        else:
            for path in sorted((self.folder / "results").glob("*.json")):
                for record in json.loads(path.read_text(encoding="utf-8"))["findings"]:
                    yield path.stem, Finding.from_record(record)

    def record(self, notebook: str, *findings: Finding) -> None:
        """Write the Findings of a notebook to `results/<notebook>.json`: the proof that it ran to its end.

        A finished run is immutable, so there a notebook opened by hand records nothing.
        """
        if not _NOTEBOOK.fullmatch(notebook):
            raise Refused(f"'{notebook}' is not the name of a notebook", "give it as '05_onboarding'")
        if (self.folder / MANIFEST).exists():
            return
        path = self.folder / "results" / f"{notebook}.json"
        result = {"notebook": notebook, "findings": [finding.as_record() for finding in findings]}
        path.parent.mkdir(exist_ok=True)
        write_json(path, result)

    def __repr__(self) -> str:
        simulated = ", SIMULATED DATA" if self.dataset["simulated"] else ""
        return f"<Run {self.month:%Y-%m} of {self.dataset['name']}{simulated}: {', '.join(self.tables)}>"

    def _repr_html_(self) -> str:
        about, set_, rows = self.about, self.dataset, self.about["rows"]
        told = {f"{set_['name']}, {self.month:%Y-%m}": f"as of {self.as_of} ({set_['zone']}), run {about['id']}",
                "Tables": ", ".join(f"{name} ({rows.get(name, 0):,} rows)" for name in self.tables),
                "Input": ", ".join(sorted(path.stem for path in self.folder.glob("canonical/*.parquet"))),
                "Cards": ", ".join(f"{card.name} {card.version}" for card in self.definitions.scorecards.values()),
                "Go on": f'run.scores, run.describe("scores"), run.at("{self.month:%Y-%m}"), run.findings; sandbox'}
        lines = [f"<strong>{escape(name)}</strong> {escape(text)}" for name, text in told.items()]
        simulated = ["<strong>SIMULATED DATA</strong>"] if set_["simulated"] else []
        return f'<p class="lab">{"<br>".join(simulated + lines)}</p>'


class Findings(dict[str, Finding]):
    """Question -> Finding; shown as a list, and a question that is not there names the nearest."""

    def __init__(self, run: Run):
        super().__init__()
        self._run = run

    def __missing__(self, question: str) -> Finding:
        raise KeyError(str(self._run._unknown("finding", question, self)))

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><td>{escape(name)}</td><td>{VERDICTS[found.verdict]}</td><td>{escape(found.sentence)}</td>"
                       "</tr>" for name, found in self.items())
        return f"<table><tr><th>question</th><th>verdict</th><th>sentence</th></tr>{rows}</table>"


def open_run(path: str | os.PathLike[str]) -> Run:
    """Open a month (`reports/2026-10`), a run folder, or the newest month of a reports folder (`reports`).

    Raises Refused, naming the months there are, when no run is there.
    """
    folder = Path(path)
    if (folder / "run.json").is_file():
        return Run(folder)
    months = published_months(folder)
    if months:
        return Run(folder / months[-1])
    beside = ", ".join(published_months(folder.parent)[-6:])
    raise Refused(f"There is no run at '{path}'",
                  f"the months there are: {beside}" if beside else "make one with `make report`")


@cache
def _definitions(folder: Path, run_id: str) -> Definitions:
    """Read once for all notebooks of a kernel; the id tells runs made in one folder apart."""
    return load_definitions(folder, is_copy=True)
