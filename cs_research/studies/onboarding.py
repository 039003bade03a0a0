"""Onboarding success and health a year later (methods 1): associated, adjusted for what is recorded, never caused."""

from typing import Any

import numpy as np
import pandas as pd

from cs_research.definitions.models import Claims
from cs_research.finding import Estimate, Finding, Judgement, interval_text, value_text, with_interval
from cs_research.numbers import count, number, percent
from cs_research.studies import aipw, stats
from cs_research.studies.evidence import NOTE_TODAY, Evidence
from cs_research.studies.judging import cannot_measure, claim_finding, judged, known_chance, rate_of, too_few
from cs_research.studies.landmark import (
    BASELINE,
    Cohort,
    Comparison,
    cohort,
    landmarks,
    successes,
    table_line,
    with_success,
)

NAME = "onboarding_doubles_health"
MOST_CLIPPED = 0.1  # beyond this share of accounts without a counterpart nothing is told


def onboarding_success(evidence: Evidence) -> Finding:
    """Share of the accounts whose onboarding should have ended in the last three months and did (004, a KPI).

    rows: month, rate, n of the three months that end there, for the trend.
    """
    name, rules = "onboarding_success", evidence.definitions.claims
    span = evidence.definitions.outcomes.onboarding.recent_months
    succeeded, words = successes(evidence)
    frame = with_success(landmarks(evidence), succeeded)
    if frame.empty:
        return Finding.not_measured(name, "the data hold no milestones and no stock with a mark")
    last, table = evidence.history["month"].max(), []
    for month in pd.date_range(frame["landmark"].min(), last, freq="MS"):
        recent = frame[frame["landmark"].between(month - pd.DateOffset(months=span - 1), month)]
        enough = rules.are_enough(len(recent))
        table.append({"month": month, "rate": recent["is_success"].mean() if enough else None, "n": len(recent)})
    if not rules.are_enough(len(recent)):
        due = count(len(recent), "onboarding")
        return Finding(name, f"Too few to say: {due} should have ended in the last {span} months.", n=len(recent),
                       details={"rows": table})
    estimate = rate_of(recent["is_success"], recent["cluster"], evidence.definitions)
    sentence = f"{with_interval(estimate)} of the onboardings of the last {span} months succeeded ({words})."
    return Finding.of(name, sentence, estimate, rows=table)


def onboarding_and_health(evidence: Evidence) -> Finding:
    """Health a year after onboarding, accounts that succeeded over comparable ones that did not (000, 004).

    details: rows (the contrasts), picture (both arms with intervals), and the views `start quarter` and `segment`.
    Where success and score share indicators, the score without them leads, adjusted also for health in the first
    full month: any other form finds a ratio where there is none (methods 1).
    """
    return compared(cohort(evidence), evidence)


def compared(group: Cohort, evidence: Evidence) -> Finding:
    """The Finding on a cohort; of the evidence only the definitions are read."""
    rows, rules, notes = group.rows, evidence.definitions.claims, _notes(group)
    sizes = [int((rows["is_success"] == arm).sum()) if len(rows) else 0 for arm in (True, False)]
    if min(sizes) == 0:
        return cannot_measure(NAME, _why_empty(group, evidence), notes)
    smaller = f"in the smaller group of {count(len(rows))} seen {group.later_words}"
    if few := too_few(evidence, NAME, min(sizes), smaller, notes):
        return few
    lead = Comparison.of(group, rules, "rest_" if group.shared else "", bool(group.shared))
    here = lead.rows[lead.rows["is_here"].astype(bool)]
    if not rules.are_enough(min(here.loc[here["is_success"] == arm, lead.prefix + "health"].count()
                                for arm in (True, False))):
        out = f" without {_list(group.shared)}, of which success is made" if group.shared else ""
        return cannot_measure(NAME, f"too few comparable accounts that stayed have a score{out}",
                              [*notes, *lead.design.notes])
    if lead.health.clipped_share == 1:
        return cannot_measure(NAME, f"{_list(lead.design.adjusted)} tell who succeeds without a mistake, so that no "
                              "account has a counterpart", notes)
    return _finding(evidence, group, lead, notes)


def _finding(evidence: Evidence, group: Cohort, lead: Comparison, notes: list[str]) -> Finding:
    later, adjusted = group.later_words, lead.design.adjusted
    table = [*_contrasts(lead, later), *_other_forms(lead, group, evidence.definitions.claims)]
    everyone, stayed = (known_chance(Estimate.of_row(line), evidence.definitions) for line in table[:2])
    verdict = _verdict(evidence, lead, everyone, stayed)
    claimed = f"the {number(evidence.definitions.claims.claims[NAME].value or 1, 0)} times claimed"
    ending = {"supported": f"in line with {claimed}", "contradicted": verdict.reason.replace("claimed", claimed)}.get(
        verdict.verdict, f"whether it is {claimed} cannot be told: {verdict.reason}")
    without = f", without {_list(group.shared)}," if group.shared else ""
    sentence = (f"{later[0].upper()}{later[1:]}, accounts onboarded in time have{without} "
                f"{value_text(everyone, 'ratio')} times the health of the others ({interval_text(everyone, 'ratio')}; "
                f"churned count as 0), and {value_text(stayed, 'ratio')} times among those who stayed "
                f"({interval_text(stayed, 'ratio')}). This is an "
                + (f"association, adjusted for {_list(adjusted)}" if adjusted else "unadjusted association")
                + f"; {ending}.")
    if group.shared:
        sentence += (f" It is another quantity than the claim's: {_list(group.shared)} and success are made of the "
                     "same data and are left out, and so is what onboarding had done by the first full month.")
    if verdict.verdict == "contradicted" and _is_survival(everyone, stayed):
        sentence += " What is seen is survival more than health."
    levels = {name: lead.rows[name] for name in ("start quarter", "segment")}  # by the models of all accounts
    views = {name: [lead.line(str(level), "ratio", lead.health, within=(values == level).to_numpy())
                    for level in sorted(values.dropna().unique())] for name, values in levels.items()}
    return claim_finding(evidence, NAME, sentence, everyone, verdict, rows=table, **views,
                         picture=_picture(lead, group, evidence), notes=[*_about(lead, everyone), *notes])


def _verdict(evidence: Evidence, lead: Comparison, everyone: Estimate, stayed: Estimate) -> Judgement:
    """The rule of methods 0, and what this claim asks beside it: covariates, counterparts, health and not survival."""
    verdict = judged(evidence, NAME, everyone, stats.logarithm(everyone))
    if verdict.verdict == "cannot_tell":
        return verdict
    if lead.prefix and BASELINE not in lead.design.adjusted:
        return Judgement("cannot_tell", f"{BASELINE} is not known, and without it the overlap flatters")
    if not lead.design.adjusted:
        is_short = verdict == Judgement("contradicted", "lower than claimed")  # not even flattered it is reached
        return verdict if is_short else Judgement("cannot_tell", "nothing was adjusted for, which flatters onboarding")
    if lead.health.clipped_share > MOST_CLIPPED:
        return Judgement("cannot_tell", f"{percent(lead.health.clipped_share)} of the accounts have no counterpart")
    if verdict.verdict == "supported" and _is_survival(everyone, stayed):
        return Judgement("cannot_tell", "it is survival more than health")
    return verdict


def _is_survival(everyone: Estimate, stayed: Estimate) -> bool:
    """Whether a ratio clearly above 1 comes more from who stays than from the health of those who do."""
    if everyone.lower is None or everyone.lower <= 1 or everyone.value is None or stayed.value is None:
        return False
    return (stayed.lower or 0) <= 1 or 2 * np.log(stayed.value) < np.log(everyone.value)


def _contrasts(lead: Comparison, later: str) -> list[dict[str, Any]]:
    """The comparison in every way that methods 1 asks for; the second and fifth multiply to the first."""
    line = lead.line
    return [line(f"{later}, churned = 0", "ratio", lead.health),
            line(f"{later}, among those who stayed", "ratio", lead.health, lead.stays),
            line("in the last month before the first due date", "ratio", lead.before()),
            line(f"{later}, churned = 0, on the card's own scale", "ratio", lead.points()),
            line(f"still a customer {later}", "ratio", lead.stays),
            line(f"{later}, churned = 0", "difference", lead.health),
            line(f"still a customer {later}", "difference", lead.stays)]


def _other_forms(lead: Comparison, group: Cohort, rules: Claims) -> list[dict[str, Any]]:
    """The forms that do not lead: not adjusted, and, where success and score overlap, the two that flatter."""
    rows = group.rows
    bare = stats.mean_ratio(*(rows.loc[rows["health"].notna(), name] for name in ("health", "is_success", "cluster")))
    arms = rows.groupby("is_success")["health"].mean()
    table = [table_line("whole score, not adjusted", "ratio", arms[True], arms[False], bare)]
    if group.shared:
        forms = {"whole score, adjusted without the first full month": "",
                 f"without {_list(group.shared)}, adjusted without the first full month": "rest_"}
        others = {words: Comparison.of(group, rules, prefix) for words, prefix in forms.items()}
        table += [other.line(words, "ratio", other.health) for words, other in others.items()]
    return table


def view(found: Finding, name: str) -> Finding:
    """The view `start quarter` or `segment` of the comparison, as a Finding of its own."""
    rows, question = found.details.get(name, []), f"onboarding_by_{name.replace(' ', '_')}"
    told = sorted((row for row in rows if row["estimate"] is not None), key=lambda row: row["estimate"])
    if not told:
        return Finding.not_measured(question, f"there is no {name} with enough accounts of both kinds")
    ends = [f"{number(row['estimate'], 2)} in {row['what']} ({interval_text(Estimate.of_row(row), 'ratio')})"
            for row in (told[:1] + told[-1:])[:len(told)]]
    few = f"; too few to say in {count(len(rows) - len(told))} of {count(len(rows), name)}"
    sentence = f"The adjusted ratio {'lies between' if ends[1:] else 'is'} {' and '.join(ends)}"
    return Finding(question, sentence + (few if len(told) < len(rows) else "") + ".", n=found.n,
                   details={"rows": rows, "claimed": found.details["claimed"]})


def _picture(lead: Comparison, group: Cohort, evidence: Evidence) -> list[dict[str, Any]]:
    """Both arms as shares with intervals: full health of all, full health of those who stayed, still customers."""
    health = f"Share of full health without {_list(group.shared)}" if group.shared else "Share of full health"
    parts = [(f"{health} {group.later_words}, churned = 0", lead.health, None, evidence.card.total),
             (f"{health} among those who stayed", lead.health, lead.stays, evidence.card.total),
             (f"Still a customer {group.later_words}", lead.stays, None, 1.0)]
    table = []
    for what, of, per, whole in parts:
        for arm in ("in_time", "others"):
            found = known_chance(lead.told(arm, of, per), evidence.definitions)
            low, value, high = (None if x is None else x / whole for x in (found.lower, found.value, found.upper))
            table.append({"what": what, "arm": arm, "share": value, "lower": low, "upper": high, "n": found.n})
    return table


def _list(names: tuple[str, ...]) -> str:
    """"a, b and c"."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _about(lead: Comparison, everyone: Estimate) -> list[str]:
    """What a reader must know about this comparison: how robust, who has no counterpart, whose score is missing."""
    notes = []
    if everyone.value and everyone.lower and everyone.upper:
        near = everyone.lower if everyone.value > 1 else everyone.upper
        limit = 1.0 if (near - 1) * (everyone.value - 1) <= 0 else near
        notes.append("To explain the ratio away, something not recorded would have to go with success and with health "
                     f"by a factor of {number(aipw.e_value(everyone.value))} each, and of "
                     f"{number(aipw.e_value(limit))} to explain the near limit of the interval away (E-value).")
    if lead.health.clipped_share:
        notes.append(f"{percent(lead.health.clipped_share)} of the accounts have next to no counterpart.")
    unmeasured = len(lead.rows) - lead.health.count()
    if unmeasured:
        notes.append(f"{count(unmeasured, 'account')} stayed without a score: those alike count for them.")
    return notes + [f"{note[0].upper()}{note[1:]}." for note in lead.design.notes]


def _notes(group: Cohort) -> list[str]:
    out = [f"{count(n)} {why}" for why, n in group.left_out.items() if n]
    said = {f"Success is {group.success_words}. Health from 0 to the card's total.": group.success_words,
            f"Success and score share {_list(group.shared)}, which raises the ratio by construction.": group.shared,
            f"{group.reach}.": True, f"Left out: {'; '.join(out)}.": out, NOTE_TODAY: True}
    return [note for note, is_needed in said.items() if is_needed]


def _why_empty(group: Cohort, evidence: Evidence) -> str:
    if group.left_out["without a measured success"] and group.rows.empty and not group.left_out["not over yet"]:
        return f"the data hold no milestones and no stock, so onboarding success is unknown ({group.reach})"
    if group.rows.empty:
        months = evidence.definitions.outcomes.onboarding.horizon_months
        return f"no account has a score {months} months after its onboarding"
    every = "every" if group.rows["is_success"].all() else "no"
    return f"{every} account seen {group.later_words} succeeded ({group.success_words}): there is nothing to compare"
