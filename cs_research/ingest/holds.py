"""Reasons to hold a report back, seen in what an ingest has written. This module changes nothing."""

import re
from dataclasses import dataclass
from datetime import date

import duckdb
import pandas as pd

from cs_research.ingest.corrections import quarantine_name
from cs_research.ingest.intake import Ingested

QUARANTINE_SHARE = 0.01
SHRUNKEN_SHARE = 0.1
# Tables in which every month has rows, with the column that dates them; others may rest for months.
STEADY = {"usage_events": "occurred_at", "usage_daily": "date", "touches": "occurred_at"}
MONTH_FILE = re.compile(r"(?<!\d)(20\d\d)[-_]?(0[1-9]|1[0-2])(?![-_]?\d)")  # 2026-10, but not 2026-10-31


@dataclass(frozen=True)
class Hold:
    """A reason to hold a report back until someone acknowledges it."""

    code: str
    sentence: str


def held(ingested: Ingested, month: date, before: dict[str, int] | None = None) -> tuple[Hold, ...]:
    """Why the report of `month` (its first day) is not to be published unseen.

    `before`: rows of each table in the report of the month before, if there is one.

    >>> held(ingest(open_dataset("data/crm"), Path("run")), date(2023, 12, 1))
    ()
    """
    found, now = [], ingested.files[ingested.files["table"] != "corrections"].groupby("table")
    if pd.Period(month, "M").end_time.date() > ingested.as_of:
        found.append(Hold("H_INCOMPLETE", f"The month {month:%Y-%m} is not complete: the data end on {ingested.as_of}"))
    for name, rows in now[["rows_in", "quarantined"]].sum().iterrows():
        if rows["quarantined"] > QUARANTINE_SHARE * rows["rows_in"]:
            files = now.get_group(name).query("quarantined > 0")["file"]
            twice = set(ingested.files["file"][ingested.files["file"].duplicated()])
            names = [quarantine_name(file, str(name) if file in twice else "") for file in files]
            where = _shown([f"quarantine/{one}" for one in names])
            found.append(Hold("H_QUARANTINE", f"{rows['quarantined']:,} of {rows['rows_in']:,} rows of {name} are in "
                                              f"quarantine (beside the report, in {where})"))
        if rows["rows_in"] < SHRUNKEN_SHARE * (before or {}).get(str(name), 0):
            found.append(Hold("H_SHRUNKEN", f"{name} has {rows['rows_in']:,} rows after {(before or {})[str(name)]:,} "
                                            "a month ago"))
        months = {pd.Period(f"{year}-{nth}", "M") for file in now.get_group(name)["file"]
                  for year, nth in MONTH_FILE.findall(file)}
        if len(months) > 1:
            found += _missing(str(name), pd.period_range(min(months), max(*months, pd.Period(month, "M"))), months)
    for name, column in STEADY.items():
        path = ingested.folder / f"{name}.parquet"
        if path.exists():
            with duckdb.connect() as con:
                by_day = con.execute(f"SELECT CAST({column} AS DATE) AS day, count(*) AS n FROM read_parquet(?) "
                                     "GROUP BY day ORDER BY day", [str(path)]).df().set_index("day")["n"]
            found += _steady(name, by_day, month, ingested.as_of)
    return tuple(found)


def _steady(name: str, by_day: pd.Series, month: date, as_of: date) -> list[Hold]:
    """Holds of a table that should have rows all along, up to the end of the month."""
    this = pd.Period(month, "M")
    end = min(this.end_time.date(), as_of)
    by_day = by_day[by_day.index.date <= end]
    if by_day.empty:
        return []
    by_month = by_day.groupby(by_day.index.to_period("M")).sum()
    found = _missing(name, pd.period_range(by_month.index[0], by_month.index[-1]), set(by_month.index))
    last = by_day.index[-1].date()
    usual = max(by_day.index.to_series().diff().max(), pd.Timedelta(days=1))  # the longest rest so far is not unusual
    if end - last > usual:
        found.append(Hold("H_TABLE_ENDS", f"{name} ends on {last}, before the month does"))
    now, previous = by_month.get(this, 0), by_month.get(this - 1, 0)
    if 0 < now < SHRUNKEN_SHARE * previous:
        found.append(Hold("H_SHRUNKEN", f"{name} has {now:,} rows of {this} after {previous:,} of {this - 1}"))
    return found


def _missing(name: str, wanted: pd.PeriodIndex, there: set[pd.Period]) -> list[Hold]:
    missing = [str(period) for period in wanted if period not in there]
    return [Hold("H_MONTH_MISSING", f"{name} has no rows of {_shown(missing)}")] if missing else []


def _shown(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
