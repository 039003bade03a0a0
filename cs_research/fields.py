"""The fields of an account's month that rules may test, and whether a rule's conditions hold.

Pure functions, table in, table out; what follows from a condition (an alert, points) is decided above.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from cs_research.definitions import models
from cs_research.scorecards import KEY, TOLERANCE, earlier


def fields(names: Iterable[str], scores: pd.DataFrame, measures: pd.DataFrame, indicators: pd.DataFrame,
           card: models.Scorecard) -> pd.DataFrame:
    """One row per account and month: account_id, month and the named fields, ordered by account and month.

    In: scores, measures and indicators of one view and of one version of each card. A name is a measure, a column of
    the scores of `card` (the leading one), `<card>.<column of scores>`, `<card>.<indicator>` (its value) or
    `<card>.<indicator>.band`.

    >>> month = pd.Timestamp("2026-10-01")
    >>> card = models.Scorecard.model_construct(name="dear", version="1.0")
    >>> rows = pd.DataFrame({"account_id": ["001"], "month": month, "scorecard": "dear", "version": "1.0",
    ...                      "health": 26.0})
    >>> fields(["health", "seats"], rows, rows[KEY].assign(seats=5.0), rows, card).values.tolist()
    [['001', Timestamp('2026-10-01 00:00:00'), 26.0, 5.0]]
    """
    frame = measures[KEY].sort_values(KEY, ignore_index=True)
    for name in dict.fromkeys(names):
        frame = frame.merge(_field(name, scores, measures, indicators, card), on=KEY, how="left")
    return frame


def holds(frame: pd.DataFrame, when: models.When) -> pd.Series:
    """True where every condition holds; a missing value holds nothing. In: `fields`."""
    return truth(frame, when).fillna(False).astype(bool)


def truth(frame: pd.DataFrame, when: models.When) -> pd.Series:
    """Whether every condition holds: True, False, or empty where missing values leave it open. In: `fields`.

    One condition that is known not to hold is enough for False, whatever is missing beside it.
    """
    all_hold = pd.Series(True, index=frame.index, dtype="boolean")
    for condition in when:
        all_hold &= _truth(frame, condition)
    return all_hold


def _field(name: str, scores: pd.DataFrame, measures: pd.DataFrame, indicators: pd.DataFrame,
           card: models.Scorecard) -> pd.DataFrame:
    first, _, rest = name.partition(".")
    if not rest and name in measures:
        return measures[[*KEY, name]]
    if not rest or rest in scores:
        mine = scores["scorecard"] == (first if rest else card.name)
        rows, column = scores[mine], rest or name
    else:
        indicator, _, band = rest.partition(".")
        mine = (indicators["scorecard"] == first) & (indicators["indicator"] == indicator)
        rows, column = indicators[mine], "band" if band else "value"
    return rows[[*KEY, column]].rename(columns={column: name})


def _truth(frame: pd.DataFrame, condition: models.Condition) -> pd.Series:
    (test, wanted), = condition.tests.items()
    value = frame[condition.field]
    if test == "among":
        return value.isin(wanted).astype("boolean").mask(value.isna())
    number = value.astype(float)
    if test in ("rises_by", "falls_by"):
        before = earlier(frame, condition.field, condition.months).astype(float)
        number, test = (number - before) * (1 if test == "rises_by" else -1), "at_least"
    compare, edge = {"at_least": (np.greater_equal, -TOLERANCE), "above": (np.greater, TOLERANCE),
                     "at_most": (np.less_equal, TOLERANCE), "below": (np.less, -TOLERANCE)}[test]
    return pd.Series(compare(number, wanted + edge), index=frame.index, dtype="boolean").mask(number.isna())

