"""How early the score told of a churn, whether it tells too well to be true, and where it misled (methods 2)."""

from typing import Any

import numpy as np
import pandas as pd

from cs_research.finding import Estimate, Finding, with_interval
from cs_research.numbers import count, number
from cs_research.studies import stats
from cs_research.studies.evidence import KEY, Evidence, clusters
from cs_research.studies.incidence import MONTH_DAYS
from cs_research.studies.judging import auc_of, rate_of, too_few

TOO_GOOD = 0.95     # pairs in the right order: more than any honest score of churn is known to reach
LEAK_GAIN = 0.15    # what a score may gain as the end comes near before it is suspected
LONGEST = 20        # lines of a list
LEADS = {"not at all": 0, "under 3 months": 1, "3 to 5 months": 3, "6 to 11 months": 6, "12 months and more": 12}
SINCE = "since its first score"


def lead_time(evidence: Evidence) -> Finding:
    """How many months before a churn the score left the best colour for good, and fell to the worst for good.

    A later month back in the colour ends a warning; months without a score neither end nor begin one. `rows`: lead,
    n, share (left the best colour), worst_n, worst_share. The estimate: the share warned as many months before as the
    data set reads its scores, beside the share of the others that were not in the best colour at their reading.
    """
    name, bands, early = "warned_early", evidence.card.bands, evidence.definitions.outcomes.reading.months_before
    left = evidence.outcomes[evidence.outcomes["outcome"] == "churned"].groupby("account_id")["due_date"].min()
    seen = evidence.history[evidence.history["health_band"].notna()]
    seen = seen.merge(left.rename("end").reset_index(), on="account_id")
    seen = seen[seen["month"] + pd.offsets.MonthEnd(0) < seen["end"]].sort_values("month")
    last = seen.groupby("account_id").last()
    if few := too_few(evidence, name, len(last), "churned after a score", evidence.readings.notes()):
        return few
    green, red = (_warnings(seen, seen["health_band"].isin(of)).reindex(last.index) for of in (bands[:-1], bands[:1]))
    cluster = clusters(last.reset_index())
    found, fell = (rate_of(one["months"] >= early, cluster, evidence.definitions)
                   for one in (green, red))
    at, at_worst = (_leads(one) for one in (green, red))
    table = [{"lead": words, "n": int(at[words]), "share": at[words] / len(last), "worst_n": int(at_worst[words]),
              "worst_share": at_worst[words] / len(last)} for words in at.index]
    stayed = evidence.readings.rows[~evidence.readings.rows["is_churned"].astype(bool)].dropna(subset=["health_band"])
    alarm = rate_of(stayed["health_band"] != bands[-1], stayed["cluster"], evidence.definitions)
    beside = (f" Of those that stayed, {with_interval(alarm)} were not {bands[-1]} at their reading either."
              if evidence.definitions.claims.are_enough(stayed["account_id"].nunique()) else "")
    sentence = (f"{early} months before they churned, {with_interval(found)} of the accounts had left {bands[-1]} for "
                f"good or never were, and {with_interval(fell)} were {bands[0]} for good.{beside}")
    return Finding.of(name, sentence, found, rows=table)


def _warnings(seen: pd.DataFrame, warned: pd.Series) -> pd.DataFrame:
    """By account: whole months from the end of the first month of the last unbroken warning to the end (0: no warning
    stood then), and whether it stood since the first score."""
    calm = seen[~warned].groupby("account_id")["month"].max().reindex(seen["account_id"].unique())
    since = seen[warned & ~(seen["month"] <= seen["account_id"].map(calm))].groupby("account_id").first()
    months = ((since["end"] - (since["month"] + pd.offsets.MonthEnd(0))).dt.days / MONTH_DAYS).round().clip(lower=1)
    return pd.DataFrame({"months": months.reindex(calm.index, fill_value=0), "is_since_first": calm.isna()})


def _leads(warning: pd.DataFrame) -> pd.Series:
    """How many accounts were warned how long before, in the order of LEADS."""
    lead = pd.cut(warning["months"], [*LEADS.values(), np.inf], right=False, labels=[*LEADS]).astype(object)
    return lead.mask(warning["is_since_first"], SINCE).value_counts().reindex([*LEADS, SINCE], fill_value=0)


def told_by_distance(evidence: Evidence) -> Finding:
    """Pairs in the right order by how near the end the score is read: a leak shows as a leap, or as perfection.

    Scores made of what stops when a customer leaves look superb just before the end and foretell nothing. By renewal:
    read at twice the months before, at these, and at the renewal itself; else one reading, for those that left later
    than three months after it and for those that left sooner. `rows`: what (the card or an indicator), read, n,
    estimate, lower, upper, is_suspect; of the indicators only those under suspicion. details `mirrors`: the suspects,
    where the score is no better than a coin at the farthest reading; `doubted`: what mirrors leaving, or is perfect, at
    the reading that claims are tested at.
    """
    name = "told_by_distance"
    read = _by_distance(evidence)
    smaller = min(rows[rows["is_churned"] == churned]["account_id"].nunique()
                  for rows in read.values() for churned in (True, False))
    if few := too_few(evidence, name, smaller, "churned or stayed (the fewer) at each distance",
                      evidence.readings.notes()):
        return few
    table = []
    for what in ("the card", *(i.id for i in evidence.card.indicators)):
        column = "health" if what == "the card" else what
        lines = [{"what": what, "read": words, **_order(evidence, rows, column).row()} for words, rows in read.items()]
        table += _suspected([line for line in lines if line["estimate"] is not None])
    suspects = list(dict.fromkeys(line["what"] for line in table if line["is_suspect"]))
    near = [line for line in table if line["what"] == "the card"]
    said = "; ".join(f"{line['read']}: {number(100 * line['estimate'], 0)}%" for line in near)
    is_mirror = "the card" in suspects and (near[0]["lower"] or 0.0) <= 0.5
    verdict = (f"{'it mirrors leaving rather than foretells it' if is_mirror else 'too good to be true'} "
               f"({', '.join(suspects)}): look for something that stops when a customer leaves"
               if suspects else "no sign of data that stop when a customer leaves")
    table, last = [line for line in table if line["what"] in ("the card", *suspects)], near[-1]
    used = list(read)[1:2] if len(read) > 2 else list(read)
    doubted = [line["what"] for line in table if line["is_suspect"] and line["read"] in used
               and (is_mirror or line["estimate"] >= TOO_GOOD)]
    return Finding(name, f"Pairs that the card puts in the right order, by when it is read: {said} "
                   f"(n = {count(last['n'])}). {verdict[0].upper()}{verdict[1:]}.", last["estimate"], last["lower"],
                   last["upper"], last["n"], "investigate" if suspects else "", {
                       "rows": table, "doubted": list(dict.fromkeys(doubted)), "mirrors": suspects * is_mirror,
                       "notes": [*_after_notice(evidence), *evidence.readings.notes()[1:]]})


def doubt(evidence: Evidence, which: str = "doubted") -> str:
    """Why nothing good may be said of the score, in words: as the claims read it, or up to the end (`mirrors`)."""
    if "doubt" not in evidence.kept:
        evidence.kept["doubt"] = told_by_distance(evidence).details
    suspects = ", ".join(evidence.kept["doubt"].get(which, []))
    return suspects and f"too good to be true ({suspects}), as where something stops when customers leave"


def _by_distance(evidence: Evidence) -> dict[str, pd.DataFrame]:
    plan = evidence.definitions.outcomes.reading
    if plan.mode == "renewal":
        read = {f"{months} months before": evidence.read_before(months).readings.rows
                for months in (2 * plan.months_before, plan.months_before, 0)}
    else:
        rows = evidence.readings.rows
        is_soon = rows["due_date"] <= rows["month"] + pd.offsets.MonthEnd(3)
        churned = rows["is_churned"].astype(bool)
        read = {"left later": rows[~churned | ~is_soon], "left within 3 months": rows[~churned | is_soon]}
    read = {words: rows[rows["health"].notna()].merge(evidence.indicator_points, on=KEY, how="left")
            for words, rows in read.items()}
    return {words: rows.assign(is_churned=rows["is_churned"].astype(bool)) for words, rows in read.items()}


def _order(evidence: Evidence, rows: pd.DataFrame, column: str) -> Estimate:
    rows = rows[rows[column].notna()] if column in rows else rows[:0]
    return auc_of(-rows[column], rows, "is_churned", evidence.definitions) if len(rows) else stats.NOTHING


def _suspected(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Marks readings that are perfect, or far above the one before beyond chance."""
    marked = []
    for before, line in zip([None, *lines], lines, strict=False):
        leaps = (before is not None and before["upper"] is not None and line["lower"] is not None
                 and line["lower"] > before["upper"] and line["estimate"] > before["estimate"] + LEAK_GAIN)
        marked.append({**line, "is_suspect": line["estimate"] >= TOO_GOOD or leaps})
    return marked


def _after_notice(evidence: Evidence) -> list[str]:
    """How many scores were read after the customer had given notice."""
    if evidence.contracts is None or "notice_date" not in evidence.contracts:
        return ["No day of notice is known."]
    terms = evidence.contracts[["account_id", "end_date", "notice_date"]].rename(columns={"end_date": "due_date"})
    rows = evidence.readings.rows.merge(terms, on=["account_id", "due_date"])
    late = rows["is_churned"].astype(bool) & (rows["notice_date"] <= rows["month"] + pd.offsets.MonthEnd(0))
    return [f"Scores of churned accounts read after notice was given: {count(int(late.sum()))}."]


def misled(evidence: Evidence, churned: bool) -> Finding:
    """Accounts in the best colour that churned, or in the worst that stayed: the 20 largest by ARR.

    `rows`: account, arr, due_date, health, outcome, misled (indicators in their best colour at the reading, or in their
    worst for those that stayed), told (those in the opposite colour). The estimate: their share of the colour.
    """
    name = "good_but_churned" if churned else "bad_but_stayed"
    bands = evidence.card.bands[::-1] if churned else evidence.card.bands
    rows = evidence.readings.rows
    rows = rows[rows["health_band"] == bands[0]]
    if few := too_few(evidence, name, rows["account_id"].nunique(), f"read as {bands[0]}", evidence.readings.notes()):
        return few
    is_wrong = rows["is_churned"].astype(bool) == churned
    found = rate_of(is_wrong, rows["cluster"], evidence.definitions)
    wrong = _with_signs(evidence, rows[is_wrong], bands[0], bands[-1])
    named = {} if evidence.facts is None else evidence.facts.set_index("account_id")["account_name"].to_dict()
    wrong["account"] = wrong["account_id"].map(named).fillna(wrong["account_id"])
    table = wrong.sort_values(["arr", "account_id", "month"], ascending=[False, True, True])[:LONGEST]
    often = wrong["misled"].str.split(", ").explode().replace("", None).dropna().value_counts().sort_index()
    often = often.sort_values(ascending=False, kind="stable")
    said = ", ".join(f"{indicator} ({count(n)})" for indicator, n in often[:3].items())
    sentence = (f"Of the accounts read as {bands[0]}, {with_interval(found)} {'churned' if churned else 'stayed'}"
                f"{f'; most often {bands[0]} among these {count(len(wrong))}: {said}' if said else ''}.")
    columns = ["account_id", "account", "arr", "due_date", "health", "outcome", "misled", "told"]
    shown = f"Shown: {count(len(table))} of {count(len(wrong))}, by ARR where it is known."
    return Finding.of(name, sentence, found, rows=table[columns].to_dict("records"),
                      notes=[shown] * (len(wrong) > LONGEST))


def _with_signs(evidence: Evidence, rows: pd.DataFrame, misled_by: str, told_by: str) -> pd.DataFrame:
    """The rows with arr and the indicators that stood in the one colour and in the other at the reading."""
    colours = dict(zip(evidence.card.bands, evidence.card.indicator_bands, strict=False))
    signs = evidence.indicators.merge(rows[KEY], on=KEY).sort_values("indicator")
    out = rows.merge(evidence.history[[*KEY, "arr"]], on=KEY, how="left").set_index(KEY, drop=False)
    for name, colour in (("misled", misled_by), ("told", told_by)):
        own = signs[signs["band"] == colours.get(colour, colour)].groupby(KEY)["indicator"].agg(", ".join)
        out[name] = own.reindex(out.index).fillna("").to_numpy()
    return out.reset_index(drop=True)
