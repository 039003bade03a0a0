"""What to do this month, by team: every account in the first job that fits it."""

from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from cs_research.report import formats
from cs_research.report.phrases import called, say
from cs_research.report.sections.quadrant import touch_cut
from cs_research.report.sections.renewals import Due
from cs_research.report.view import View
from cs_research.scores import teams

JOBS = ("renewal", "onboard", "quiet", "expand", "unhealthy")  # in the order in which they claim an account
PER_TEAM = 2
NAMED = 3
WORTH_SAYING = .2  # share of green accounts that expanded, to be an argument


@dataclass(frozen=True)
class Job:
    """One job of one team: the accounts it is about, the largest first."""

    kind: str
    team: str
    accounts: pd.DataFrame


def jobs(due: Due) -> list[Job]:
    """The jobs of this month by urgency, then by size."""
    view = due.view
    size = "arr" if view.has_money else "seats"
    in_charge = teams(view.now, view.definitions.segments).fillna("")
    rows = view.now.assign(kind=_kinds(due), team=in_charge, key=view.now.index).sort_values(
        [size, "key"], ascending=[False, True], kind="stable")
    found = []
    for name in JOBS:
        of_kind = [Job(name, team, chosen) for team, chosen in rows[rows["kind"] == name].groupby("team", sort=True)]
        found += sorted(of_kind, key=lambda job: -float(job.accounts[size].sum()))
    return found


def _kinds(due: Due) -> pd.Series:
    """The job of each account of this month, empty where none fits and where notice was given."""
    view = due.view
    now = view.now
    is_due = now.index.isin(due.rows["account_id"]) & (not view.runs_once)
    is_bad = now["health_band"].isin(view.card.bands[:2])
    is_unhealthy = now["health"] < view.health_cut - 1e-9
    is_first = now["stage"] == view.definitions.stages.stages[0].name
    rules = {"renewal": is_bad & is_due, "onboard": is_bad & is_first, "quiet": now["quadrant"] == "D",
             "expand": (now["health_band"] == view.card.bands[-1]) & is_due,
             "unhealthy": is_unhealthy & (not view.has_quadrant)}
    kind = pd.Series("", index=now.index, dtype="str")
    for name in JOBS:
        kind = kind.mask((kind == "") & rules[name].fillna(False).astype(bool), name)
    return kind.mask(now.index.isin(view.leaving), "")


def actions_section(due: Due, found: list[Job]) -> dict:
    """The table of jobs; each names its largest accounts."""
    view = due.view
    section = {"kicker": say("a_kicker", month=formats.day(view.month + pd.DateOffset(months=1), "month_name")),
               "notebook": "08_actions"}
    if not found:
        return {**section, "title": say("a_none"), "teams": []}
    teams = {job.team: [j for j in found if j.team == job.team][:PER_TEAM] for job in found}
    shown = sum(map(len, teams.values()))
    return {**section, "title": say("a_title", n=shown, shown=formats.word(shown).capitalize(),
                                    teams=say("a_teams", n=len(teams), teams=formats.word(len(teams)))),
            "teams": [{"name": called(view.definitions.words, team) if team else say("a_everyone"),
                       "rows": [_row(due, job) for job in of_team]} for team, of_team in teams.items()],
            "caption": say("a_caption", n=PER_TEAM), "has_money": view.has_money}


def _row(due: Due, job: Job) -> dict:
    view = due.view
    arr = view.arr(job.accounts)
    return {"do": do(due, job.kind), "who": say("accounts", n=len(job.accounts)),
            "arr": formats.money(arr, view.currency) if arr is not None else "", "ends": _ends(view, job.kind),
            "accounts": [view.account(account) for account in job.accounts.index[:NAMED]],
            "more": len(job.accounts) > NAMED}


def do(due: Due, kind: str) -> Markup:
    """A job in words."""
    day = formats.day(due.last_day, "short_day")
    grown = due.view.finding("good_health_expands_70") if kind == "expand" else None
    if grown is not None and grown.lower is not None and grown.estimate >= WORTH_SAYING:
        interval = say("interval", interval=formats.percents(grown.lower, grown.upper))
        return say("a_expand_rate", day=day, rate=formats.percent(grown.estimate),
                   interval=say("brackets", text=interval), **due.view.ends)
    return say(phrase_of(due.view, kind), day=day, **due.view.ends)


def phrase_of(view: View, kind: str) -> str:
    """The phrase of a job: more touch is asked for where it is proven to help, where it is not known of a random half,
    and not where it is proven not to."""
    found = view.findings.get("touch_raises_health")
    by_verdict = {"supported": "", "contradicted": "_ask"}
    return f"a_{kind}" + (by_verdict.get(found.verdict if found else "", "_half") if kind == "quiet" else "")


def _ends(view: View, kind: str) -> Markup:
    is_touch = phrase_of(view, kind) in ("a_quiet", "a_quiet_half")
    return say("a_quiet_ends", cut=touch_cut(view)) if is_touch else say(
        f"a_{'unhealthy' if kind == 'quiet' else kind}_ends", cut=f"{view.health_cut:g}")
