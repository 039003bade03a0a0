"""Opens a data set: its settings resolved, its files found. It opens no export."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from cs_research.definitions import Definitions, load_definitions, strict_yaml
from cs_research.definitions.agreement import near
from cs_research.errors import Refused
from cs_research.ingest.mapping import DatasetFile, Files, Limits, Root, TableFiles

SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")


@dataclass(frozen=True)
class Part:
    """Files that are read in the same way: a canonical table's, or those of a source of queries."""

    spec: Files
    paths: tuple[Path, ...]


@dataclass(frozen=True)
class Dataset:
    """A data set that is open: settings resolved, files found, nothing read yet."""

    folder: Path
    root: Path
    name: str
    zone: str
    naive_zone: str | None
    currency: str
    as_of: date | None
    simulated: bool
    licence: str
    source: str
    scorecard: str
    limits: Limits
    definitions: Definitions
    sources: dict[str, Part]
    views: dict[str, str]
    tables: dict[str, Part]

    @property
    def corrections(self) -> tuple[Path, ...]:
        """Quarantine files with corrected rows, in the order in which they apply."""
        return tuple(sorted((self.folder / "corrections").rglob("*.csv")))

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every file that is read."""
        parts = (*self.sources.values(), *self.tables.values())
        return (*(path for part in parts for path in part.paths), *self.corrections)

    @property
    def unused(self) -> tuple[Path, ...]:
        """Files beside the others that look like exports and belong to no table."""
        there = (path for path in self.root.rglob("*") if path.parent == self.root or self.delivered(path))
        return tuple(path for path in sorted(set(there) - set(self.paths))
                     if path.is_file() and path.name.endswith(SUFFIXES))

    def delivered(self, path: Path) -> date | None:
        """The day of the delivery that a file belongs to: the date in the name of a folder on its way."""
        return _delivery_day(path.parent.relative_to(self.root)) if path.is_relative_to(self.root) else None

    def relative(self, path: Path) -> str:
        """A file's name as reports show it."""
        return path.relative_to(self.root if path.is_relative_to(self.root) else self.folder).as_posix()


def open_dataset(folder: Path | str, zone: str | None = None, as_of: date | str | None = None) -> Dataset:
    """Read dataset.yml, if there is one, and find the files of every table.

    `zone` and `as_of` take the place of what the file says. Raises Refused when the folder, a named file, the
    zone or the date is not there or not acceptable.

    >>> open_dataset("data/crm").currency
    'USD'
    """
    folder = Path(folder)
    if not folder.is_dir():
        there = [str(path) for path in folder.parent.glob("*/")]
        raise Refused(f"The data set '{folder}' does not exist{near(str(folder), there)}",
                      "give the folder of a data set")
    path = folder / "dataset.yml"
    data, lines = {"kind": "dataset", "name": folder.resolve().name}, {}
    if path.exists():
        data, lines = strict_yaml.read_yaml(path)
    file = strict_yaml.validated(data, DatasetFile, path, lines)
    definitions = load_definitions(folder / "definitions")
    root = _root(folder, file.root)
    _check_names(path, lines, file, definitions)
    return Dataset(
        folder=folder, root=root, name=file.name, zone=_zone(zone or file.zone, path),
        naive_zone=_zone(file.naive_zone, path) if file.naive_zone else None, currency=file.currency,
        as_of=_day(as_of or file.as_of), simulated=file.simulated, licence=file.licence, source=file.source,
        scorecard=file.scorecard, limits=file.limits, definitions=definitions,
        sources={name: Part(spec, _found(root, spec, name, path)) for name, spec in file.sources.items()},
        views=file.views, tables=_tables(root, file, definitions, path),
    )


def _tables(root: Path, file: DatasetFile, definitions: Definitions, path: Path) -> dict[str, Part]:
    parts = {}
    for name in definitions.tables:
        spec = file.tables.get(name)
        if spec is not None and (spec.query or spec.files):
            parts[name] = Part(spec, () if spec.query else _found(root, spec, name, path))
        elif paths := _named_like(root, name):
            parts[name] = Part(spec or TableFiles(), paths)
        elif spec is not None:
            raise Refused(f"F_FILE_MISSING No file named like the table '{name}' is in {root}",
                          f"name its files under tables.{name}.files in {path}")
    if "contracts" not in parts:
        raise Refused(f"F_FILE_MISSING No file of contracts is in {root}",
                      "name one contracts.csv or map it in dataset.yml")
    return parts


def _named_like(root: Path, table: str) -> tuple[Path, ...]:
    """A file named like its table, one in the folder of each delivery, or a folder of that name with many."""
    files = [root / f"{table}{suffix}" for suffix in SUFFIXES if (root / f"{table}{suffix}").is_file()]
    files += [path for path in sorted((root / table).rglob("*")) if path.name.endswith(SUFFIXES)]
    files += [path for path in sorted(root.rglob(f"{table}.*")) if path not in files
              and path.name[len(table):] in SUFFIXES and _delivery_day(path.parent.relative_to(root))]
    return tuple(files)


def _delivery_day(folder: Path) -> date | None:
    """The last whole date in the names of the folders; a month alone is a part of the data, not a delivery.

    >>> _delivery_day(Path("deliveries/2026-10-31/crm")), _delivery_day(Path("usage_events/2026-10"))
    (datetime.date(2026, 10, 31), None)
    """
    for part in reversed(folder.parts):
        if found := re.search(r"(?<!\d)(20\d\d)-?(0[1-9]|1[0-2])-?([0-2]\d|3[01])(?!\d)", part):
            try:
                return date(*map(int, found.groups()))
            except ValueError:
                continue
    return None


def _found(root: Path, spec: Files, name: str, dataset_file: Path) -> tuple[Path, ...]:
    patterns = (spec.files,) if isinstance(spec.files, str) else spec.files or (f"{name}.*",)
    paths: list[Path] = []
    for pattern in patterns:
        hits = sorted(path for path in root.glob(pattern) if path.name.endswith(SUFFIXES))
        if not hits:
            there = [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()]
            raise Refused(f"F_FILE_MISSING {root / pattern}: the file is not there{near(pattern, there)}",
                          f"correct {name}.files in {dataset_file}")
        paths += [path for path in hits if path not in paths]
    return tuple(paths)


def _check_names(path: Path, lines: strict_yaml.Lines, file: DatasetFile, definitions: Definitions) -> None:
    """Refuse names in dataset.yml that name nothing."""
    def check(key: tuple[str, ...], what: str, word: str, known: Iterable[str]) -> None:
        if word not in known:
            raise strict_yaml.refusal(path, lines.get(key, 1),
                                      f"key '{'.'.join(key)}': no {what} is named '{word}'{near(word, known)}")

    check(("scorecard",), "card", file.scorecard, definitions.scorecards)
    for name, spec in file.tables.items():
        check(("tables", name), "table", name, definitions.tables)
        if spec.each is not None:
            check(("tables", name, "each"), "source", spec.each, file.sources)
        columns = (*definitions.tables[name].columns, "delivered_at")
        for key in ("columns", "defaults", "values"):
            for column in getattr(spec, key):
                check(("tables", name, key, column), "column", column, columns)


def _root(folder: Path, root: Root | None) -> Path:
    if root is None:
        return folder
    value = os.environ.get(root.env, "")
    if value and Path(value).is_dir():
        return Path(value)
    state = f"names '{value}', which is no folder" if value else "is not set"
    raise Refused(f"The environment variable {root.env} {state}", f"{root.hint}, and set {root.env} to its folder")


def _zone(zone: str | None, path: Path) -> str:
    if zone is None:
        raise Refused(f"{path.parent} names no reporting zone", "give --zone, such as --zone Asia/Tokyo")
    if zone not in available_timezones():
        raise Refused(f"'{zone}' is no time zone{near(zone, available_timezones())}",
                      "give a name such as Asia/Tokyo or UTC")
    return ZoneInfo(zone).key


def _day(text: date | str | None) -> date | None:
    try:
        return date.fromisoformat(text) if isinstance(text, str) else text
    except ValueError:
        raise Refused(f"'{text}' is no date", "write the as-of as 2025-12-31") from None

