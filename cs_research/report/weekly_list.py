"""Writes the Monday list: a page whole in itself that reads on a phone, and the same as CSV.

Every account shows each factor of its points; who is left alone stands below with the reason. Nothing here is
computed but order and words.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pandas as pd

from cs_research.definitions import models
from cs_research.finding import VERDICTS, Finding
from cs_research.report import formats
from cs_research.report.phrases import language, say
from cs_research.report.rendering import environment, stylesheet
from cs_research.report.spreadsheet import csv_text
from cs_research.studies.weekly_list import is_blind, not_looked_at, weight
from cs_research.weeks import monday_of


def csv(tables: Mapping[str, pd.DataFrame], plan: models.ResponsePoints) -> str:
    """One row per account on the list and per one left alone, in the order of the page; cells safe in spreadsheets.

    `verdict` and `note` are empty, for the manager to fill in: the same file is then the table feedback.
    """
    rows = _accounts(tables, plan)
    rows["factors"] = ["; ".join(f"{f['title']} {f['weight']}" for f in factors) for factors in rows["factors"]]
    rows = rows.assign(verdict="", note="")
    return csv_text(rows[["week", "owner", "rank", "account_id", "account_name", "response_points", "factors", "flag",
                          "suppressed_by", "arr", "due_date", "version", "verdict", "note"]])


def page(tables: Mapping[str, pd.DataFrame], plan: models.ResponsePoints, dataset: Any, as_of: date, week: str,
         proof: Finding, pages: Mapping[str, str]) -> str:
    """The text of the page. In: the actions of one week, action_factors, account_facts, outcomes, not_measured;
    `pages` leads from an account_id to the account's page, where there is one."""
    rows = _accounts(tables, plan)
    rows = rows.assign(href=[pages.get(account, "") for account in rows["account_id"]],
                       arr=[formats.money(arr, dataset.currency) if arr == arr else "" for arr in rows["arr"]],
                       due_date=[formats.day(day) if day == day else "" for day in rows["due_date"]])
    listed, alone = rows[rows["suppressed_by"].isna()], rows[rows["suppressed_by"].notna()]
    owners = [{"name": name, "rows": mine.to_dict("records")} for name, mine in listed.groupby("owner", sort=True)]
    monday = monday_of(week) or as_of
    with_points = int((tables["actions"]["response_points"] > 0).sum())
    known = min(monday - timedelta(days=1), as_of)
    blind = not_looked_at(tables["not_measured"], plan)
    return environment().get_template("weekly.html.j2").render(
        lang=language(), css=stylesheet(), say=say, company=dataset.name, simulated=dataset.simulated, week=week,
        days=say("monday_days", first=formats.day(monday), last=formats.day(monday + timedelta(days=6))),
        known=say("monday_known", day=formats.day(known)),
        count=say("monday_blind" if is_blind(blind, plan) else "monday_title", n=len(listed)),
        lead=say("monday_lead", accounts=formats.count(len(tables["actions"])), points=formats.count(with_points),
                 alone=formats.count(len(alone)), capacity=plan.capacity_per_manager),
        verdict=VERDICTS[proof.verdict], owners=owners, alone=alone.to_dict("records"), plan=plan, proof=proof,
        formula=[{"title": factor.title.en, "weight": weight(factor)} for factor in plan.factors],
        blind=[f"{field}: {why}" for field, why in blind.items()])


def _accounts(tables: Mapping[str, pd.DataFrame], plan: models.ResponsePoints) -> pd.DataFrame:
    """The accounts on the list by owner and rank, then those left alone by points, with words for every name."""
    rows = tables["actions"]
    rows = rows[rows["is_listed"] | (rows["suppressed_by"].notna() & (rows["response_points"] > 0))]
    rows = rows.merge(tables["account_facts"][["account_id", "account_name"]], how="left", on="account_id")
    monday = pd.to_datetime(tables["actions"]["week"].iloc[0] + "-1", format="%G-W%V-%u")
    ahead = tables["outcomes"]["due_date"] >= monday
    due = tables["outcomes"][ahead].groupby("account_id")["due_date"].min()
    factors = {factor.name: factor for factor in plan.factors}
    shown: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in tables["action_factors"].merge(rows[["account_id", "week"]]).itertuples():
        factor = factors[row.factor]
        gain = f" ({formats.signed(row.points, 1).replace('.0', '')})" if factor.times else ""
        shown.setdefault(row.account_id, []).append(
            {"title": factor.title.en, "weight": weight(factor) + gain, "at": [*factors].index(row.factor)})
    words = {mark.name: mark.title.en for mark in (*plan.suppressed, *plan.flags)}
    rows = rows.assign(
        due_date=rows["account_id"].map(due), owner=rows["owner"].fillna(""), flag=rows["flag"].map(words),
        suppressed_by=rows["suppressed_by"].map(words), is_alone=rows["suppressed_by"].notna(),
        factors=[sorted(shown.get(account, []), key=lambda f: f["at"]) for account in rows["account_id"]])
    listed = rows[~rows["is_alone"]].sort_values(["owner", "rank", "account_id"])
    alone = rows[rows["is_alone"]].sort_values(["response_points", "account_id"], ascending=[False, True])
    return pd.concat([listed, alone], ignore_index=True)
