"""Collects definition files: the package's defaults, overlaid by those of a data set."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from cs_research.definitions import models, strict_yaml

DEFAULTS = Path(__file__).parent / "defaults"
# Columns of the leading card's scores that a condition may test.
SCORE_FIELDS = ("health", "health_band", "measured_share", "quadrant", "stage", "segment", "is_renewal_due",
                "age_months", "arr")


@dataclass(frozen=True)
class Definitions:
    """Everything a run is made by. `files` names the file that each definition came from."""

    tables: dict[str, models.Table]
    measures: dict[str, models.Measure]
    events: models.Events
    scorecards: dict[str, models.Scorecard]
    touch_points: models.TouchPoints
    quadrants: models.Quadrants
    stages: models.Stages
    segments: models.Segments
    outcomes: models.Outcomes
    claims: models.Claims
    alerts: models.Alerts
    files: dict[str, Path]


def load_definitions(overlay: Path | None = None) -> Definitions:
    """Read the defaults and lay the files of `overlay` over them.

    A file replaces the default of its kind (a scorecard: of its name). Raises Refused (F_CONFIG) with file,
    line, key and what was expected.

    >>> load_definitions().scorecards["dear"].indicators[0].cuts
    (0.25, 0.5, 0.75)
    """
    found: dict[str, tuple[Path, Any]] = {}
    for folder in filter(None, (DEFAULTS, overlay)):
        seen: dict[str, Path] = {}
        for key, path, definition in _read_folder(folder):
            if key in seen:
                raise strict_yaml.refusal(path, 1, f"'{key}' is defined in {seen[key].name} too")
            seen[key] = path
            found[key] = (path, definition)
    return _assembled(found)


def read_definition(path: Path) -> models.Frozen:
    """Read one definition file by its `kind:`. Raises Refused (F_CONFIG)."""
    data, lines = strict_yaml.read_yaml(path)
    model = models.model_of(data)
    if model is None:
        kinds = ", ".join(sorted(models.KINDS))
        raise strict_yaml.refusal(path, lines.get(("kind",), 1), f"key 'kind': expected one of {kinds}")
    return strict_yaml.validated(data, model, path, lines)


def _read_folder(folder: Path) -> Iterator[tuple[str, Path, Any]]:
    for path in sorted(folder.rglob("*.y*ml")) if folder.is_dir() else ():
        definition: Any = read_definition(path)
        name = f"scorecard {definition.name}" if definition.kind == "scorecard" else definition.kind
        yield name, path, definition


def _assembled(found: dict[str, tuple[Path, Any]]) -> Definitions:
    one = {key: definition for key, (_, definition) in found.items()}
    cards = {d.name: d for d in one.values() if d.kind == "scorecard"}
    measures = {**one["measures"].measures, **one["events"].counters}
    for key, (path, definition) in found.items():
        known = measures if definition.kind == "scorecard" else {**measures, **_fields_of_scores(cards)}
        for name in getattr(definition, "reads", ()):
            if name not in known:
                near = get_close_matches(name, known, 1)
                hint = f", did you mean '{near[0]}'?" if near else ""
                raise strict_yaml.refusal(path, _line_of(name, path),
                                          f"{key} reads '{name}', which no file declares{hint}")
    single = {field.name for field in dataclass_fields(Definitions)} - {"tables", "measures", "scorecards", "files"}
    return Definitions(
        tables=one["tables"].tables, measures=one["measures"].measures, scorecards=cards,
        files={key: path for key, (path, _) in found.items()}, **{kind: one[kind] for kind in single})


def _fields_of_scores(cards: dict[str, models.Scorecard]) -> dict[str, None]:
    """The names, beside measures, that a condition may test (fields.py)."""
    names = [*SCORE_FIELDS]
    for card in cards.values():
        names += [f"{card.name}.{name}" for name in ("health", "health_band", "measured_share")]
        names += [f"{card.name}.{i.id}{end}" for i in card.indicators for end in ("", ".band")]
    return dict.fromkeys(names)


def _line_of(name: str, path: Path) -> int:
    """The first line of a definition file where a name stands as a word; 1 where it is spelt otherwise."""
    word = re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])")
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    return next((number for number, line in enumerate(lines, 1) if word.search(line)), 1)
