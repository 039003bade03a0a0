"""Mean health since the start, by start year, with its interval and the share of customers still there."""

from markupsafe import Markup

from cs_research.report import formats
from cs_research.report.charts import Line, cohort_chart
from cs_research.report.phrases import joined, say
from cs_research.report.view import View
from cs_research.studies.cohorts import LEAST, Cohort, by_start_year, compared, survivors

MOST = 4


def cohorts_section(view: View) -> dict:
    """The lines, their survivors, and a title that compares the newest year with the one before it."""
    cohorts = by_start_year(view.panel, view.definitions)[-MOST:]
    section = {"kicker": say("c_kicker"), "notebook": "02_health"}
    if not cohorts:
        least = max(LEAST, view.definitions.claims.min_accounts)
        return {**section, "absent": say("absent", why=say("c_absent", n=least))}
    lines = [_line(cohort) for cohort in cohorts]
    is_known = any(line.lower for line in lines)
    words = {"title": say("c_mean" if is_known else "c_mean_alone"), "stay": say("c_stay", name=lines[0].name),
             "axis": say("c_axis")}
    marks = [(view.definitions.outcomes.onboarding.months, say("c_onboarded")),
             (12, say("c_renewal", n=1)), (24, say("c_renewal", n=2))]
    told = joined((say("c_line", name=line.name, first=formats.number(line.mean[0]), start=line.ages[0],
                       last=formats.number(line.mean[-1]), end=line.ages[-1]) for line in lines), "semicolon")
    alt, stay = (say("c_alt"), say("c_desc", lines=told)), survivors(view.panel, cohorts[0].year)
    charts = [cohort_chart(key, lines, stay, marks, view.edges, view.card.bands, words, alt, phone)
              for key, phone in (("cohorts", False), ("cohorts-phone", True))]
    title, compare = _comparison(view, cohorts)
    return {**section, "title": title, "charts": charts, "caption": compare + say("c_caption")}


def _line(cohort: Cohort) -> Line:
    """Drawn at the ages whose mean has an interval; where hardly any has, at all ages and without."""
    sure = {age: mean for age, mean in cohort.means.items() if mean.lower is not None}
    means = sure if len(sure) >= 2 else cohort.means
    value, lower, upper = zip(*((e.value, e.lower, e.upper) for e in means.values()), strict=True)
    ends = (lower, upper) if means is sure else ((), ())
    return Line(str(cohort.year), say("c_starts", n=cohort.starts), list(means), value, *ends)


def _comparison(view: View, cohorts: list[Cohort]) -> tuple[Markup, Markup]:
    """The newest year against the one before, at the highest age that both have."""
    if len(cohorts) < 2:
        return say("c_one", new=str(cohorts[0].year)), Markup("")
    new, old = cohorts[-1], cohorts[-2]
    years = {"new": str(new.year), "old": str(old.year)}
    found = compared(view.panel, new, old, view.definitions)
    if found is None or found[1].lower is None:
        return say("c_same", **years), Markup("")
    age, diff = found
    key = "c_same" if not diff.excludes_zero else ("c_faster" if diff.value > 0 else "c_slower")
    return say(key, **years), say(
        "c_compare", age=age, **years, new_health=formats.number(new.means[age].value),
        old_health=formats.number(old.means[age].value), diff=formats.signed(diff.value, 1),
        low=formats.signed(diff.lower, 1), high=formats.signed(diff.upper, 1))
