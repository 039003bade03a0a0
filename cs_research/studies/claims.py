"""The claims of the source documents, each tested on the scores as they stood (methods 0 and 2).

`all_claims` gives the seven Findings in the order of claims.yml; each can be asked for on its own.
"""

from dataclasses import replace

import pandas as pd

from cs_research.definitions import Definitions
from cs_research.finding import VERDICTS, Estimate, Finding, with_interval
from cs_research.numbers import count, number, percent
from cs_research.studies import foresight, landmark, onboarding, stats, touch_effect
from cs_research.studies.evidence import Evidence
from cs_research.studies.judging import cannot_measure, claim_finding, judged, known_chance, rate_of, rate_row, too_few


def all_claims(evidence: Evidence) -> tuple[Finding, ...]:
    """One Finding per claim, in the order of claims.yml."""
    studies = {"onboarding_doubles_health": onboarding.onboarding_and_health,
               "bad_health_churns_half": bad_health, "good_health_expands_70": good_health,
               "established_rarely_churns": established, "low_stock_churns": low_stock,
               "touch_predicts_churn": touch_and_churn, "touch_raises_health": touch_effect.touch_and_health}
    found = [studies[name](evidence) for name in evidence.definitions.claims.claims if name in studies]
    return tuple(_doubted(one, evidence) for one in found)


# Claims that the score or its touches would support by itself where data stop when a customer leaves.
OF_THE_SCORE = {"bad_health_churns_half": "doubted", "good_health_expands_70": "doubted",
                "touch_predicts_churn": "doubted", "touch_raises_health": "mirrors"}


def _doubted(found: Finding, evidence: Evidence) -> Finding:
    """No claim is supported by a score that mirrors leaving, or that is perfect (foresight.doubt)."""
    which = OF_THE_SCORE.get(found.question) if found.verdict == "supported" else None
    if not which or not (doubt := foresight.doubt(evidence, which)):
        return found
    return replace(found, sentence=f"{found.sentence} Yet it cannot be told: {doubt}.", verdict="cannot_tell",
                   details={**found.details, "reason": doubt})


def verdict_table(findings: tuple[Finding, ...], definitions: Definitions) -> pd.DataFrame:
    """claim, verdict and sentence in words, one row per Finding on a claim."""
    claims = definitions.claims.claims
    return pd.DataFrame([{"claim": claims[f.question].text.en, "verdict": VERDICTS[f.verdict], "sentence": f.sentence}
                         for f in findings])


def bad_health(evidence: Evidence) -> Finding:
    """P(churned | worst band) against the claim, and P(worst band | churned) beside it (000, 004)."""
    return _of_band(evidence, "bad_health_churns_half", evidence.card.bands[0], "is_churned")


def good_health(evidence: Evidence) -> Finding:
    """P(expanded | best band) against the claim, and P(best band | expanded) beside it (000, 004)."""
    rows = _with_health(evidence)
    if len(rows) and rows["is_expanded"].isna().all():
        return cannot_measure("good_health_expands_70", "no account ever changes its seats or ARR, so expansion "
                              "cannot be seen", evidence.readings.notes())
    return _of_band(evidence, "good_health_expands_70", evidence.card.bands[-1], "is_expanded")


def _of_band(evidence: Evidence, name: str, band: str, event: str) -> Finding:
    """The claim on a band; its notes and `other_reading` say P(band | event), the other way to read it."""
    rows, bands, verb = _with_health(evidence), evidence.card.bands, event.removeprefix("is_")
    worse, better = bands[:len(bands) // 2], bands[len(bands) // 2:]
    groups = [*((one, [one]) for one in bands), (" or ".join(worse), worse), (" or ".join(better), better),
              ("all", bands)]
    is_in = rows["health_band"] == band
    found = _rate_claim(evidence, name, rows, is_in, event, f"read as {band}",
                        [(label, rows["health_band"].isin(some)) for label, some in groups])
    other = rows[rows[event].astype(bool)]
    if not found.rows or not evidence.definitions.claims.are_enough(other["account_id"].nunique()):
        return found
    estimate = rate_of(is_in[other.index], other["cluster"], evidence.definitions, rows["cluster"].nunique())
    note = f"Read the other way: of those that {verb}, {with_interval(estimate)} had been {band}."
    return replace(found, details={**found.details, "notes": [note, *found.details["notes"]],
                                   "other_reading": estimate.row("rate")})


def established(evidence: Evidence) -> Finding:
    """P(churned | last lifecycle stage) against nil (000, lifecycle)."""
    stages = [stage.name for stage in evidence.definitions.stages.lifecycle]
    name, rows = "established_rarely_churns", evidence.readings.rows
    if not (rows["stage"] == stages[-1]).any():
        return cannot_measure(name, f"no account was in the stage {stages[-1]} when its score was read before a known "
                              "outcome", evidence.readings.notes())
    return _rate_claim(evidence, name, rows, rows["stage"] == stages[-1], "is_churned", f"in the stage {stages[-1]}",
                       [(stage, rows["stage"] == stage) for stage in stages])


def low_stock(evidence: Evidence) -> Finding:
    """P(churned first time due | stock per seat under the mark two months after the start) (003)."""
    plan = evidence.definitions.outcomes.onboarding
    early = landmark.stock_at_landmark(evidence)
    if early.empty:
        return cannot_measure("low_stock_churns", "the data hold no stock (core action) with a mark to reach")
    rows = evidence.readings.rows.merge(early, on="account_id")
    rows = rows[rows["month"] >= rows["landmark"]].sort_values(["account_id", "due_date"], kind="stable")
    rows = rows.groupby("account_id", as_index=False).first()
    mark = number(plan.stock_per_seat, 0)
    low = rows["stock_per_seat"] < plan.stock_per_seat - 1e-9
    return _rate_claim(evidence, "low_stock_churns", rows, low, "is_churned",
                       f"under {mark} per seat {plan.months} months after the start",
                       [(f"under {mark} per seat", low), (f"{mark} per seat and more", ~low)])


def touch_and_churn(evidence: Evidence) -> Finding:
    """Churn of the third of accounts (more where touch ties) with the least touch, less that of the others (003)."""
    name, rows, notes = "touch_predicts_churn", evidence.readings.rows, evidence.readings.notes()
    rows = rows[rows["touch_score"].notna()]
    if rows.empty:
        return cannot_measure(name, "no touch score before a known outcome", notes)
    low = rows["touch_score"] <= rows["touch_score"].quantile(1 / 3)
    if not 0 < low.mean() <= 0.6:
        return cannot_measure(name, "the touch score hardly varies between accounts", notes)
    smaller = min(rows[mask]["account_id"].nunique() for mask in (low, ~low))
    if few := too_few(evidence, name, smaller, "in the smaller group", notes):
        return few
    estimate = known_chance(stats.rate_difference(rows["is_churned"], low, rows["cluster"]), evidence.definitions)
    verdict = judged(evidence, name, estimate, accounts=smaller)
    least = f"{percent(low.mean())} with the least touch"
    foretells = {"supported": "low touch foretells churn, though that proves no cause",
                 "contradicted": verdict.reason}.get(verdict.verdict, f"this cannot be told ({verdict.reason})")
    sentence = (f"{evidence.readings.churn_words.capitalize()}, churn among the {least} less churn among the "
                f"others is {with_interval(estimate, 'points')}: {foretells}.")
    table = [{"group": label, **rate_row(rows[mask], "is_churned", evidence.definitions)}
             for label, mask in ((f"the {least}", low), ("all others", ~low))]
    return claim_finding(evidence, name, sentence, estimate, verdict, unit="points", rows=table, notes=notes)


# ---------------------------------------------------------------- beside the claims


def along_score(evidence: Evidence) -> Finding:
    """Churn and expansion by tenths of the score, from the lowest; the estimate: churn in the first with enough.

    `series`: churned and, where it can be seen, expanded: tenth, x (mean score), n, events, rate, lower, upper.
    """
    name, rows, rules = "rates_along_score", _with_health(evidence), evidence.definitions.claims
    if few := too_few(evidence, name, rows["account_id"].nunique(), "with a score before a known outcome"):
        return few
    tenth = pd.qcut(rows["health"].rank(), 10, labels=False, duplicates="drop")
    events = ["is_churned"] + ["is_expanded"] * bool(rows["is_expanded"].notna().all())
    series = {event.removeprefix("is_"): [
        {"tenth": n + 1, "x": float(part["health"].mean()), **rate_row(part, event, evidence.definitions)}
        for n, part in rows.groupby(tenth)] for event in events}
    series = {event: [point for point in points if point["rate"] is not None] for event, points in series.items()}
    if not series["churned"]:
        return cannot_measure(name, f"fewer than {rules.min_accounts} accounts in every tenth of the score")
    ends = [points[end] for points in series.values() for end in (0, -1)]
    said = [with_interval(Estimate.of_row(point, "rate")) for point in ends]
    most = int(tenth.max()) + 1  # fewer than ten where scores tie
    at = [{1: "at the lowest scores", most: "at the highest"}.get(p["tenth"], f"in part {p['tenth']:.0f} of {most}")
          for p in ends]
    parts = [f"{said[i]} {event} {at[i]} and {said[i + 1]} {at[i + 1]}"
             for i, event in zip((0, 2), series, strict=False)]
    return Finding.of(name, f"{'; '.join(parts)}.", Estimate.of_row(ends[0], "rate"), series=series,
                      notes=evidence.readings.notes())


def by_reading(evidence: Evidence) -> Finding:
    """Churn and expansion by colour: read as the data set says, at twice the distance, by first and later renewals.

    `rows`: read, group, n, events, rate, lower, upper (churn) and the same of expansion (expanded, ...). The estimate:
    churn in the worst colour at twice the distance. Churn before a reading is counted, in notes.
    """
    name, plan, rules = "churn_by_reading", evidence.definitions.outcomes.reading, evidence.definitions
    if plan.mode != "renewal":
        return Finding.not_measured(name, "this data set is not read by renewal")
    near, far = evidence, evidence.read_before(2 * plan.months_before)
    due = near.outcomes.groupby("account_id")["due_date"].min()
    rows, early = _with_health(near), _with_health(far)
    is_first = rows["due_date"] == rows["account_id"].map(due.astype("datetime64[us]").to_dict())
    views = {f"{plan.months_before} months before": rows, f"{2 * plan.months_before} months before": early,
             "first renewals": rows[is_first], "later renewals": rows[~is_first]}
    if few := too_few(evidence, name, early["account_id"].nunique(), "with a score so early", near.readings.notes()):
        return few
    table = [{"read": view, "group": band, **rate_row(part := some[some["health_band"] == band], "is_churned", rules),
              **{f"expanded_{key}": value for key, value in (
                  rate_row(part, "is_expanded", rules) if part["is_expanded"].notna().all() else {}).items()}}
             for view, some in views.items() for band in evidence.card.bands]
    worst = early[early["health_band"] == evidence.card.bands[0]]
    found = rate_of(worst["is_churned"], worst["cluster"], rules)
    if not rules.claims.are_enough(worst["account_id"].nunique()):
        found = stats.NOTHING
    gone = far.readings.left_out["left before the reading"], near.readings.left_out["left before the reading"]
    said = "too few" if found.value is None else with_interval(found)
    sentence = (f"Read {2 * plan.months_before} months before the renewal, {evidence.card.bands[0]} accounts churned "
                f"in {said}. Gone before that reading: {count(gone[0])} ({count(gone[1])} by the later).")
    return Finding.of(name, sentence, found, rows=table, notes=far.readings.notes())


# ---------------------------------------------------------------- shared by the claims


def _with_health(evidence: Evidence) -> pd.DataFrame:
    rows = evidence.readings.rows
    return rows[rows["health"].notna()]


def _rate_claim(evidence: Evidence, name: str, rows: pd.DataFrame, chosen: pd.Series, event: str, subject: str,
                groups: list[tuple[str, pd.Series]]) -> Finding:
    """The rate of `event` among the chosen rows against the claimed one, and against all other rows.

    `groups` are the lines of the table beside it: a label and the rows it stands for.
    """
    notes, verb = evidence.readings.notes(), event.removeprefix("is_")
    if rows.empty:
        return cannot_measure(name, "no account has a score before a known outcome", notes)
    accounts = int(rows[chosen]["account_id"].nunique())
    if few := too_few(evidence, name, accounts, subject, notes):
        return few
    rules, managers = evidence.definitions.claims, rows["cluster"].nunique()
    estimate = rate_of(rows[chosen][event], rows[chosen]["cluster"], evidence.definitions, managers)
    is_comparable = rules.are_enough(rows[~chosen]["account_id"].nunique())
    difference = stats.rate_difference(rows[event], chosen, rows["cluster"]) if is_comparable else stats.NOTHING
    difference = known_chance(difference, evidence.definitions)
    verdict = judged(evidence, name, estimate, difference, accounts=accounts)
    claimed = percent(rules.claims[name].value or 0)
    ending = {"supported": f", as claimed ({claimed})",
              "contradicted": f", {verdict.reason} ({claimed})"}.get(
        verdict.verdict, f"; whether it is the {claimed} claimed cannot be told: {verdict.reason}")
    others = f" Against all others: {with_interval(difference, 'points')}." if difference.value is not None else ""
    sentence = (f"Of the accounts {subject}, {with_interval(estimate)} {verb} {evidence.readings.churn_words}"
                f"{ending}.{others}")
    table = [{"group": label, **rate_row(rows[mask], event, evidence.definitions, managers)} for label, mask in groups]
    return claim_finding(evidence, name, sentence, estimate, verdict, rows=table, notes=notes)
