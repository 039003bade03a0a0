"""History: the score as it stood, joined to the next renewal."""

import pandas as pd

from cs_research import history


def test_the_next_renewal_is_the_first_due_date_after_the_month():
    scores = pd.DataFrame({"account_id": ["a", "a", "a", "b"], "scorecard": "dear", "version": "1.0",
                           "month": pd.to_datetime(["2026-01-01", "2026-02-01", "2026-04-01", "2026-01-01"])})
    outcomes = pd.DataFrame({"account_id": ["a", "a"], "due_date": pd.to_datetime(["2026-02-28", "2026-03-01"]),
                             "outcome": ["renewed", "churned"], "arr_before": [1.0, 2.0], "arr_after": [1.0, 0.0]})
    joined = history.with_next_renewal(scores, outcomes)
    assert joined["outcome"].fillna("none").tolist() == ["renewed", "churned", "none", "none"]
