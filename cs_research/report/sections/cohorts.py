"""Mean health since the start, by start year, with its interval and the share of customers still there."""

import pandas as pd
from markupsafe import Markup

from cs_research.finding import Estimate
from cs_research.report import formats
from cs_research.report.charts import Cohort, cohort_chart
from cs_research.report.phrases import joined, say
from cs_research.report.view import View
from cs_research.studies import stats
from cs_research.studies.evidence import clusters

MOST = 4
LEAST = 20  # accounts: a mean of fewer swings too much to be drawn


def cohorts_section(view: View) -> dict:
    """The lines, their survivors, and a title that compares the newest year with the one before it."""
    rows = view.panel.assign(cluster=clusters(view.panel), year=view.panel["start_date"].dt.year)
    least = max(LEAST, view.definitions.claims.min_accounts)
    cohorts = _cohorts(rows, least)
    section = {"kicker": say("c_kicker"), "notebook": "02_health"}
    if not cohorts:
        return {**section, "absent": say("absent", why=say("c_absent", n=least))}
    stay = _survivors(view, cohorts[0])
    words = {"title": say("c_mean"), "stay": say("c_stay", name=cohorts[0].name), "axis": say("c_axis")}
    marks = [(view.definitions.outcomes.onboarding.months, say("c_onboarded")),
             (12, say("c_renewal", n=1)), (24, say("c_renewal", n=2))]
    lines = joined((say("c_line", name=c.name, first=formats.number(c.mean[0]), start=c.ages[0],
                          last=formats.number(c.mean[-1]), end=c.ages[-1]) for c in cohorts), "semicolon")
    alt = (say("c_alt"), say("c_desc", lines=lines))
    charts = [cohort_chart(key, cohorts, stay, marks, view.edges, view.card.bands, words, alt, phone)
              for key, phone in (("cohorts", False), ("cohorts-phone", True))]
    title, told = _comparison(rows, cohorts)
    return {**section, "title": title, "charts": charts, "caption": told + say("c_caption")}


def _cohorts(rows: pd.DataFrame, least: int) -> list[Cohort]:
    """The last start years, oldest first, at ages with enough accounts for a mean."""
    rows = rows[rows["health"].notna()]
    made = []
    for year, of_year in rows.groupby("year"):
        means = [(int(age), at.health.mean(), stats.interval(at.health.mean(), _pull(at.health), at.cluster))
                 for age, at in of_year.groupby("age_months") if len(at) >= least]
        means = [(age, mean, e) for age, mean, e in means if e.lower is not None]
        if len(means) >= 2:
            ages, mean, spread = zip(*means, strict=True)
            made.append(Cohort(str(year), say("c_starts", n=int(of_year["account_id"].nunique())), ages, mean,
                               [e.lower for e in spread], [e.upper for e in spread]))
    return made[-MOST:]


def _pull(values: pd.Series) -> pd.Series:
    return (values - values.mean()) / len(values)


def _survivors(view: View, cohort: Cohort) -> list[tuple[int, float]]:
    """Share of a start year still under contract by age, at ages that its last starter could have reached."""
    starts = view.panel[view.panel["start_date"].dt.year == int(cohort.name)]
    seen = starts.groupby("account_id")["age_months"].max()
    if view.panel["month"].min() > pd.Timestamp(int(cohort.name), 1, 31):
        seen = seen[seen.index.isin(starts.loc[starts["age_months"] <= 1, "account_id"])]
    last_start = starts["start_date"].max()
    reachable = (view.month.year - last_start.year) * 12 + view.month.month - last_start.month
    reachable -= view.month_end.day < last_start.day
    if not len(seen) or reachable < 3:
        return []
    return [(age, float((seen >= age).mean())) for age in range(reachable + 1)]


def _comparison(rows: pd.DataFrame, cohorts: list[Cohort]) -> tuple[Markup, Markup]:
    """The newest year against the one before, at the highest age that both have."""
    if len(cohorts) < 2:
        return say("c_one", new=cohorts[0].name), Markup("")
    new, old = cohorts[-1], cohorts[-2]
    age = max(set(new.ages) & set(old.ages), default=None)
    if age is None:
        return say("c_same"), Markup("")
    at = rows[(rows["age_months"] == age) & rows["year"].isin([int(new.name), int(old.name)])
              & rows["health"].notna()]
    diff = stats.mean_difference(at["health"], at["year"] == int(new.name), at["cluster"])
    key = "c_same" if not diff.excludes_zero else ("c_faster" if diff.value > 0 else "c_slower")
    return say(key, new=new.name, old=old.name), _told(age, new, old, diff)


def _told(age: int, new: Cohort, old: Cohort, diff: Estimate) -> Markup:
    if diff.lower is None or diff.upper is None or diff.value is None:
        return Markup("")
    return say("c_compare", age=age, new=new.name, old=old.name,
               new_health=formats.number(new.mean[list(new.ages).index(age)]),
               old_health=formats.number(old.mean[list(old.ages).index(age)]),
               diff=formats.signed(diff.value, 1), low=formats.signed(diff.lower, 1),
               high=formats.signed(diff.upper, 1))
