"""Response points: whom to contact in a week and why, every factor visible (002).

Pure functions, table in, table out. What is known on the eve of a week comes from sql/contact_week.sql, health and
the other fields of a month from the history of the last month that closed before.
"""

import numpy as np
import pandas as pd

from cs_research.definitions import models
from cs_research.fields import KEY, holds

WEEK_KEY = ["account_id", "week"]
MILLI = 1000  # points are counted in thousandths, so that the factors of an account add up without a rest


def actions(contact: pd.DataFrame, months: pd.DataFrame, facts: pd.DataFrame,
            plan: models.ResponsePoints) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables `actions` and `action_factors` of all weeks.

    In: contact (Panel.contact_weeks), months (`fields` of the history that the conditions read), account_facts.
    Out, one row per account and week: account_id, week, version, response_points, suppressed_by (the first
    suppression that holds), rank (among those of the owner who are not suppressed and have points: by points, ARR,
    id), is_listed (rank within the capacity), owner, flag, arr; and one row per factor that holds: account_id,
    week, factor, kind (sum, times), points. The points of a `times` are what it adds or takes at its turn, so the
    points of an account's factors add up to its response_points, in thousandths without a rest.
    """
    contact = contact.reset_index(drop=True)
    held = pd.DataFrame({mark.name: _holds(mark.when, contact, months) for mark in plan.marks})
    shares = _shares(held, plan)
    frame = contact[[*WEEK_KEY, "arr"]].merge(facts[["account_id", "owner"]], how="left", on="account_id")
    frame = frame.assign(
        version=plan.version, response_points=shares.sum(axis=1) / MILLI,
        suppressed_by=_first(held, plan.suppressed), flag=_first(held, plan.flags))
    frame["rank"] = _ranks(frame)
    frame["is_listed"] = frame["rank"] <= plan.capacity_per_manager
    factors = [contact[WEEK_KEY].assign(factor=factor.name, kind="times" if factor.times else "sum",
                                        points=shares[factor.name] / MILLI)[held[factor.name]]
               for factor in plan.factors]
    columns = [*WEEK_KEY, "version", "response_points", "suppressed_by", "rank", "is_listed", "owner", "flag", "arr"]
    return frame[columns], pd.concat(factors, ignore_index=True)


def not_measured(lacking: dict[str, str], months: pd.DataFrame, plan: models.ResponsePoints) -> dict[str, str]:
    """What the points could not look at, by field, each with the reason in words; `lacking` of what a week knows."""
    blind = {field: "no account has one" for field in plan.reads if months[field].isna().all()}
    tested = {condition.field for mark in plan.marks for condition in mark.when}
    return blind | {field: reason for field, reason in lacking.items() if field in tested}


def _holds(when: models.When, contact: pd.DataFrame, months: pd.DataFrame) -> pd.Series:
    """Whether all conditions hold, each looked at where its field stands: the week or the month before."""
    all_hold = pd.Series(True, index=contact.index)
    for condition in when:
        if condition.field in models.WEEK_FIELDS:
            all_hold &= holds(contact, (condition,))
        else:
            known = months[KEY].assign(is_so=holds(months, (condition,)))
            all_hold &= contact[KEY].merge(known, how="left", on=KEY)["is_so"].eq(True)
    return all_hold


def _shares(held: pd.DataFrame, plan: models.ResponsePoints) -> pd.DataFrame:
    """Thousandths of points by factor, in the order of the sum and then of the products."""
    shares = pd.DataFrame(0, index=held.index, columns=[factor.name for factor in plan.factors])
    for factor in sorted(plan.factors, key=lambda factor: factor.times is not None):
        total = shares.sum(axis=1)
        share = round(factor.points * MILLI) if factor.times is None else (total * (factor.times - 1)).round()
        shares[factor.name] = np.where(held[factor.name], share, 0).astype(np.int64)
    return shares


def _first(held: pd.DataFrame, marks: tuple[models.Mark, ...]) -> pd.Series:
    """The name of the first mark that holds, empty where none does."""
    name = pd.Series(np.nan, index=held.index, dtype="str")
    for mark in reversed(marks):
        name = name.mask(held[mark.name], mark.name)
    return name


def _ranks(frame: pd.DataFrame) -> pd.Series:
    """1 for the first of an owner's accounts in a week; accounts without owner queue together."""
    order = frame[frame["suppressed_by"].isna() & (frame["response_points"] > 0)].sort_values(
        ["response_points", "arr", "account_id"], ascending=[False, False, True], kind="stable")
    queue = [order["week"], order["owner"].fillna("")]
    return (order.groupby(queue).cumcount() + 1).astype(float).reindex(frame.index)
