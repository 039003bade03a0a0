"""A simulated life as the tables that studies read, straight from what happened, without files, users or events."""

import numpy as np
import pandas as pd

from cs_research.definitions import Definitions
from cs_research.simulate.card import BANDS, INDICATORS, UNMEASURED, band
from cs_research.simulate.draws import OUTCOMES
from cs_research.simulate.life import Life
from cs_research.simulate.population import GOALS, INDUSTRIES
from cs_research.studies import Evidence

CARD = "dear"


def evidence_of(life: Life, definitions: Definitions) -> Evidence:
    """What a report of the last month would know of the life if nothing were recorded late.

    Its one milestone stands for all: an onboarding in time has it in time. Accounts and managers have numbers for
    names, which are those of the rows of `draws.readings`.
    """
    people, calendar = life.people, life.calendar
    ids = np.array([f"{number:06d}" for number in range(people.count)], dtype=object)
    of, month = np.nonzero(life.seats_then > 0)
    terms = _terms(life)
    running = _running(terms, of, calendar.date(month, 31))
    stages = definitions.stages.lifecycle
    age = month - people.start_month[of]
    keys = pd.DataFrame({"account_id": ids[of], "month": pd.to_datetime(calendar.date(month))})
    health = life.health[of, month]
    history = keys.assign(
        start_date=pd.to_datetime(life.start)[of], age_months=age, health=health,
        health_band=np.where(np.isnan(health), None, np.array(BANDS, dtype=object)[band(np.nan_to_num(health))]),
        touch_score=life.touch_score[of, month], touch_score_month=life.touch_rate[of, month],
        stage=np.array([stage.name for stage in stages], dtype=object)[
            np.searchsorted([stage.from_month for stage in stages], age, side="right") - 1],
        segment=people.segment.astype(object)[of],
        owner=np.array([f"M{number:03d}" for number in range(life.managers.count)], dtype=object)[people.owner[of]],
        arr=12.0 * running["mrr"].to_numpy(), seats=life.seats_then[of, month].astype(float),
        due_date=running["end"].to_numpy())
    outcomes = terms.assign(account_id=ids[terms["account"]]).rename(columns={"end": "due_date", "start": "term_start"})
    facts = pd.DataFrame({"account_id": ids, "industry": np.array(INDUSTRIES, dtype=object)[people.industry],
                          "goal": np.array(GOALS, dtype=object)[people.goal]})
    due = pd.to_datetime(life.start) + pd.Timedelta(days=30)
    milestones = None if life.world.success_by_stock else pd.DataFrame(
        {"account_id": ids, "milestone": "first_value", "due_date": due,
         "completed_date": due.where(people.is_onboarded)})
    return Evidence(
        history, outcomes[["account_id", "due_date", "term_start", "outcome"]].dropna(subset="due_date"),
        _indicators(keys, life.colours[of, month]),
        keys.assign(stock=life.stock_rate[of, month] * history["seats"], seats=history["seats"]),
        milestones, definitions, CARD, pd.Timestamp(calendar.as_of).date(), facts)


def _terms(life: Life) -> pd.DataFrame:
    """account, start, end, mrr and outcome of every term that began in the period, add-ons apart."""
    terms = life.noted("terms")
    terms = terms[~terms["is_addon"]].sort_values(["start", "account"], kind="stable")
    terms = terms[terms["start"] <= life.calendar.as_of].reset_index(drop=True)
    terms["due_month"] = np.where(terms["end"].isna(), -1, life.calendar.month(terms["end"].fillna(terms["start"])))
    read = life.noted("readings").query("due_month < @life.calendar.months")
    told = terms.merge(read[["account", "due_month", "fate"]], on=["account", "due_month"], how="left")
    return told.assign(outcome=told["fate"].map(OUTCOMES).fillna("not_due"))


def _running(terms: pd.DataFrame, of: np.ndarray, month_end: np.ndarray) -> pd.DataFrame:
    """The term of each account that runs at the end of its month, row for row."""
    asked = pd.DataFrame({"account": of, "at": pd.to_datetime(month_end), "row": np.arange(len(of))}).sort_values("at")
    found = pd.merge_asof(asked, terms[["account", "start", "end", "mrr"]], left_on="at", right_on="start",
                          by="account")
    return found.sort_values("row")


def _indicators(keys: pd.DataFrame, colours: np.ndarray) -> pd.DataFrame:
    """One row per account, month and indicator of the card, as `history_indicators` has them."""
    again = keys.loc[keys.index.repeat(len(INDICATORS))].reset_index(drop=True)
    colour = colours.ravel()
    is_measured = colour != UNMEASURED
    return again.assign(indicator=np.tile(np.array(INDICATORS, dtype=object), len(keys)), is_measured=is_measured,
                        band=np.where(is_measured, np.array(BANDS, dtype=object)[colour], None),
                        points=np.where(is_measured, colour + 1.0, np.nan))
