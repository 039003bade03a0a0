"""Tables for spreadsheets: CSV in which no cell of text is ever run as a formula."""

import csv
from io import StringIO
from typing import Any

import pandas as pd

FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


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
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    return int(value) if isinstance(value, float) and value.is_integer() else value
