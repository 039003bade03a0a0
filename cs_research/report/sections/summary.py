"""The headline, the sentence under it and the four answers: what a reader with one minute takes away."""

import pandas as pd
from markupsafe import Markup

from cs_research.finding import Estimate
from cs_research.report import formats
from cs_research.report.phrases import say
from cs_research.report.sections.actions import Job
from cs_research.report.sections.claims import verdicts
from cs_research.report.sections.renewals import Due, band_words
from cs_research.report.sections.tiles import CHURN_LINE
from cs_research.report.view import View


def summary_section(view: View, due: Due, found: list[Job]) -> dict:
    """Headline, lead and four answers."""
    headline, lead = _headline(view)
    answers = [(say("changed"), _changed(view)),
               (say("money" if view.has_money else "at_stake"), _money(due)),
               (say("sure"), _sure(view)), (say("first"), _first(due, found))]
    return {"headline": headline, "lead": lead, "answers": [a for a in answers if a[1]]}


def _headline(view: View) -> tuple[Markup, Markup]:
    rows = view.retention
    if not len(rows):
        return say("lose_unknown", n=len(view.now)), _no_money(view)
    last = rows.loc[view.month]
    if last["basis"] == "month":
        told = say("logos_of_month", opening=int(last["logos_opening"]), churned=int(last["logos_churned"]))
        return say("lose_once" if view.runs_once else "lose_month", month=formats.month_name(view.month),
                   rate=formats.percent(float(last["logo_churn"]))), Markup(" ").join([told, _no_money(view)]).strip()
    if pd.isna(last["arr_churn"]):
        return _by_logos(view, last)
    churn, nrr = view.retained("arr_churn"), view.retained("nrr")
    headline = say("lose_arr", rate=formats.percent(churn.value), growth=say(_growth(nrr)),
                   interval=_interval(churn, "head_interval"))
    left = say("nrr_left", nrr=formats.percent(nrr.value), interval=_interval(nrr, "plain_interval"),
               hundred=formats.money(100, view.currency), left=formats.money(100 * nrr.value, view.currency))
    return headline, Markup(" ").join([_against_line(churn), left])


def _by_logos(view: View, last: pd.Series) -> tuple[Markup, Markup]:
    churn = view.retained("logo_churn")
    told = say("logos_of", opening=int(last["logos_opening"]), churned=int(last["logos_churned"]))
    return (say("lose_logos", rate=formats.percent(churn.value), interval=_interval(churn, "head_interval")),
            Markup(" ").join([told, _against_line(churn), _no_money(view)]).strip())


def _no_money(view: View) -> Markup:
    return Markup("") if view.has_money else say("money_absent")


def _interval(e: Estimate, key: str) -> Markup:
    if e.lower is None or e.upper is None:
        return Markup("")
    return say(key, interval=formats.percents(e.lower, e.upper))


def _growth(nrr: Estimate) -> str:
    low, high = (nrr.lower, nrr.upper) if nrr.lower is not None else (nrr.value - .01, nrr.value + .01)
    return "growth_not" if high < 1 else ("growth_yes" if low > 1 else "growth_even")


def _against_line(churn: Estimate) -> Markup:
    """How the yearly churn compares with the 10 % line, and whether the interval agrees."""
    above = churn.value > CHURN_LINE
    key = "line_above" if above else "line_below"
    times = formats.number(churn.value / CHURN_LINE)
    if churn.lower is None or churn.upper is None:
        return say(f"{key}_plain", times=times)
    if churn.lower <= CHURN_LINE <= churn.upper:
        return say(f"{key}_open", times=times)
    return say(key, times=times, low=formats.number(churn.lower / CHURN_LINE))


def _changed(view: View) -> Markup:
    if view.has_quadrant:
        flag, key = view.panel["quadrant"].eq("A").where(view.panel["quadrant"].notna()), "changed_touch"
    elif view.has_health:
        cut = view.definitions.quadrants.health_cut - 1e-9
        flag, key = view.panel["health"].ge(cut).where(view.panel["health"].notna()), "changed_health"
    else:
        return _changed_size(view)
    shares = flag.astype(float).groupby(view.panel["month"]).mean().dropna()
    today = float(shares.loc[view.month])
    return say(key, share=formats.percent(today), moves=_moves(view, shares * 100, "points"))


def _changed_size(view: View) -> Markup:
    sizes = view.panel.groupby("month").size()
    return say("changed_size", n=len(view.now), moves=_moves(view, sizes, ""))


def _moves(view: View, by_month: pd.Series, unit: str) -> Markup:
    """How the number compares with last month and with a year ago, in whole points."""
    told = []
    for months, year in ((1, ""), (12, "_year")):
        month = view.month - pd.DateOffset(months=months)
        if month not in by_month.index:
            continue
        change = round(float(by_month.loc[view.month] - by_month.loc[month]))
        key = "moved_same" if not change else ("moved_more" if change > 0 else "moved_less")
        size = say(unit, n=abs(change)) if unit else formats.count(abs(change))
        told.append(say(key + year, points=size, month=formats.month_name(month)))
    return Markup(", ").join(told) if told else say("moved_first")


def _money(due: Due) -> Markup:
    day = formats.day(due.last_day)
    if not len(due.rows):
        return say("r_none", day=day) + "."
    if due.view.runs_once:
        return say("w_once", n=len(due.rows), day=day)
    if due.lost is None:
        return say("w_due", due=due.amount(due.total), day=day) if due.view.has_money else \
            say("r_title_count", n=len(due.rows), day=day) + "."
    names, _ = due.heaviest
    where = say("w_where", bands=band_words(names), not_red=Markup("") if "red" in names else say("r_not_red"))
    return say("w_money" if due.view.has_money else "w_count", due=due.amount(due.total), day=day,
               lost=due.amount(due.lost, True), where=where)


def _sure(view: View) -> Markup:
    accounts = say("accounts", n=len(view.now))
    who = say("sure_accounts", accounts=accounts, managers=say("managers", n=view.managers)) if view.managers else \
        say("sure_alone", accounts=accounts)
    counts = verdicts(view)
    if not any(name in view.run.findings for name in view.definitions.claims.claims):
        return Markup(" ").join([who, say("sure_none")])
    parts = Markup(", ").join(say(f"part_{verdict}", n=n) for verdict, n in counts.items() if n)
    return Markup(" ").join([who, say("sure_claims", claims=formats.word(sum(counts.values())), parts=parts)])


def _first(due: Due, found: list[Job]) -> Markup:
    """The most urgent job, all teams together."""
    if not found:
        return say("first_none")
    accounts = pd.concat([job.accounts for job in found if job.kind == found[0].kind])
    arr = due.view.arr(accounts)
    money = say("first_arr", arr=formats.money(arr, due.view.currency)) if arr else Markup("")
    do = say(f"a_{found[0].kind}_first", n=len(accounts), day=formats.short_day(due.last_day))
    return say("first_job", do=do, arr=money)
