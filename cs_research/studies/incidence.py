"""When accounts first expand, first contract, and churn, counted from their start (methods 2).

First expansion and first contraction compete with churn (Aalen and Johansen 1978): 1 less Kaplan and Meier would
count accounts that are gone as if they could still grow. Churn has no competitor: who has expanded stays at risk.
"""

from typing import Any

import numpy as np
import pandas as pd

from cs_research.finding import Finding, with_interval
from cs_research.numbers import count
from cs_research.studies import stats
from cs_research.studies.evidence import Evidence, clusters
from cs_research.studies.judging import NO_END, cannot_measure, known_chance, too_few

MONTH_DAYS = 365.25 / 12
SHOWN = (12, 24, 36)
EVENTS = ("expanded", "contracted", "churned")


def cumulative_incidence(months: Any, event: Any, cluster: Any, least: int = 1) -> pd.DataFrame:
    """Chance that event 1 has come by each month; 2 is a competing event, 0 the end of watching.

    `months` are whole, one per account; who leaves watching in a month is still at risk in it. Out: one row per month
    from 0 to the last with `least` at risk: at_risk, estimate (jackknife by cluster, t interval on the logit).
    Rule: Aalen and Johansen (1978). Three accounts, grown in month 1, gone in 2, grown in 3: 1/3, 1/3, then 2/3.

    >>> curve = cumulative_incidence([1, 2, 3], [1, 2, 1], ["a", "b", "c"])
    >>> [round(x.value, 3) for x in curve["estimate"]]
    [0.0, 0.333, 0.333, 0.667]
    """
    month, kind = np.asarray(months, dtype=int), np.asarray(event)
    codes, names = pd.factorize(np.asarray(cluster, dtype=object))
    counts = np.zeros((3, len(names), month.max() + 1))
    np.add.at(counts, (kind, codes, month), 1)
    whole = counts.sum(axis=1)
    at_risk = _at_risk(whole)
    value = _curve(whole)[at_risk >= least]
    error = np.full(len(value), np.nan)
    if len(names) > 1:
        left = _curve(whole[:, None] - counts)[:, at_risk >= least]
        error = np.sqrt(np.square(left - left.mean(axis=0)).sum(axis=0) * (len(names) - 1) / len(names))
    found = [stats.spread(v, e if 0 < v < 1 else np.nan, len(month), len(names), stats.LOGIT if 0 < v < 1
                          else stats.IDENTITY) for v, e in zip(value, error, strict=True)]
    return pd.DataFrame({"at_risk": at_risk[at_risk >= least], "estimate": found})


def _at_risk(counts: np.ndarray) -> np.ndarray:
    return counts.sum(axis=0)[..., ::-1].cumsum(axis=-1)[..., ::-1]


def _curve(counts: np.ndarray) -> np.ndarray:
    at_risk = np.maximum(_at_risk(counts), 1)
    stay = np.cumprod(1 - (counts[1] + counts[2]) / at_risk, axis=-1)
    before = np.concatenate([np.ones_like(stay[..., :1]), stay[..., :-1]], axis=-1)
    return np.cumsum(before * counts[1] / at_risk, axis=-1)


def first_events(evidence: Evidence) -> Finding:
    """Chance of a first expansion, a first contraction and of churn by month since the start; `rows` at 12, 24 and 36
    months, `curves` month by month as far as enough accounts are watched. The estimate is churn by the last of `rows`.
    """
    name = "first_events"
    lives = _lives(evidence, evidence.history.groupby("account_id")["start_date"].min())
    if evidence.outcomes.empty:
        return cannot_measure(name, NO_END)
    if few := too_few(evidence, name, len(lives), "watched for a month and more"):
        return few
    can_grow = evidence.outcomes["outcome"].isin(EVENTS[:2]).any()
    curves = {event: _curve_of(evidence, lives, event)
              for event in EVENTS if can_grow or event == "churned"}
    words = {"expanded": "have expanded at least once", "contracted": "have contracted at least once",
             "churned": "have left"}
    rows, told = _rows(curves)
    if not rows:
        return cannot_measure(name, "too few accounts are watched for long enough")
    last = rows[-1]["months"]
    said = "; ".join(f"{with_interval(told[event, last])} {words[event]}" for event in curves if (event, last) in told)
    notes = ["An expansion or contraction is seen where a term is renewed; who churns first can have neither. "
             "The curves need not add up to 100%: who has expanded may churn later."]
    left = told["churned", last]
    return Finding.of(name, f"{count(last)} months after the start, {said}.", left, rows=rows, curves=_drawn(curves),
                      notes=notes)


def churn_by_opening_band(evidence: Evidence) -> Finding:
    """Churn by month since the first score, by its colour; bands of too few accounts are left out of `curves`."""
    name, scored = "churn_by_opening_band", evidence.history[evidence.history["health_band"].notna()]
    first = scored[["account_id", "month", "health_band"]].sort_values("month").groupby("account_id").first()
    lives = _lives(evidence, first["month"] + pd.offsets.MonthEnd(1))
    if evidence.outcomes.empty:
        return cannot_measure(name, NO_END)
    if few := too_few(evidence, name, len(lives), "watched after a first score"):
        return few
    lives = lives.assign(band=lives["account_id"].map(first["health_band"]))
    groups = {band: lives[lives["band"] == band] for band in evidence.card.bands}
    curves = {band: _curve_of(evidence, rows, "churned")
              for band, rows in groups.items() if evidence.definitions.claims.are_enough(len(rows))}
    rows, told = _rows(curves)
    if not rows:
        return cannot_measure(name, "too few accounts of any colour are watched for long enough")
    months = SHOWN[0] if rows[-1]["months"] >= SHOWN[0] else rows[-1]["months"]
    shown = {band: one for (band, at), one in told.items() if at == months}
    said = "; ".join(f"{band} {with_interval(one)}" for band, one in shown.items())
    worst = next(iter(shown.values()))
    return Finding.of(name, f"Churned within {count(months)} months of the first score, by its colour: {said}.", worst,
                      rows=rows, curves=_drawn(curves))


def _lives(evidence: Evidence, entry: pd.Series) -> pd.DataFrame:
    """account_id, cluster, entry, until (the last day whose outcome is known) and the day of each first event."""
    if entry.empty:
        return evidence.history[["account_id"]][:0]
    last = evidence.history[["account_id", "month", "owner"]].sort_values("month")
    last = last.groupby("account_id", as_index=False).last()
    lives = last[["account_id"]].assign(cluster=clusters(last))
    lives = lives.merge(entry.rename("entry").reset_index(), on="account_id")
    first = evidence.outcomes.groupby(["account_id", "outcome"])["due_date"].min().unstack()
    names = [*EVENTS, "unknown"]
    closed = pd.Timestamp(evidence.as_of) - pd.Timedelta(days=evidence.definitions.outcomes.grace_days)
    lives = lives.merge(first.reindex(columns=names).reset_index(), on="account_id", how="left")
    lives[names] = lives[names].apply(pd.to_datetime)
    lives["until"] = lives.pop("unknown").fillna(closed).clip(upper=closed)
    return lives[lives[["until", "churned"]].min(axis=1) > lives["entry"]].reset_index(drop=True)


def _curve_of(evidence: Evidence, lives: pd.DataFrame, event: str) -> pd.DataFrame:
    """By months since the entry while enough are at risk: the event (1), the churn (2) or the end of watching (0) that
    came first; without intervals where too few managers stand behind."""
    days = lives[[event, "churned", "until"]].set_axis([1, 2, 0], axis=1)
    months = ((days.min(axis=1) - lives["entry"]).dt.days / MONTH_DAYS).round()
    least = evidence.definitions.claims.min_accounts
    day = days.to_numpy()
    which = days.columns.to_numpy()[np.where(np.isnat(day), np.datetime64("2262-01-01"), day).argmin(axis=1)]
    curve = cumulative_incidence(months, which, lives["cluster"], least)
    return curve.assign(estimate=[known_chance(e, evidence.definitions) for e in curve["estimate"]])


def _rows(curves: dict[str, pd.DataFrame]) -> tuple[list[dict[str, Any]], dict[tuple[str, int], Any]]:
    longest = max((len(curve) for curve in curves.values()), default=0)
    told = {(event, months): curve["estimate"][months] for months in (SHOWN if longest > SHOWN[0] else (3, 6))
            for event, curve in curves.items() if months < len(curve)}
    return [{"event": event, "months": months, "at_risk": int(curves[event]["at_risk"][months]), **one.row("rate")}
            for (event, months), one in told.items()], told


def _drawn(curves: dict[str, pd.DataFrame]) -> dict[str, list[float]]:
    return {event: [one.value for one in curve["estimate"]] for event, curve in curves.items()}
