"""The points that the outcomes of a data set suggest for its card, whether they are better, and the card of them."""

from typing import Any

import numpy as np

from cs_research.definitions import models
from cs_research.finding import Estimate, Finding, with_interval
from cs_research.numbers import count, percent, signed
from cs_research.studies import foresight, stats
from cs_research.studies.calibration import DRAWS, Calibration, calibrated, is_apart, logit, points_drawn
from cs_research.studies.card_check import APART, windows, with_chances
from cs_research.studies.evidence import Evidence
from cs_research.studies.judging import cannot_measure, known_chance, rate_row
from cs_research.studies.weekly_list import next_version

POINTS, CHANCES = "calibrated_points", "card_chances"
ADVICE = {"adopt": "They are better beyond chance: adopt them as a new version of the card.",
          "same": "The outcomes give the expert's own points back: keep the card.",
          "keep": "That they are better cannot be told: keep the expert's card.",
          "investigate": "They are worse beyond chance, so the past does not foretell: investigate what has changed.",
          "cannot_tell": "Too few groups of accounts to judge chance by."}


def expert_points(card: models.Scorecard) -> np.ndarray:
    """Points of a card, indicators x colours."""
    return np.array([i.points for i in card.indicators])


def calibrated_points(evidence: Evidence, draws: int = DRAWS) -> Finding:
    """Points fitted to churn and expansion beside the expert's: the estimate is how much better they tell who leaves.

    The difference of AUC is paired, out of time and on other accounts (methods 3). Rows: indicator, what, expert and
    calibrated (points from the worst colour to the best), estimate (of the best colour) with the interval of the
    bootstrap, mark (the expert's). details: points by indicator, kappa, first and last month of the windows, version of
    the new card (empty where the points are the expert's own).
    """
    card, (rows, frame) = evidence.card, windows(evidence)
    notes = evidence.readings.notes()
    why = _not_additive(card)
    found = Calibration(np.zeros((0, 0), int), why=why) if why else calibrated(rows, expert_points(card))
    if found.why:
        return Finding(POINTS, f"No points can be calibrated: {found.why}.", n=len(frame), verdict="cannot_tell",
                       details={"notes": notes})
    rules, difference = evidence.definitions.claims, known_chance(found.difference, evidence.definitions)
    verdict, doubt = found.verdict(rules.min_clusters), foresight.doubt(evidence)
    drawn = points_drawn(rows, expert_points(card), draws)[:, :, -1] if rules.min_clusters <= len(
        set(rows.cluster)) else None
    is_same = np.array_equal(found.points, expert_points(card))
    new, old = (percent(x.value or 0) for x in (found.new, found.old))
    sentence = (f"Of an account that churned and one that stayed, points fitted to earlier outcomes had the churned "
                f"one lower in {new} of pairs, the expert's in {old}: a difference of {_points(difference)}. "
                f"{ADVICE['same' if is_same and verdict == 'keep' else verdict]}")
    if doubt and verdict == "adopt":
        verdict, sentence = "investigate", f"{sentence.removesuffix(ADVICE['adopt'])}But this is {doubt}: investigate."

    first, last = (f"{month:%Y-%m}" for month in (frame["month"].min(), frame["month"].max()))
    notes = [f"Tested on {count(found.tested)} later windows of one half of the accounts by points fitted on "
             f"{count(found.trained)} earlier ones of the other; the points shown are fitted on all "
             f"{count(len(frame))}.",
             f"Intervals of points: {count(draws)} draws of the managers, or of accounts without one.", *notes]
    return Finding.of(
        POINTS, sentence, difference, verdict, rows=_rows(card, found.points, drawn), notes=notes,
        clusters=difference.clusters, kappa=found.kappa, first=first, last=last,
        points={i.id: row.tolist() for i, row in zip(card.indicators, found.points, strict=True)},
        version="" if is_same else _unused_version(evidence))


def new_card(evidence: Evidence, found: Finding) -> models.Scorecard:
    """The card with the points of `calibrated_points`, as a new version that leads from the last month read on."""
    points, card = found.details["points"], evidence.card
    source = (f"{card.name} {card.version} calibrated on {evidence.as_of} to the outcomes of readings from "
              f"{found.details['first']} to {found.details['last']} (kappa {found.details['kappa']:g}). "
              f"{found.sentence}")
    return card.model_copy(update={
        "version": found.details["version"], "source": source,
        "in_use_from": f"{evidence.history['month'].max():%Y-%m}",
        "indicators": tuple(i.model_copy(update={"points": tuple(points[i.id])}) for i in card.indicators)})


def card_chances(evidence: Evidence) -> Finding:
    """Do accounts churn as often as their health said? The estimate is the slope of what happened on what was said.

    The chance is a logit of health fitted as in `calibrated_points`; 1 is right, less is a card that tells accounts
    apart too boldly. Rows by band, worst first: band, n, rate (what happened) with its interval, mark (what was said).
    """
    rows = with_chances(evidence, CHANCES)
    if isinstance(rows, Finding):
        return rows
    gone = rows["is_churned"]
    if is_apart(rows["said"], gone):
        return cannot_measure(CHANCES, APART, evidence.readings.notes())
    level, slope, pulls = logit(rows["said"].to_numpy(float), gone.to_numpy(float))
    bold, shift = (known_chance(stats.interval(value, pulls[:, place], rows["cluster"]), evidence.definitions)
                   for place, value in ((1, slope), (0, level)))
    chance, table = 1 / (1 + np.exp(-rows["said"])), []
    for band in evidence.card.bands:
        mine = rows[rows["health_band"] == band]
        row = rate_row(mine, "is_churned", evidence.definitions)
        table.append({"band": band, **row, "mark": None if row["rate"] is None else chance[mine.index].mean()})
    sentence = (f"Health said that {percent(float(chance.mean()))} of the accounts would churn and "
                f"{percent(gone.mean())} did; on the logit scale what happened has a slope of "
                f"{with_interval(bold, 'ratio')} on what was said and an intercept of "
                f"{with_interval(shift, 'difference')}, where 1 and 0 are right.")
    notes = ["Windows are watched for different lengths: the slope can be read, the intercept hardly."]
    return Finding.of(CHANCES, sentence, bold, rows=table, intercept=level,
                      notes=notes * (not evidence.readings.rows_have_own_ends) + evidence.readings.notes())


def _rows(card: models.Scorecard, points: np.ndarray, drawn: np.ndarray | None) -> list[dict[str, Any]]:
    ends = [[None] * len(points)] * 2 if drawn is None else [
        np.quantile(drawn, level, axis=0, method=method) for level, method in ((0.025, "lower"), (0.975, "higher"))]
    return [{"indicator": i.id, "what": f"{i.name.en} {i.id}", "expert": " ".join(map(str, i.points)),
             "calibrated": " ".join(map(str, new)), "estimate": new[-1], "mark": i.points[-1],
             "lower": low, "upper": high}
            for i, new, low, high in zip(card.indicators, points.tolist(), *ends, strict=True)]


def _points(found: Estimate) -> str:
    low, value, high = (None if x is None else signed(100 * x) for x in (found.lower, found.value, found.upper))
    interval = "" if low is None else f"95% interval {low} to {high}, "
    return f"{value} percentage points ({interval}n = {count(found.n)})"


def _not_additive(card: models.Scorecard) -> str:
    """Why a card has no points that could be shared out anew; empty where it has."""
    kinds = {"choices": card.choose, "runs of bad months": card.combine != "mean", "groups": card.groups,
             "exceptions": card.exceptions, "straight lines": any(i.scale for i in card.indicators),
             "weights": any(i.weight for i in card.indicators)}
    has = next((word for word, is_there in kinds.items() if is_there), "")
    return f"{card.name} has {has}, and only points that simply add up can be shared out anew" if has else ""


def _unused_version(evidence: Evidence) -> str:
    used = {card.version for card in evidence.definitions.cards if card.name == evidence.card.name}
    version = evidence.card.version
    while version in used:
        version = next_version(version)
    return version
