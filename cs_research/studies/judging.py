"""From an estimate to a Finding on a claim: the verdict, the floors, and what a picture of it needs."""

from dataclasses import replace
from typing import Any

import pandas as pd

from cs_research.definitions import Definitions
from cs_research.finding import Estimate, Finding, Judgement
from cs_research.finding import judgement as judged_by_rule
from cs_research.numbers import count
from cs_research.studies import stats
from cs_research.studies.evidence import Evidence

NO_END = "no term has an end in the data, so nobody can be seen to leave"


def judged(evidence: Evidence, name: str, estimate: Estimate, difference: Estimate | None = None,
           tolerance: float | None = None, accounts: int | None = None) -> Judgement:
    """The verdict on the claim `name` by the rules of the run's definitions."""
    rules = evidence.definitions.claims
    return judged_by_rule(rules.claims[name], rules, estimate, difference, tolerance, accounts)


def claim_finding(evidence: Evidence, name: str, sentence: str, estimate: Estimate, verdict: Judgement,
                  tolerance: float | None = None, unit: str = "", **details: Any) -> Finding:
    """A Finding whose details hold form, unit, claimed value, tolerance and reason beside the study's own."""
    rules = evidence.definitions.claims
    claim = rules.claims[name]
    near = rules.ratio_tolerance if claim.form == "ratio" else rules.rate_tolerance
    return Finding.of(name, sentence, estimate, verdict.verdict, form=claim.form, unit=unit or claim.form,
                      claimed=claim.value, tolerance=near if tolerance is None else tolerance, reason=verdict.reason,
                      clusters=estimate.clusters, **details)


def cannot_measure(name: str, why: str, notes: list[str] | None = None) -> Finding:
    """A claim that the data cannot speak about."""
    return replace(Finding.not_measured(name, why, "cannot_tell"), details={"notes": notes or []})


def too_few(evidence: Evidence, name: str, accounts: int, what: str, notes: list[str] | None = None) -> Finding | None:
    """The Finding for fewer accounts than the floor (no rate is printed), or None when there are enough."""
    if accounts == 0:
        return cannot_measure(name, f"no account {what}", notes)
    few = under_floor(name, accounts, evidence.definitions, what, "cannot_tell")
    return few and replace(few, details={"notes": notes or []})


def under_floor(name: str, accounts: int, definitions: Definitions, what: str, verdict: str = "") -> Finding | None:
    """The Finding in place of a rate of fewer accounts than claims.min_accounts, None when there are enough."""
    floor = definitions.claims.min_accounts
    if definitions.claims.are_enough(accounts):
        return None
    return Finding(name, f"Too few to say: {count(accounts, 'account')} {what}, where {floor} are needed.", n=accounts,
                   verdict=verdict)


def known_chance(estimate: Estimate, definitions: Definitions, managers: int = 0) -> Estimate:
    """The estimate, without its interval where too few managers or accounts stand behind it (methods 0), or `managers`
    behind all groups that it is one of."""
    if max(managers, estimate.clusters) >= definitions.claims.min_clusters:
        return estimate
    return Estimate(estimate.value, None, None, estimate.n, estimate.clusters)


def rate_of(events: pd.Series, cluster: pd.Series, definitions: Definitions, managers: int = 0) -> Estimate:
    """The share of rows with an event, with its interval where the chance is known."""
    return known_chance(stats.rate(events, cluster), definitions, managers)


def auc_of(score: pd.Series, rows: pd.DataFrame, event: str, definitions: Definitions) -> Estimate:
    """AUC of a score for an event of the rows; nothing where fewer accounts than the floor have it, or have it not."""
    happened = rows[event].astype(bool)
    fewer = min(rows.loc[happened == side, "account_id"].nunique() for side in (True, False))
    if not definitions.claims.are_enough(fewer):
        return replace(stats.NOTHING, n=len(rows))
    return known_chance(stats.auc(score, happened, rows["cluster"]), definitions)


def rate_row(rows: pd.DataFrame, event: str, definitions: Definitions, managers: int = 0) -> dict[str, Any]:
    """One line of a table of rates: n, events, rate, lower, upper; all but n empty under the floor."""
    if not definitions.claims.are_enough(rows["account_id"].nunique()):
        return {"events": None, **replace(stats.NOTHING, n=len(rows)).row("rate")}
    estimate = rate_of(rows[event], rows["cluster"], definitions, managers)
    return {"events": int(rows[event].sum()), **estimate.row("rate")}
