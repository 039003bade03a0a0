"""History: the score as it stood when its month closed, with the next renewal. The only input of studies.

Pure functions, table in, table out; what is known later never changes a row here.
"""

import pandas as pd

CLOSED = ("renewed", "expanded", "contracted", "churned")


def with_next_renewal(scores: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    """Join every score to the account's next due date after its month.

    In: scores (account_id, month, ...), outcomes (account_id, due_date, outcome, arr_before, arr_after).
    Out: the scores with due_date, outcome, arr_before, arr_after; empty where no end is in sight.
    """
    left = scores.assign(month_end=scores["month"] + pd.offsets.MonthEnd(0)).sort_values(
        ["month_end", "account_id"], kind="stable")
    right = outcomes[["account_id", "due_date", "outcome", "arr_before", "arr_after"]].sort_values(
        ["due_date", "account_id"], kind="stable")
    joined = pd.merge_asof(left, right, left_on="month_end", right_on="due_date", by="account_id",
                           direction="forward", allow_exact_matches=False)
    return joined.drop(columns="month_end").sort_values(
        ["account_id", "month", "scorecard", "version"], kind="stable", ignore_index=True)

