"""Refuses definition files that do not agree with one another, with file, line and key.

What one file may say by itself stands in its model; here is the one table of the fields that rules may test.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from cs_research.definitions import models, strict_yaml

DEFAULTS = Path(__file__).parent / "defaults"
Found = dict[str, tuple[Path, Any]]   # what is defined -> its file and definition
Words = tuple[str, ...] | None        # what a field can be: None is a number, () any word

# Columns of the leading card's scores that a condition may test; `_fields` adds the words that depend on files.
SCORE_FIELDS: dict[str, Words] = {"health": None, "measured_share": None, "is_renewal_due": None, "age_months": None,
                                  "arr": None, "quadrant": tuple("ABCD"), "segment": ()}
# Other columns of panel and scores, which no measure of a data set may be named like.
COLUMNS = ("account_id", "month", "month_end", "is_history", "start_date", "days_since_start", "scorecard", "version",
           "taken_from", "health_band", "stage", "is_usage_only", "capped_by", "moved_into_a", "owner", "due_date",
           "outcome", "arr_before", "arr_after", "next_due_date")


def refuse_disagreement(found: Found, cards: Iterable[models.Scorecard]) -> None:
    """Raise Refused (F_CONFIG) where a file names what no other declares, or two give one name to two things."""
    measures = _measures(found)
    tested = _fields(measures, found, cards)
    week = dict.fromkeys(models.WEEK_FIELDS)
    for key, (path, definition) in found.items():
        known = measures if definition.kind == "scorecard" else tested | (week if key == "response_points" else {})
        for name in getattr(definition, "reads", ()):
            if name not in known:
                raise strict_yaml.refusal(path, line_of(name, path),
                                          f"{key} reads '{name}', which no file declares{near(name, known)}")
        for at, condition in getattr(definition, "conditions", {}).items():
            if fault := _fault(condition, known[condition.field]):
                at = (*at, *condition.tests)
                line = strict_yaml.read_yaml(path)[1][at]
                raise strict_yaml.refusal(path, line, f"key '{'.'.join(map(str, at))}': {fault}")
    _refuse_other_stages(found)
    _refuse_other_touches(found)


def _measures(found: Found) -> dict[str, Words]:
    """Every measure of the panel; a data set's own may be named like no other and like no column beside them."""
    touch = found["touch_points"][1]
    names = {"measures": found["measures"][1].measures, "events": found["events"][1].counters,
             "ratings": found["ratings"][1].kinds, "touch_points": (*touch.counts, *touch.reactions)}
    of_weeks = [name for name, needs in models.WEEK_FIELDS.items() if needs.tables != ("ratings",)]
    taken: dict[str, Path | None] = dict.fromkeys((*SCORE_FIELDS, *COLUMNS, *of_weeks))
    for kind, own in names.items():
        path = found[kind][0]
        for name in own if kind != "measures" else ():
            if name in taken:
                first = taken[name]
                at, other = (first, path) if first and DEFAULTS in path.parents else (path, first)
                there = f"in {other.name}" if other else "as a column of panel, scores or weeks"
                raise strict_yaml.refusal(at, line_of(name, at), f"'{name}' is there already, {there}; rename one")
        taken |= dict.fromkeys(own, path)
    return {name: None for own in names.values() for name in own}


def _fields(measures: dict[str, Words], found: Found, cards: Iterable[models.Scorecard]) -> dict[str, Words]:
    """The fields that a condition may test (fields.py), those of every version of a card."""
    known = {**measures, **SCORE_FIELDS, "stage": found["stages"][1].names}
    for card in cards:
        known |= dict.fromkeys([f"{card.name}.{name}" for name in ("health", "measured_share")])
        known |= dict.fromkeys(f"{card.name}.{i.id}" for i in card.indicators)
        words = {"health_band": card.bands, f"{card.name}.health_band": card.bands,
                 **{f"{card.name}.{i.id}.band": card.indicator_bands for i in card.indicators}}
        known |= {name: (*(known.get(name) or ()), *bands) for name, bands in words.items()}
    return known


def _fault(condition: models.Condition, words: Words) -> str | None:
    """What is wrong with testing a field of such words in this way, if anything is."""
    (test, wanted), = condition.tests.items()
    if words is None:
        return f"expected a number to compare with, {condition.field} is no word" if test == "among" else None
    if test != "among":
        return f"expected among: [...], {condition.field} is a word and no number"
    unknown = [word for word in wanted if words and word not in words]
    return f"'{unknown[0]}' is no word of {condition.field} ({', '.join(dict.fromkeys(words))})" if unknown else None


def _refuse_other_touches(found: Found) -> None:
    """A contact is a touch of a declared type."""
    path, plan = found["response_points"]
    declared, known = found["touch_points"][0].name, found["touch_points"][1].types
    for name in (*plan.contact_types, *plan.answered_types):
        if name not in known:
            raise strict_yaml.refusal(path, line_of(name, path),
                                      f"'{name}' is no touch type of {declared}{near(name, known)}")


def _refuse_other_stages(found: Found) -> None:
    """Who is in charge, what opens an alert and what the roadmap says are said for the stages that there are."""
    path, plan = found["stages"]
    said = {"segments": [name for teams in found["segments"][1].teams.values() for name in teams],
            "alerts": [name for rule in found["alerts"][1].rules for name in rule.stages],
            "roadmap": [stage.stage for stage in found["roadmap"][1].stages],
            **{key: [choice.stage for choice in definition.choose if choice.stage]
               for key, (_, definition) in found.items() if definition.kind == "scorecard"}}
    for kind, names in said.items():
        at, definition = found[kind]
        own = f"; lay a {kind}.yml of your own beside it" if DEFAULTS in at.parents else ""
        if unknown := [name for name in names if name not in plan.names]:
            raise strict_yaml.refusal(at, line_of(unknown[0], at), f"key '{unknown[0]}': expected a stage of "
                                      f"{path.name} ({', '.join(plan.names)}){own}")
        for segment, teams in definition.teams.items() if kind == "segments" else ():
            if lacking := [name for name in plan.names if name not in teams]:
                raise strict_yaml.refusal(at, line_of(segment, at), f"key 'teams.{segment}': expected a team for "
                                          f"every stage of {path.name}, none for '{lacking[0]}'{own}")


def near(name: str, known: Iterable[str]) -> str:
    """The nearest known name as the end of a sentence, or nothing."""
    nearest = get_close_matches(name, known, 1)
    return f", did you mean '{nearest[0]}'?" if nearest else ""


def line_of(name: str, path: Path) -> int:
    """The first line of a definition file where a name stands as a word; 1 where it is spelt otherwise."""
    word = re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])")
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    return next((number for number, line in enumerate(lines, 1) if word.search(line)), 1)
