"""Collects definition files: the package's defaults, overlaid by those of a data set."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import yaml

from cs_research.definitions import models, strict_yaml
from cs_research.definitions.agreement import DEFAULTS, Found, line_of, near, refuse_disagreement


@dataclass(frozen=True)
class Definitions:
    """Everything a run is made by. `files` names the file that each definition came from.

    `cards`: every version of every card; `scorecards`: of each name the one in use (see `in_use`).
    """

    tables: dict[str, models.Table]
    measures: dict[str, models.Measure]
    events: models.Events
    ratings: models.Ratings
    cards: tuple[models.Scorecard, ...]
    scorecards: dict[str, models.Scorecard]
    touch_points: models.TouchPoints
    quadrants: models.Quadrants
    content_plan: models.ContentPlan
    stages: models.Stages
    segments: models.Segments
    outcomes: models.Outcomes
    claims: models.Claims
    alerts: models.Alerts
    roadmap: models.Roadmap
    response_points: models.ResponsePoints
    words: dict[str, models.Text]
    files: dict[str, Path]

    def in_use(self, month: str) -> "Definitions":
        """The same, with the version of each card that leads in a month such as "2026-10"; before the first, that."""
        begun = _latest(card for card in self.cards if not card.in_use_from or card.in_use_from <= month)
        to_come = {card.name: card for card in sorted(self.cards, key=lambda c: c.in_use_from or "", reverse=True)}
        return replace(self, scorecards={**to_come, **begun})


def load_definitions(overlay: Path | None = None, is_copy: bool = False) -> Definitions:
    """Read the defaults and lay the files of `overlay` over them.

    A file replaces the default of its kind; a scorecard stands beside those of another name or version, words beside
    those of other names. Raises Refused (F_CONFIG) with file, line, key and what was expected; also where an overlay
    has the version of a default and other content, unless it is the copy (`is_copy`) that a run of an earlier release
    keeps.

    >>> load_definitions().scorecards["dear"].indicators[0].cuts
    (0.25, 0.5, 0.75)
    """
    found: Found = {}
    for folder in filter(None, (DEFAULTS, overlay)):
        seen: dict[str, Path] = {}
        for key, path, definition in _read_folder(folder):
            if key in seen:
                raise strict_yaml.refusal(path, 1, f"'{key}' is defined in {seen[key].name} too")
            seen[key] = path
            if not is_copy and key in found:
                _refuse_same_version(path, definition, found[key][1])
            found[key] = (path, definition)
    return _assembled(found)


def with_card(definitions: Definitions, path: Path, month: str) -> Definitions:
    """The same definitions and one more card, which leads under its name in `month`.

    Raises Refused (F_CONFIG) where the file is no card, its version is there already, or would not lead.
    """
    card, found = read_card(path), {key: (at, read_definition(at)) for key, at in definitions.files.items()}
    key = f"scorecard {card.name} {card.version}"
    if key in found:
        raise strict_yaml.refusal(path, line_of("version", path),
                                  f"key 'version': {card.name} {card.version} is in use; give a changed card a new one")
    both = _assembled({**found, key: (path, card)}).in_use(month)
    if getattr(both.scorecards.get(card.name), "version", None) != card.version:
        raise strict_yaml.refusal(path, line_of("version", path), f"key 'in_use_from': {card.version} would not lead "
                                  f"in {month}; give a month up to that and after the other versions'")
    return both


def read_card(path: Path) -> models.Scorecard:
    """Read a file that must hold a scorecard. Raises Refused (F_CONFIG)."""
    card = read_definition(path)
    if not isinstance(card, models.Scorecard):
        raise strict_yaml.refusal(path, line_of("kind", path), "key 'kind': expected scorecard")
    return card


def read_definition(path: Path) -> models.Frozen:
    """Read one definition file by its `kind:`. Raises Refused (F_CONFIG)."""
    data, lines = strict_yaml.read_yaml(path)
    kind = data.get("kind") if isinstance(data, dict) else None
    if kind not in [*models.KINDS]:
        kinds = ", ".join(sorted(models.KINDS))
        raise strict_yaml.refusal(path, lines.get(("kind",), 1), f"key 'kind': expected one of {kinds}")
    return strict_yaml.validated(data, models.KINDS[kind], path, lines)


def definition_text(definition: models.Frozen) -> str:
    """The YAML of a definition without the keys left at their default; `read_definition` reads it back as it is."""
    return yaml.safe_dump(definition.model_dump(mode="json", exclude_defaults=True), allow_unicode=True,
                          sort_keys=False, width=110)


def _read_folder(folder: Path) -> Iterator[tuple[str, Path, Any]]:
    for path in sorted(folder.rglob("*.y*ml")) if folder.is_dir() else ():
        definition: Any = read_definition(path)
        is_card = definition.kind == "scorecard"
        yield f"scorecard {definition.name} {definition.version}" if is_card else definition.kind, path, definition


def _refuse_same_version(path: Path, definition: Any, default: Any) -> None:
    """A version names one content for ever, so that a score's version says what it was made by."""
    version = getattr(definition, "version", None)
    if version and version == default.version and definition != default:
        raise strict_yaml.refusal(path, line_of("version", path),
                                  f"key 'version': {version} is the package's own and reads otherwise; give a new one")


def _assembled(found: Found) -> Definitions:
    one = {key: definition for key, (_, definition) in found.items()}
    cards = tuple(d for d in one.values() if d.kind == "scorecard")
    cards = tuple(_composed(card, cards, found) if card.choose else card for card in cards)
    refuse_disagreement(found, cards)
    defaults: Any = read_definition(DEFAULTS / "words.yml")
    given = {"tables", "measures", "words", "cards", "scorecards", "files"}
    single = {field.name for field in fields(Definitions)} - given
    return Definitions(
        tables=one["tables"].tables, measures=one["measures"].measures, words=defaults.words | one["words"].words,
        cards=cards, scorecards=_latest(cards),
        files={key: path for key, (path, _) in found.items()}, **{kind: one[kind] for kind in single})


def _latest(cards: Iterable[models.Scorecard]) -> dict[str, models.Scorecard]:
    """Of each name the card in use from the latest month; at one month the higher version."""
    return {card.name: card for card in sorted(cards, key=lambda card: (card.in_use_from or "", _order(card.version)))}


def _order(version: str) -> list[tuple[int, int, str]]:
    """1.10 comes after 1.9."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"[.-]", version)]


def _composed(card: models.Scorecard, cards: Iterable[models.Scorecard], found: Found) -> models.Scorecard:
    """A card that chooses among others, with the indicators of all of them."""
    path = found[f"scorecard {card.name} {card.version}"][0]
    known = _latest(other for other in cards if not other.choose)
    for choice in card.choose:
        other = known.get(choice.card)
        if other is None or (other.total, other.overall_cuts, other.bands) != (
                card.total, card.overall_cuts, card.bands):
            fault = f"no card '{choice.card}' of the same total, overall_cuts and bands{near(choice.card, known)}"
            raise strict_yaml.refusal(path, line_of(choice.card, path), f"key 'choose': {fault}")
    union = {i.id: i for choice in reversed(card.choose) for i in known[choice.card].indicators}
    return card.model_copy(update={"indicators": tuple(union.values())})
