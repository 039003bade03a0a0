"""Conditions hold where a reader would say so, by the calendar and never on a missing value."""

import pandas as pd
import pytest
from pydantic import ValidationError

from cs_research.definitions.models import Condition
from cs_research.fields import fields, holds

MONTHS = pd.to_datetime(["2026-07-01", "2026-08-01", "2026-10-01"])  # paused in September


def frame(**columns) -> pd.DataFrame:
    return pd.DataFrame({"account_id": "001", "month": MONTHS, **columns})


def of(**test) -> tuple[Condition, ...]:
    return (Condition(field="health", **test),)


@pytest.mark.parametrize(("test", "expected"), [
    ({"at_least": 20.0}, [True, True, False]), ({"above": 20.0}, [False, True, False]),
    ({"at_most": 20.0}, [True, False, False]), ({"below": 30.0}, [True, False, False]),
    ({"rises_by": 10.0}, [False, True, False]), ({"falls_by": 5.0, "months": 2}, [False, False, False]),
])
def test_a_missing_value_or_month_holds_nothing(test, expected):
    assert holds(frame(health=[20.0, 30.0, None]), of(**test)).tolist() == expected


def test_a_fall_is_counted_by_the_calendar_and_a_value_on_the_line_counts():
    rows = frame(health=[30.0, 29.0, 24.000000000000004])
    assert holds(rows, of(falls_by=5.0, months=2)).tolist() == [False, False, True]   # October against August
    assert holds(rows, of(falls_by=6.0, months=3)).tolist() == [False, False, True]   # October against July
    assert holds(rows, of(falls_by=5.0, months=1)).tolist() == [False, False, False]  # nothing is known of September


def test_every_condition_must_hold():
    rows = frame(health=[10.0, 10.0, 10.0], stage=["introduction", "operation", "operation"])
    both = (*of(below=17.5), Condition(field="stage", among=("operation",)))
    assert holds(rows, both).tolist() == [False, True, True]


@pytest.mark.parametrize("tests", [{}, {"below": 1.0, "above": 0.0}])
def test_a_condition_is_one_test(tests):
    with pytest.raises(ValidationError, match="exactly one of"):
        of(**tests)


def test_fields_come_from_measures_scores_other_cards_and_indicators():
    scores = pd.DataFrame({"account_id": "001", "month": MONTHS[0], "scorecard": ["dear", "usage"],
                           "version": "1.0", "health": [26.0, 70.0]})
    indicators = pd.DataFrame({"account_id": "001", "month": MONTHS[:1], "scorecard": "dear", "indicator": "D-1",
                               "value": 0.32, "band": "orange"})
    card = type("Card", (), {"name": "dear"})
    found = fields(["health", "usage.health", "seats", "dear.D-1", "dear.D-1.band"], scores,
                   frame(seats=[5.0, 6.0, 7.0]), indicators, card)
    assert found.iloc[0].tolist()[2:] == [26.0, 70.0, 5.0, 0.32, "orange"]
    assert found["health"].isna().tolist() == [False, True, True] and len(found) == 3
