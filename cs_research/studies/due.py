"""The renewals due soon, and what of them is likely lost: the forecast of twelve months, nearer and by band."""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
import pandas as pd

from cs_research.definitions import Definitions
from cs_research.studies.forecast import chances, forecast, known_at, past_renewals, terms_ahead, too_few_known


class Part(NamedTuple):
    """Renewals due of one band, or of all: what is due (ARR, else accounts), and what is likely lost with interval."""

    band: str
    n: int
    due: float
    lost: float | None = None
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True)
class Soon:
    """Renewals due within `renewal_due_days` of stages.yml after a month, and what of them is likely lost.

    rows, one per account by date: account_id, due_date, health_band, arr, due (amount), lost; parts by band, worst
    first, accounts without one ("") last; past: how many renewals it was learned from; why there is no forecast.
    """

    rows: pd.DataFrame
    parts: list[Part]
    total: Part
    past: int
    why: str


def due_soon(now: pd.DataFrame, history: pd.DataFrame, outcomes: pd.DataFrame, definitions: Definitions,
             bands: tuple[str, ...], month: pd.Timestamp, as_of: date) -> Soon:
    """The renewals due soon of the accounts in `now`, an account that comes up again within the days at each of them.

    In: rows of `scores` of the month; history and outcomes as in Evidence.
    """
    end = month + pd.offsets.MonthEnd(0)
    last = end + pd.Timedelta(days=definitions.stages.renewal_due_days)
    ends = outcomes[(outcomes["outcome"] == "not_due") & (outcomes["due_date"] > end) & (outcomes["due_date"] <= last)]
    rows = now.merge(ends[["account_id", "due_date", "term_start"]], on="account_id")
    rows = rows.sort_values(["due_date", "account_id"]).drop_duplicates("account_id", ignore_index=True)
    rows = rows.assign(due=rows["arr"] if now["arr"].notna().all() else 1.0, lost=np.nan)
    known = known_at(past_renewals(history, outcomes), pd.Timestamp(as_of), definitions)
    few = too_few_known(known, definitions)
    why = "terms run once here" if not definitions.outcomes.is_renewable else few.sentence if few else ""
    months = (last.year - month.year) * 12 + last.month - month.month
    ahead = terms_ahead(rows.assign(amount=rows["due"]), month, months)
    if not why and len(rows):
        chance = pd.Series(chances(known, ahead["cell"], np.random.default_rng(0), 1)[0], index=ahead.index)
        rows["lost"] = rows["due"] * (1 - rows["account_id"].map(chance.groupby(ahead["account_id"]).prod()))

    def part(band: str, mine: pd.DataFrame) -> Part:
        due = Part(band, len(mine), float(mine["due"].sum()))
        if why or mine.empty:
            return due
        kept = forecast(known, ahead[ahead["account_id"].isin(mine["account_id"])], months).iloc[-1]
        return due._replace(lost=due.due - kept["kept"], lower=due.due - kept["upper"], upper=due.due - kept["lower"])

    band = rows["health_band"].astype(object).fillna("")
    parts = [part(name, rows[band == name]) for name in (*bands, "") if (band == name).any()]
    return Soon(rows[["account_id", "due_date", "health_band", "arr", "due", "lost"]], parts, part("", rows),
                known["renewal"].nunique(), why)
