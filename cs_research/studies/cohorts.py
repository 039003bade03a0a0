"""Mean health since the start by start year, and who of a year is still there (methods 0: intervals by manager)."""

from dataclasses import dataclass

import pandas as pd

from cs_research.definitions import Definitions
from cs_research.finding import Estimate
from cs_research.studies import stats
from cs_research.studies.evidence import clusters
from cs_research.studies.judging import known_chance

LEAST = 20  # accounts: a mean of fewer swings too much to be drawn


@dataclass(frozen=True)
class Cohort:
    """One start year: its accounts, and at ages in months the mean health and its interval."""

    year: int
    starts: int
    means: dict[int, Estimate]


def by_start_year(scores: pd.DataFrame, definitions: Definitions) -> list[Cohort]:
    """The start years with a mean of enough accounts at two ages or more, oldest first. In: scores of one card."""
    rows = scores[scores["health"].notna()].assign(cluster=clusters(scores), year=scores["start_date"].dt.year)
    least, found = max(LEAST, definitions.claims.min_accounts), []
    for year, mine in rows.groupby("year"):
        means = {int(age): mean_of(at["health"], at["cluster"], definitions)
                 for age, at in mine.groupby("age_months") if len(at) >= least}
        if len(means) >= 2:
            found.append(Cohort(int(year), int(mine["account_id"].nunique()), means))
    return found


def mean_of(values: pd.Series, cluster: pd.Series, definitions: Definitions) -> Estimate:
    """A mean with its interval where the chance is known."""
    mean = values.mean()
    return known_chance(stats.interval(mean, (values - mean) / len(values), cluster), definitions)


def survivors(scores: pd.DataFrame, year: int) -> list[tuple[int, float]]:
    """Share of a start year still under contract by age, at ages that its last starter could have reached."""
    starts, month = scores[scores["start_date"].dt.year == year], scores["month"].max()
    seen = starts.groupby("account_id")["age_months"].max()
    if scores["month"].min() > pd.Timestamp(year, 1, 31):
        seen = seen[seen.index.isin(starts.loc[starts["age_months"] <= 1, "account_id"])]
    last_start = starts["start_date"].max()
    reachable = (month.year - last_start.year) * 12 + month.month - last_start.month
    reachable -= (month + pd.offsets.MonthEnd(0)).day < last_start.day
    return [(age, float((seen >= age).mean())) for age in range(reachable + 1)] if len(seen) and reachable >= 3 else []


def compared(scores: pd.DataFrame, new: Cohort, old: Cohort, definitions: Definitions) -> tuple[int, Estimate] | None:
    """Mean health of one start year less that of another at the highest age that both have; None without one."""
    age = max(set(new.means) & set(old.means), default=None)
    if age is None:
        return None
    at = scores[(scores["age_months"] == age) & scores["health"].notna()]
    at = at[at["start_date"].dt.year.isin([new.year, old.year])]
    is_new = at["start_date"].dt.year == new.year
    return age, known_chance(stats.mean_difference(at["health"], is_new, clusters(at)), definitions)
