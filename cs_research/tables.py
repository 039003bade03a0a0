"""Builds the output tables of a run from the canonical tables, writes them and reads them: panel, scores, history,
outcomes, retention.

This layer decides what is written and under which key; how it is computed stands in sql/, scores and history.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from cs_research import actions, alerts, fields, history, scorecards, scores
from cs_research.definitions import Definitions
from cs_research.definitions.dictionary import outputs
from cs_research.engine import Horizon, Panel, as_frame
from cs_research.errors import CannotWrite, Refused
from cs_research.privacy import without_persons

SCHEMA_VERSION = "1"
KEYS = {name: tuple(table["key"]) for name, table in outputs().items()}


def horizon(month: date, as_of: date) -> Horizon:
    """What the run of a month may see.

    The last complete month sees everything up to the as-of. An older month sees events, terms and outcomes up to
    its own end, while rows recorded later still restate it.
    """
    following = (month + timedelta(days=31)).replace(day=1)
    is_last = as_of + timedelta(days=1) < (following + timedelta(days=31)).replace(day=1)
    return Horizon(month, as_of if is_last else following - timedelta(days=1), as_of)


def build_tables(canonical: Path, definitions: Definitions, seen: Horizon, out: Path,
                 progress: Callable[[str], None] | None = None, leading: str = "dear",
                 state: Path | None = None, engine: str = "duckdb", memory_limit: str | None = None) -> dict[str, int]:
    """Compute and write every table of a run as Parquet; returns the number of rows by table.

    In: the folder of canonical Parquet files, the definitions, the horizon of the run and the name of the card
    that the data set leads with; `state`, `engine` and `memory_limit` as Panel takes them. Out: files in `out`,
    named and keyed as KEYS says. Raises Refused where the memory is too little, CannotWrite where the disk is.
    """
    with _told_of_memory(memory_limit):
        panel = Panel(canonical, definitions, seen, progress, state, engine, memory_limit)
        with ThreadPoolExecutor(1) as writer:  # DuckDB writes a table while pandas scores the next
            rows = {name: writer.submit(write_table, frame, out / f"{name}.parquet")
                    for name, frame in _built(panel, definitions, seen, leading)}
        return {name: written.result() for name, written in rows.items()}


@contextmanager
def _told_of_memory(memory_limit: str | None) -> Iterator[None]:
    """What is said where the memory is too little for what is computed within, or the disk that DuckDB goes on with."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        if "max_temp_directory_size" in str(error):  # it has no type of its own
            raise CannotWrite("The disk took no more while the tables were computed",
                              "make room, or give a higher --memory-limit") from error
        raise Refused(f"{memory_limit or 'The memory of this machine'} is too little for the tables of this data",
                      "give a higher --memory-limit, or --engine spark") from error


def _built(panel: Panel, definitions: Definitions, seen: Horizon, leading: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """Every table of a run, with its name, as soon as it is there."""
    measures = panel.measures()
    facts = without_persons(panel.frame("account_facts", "account_id"))
    outcomes = panel.frame("outcomes", "account_id, due_date")
    now = measures[~measures["is_history"]].reset_index(drop=True)
    then = measures[measures["is_history"]].reset_index(drop=True)
    indicator_rows, score_rows = _scored(now, facts, outcomes, definitions)
    yield from {"indicators": indicator_rows, "scores": score_rows.drop(columns=_NEXT)}.items()
    then_indicators, then_scores = _scored(then, facts, outcomes, definitions)
    yield from {"history_indicators": then_indicators, "history": then_scores}.items()
    plan, contact = definitions.response_points, panel.contact_weeks()
    names = [*definitions.alerts.reads, "stage", "segment", "owner", *plan.reads]
    months = fields.fields(names, _in_use(then_scores, definitions), then, _in_use(then_indicators, definitions),
                           definitions.scorecards[leading])
    listed, factors = actions.actions(contact, months, facts, plan)
    yield from {
        "alerts": alerts.alerts(months, definitions.alerts, definitions.segments, pd.Timestamp(seen.month)),
        "outcomes": outcomes, "retention": panel.frame("retention", "month, basis, segment"),
        "measures": measures.drop(columns="month_end"), "account_facts": facts,
        "actions": listed, "action_factors": factors}.items()
    cannot = panel.not_measured()
    blind = {**alerts.not_measured(months, definitions, cannot),
             **actions.not_measured(panel.weeks_lack(), months, plan), **cannot}
    yield "not_measured", pd.DataFrame(sorted(blind.items()), columns=["measure", "reason"])


_NEXT = ["due_date", "outcome", "arr_before", "arr_after"]


def _scored(measures: pd.DataFrame, facts: pd.DataFrame, outcomes: pd.DataFrame,
            definitions: Definitions) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Indicators and scores of one view, for all cards, with the next renewal."""
    indicator_rows, score_rows = [], []
    for card in sorted(definitions.cards, key=lambda card: bool(card.choose)):  # those that choose come last
        if card.choose:
            chosen = scores.chosen(pd.concat(score_rows), card, definitions)
            rows = scores.indicators_chosen(pd.concat(indicator_rows), chosen, card, definitions)
        else:
            rows = scorecards.indicators(measures, card)
            chosen = scores.score_table(measures, scorecards.health(rows, card), facts, definitions, card)
        indicator_rows.append(rows.assign(version=card.version))
        score_rows.append(chosen)
    frame = history.with_next_renewal(pd.concat(score_rows, ignore_index=True), outcomes)
    return pd.concat(indicator_rows, ignore_index=True), frame


def _in_use(rows: pd.DataFrame, definitions: Definitions) -> pd.DataFrame:
    """The rows of the version of each card that led in their month: a later one changes no alert of the past."""
    led = pd.DataFrame([(month, card.name, card.version) for month in rows["month"].unique()
                        for card in definitions.in_use(f"{month:%Y-%m}").scorecards.values()],
                       columns=["month", "scorecard", "version"]).astype({"month": rows["month"].dtype})
    return rows.merge(led, on=["month", "scorecard", "version"])


def write_table(frame: pd.DataFrame, path: Path) -> int:
    """Write a table as Parquet, ordered by its key, the same bytes for the same rows; returns its row count.

    Columns named month or ending in _date become dates. Raises AssertionError when the key of KEYS is not unique.
    """
    key = KEYS[path.stem]
    assert not frame.duplicated(list(key)).any(), f"table {path.stem}: the key {', '.join(key)} is not unique"
    path.parent.mkdir(parents=True, exist_ok=True)
    dates = [c for c in frame.columns if c == "month" or c.endswith("_date")]
    replace = ", ".join(f'CAST("{c}" AS DATE) AS "{c}"' for c in dates)
    target, order = str(path).replace("'", "''"), ", ".join(f'"{name}"' for name in key)
    with duckdb.connect() as connection:
        connection.register("frame", frame)
        connection.execute(
            f"COPY (SELECT *{f' REPLACE ({replace})' if replace else ''} FROM frame ORDER BY {order}) "
            f"TO '{target}' (FORMAT parquet, COMPRESSION zstd, "
            f"KV_METADATA {{schema_version: '{SCHEMA_VERSION}'}})")
    return len(frame)


def read_table(path: Path, where: str = "", **values: Any) -> pd.DataFrame:
    """The rows of a file of which a condition is true, as `as_frame` gives them."""
    asked = f"SELECT * FROM read_parquet($path) {where and f'WHERE {where}'}"
    with _reader().cursor() as connection:
        return as_frame(connection.sql(asked, params={"path": str(path), **values}))


@cache
def _reader() -> duckdb.DuckDBPyConnection:
    """One for all that a kernel reads: to connect takes longer than to read the rows of an account."""
    return duckdb.connect()
