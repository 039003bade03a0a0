"""The tables behind the first page, whole and with their numbers as they are, for spreadsheets."""

import pandas as pd

from cs_research.display import Table, show_table
from cs_research.finding import VERDICTS
from cs_research.report import formats
from cs_research.report.phrases import say
from cs_research.report.sections.actions import Job, do
from cs_research.report.sections.movers import health_changes
from cs_research.report.sections.renewals import Due
from cs_research.report.view import View

ABOUT = ["account_id", "account_name", "segment", "owner", "arr"]


def page_tables(view: View, due: Due, found: list[Job]) -> dict[str, Table]:
    """Every account that changed, every renewal due, the claims, every account of a job, every file; by section."""
    told = {"movers": _movers(view), "renewals": _renewals(due), "claims": _claims(view), "actions": _jobs(due, found),
            "data": view.run.files.replace({"codes": {"{}": ""}})}
    return {name: show_table(frame) for name, frame in told.items() if len(frame)}


def table_names(due: Due) -> dict[str, str]:
    """What the tables are called: by the kickers of their sections."""
    next_month = formats.day(due.view.month + pd.DateOffset(months=1), "month_name")
    told = {"movers": say("m_kicker"), "renewals": say("r_kicker", days=due.days), "claims": say("v_kicker"),
            "actions": say("a_kicker", month=next_month), "data": say("f_data")}
    return {name: kicker.striptags() for name, kicker in told.items()}


def _movers(view: View) -> pd.DataFrame:
    """One row per account with health in both months, and the points that each part of the card moved it by."""
    both, names = health_changes(view).reset_index(), {i.id: i.name.en for i in view.card.indicators}
    parts = view.movements.pivot(index="account_id", columns="part", values="change")
    parts = parts.loc[:, parts.notna().any()].rename(columns=names)
    both["account_name"] = both["account_id"].map(view.names)
    rows = both[[*ABOUT, "health_before", "health", "change"]].sort_values(["change", "account_id"])
    return rows.join(parts, on="account_id")


def _renewals(due: Due) -> pd.DataFrame:
    """One row per renewal due, with the rate at which the forecast has it lost."""
    rows = due.rows.drop(columns="arr").join(due.view.now[["segment", "owner", "arr"]], on="account_id")
    return rows.assign(account_name=rows["account_id"].map(due.view.names), rate=rows["lost"] / rows["due"])[
        [*ABOUT, "due_date", "health_band", "rate", "lost"]]


def _claims(view: View) -> pd.DataFrame:
    rules = view.definitions.claims.claims
    return pd.DataFrame([{**told.as_record(), "claim": rules[name].text.en, "verdict": VERDICTS[told.verdict],
                          "form": told.details.get("unit", rules[name].form)}
                         for name, told in view.findings.items() if name in rules],
                        columns=["claim", "verdict", "form", "estimate", "lower", "upper", "n", "sentence"])


def _jobs(due: Due, found: list[Job]) -> pd.DataFrame:
    rows = [job.accounts.reset_index().assign(team=job.team, job=do(due, job.kind).striptags()) for job in found]
    whole = pd.concat([*rows, pd.DataFrame(columns=["account_id", "team", "job"])])
    return whole.assign(account_name=whole["account_id"].map(due.view.names)).reindex(columns=["team", "job", *ABOUT])
