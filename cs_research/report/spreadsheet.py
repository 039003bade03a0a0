"""Tables for spreadsheets: CSV and Excel in which no cell of text is ever run as a formula.

Numbers stay numbers and dates dates; the same tables give the same bytes.
"""

import csv
import math
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from xlsxwriter import Workbook
from xlsxwriter.exceptions import FileCreateError

from cs_research.display import Table, kind
from cs_research.errors import Refused
from cs_research.report.translation import translated

FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_LOOKS = {"text": "@", "month": "yyyy-mm-dd", "date": "yyyy-mm-dd", "share": "0.0%", "points": "0.0",
          "count": "#,##0", "number": "#,##0.00"}


def safe_cell(value: Any) -> Any:
    """A cell as it may be handed to a spreadsheet: text that it would read as a formula stays text.

    Excel and its kin run a cell that begins with = + - @ (of full width too), a tab or a line end; an apostrophe
    before it makes it text. Numbers stay numbers, nothing becomes an empty cell.

    >>> safe_cell("=1+1"), safe_cell("＠SUM(A1)"), safe_cell("A-1"), safe_cell(-5.0)
    ("'=1+1", "'＠SUM(A1)", 'A-1', -5.0)
    """
    if value is None or value is pd.NA or value != value:
        return ""
    if isinstance(value, str) and (value[:1] in ("\t", "\r", "\n") or value.lstrip().startswith(FORMULA)):
        return f"'{value}"
    return value


def csv_text(table: pd.DataFrame) -> str:
    """The table as CSV with a byte order mark, without which Excel misreads Japanese; dates as 2026-10-31."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(map(safe_cell, table.columns))
    for row in table.itertuples(index=False):
        writer.writerow([_plain(safe_cell(value)) for value in row])
    return "\ufeff" + text.getvalue()


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return f"{value:%Y-%m-%d}"
    return int(value) if isinstance(value, float) and value.is_integer() else value


def tidy(table: Table) -> pd.DataFrame:
    """The rows of a table as they are, not as they are shown, under its heads; a head that stands twice says of what.

    >>> tidy(Table([{"rate": .579, "due_date": "2026-10-31"}], {"rate": "share", "due_date": "due"})).values.tolist()
    [[0.579, datetime.date(2026, 10, 31)]]
    """
    heads = [head if list(table.heads.values()).count(head) == 1 else f"{head} ({name.replace('_', ' ')})"
             for name, head in table.heads.items()]
    kinds = {name: kind(name, table.rows) for name in table.heads}
    rows = [[_value(row.get(name), held) for name, held in kinds.items()] for row in table.rows]
    return pd.DataFrame(rows, columns=heads, dtype=object)


def _value(value: Any, held: str) -> Any:
    if held in ("month", "date") and isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d(-\d\d)?", value):
        return date.fromisoformat(f"{value}-01"[:10])
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    if isinstance(value, pd.Timestamp):
        return value.tz_localize(None)  # Excel knows no zones
    return round(value, 9) if isinstance(value, float) else value


def write_excel(path: str | os.PathLike[str], **tables: pd.DataFrame) -> Path:
    """Write DataFrames to an Excel file, each on a sheet of its name; returns the path. Raises Refused.

    >>> write_excel("worst.xlsx", worst=run.at().head(10))      # doctest: +SKIP
    """
    if Path(path).suffix != ".xlsx":
        raise Refused(f"'{path}' is not the name of an Excel file", "let it end in .xlsx")
    frames = {name: frame if frame.index.names == [None] else frame.reset_index() for name, frame in tables.items()}
    return write_workbook(Path(path), {name: Table(frame.to_dict("records"), {column: str(column) for column in frame})
                                       for name, frame in frames.items()})


def write_tables(base: Path, tables: Mapping[str, Table], about: Mapping[str, str]) -> None:
    """Write the tables of a page as `<base>.xlsx` and, one by one, as `<base>-1.csv` and on; nothing without tables."""
    base.parent.mkdir(exist_ok=True)
    if tables:
        told = [*([translated(text, {}) for text in pair] for pair in about.items()),
                *zip(_sheet_names(tables), tables, strict=True)]
        first = {translated("About", {}): Table([dict(zip("ab", pair, strict=True)) for pair in told], {
            "a": translated("This file", {}), "b": ""})}
        write_workbook(base.with_name(f"{base.name}.xlsx"), first | dict(tables))
    for number, table in enumerate(tables.values(), start=1):
        path = base.with_name(f"{base.name}-{number}.csv")
        path.write_text(csv_text(tidy(table)), encoding="utf-8", newline="")


def write_workbook(path: Path, tables: Mapping[str, Table]) -> Path:
    """Write an Excel file with a sheet for each table; text is text also after a reader has edited its cell."""
    options = {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True,
               "default_date_format": "yyyy-mm-dd hh:mm"}
    with _told_of_disk(), Workbook(path, options) as book:
        book.set_properties({"created": datetime(2000, 1, 1)})  # no clock: the same tables, the same bytes
        bold, looks = book.add_format({"bold": True}), {}
        for name, table in zip(_sheet_names(tables), tables.values(), strict=True):
            sheet, frame = book.add_worksheet(name), tidy(table)
            sheet.write_row(0, 0, map(str, frame.columns), bold)
            for column, held in enumerate(kind(name, table.rows) for name in table.heads):
                look = looks[held] = looks.get(held) or book.add_format({"num_format": _LOOKS[held]})
                sheet.set_column(column, column, None, look)
                values = [*map(_cell, frame.iloc[:, column])]
                is_moment = held == "text" and any(isinstance(value, date) for value in values)
                sheet.write_column(1, column, values, None if is_moment else look)
            sheet.freeze_panes(1, 0)
            sheet.autofilter(0, 0, len(frame), max(len(frame.columns) - 1, 0))
            sheet.autofit(480)
    return path


def _cell(value: Any) -> Any:
    """A value as Excel can hold it: nothing where it is missing, words for what is no number, date or truth."""
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or value is pd.NA or value != value:
        return None
    is_plain = isinstance(value, str | int | float | date) and value not in (math.inf, -math.inf)
    return value if is_plain else str(value)


@contextmanager
def _told_of_disk() -> Iterator[None]:
    """What the disk refused is told as such, not in the words of the writer."""
    try:
        yield
    except FileCreateError as error:
        raise error.args[0] from None


def _sheet_names(tables: Mapping[str, Table]) -> list[str]:
    """Names that Excel takes: 31 characters, none of []:*?/\\', each once; `history` it keeps for itself."""
    names = [re.sub(r"[\[\]:*?/\\'\x00-\x1f]", " ", name)[:31].strip() for name in tables]
    if len({*map(str.lower, names), "history", ""}) == len(names) + 2:
        return names
    return [f"{number} {name}"[:31].strip() for number, name in enumerate(names, start=1)]
