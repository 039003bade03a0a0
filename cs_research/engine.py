"""Runs sql/ over the canonical tables and hands out the account-by-month panel.

This layer may not score, judge or draw; what it aggregates is written in SQL, one file per derived table.
"""

import shutil
import tempfile
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa

from cs_research import month_state
from cs_research.definitions import Definitions, models
from cs_research.weeks import monday_of, next_monday, week_name

SQL = Path(__file__).parent / "sql"
_PLAIN = {pa.lib.Type_DATE32: pa.timestamp("us"), pa.lib.Type_DECIMAL128: pa.float64()}  # as pandas counts them
MONTHLY = ("user_month", "usage_month", "event_month")  # a row is made of the events of its own month alone
STEPS = (*MONTHLY, "account_month", "account_usage", "account_running", "counters", "touch_ledger", "touch_month",
         "ratings_month", "relations", "signals", "measures", "outcomes", "account_facts", "retention", "contact_week")


@dataclass(frozen=True)
class Horizon:
    """What a run may see: months up to `month`, events up to `as_of`, records up to `known_until` (dates).

    `week` is the Monday of a week asked for beside the one that follows the month and those with feedback.
    """

    month: date
    as_of: date
    known_until: date
    week: date | None = None


class Panel:
    """The derived tables of one run, computed once in an embedded DuckDB, or on Spark for the same numbers.

    `canonical` is the folder of canonical Parquet files; a table without a file was not delivered, and what is
    made from it is not measured. `state` is a folder that keeps what each month's events come to from run to run;
    beyond `memory_limit`, such as 2GB, DuckDB goes on in a folder beside the canonical files.

    Raises duckdb.OutOfMemoryException where that, or the disk, is too little; `build_tables` says so in a sentence.
    """

    def __init__(self, canonical: Path, definitions: Definitions, horizon: Horizon,
                 progress: Callable[[str], None] | None = None, state: Path | None = None, engine: str = "duckdb",
                 memory_limit: str | None = None):
        self.definitions = definitions
        self.connection = duckdb.connect()
        self._scratch = Path(tempfile.mkdtemp(prefix="scratch-", dir=canonical.parent))
        weakref.finalize(self, shutil.rmtree, self._scratch, ignore_errors=True)
        self.connection.execute(f"SET temp_directory = '{_quoted(self._scratch)}'")
        if memory_limit:
            self.connection.execute(f"SET memory_limit = '{memory_limit}'")
        self.connection.execute("SET enable_progress_bar = false")  # standard output is not ours
        self.delivered = {name for name in definitions.tables if (canonical / f"{name}.parquet").exists()}
        self._open_canonical(canonical, horizon)
        self._set_up(horizon)
        self._derive(canonical, progress, state, engine)

    def _derive(self, canonical: Path, progress: Callable[[str], None] | None, state: Path | None, engine: str) -> None:
        texts = {step: (SQL / f"{step}.sql").read_text() for step in STEPS}
        if engine == "spark":  # which keeps no state
            self._derive_on_spark(texts, canonical, progress)
            return
        if state:
            if progress:
                progress(MONTHLY[0])
            month_state.build(self.connection, {step: texts.pop(step) for step in MONTHLY}, state)
        for step, text in texts.items():
            if progress:
                progress(step)
            self.connection.execute(f"CREATE TABLE {step} AS {text}")

    def _derive_on_spark(self, texts: dict[str, str], canonical: Path, progress: Callable[[str], None] | None) -> None:
        """Views of what Spark derived, in a folder beside the canonical files that goes with this object.

        DuckDB binds the same texts: their types, wider here and there than Spark's, are those of the views.
        """
        from cs_research import spark

        folder, inputs = self._scratch, {}
        for name, *_ in self.connection.execute("SELECT table_name FROM information_schema.tables").fetchall():
            inputs[name] = canonical / f"{name}.parquet"
            if name not in self.delivered or name == "contracts":  # of these the view leaves rows out
                inputs[name] = folder / f"{name}.parquet"
                self.connection.execute(f"COPY (FROM {name}) TO '{_quoted(inputs[name])}' (FORMAT parquet)")
        spark.derive(texts, inputs, folder, progress)
        for step, text in texts.items():
            columns = self.connection.execute(f"DESCRIBE {text}").fetchall()
            cast = ", ".join(f"CAST({column} AS {kind}) AS {column}" for column, kind, *_ in columns)
            files = _quoted(folder / step / "*.parquet")
            self.connection.execute(f"CREATE VIEW {step} AS SELECT {cast} FROM read_parquet('{files}')")

    def frame(self, table: str, order: str) -> pd.DataFrame:
        """A derived table as a DataFrame in a fixed order: ids as text, dates as datetime64, money as float."""
        return as_frame(self.connection.sql(f"SELECT * FROM {table} ORDER BY {order}"))

    def measures(self) -> pd.DataFrame:
        """All measures by account, month and view; a measure that the data set cannot hold is empty.

        Columns: account_id, month, is_history, month_end, start_date, age_months, days_since_start, arr, then
        one column per measure of measures.yml, per counter of events.yml, and per reaction of touch_points.yml with
        the counts that it reads.
        """
        frame = self.frame("measures", "account_id, month, is_history")
        for table, name, number in (("counters", "counter", "amount"), ("ratings_month", "kind", "number")):
            frame = self._beside(frame, table, name, number)
        touch = self.definitions.touch_points
        for name in (*self.definitions.events.counters, *touch.counts):
            frame[name] = frame[name].fillna(0.0) if name in frame else 0.0
        for name, reaction in touch.reactions.items():
            frame[name] = frame[reaction.of] / frame[reaction.per].where(frame[reaction.per] > 0)
        frame = frame.assign(**dict.fromkeys(self.not_measured(), float("nan")))
        number = [name for name in frame.columns if name in self.definitions.measures or name == "arr"]
        return frame.astype(dict.fromkeys(number, float))

    def _beside(self, frame: pd.DataFrame, table: str, name: str, number: str) -> pd.DataFrame:
        """The frame of measures with one more column for each name that a long table holds."""
        rows = as_frame(self.connection.sql(
            f"SELECT t.account_id, k.month, t.is_history, t.{name} AS name, CAST(t.{number} AS DOUBLE) AS number "
            f"FROM {table} AS t JOIN calendar AS k ON k.month_number = t.month_number"))
        keys = ["account_id", "month", "is_history"]
        wide = rows.pivot(index=keys, columns="name", values="number")
        wide = wide[[column for column in wide.columns if column in self._declared]]
        return frame.merge(wide, how="left", left_on=keys, right_index=True)

    @property
    def _declared(self) -> set[str]:
        known = self.definitions
        return {*known.events.counters, *known.touch_points.counts, *known.ratings.kinds}

    def contact_weeks(self) -> pd.DataFrame:
        """The contact with each account on the eve of each week: account_id, week, monday_date, month (the last one
        that closed before), then WEEK_FIELDS; empty where `weeks_lack`."""
        return self.frame("contact_week", "account_id, week").assign(**dict.fromkeys(self.weeks_lack(), float("nan")))

    def weeks_lack(self) -> dict[str, str]:
        """The WEEK_FIELDS that this data set cannot hold, each with the reason in words."""
        return {name: why for name, needs in models.WEEK_FIELDS.items() if (why := self._lacks(needs))}

    def not_measured(self) -> dict[str, str]:
        """Measures that this data set cannot hold, each with the reason in words."""
        measures = self.definitions.measures.items()
        reasons = {name: why for name, measure in measures if (why := self._lacks(measure.needs))}
        for name, counter in self.definitions.events.counters.items():
            if not self._types_of({"usage_events", "usage_daily"}).intersection(counter.event_types):
                reasons[name] = f"none of the event types {', '.join(counter.event_types)} occurs in the data"
        rated = {row[0] for row in self.connection.execute("SELECT DISTINCT kind FROM ratings_month").fetchall()}
        for name in sorted(set(self.definitions.ratings.kinds) - rated):
            reasons[name] = f"no rating of the kind {name.replace('_', ' ')} in the data"
        touch = self.definitions.touch_points
        occurring = self._types_of({"touches"})
        reasons |= {name: f"no touch of type {kind} occurs in the data" for name, kind in touch.counts.items()
                    if kind not in occurring}
        for name, reaction in touch.reactions.items():
            if lacking := [reasons[side] for side in (reaction.of, reaction.per) if side in reasons]:
                reasons[name] = lacking[0]
        return reasons

    def _lacks(self, needs: models.Needs) -> str:
        """What this data set does not hold of what is needed, in words; nothing if it holds all."""
        tables, events = self.delivered.intersection(needs.tables), self.definitions.events
        if needs.tables and not tables:
            return "no table of " + " or ".join(t.replace("_", " ") for t in needs.tables)
        for column in needs.columns:
            if not any(self.connection.execute(f"SELECT COUNT({column}) FROM {table}").fetchall()[0][0]
                       for table in sorted(tables)):
                return f"no value of {column.replace('_', ' ')} in {' or '.join(sorted(tables))}"
        roles = needs.role.split("_or_") if needs.role else []
        if roles and not self._types_of(tables) & {kind for role in roles for kind in getattr(events, role)}:
            return f"no {needs.role.replace('_', ' ')} event occurs in the data"
        return ""

    def _types_of(self, tables: set[str]) -> set[str]:
        return set().union(*(self._occurring[table] for table in tables))

    @cached_property
    def _occurring(self) -> dict[str, set[str]]:
        """The types that occur in usage and touches, each table looked through once."""
        columns = {"usage_events": "event_type", "usage_daily": "event_type", "touches": "touch_type"}
        return {table: {row[0] for row in self.connection.execute(f"SELECT DISTINCT {column} FROM {table}").fetchall()}
                for table, column in columns.items()}

    def _open_canonical(self, canonical: Path, horizon: Horizon) -> None:
        for name, table in self.definitions.tables.items():
            columns = ", ".join(f"CAST(NULL AS {c.sql_type}) AS {key}" for key, c in table.columns.items())
            source = f"SELECT {columns} WHERE FALSE"
            if name in self.delivered:
                source = f"SELECT * FROM read_parquet('{_quoted(canonical / f'{name}.parquet')}')"
            if name == "contracts":  # a term that begins later is seen only when it was signed by then
                source = (f"SELECT * FROM ({source}) WHERE start_date <= DATE '{horizon.as_of}' OR "
                          f"CAST(recorded_at AS DATE) <= DATE '{horizon.as_of}' "
                          f"OR (recorded_at IS NULL AND DATE '{horizon.as_of}' = DATE '{horizon.known_until}')")
            self.connection.execute(f"CREATE VIEW {name} AS {source}")

    def _set_up(self, horizon: Horizon) -> None:
        """Small tables that the SQL joins: months, weeks, views, settings and the definitions."""
        known, outcomes = self.definitions, self.definitions.outcomes
        first = self.connection.execute("SELECT MIN(start_date) FROM contracts").fetchall()[0][0]
        calendar = month_calendar(first or horizon.month, horizon.month)
        for name, (columns, rows) in {
            "calendar": ("month DATE, month_end DATE, month_number BIGINT", calendar),
            "weeks": ("week VARCHAR, monday DATE, eve DATE, known_until DATE", self._weeks(horizon)),
            "views": ("is_history BOOLEAN", [(True,), (False,)]),
            **definition_tables(known),
            "settings": (
                "as_of DATE, known_until DATE, known_number BIGINT, first_number BIGINT, grace_days INTEGER, "
                "change_tolerance DOUBLE, max_unknown_share DOUBLE, touch_months INTEGER, enterprise_share DOUBLE, "
                "contact_weeks INTEGER",
                [(horizon.as_of, horizon.known_until, month_number(horizon.known_until),
                  int(calendar["month_number"].min()), outcomes.grace_days, outcomes.change_tolerance,
                  outcomes.max_unknown_share, known.touch_points.months, known.segments.enterprise_share,
                  known.response_points.contact_weeks)]),
        }.items():
            self.connection.execute(f"CREATE TABLE {name} ({columns})")
            if len(rows):
                incoming = pd.DataFrame(rows)  # noqa: F841  (SQL reads it by its name)
                self.connection.execute(f"INSERT INTO {name} FROM incoming")

    def _weeks(self, horizon: Horizon) -> pd.DataFrame:
        """The weeks that contact is looked at in: with feedback, asked for, and the first after the month."""
        first = next_monday((pd.Timestamp(horizon.month) + pd.offsets.MonthEnd(0)).date())
        told = self.connection.execute("SELECT DISTINCT week FROM feedback").fetchall()
        past = {monday for (week,) in told if (monday := monday_of(week)) and monday <= horizon.as_of}
        mondays = pd.DatetimeIndex(sorted({first, *past, *filter(None, [horizon.week])}))
        eves = mondays - pd.Timedelta(days=1)
        return pd.DataFrame({"week": [week_name(monday) for monday in mondays], "monday": mondays, "eve": eves,
                             "known_until": eves.where(eves <= pd.Timestamp(horizon.as_of), horizon.as_of)})


def as_frame(rows: duckdb.DuckDBPyRelation) -> pd.DataFrame:
    """Rows as a DataFrame, by way of Arrow, which makes no object of each word: text is text though all of it is
    missing, dates are datetime64[us], decimals float; whole numbers and truths with gaps are Int64 and boolean.
    """
    table = rows.to_arrow_table()
    table = table.cast(pa.schema([field.with_type(_PLAIN.get(field.type.id, field.type)) for field in table.schema]))
    gaps = {field.name: "boolean" if pa.types.is_boolean(field.type) else "Int64" for field in table.schema
            if table[field.name].null_count and (pa.types.is_boolean(field.type) or pa.types.is_integer(field.type))}
    return table.to_pandas().astype(gaps) if gaps else table.to_pandas()


def month_number(day: date) -> int:
    """Months counted from the year zero, so that differences are whole months: 2026-10 is 24322."""
    return day.year * 12 + day.month


def month_calendar(first: date, last: date) -> pd.DataFrame:
    """One row per month from that of `first` to that of `last`: month, month_end, month_number.

    >>> month_calendar(date(2026, 1, 31), date(2026, 2, 1))["month_end"].dt.day.tolist()
    [31, 28]
    """
    months = pd.date_range(date(first.year, first.month, 1), date(last.year, last.month, 1), freq="MS")
    return pd.DataFrame({"month": months, "month_end": months + pd.offsets.MonthEnd(0),
                         "month_number": months.year * 12 + months.month})


def definition_tables(definitions: Definitions) -> dict[str, tuple[str, Sequence[tuple] | pd.DataFrame]]:
    """Definitions as small tables for SQL joins: by name the columns with their types, and the rows."""
    events, touch, plan = definitions.events, definitions.touch_points, definitions.response_points
    types = sorted({*events.login, *events.core_action, *events.key_feature})
    return {
        "event_roles": ("event_type VARCHAR, is_login BOOLEAN, is_core_action BOOLEAN, is_key_feature BOOLEAN", [
            (t, t in events.login, t in events.core_action, t in events.key_feature) for t in types]),
        "counter_types": ("counter VARCHAR, event_type VARCHAR, sums_quantity BOOLEAN", [
            (name, event_type, counter.sum == "quantity")
            for name, counter in events.counters.items() for event_type in counter.event_types]),
        "rating_values": ("kind VARCHAR, value VARCHAR, number DOUBLE", [
            (name, value.lower(), number)
            for name, rating in definitions.ratings.kinds.items() for value, number in rating.values.items()]),
        "required_milestones": ("milestone VARCHAR", [
            (name,) for name in definitions.outcomes.onboarding.required_milestones]),
        "touch_counters": ("counter VARCHAR, touch_type VARCHAR", [*touch.counts.items()]),
        "contact_types": ("touch_type VARCHAR, is_answer BOOLEAN", [
            (name, name in plan.answered_types) for name in plan.contact_types]),
        "touch_rules": ("touch_type VARCHAR, rule VARCHAR, ladder VARCHAR, channel VARCHAR, is_synced BOOLEAN, "
                        "per_recipient BOOLEAN", [
            (name, t.rule, t.ladder or name, t.channel, t.synced, t.per_recipient) for name, t in touch.types.items()]),
        "touch_levels": ("touch_type VARCHAR, reached_at DOUBLE, points DECIMAL(18,4)", touch_levels(touch)),
    }


def touch_levels(touch: models.TouchPoints) -> pd.DataFrame:
    """Points for reaching a level: touch_type, reached_at (share of the content, empty: always), points.

    With `levels: cumulative` the points of the levels below on the same ladder are added (000, point table).
    """
    rows = []
    for name, kind in touch.types.items():
        levels = [(level.at, level.points) for level in kind.levels] or [(None, kind.points)]
        rows += [(name, kind.ladder or name, at, points) for at, points in levels if points]
    frame = pd.DataFrame(rows, columns=["touch_type", "ladder", "reached_at", "points"])
    if touch.levels == "cumulative":
        rising = frame.sort_values(["ladder", "points"], kind="stable")
        frame["points"] = rising.groupby("ladder")["points"].cumsum()
    return frame.drop(columns="ladder")


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
