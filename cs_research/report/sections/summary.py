"""The headline, the sentence under it and the four answers: what a reader with one minute takes away."""

import pandas as pd
from markupsafe import Markup

from cs_research.finding import Estimate
from cs_research.report import formats
from cs_research.report.phrases import joined, say
from cs_research.report.sections.actions import Job, phrase_of
from cs_research.report.sections.claims import verdicts
from cs_research.report.sections.renewals import Due, band_words, not_worst, notice
from cs_research.report.view import View


def summary_section(view: View, due: Due, found: list[Job]) -> dict:
    """Headline, lead and four answers."""
    headline, lead = _headline(view)
    answers = [(say("changed"), _changed(view)),
               (say("money" if view.has_money else "at_stake"), joined([_money(due), notice(due)], "gap")),
               (say("sure"), _sure(view)), (say("first"), _first(due, found))]
    return {"headline": headline, "lead": lead, "answers": [a for a in answers if a[1]]}


def _headline(view: View) -> tuple[Markup, Markup]:
    if not len(view.retention):
        return say("lose_unknown", n=len(view.now)), _no_money(view)
    last = view.retention.loc[view.month]
    if pd.isna(last["logo_churn"]):
        return say("lose_unknown", n=len(view.now)), joined([_no_rate(view), _no_money(view)], "gap")
    if last["basis"] == "month":
        told = say("logos_of_month", opening=int(last["logos_opening"]), churned=int(last["logos_churned"]))
        churn = view.retained("logo_churn")
        headline = say("lose_once" if view.runs_once else "lose_month", month=formats.day(view.month, "month_name"),
                       rate=formats.percent(churn.value), interval=_interval(churn, "head_interval"))
        return headline, joined([told, _unexplained(view), _no_money(view)], "gap")
    if pd.isna(last["arr_churn"]) or view.retained("nrr").value is None:
        return _by_logos(view, last)
    churn, nrr = view.retained("arr_churn"), view.retained("nrr")
    headline = say("lose_arr", rate=formats.percent(churn.value), growth=say(_growth(nrr)),
                   interval=_interval(churn, "head_interval"))
    left = say("nrr_left", nrr=formats.percent(nrr.value), interval=_interval(nrr, "brackets"),
               hundred=formats.money(100, view.currency), left=formats.money(round(100 * nrr.value), view.currency))
    return headline, joined([_against_line(view, churn), left, _unexplained(view)], "gap")


def _by_logos(view: View, last: pd.Series) -> tuple[Markup, Markup]:
    churn = view.retained("logo_churn")
    told = say("logos_of", opening=int(last["logos_opening"]), churned=int(last["logos_churned"]))
    return (say("lose_logos", rate=formats.percent(churn.value), interval=_interval(churn, "head_interval")),
            joined([told, _unexplained(view), _against_line(view, churn), _no_money(view)], "gap"))


def _no_rate(view: View) -> Markup:
    """Why there is no rate of those who leave."""
    if view.run.outcomes.empty:
        return say("ends_none")
    group = view.cohort
    if group.vanished:
        return say("unexplained_many", n=group.vanished, accounts=formats.count(group.accounts))
    return say("few_for_rate", n=group.accounts, floor=view.definitions.claims.min_accounts)


def _unexplained(view: View) -> Markup:
    return say("unexplained", n=view.cohort.vanished) if view.cohort.vanished else Markup("")


def _no_money(view: View) -> Markup:
    return Markup("") if view.has_money else say("money_absent")


def _interval(e: Estimate, key: str) -> Markup:
    if e.lower is None or e.upper is None:
        return Markup("")
    return say(key, text=formats.percents(e.lower, e.upper))


def _growth(nrr: Estimate) -> str:
    if nrr.lower is None or nrr.upper is None:
        return "growth_even"
    return "growth_not" if nrr.upper < 1 else ("growth_yes" if nrr.lower > 1 else "growth_even")


def _against_line(view: View, churn: Estimate) -> Markup:
    """How the yearly churn compares with the line to reach, and whether the interval agrees."""
    goal = view.definitions.outcomes.churn_line
    above, line = churn.value > goal, formats.percent(goal)
    key = "line_above" if above else "line_below"
    times = formats.number(churn.value / goal)
    if churn.lower is None or churn.upper is None:
        return say(f"{key}_plain", times=times, line=line)
    if churn.lower <= goal <= churn.upper:
        return say(f"{key}_open", times=times, line=line)
    return say(key, times=times, line=line, low=formats.number(churn.lower / goal))


def _changed(view: View) -> Markup:
    if view.has_quadrant:
        flag, key = view.panel["quadrant"].eq("A").where(view.panel["quadrant"].notna()), "changed_touch"
    elif view.has_health:
        cut = view.health_cut - 1e-9
        flag, key = view.panel["health"].ge(cut).where(view.panel["health"].notna()), "changed_health"
    else:
        return _changed_size(view)
    shares = view.shares(flag)
    if not len(shares):
        return _changed_size(view)
    return say(key, share=formats.percent(shares.iloc[-1]), moves=_moves(view, shares * 100, "points"))


def _changed_size(view: View) -> Markup:
    return say("changed_size", n=len(view.now), moves=_moves(view, view.sizes, "heads"))


def _moves(view: View, by_month: pd.Series, unit: str) -> Markup:
    """How the number compares with last month and with a year ago: in points, as the tiles have them."""
    told = []
    for months, year in ((1, ""), (12, "_year")):
        month = view.month - pd.DateOffset(months=months)
        if month not in by_month.index:
            continue
        change = round(float(by_month.loc[view.month] - by_month.loc[month]), 1)
        key = "moved_same" if not change else ("moved_more" if change > 0 else "moved_less")
        size = say(unit, n=formats.number(abs(change), 1 if unit == "points" else 0))
        told.append(say(key + year, points=size, month=formats.day(month, "month_name")))
    return joined(told) if told else say("moved_first")


def _money(due: Due) -> Markup:
    day = formats.day(due.last_day)
    if not len(due.rows):
        return say("sentence", text=say("r_none", day=day))
    if due.view.runs_once:
        return say("w_once", n=len(due.rows), day=day)
    if due.total.lost is None:
        return say("w_due", due=due.amount(due.total.due), n=len(due.rows), day=day) if due.view.has_money else \
            say("sentence", text=say("r_title_count", n=len(due.rows), day=day))
    names = due.heaviest
    where = say("w_where", bands=band_words(due, names), not_red=not_worst(due, names)) if names else Markup("")
    interval = say("brackets", text=say("interval", interval=due.interval(due.total)))
    return say("w_money" if due.view.has_money else "w_count", due=due.amount(due.total.due),
               day=day, lost=due.amount(due.total.lost, True), interval=interval, where=where)


def _sure(view: View) -> Markup:
    accounts = say("accounts", n=len(view.now))
    who = say("sure_accounts", accounts=accounts, managers=say("managers", n=view.managers)) if view.managers else \
        say("sure_alone", accounts=accounts)
    counts = verdicts(view)
    if not any(name in view.findings for name in view.definitions.claims.claims):
        return joined([who, say("sure_none")], "gap")
    parts = joined(say(f"part_{verdict}", n=n) for verdict, n in counts.items() if n)
    leak = view.finding("told_by_distance")
    doubt = say("sure_leak") if leak is not None and leak.verdict == "investigate" else Markup("")
    return joined([who, say("sure_claims", claims=formats.word(sum(counts.values())), parts=parts), doubt], "gap")


def _first(due: Due, found: list[Job]) -> Markup:
    """The most urgent job, all teams together."""
    if not found:
        return say("first_none")
    accounts = pd.concat([job.accounts for job in found if job.kind == found[0].kind])
    arr = due.view.arr(accounts)
    money = say("first_arr", arr=formats.money(arr, due.view.currency)) if arr else Markup("")
    do = say(f"{phrase_of(due.view, found[0].kind)}_first", n=len(accounts), day=formats.day(due.last_day, "short_day"),
             **due.view.ends)
    return say("first_job", do=do, arr=money)
