"""Collects definition files: the package's defaults, overlaid by those of a data set."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from cs_research.definitions import models, strict_yaml

DEFAULTS = Path(__file__).parent / "defaults"


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
    known = {**one["measures"].measures, **one["events"].counters}
    for key, (path, card) in found.items():
        unknown = sorted(set(card.measures) - set(known)) if card.kind == "scorecard" else []
        if unknown:
            near = get_close_matches(unknown[0], known, 1)
            hint = f", did you mean '{near[0]}'?" if near else ""
            fault = f"{key} reads the measure '{unknown[0]}', which no file declares{hint}"
            raise strict_yaml.refusal(path, 1, fault)
    return Definitions(
        tables=one["tables"].tables, measures=one["measures"].measures, events=one["events"], scorecards=cards,
        touch_points=one["touch_points"], quadrants=one["quadrants"], stages=one["stages"],
        segments=one["segments"], outcomes=one["outcomes"], claims=one["claims"],
        files={key: path for key, (path, _) in found.items()},
    )
