"""dataset.yml: which files hold which table, and how their text is to be read.

This module finds files and checks the mapping; it opens no export.
"""

import difflib
import os
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from cs_research.definitions import Definitions, load_definitions, strict_yaml
from cs_research.definitions.models.base import Count, Frozen, Name
from cs_research.errors import Refused

SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")
IsoDate = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]

DIRECTIVES = re.compile(r"([^%]|%-?[aAbBdfgHIjmMpSyY%])+")


def _is_format(form: str) -> str:
    """A format that misses the year or the day would make up what it misses; one without % never fits."""
    if not (DIRECTIVES.fullmatch(form) and re.search("%-?[yY]", form) and re.search("%-?[dj]", form)):
        raise ValueError("a format names the parts of a date, such as %Y/%m/%d for 2025/04/01 or %d.%m.%y %H:%M for "
                         "01.04.25 09:30 (stamps with an offset are read in ISO form only)")
    return form


Format = Annotated[str, AfterValidator(_is_format)]


class Exclusion(Frozen):
    """Rows left out on purpose: a name for the report and an SQL condition over the text of the columns."""

    name: Name
    where: str


class Files(Frozen):
    """Some files and how to read them. `columns` maps canonical name to source header."""

    files: str | tuple[str, ...] | None = None
    encoding: str | None = None
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] | None = None
    skip_rows: Count = 0
    columns: dict[Name, str] = {}
    ignore: tuple[str, ...] = ()
    date_formats: tuple[Format, ...] = ()
    stamp_formats: tuple[Format, ...] = ()
    defaults: dict[Name, str] = {}
    values: dict[Name, dict[str, str]] = {}
    id_from_integer: tuple[str, ...] = ()
    id_width: dict[str, Count] = {}
    exclude: tuple[Exclusion, ...] = ()
    allow_no_rows: bool = False


class TableFiles(Files):
    """The files of a canonical table, or a query over `sources`.

    `each` names the source whose every row must show in the query's output, which carries its `_row`.
    """

    query: str | None = None
    each: Name | None = None

    @model_validator(mode="after")
    def _is_one_of_two(self) -> "TableFiles":
        if (self.query is None) != (self.each is None):
            raise ValueError("a query needs each: the source whose rows it may not drop, and the reverse")
        if self.query is not None and self.files is not None:
            raise ValueError("give either files or a query over sources")
        return self


class Root(Frozen):
    """Where the exports lie when they may not be copied beside dataset.yml."""

    env: Name
    hint: str


class Limits(Frozen):
    """Beyond these a compressed file counts as hostile: text compresses about tenfold, repeated text a thousandfold."""

    expanded_mb: Annotated[int, Field(ge=1)] = 10_000
    ratio: Annotated[int, Field(ge=1)] = 200


class DatasetFile(Frozen):
    """The file dataset.yml (data contract, "In"). `views` are queries over sources that other queries share."""

    kind: Literal["dataset"]
    name: str
    zone: str | None = None
    naive_zone: str | None = None
    currency: str = ""
    as_of: IsoDate | None = None
    simulated: bool = False
    licence: str = ""
    source: str = ""
    scorecard: Name = "dear"
    root: Root | None = None
    limits: Limits = Limits()
    sources: dict[Name, Files] = {}
    views: dict[Name, str] = {}
    tables: dict[Name, TableFiles] = {}


@dataclass(frozen=True)
class Part:
    """Files that are read in the same way: a canonical table's, or those of a source of queries."""

    name: str
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
        raise Refused(f"The data set '{folder}' does not exist", _nearest_folder(folder))
    path = folder / "dataset.yml"
    file = strict_yaml.load(path, DatasetFile) if path.exists() else DatasetFile(
        kind="dataset", name=folder.resolve().name)
    definitions = load_definitions(folder / "definitions")
    root = _root(folder, file.root)
    _check_names(path, file, definitions)
    return Dataset(
        folder=folder, root=root, name=file.name, zone=_zone(zone or file.zone, path),
        naive_zone=_zone(file.naive_zone, path) if file.naive_zone else None, currency=file.currency,
        as_of=_day(as_of or file.as_of), simulated=file.simulated, licence=file.licence, source=file.source,
        scorecard=file.scorecard, limits=file.limits, definitions=definitions,
        sources={name: Part(name, spec, _found(root, spec, name, path)) for name, spec in file.sources.items()},
        views=file.views, tables=_tables(root, file, definitions, path),
    )


def _tables(root: Path, file: DatasetFile, definitions: Definitions, path: Path) -> dict[str, Part]:
    parts = {}
    for name in definitions.tables:
        spec = file.tables.get(name)
        if spec is not None and (spec.query or spec.files):
            parts[name] = Part(name, spec, () if spec.query else _found(root, spec, name, path))
        elif paths := _named_like(root, name):
            parts[name] = Part(name, spec or TableFiles(), paths)
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
            near = difflib.get_close_matches(pattern, there, 1)
            advice = f"did you mean '{near[0]}'?" if near else f"correct {name}.files in {dataset_file}"
            raise Refused(f"F_FILE_MISSING {root / pattern}: the file is not there", advice)
        paths += [path for path in hits if path not in paths]
    return tuple(paths)


def _check_names(path: Path, file: DatasetFile, definitions: Definitions) -> None:
    for name, spec in file.tables.items():
        if name not in definitions.tables:
            raise strict_yaml.refusal(path, 1, f"key 'tables.{name}': no such table{_near(name, definitions.tables)}")
        if spec.each is not None and spec.each not in file.sources:
            raise strict_yaml.refusal(path, 1, f"key 'tables.{name}.each': no source is named '{spec.each}'")
        known = (*definitions.tables[name].columns, "delivered_at")
        for key in ("columns", "defaults", "values"):
            for column in getattr(spec, key):
                if column not in known:
                    near = _near(column, known)
                    raise strict_yaml.refusal(path, 1, f"key 'tables.{name}.{key}.{column}': no such column{near}")
    if file.scorecard not in definitions.scorecards:
        near = _near(file.scorecard, definitions.scorecards)
        raise strict_yaml.refusal(path, 1, f"key 'scorecard': no card is named '{file.scorecard}'{near}")


def _near(word: str, known: object) -> str:
    hits = difflib.get_close_matches(word, list(known), 1)  # type: ignore[call-overload]
    return f", did you mean '{hits[0]}'?" if hits else ""


def _root(folder: Path, root: Root | None) -> Path:
    if root is None:
        return folder
    value = os.environ.get(root.env, "")
    if not value or not Path(value).is_dir():
        state = f"names '{value}', which is no folder" if value else "is not set"
        raise Refused(f"The environment variable {root.env} {state}",
                      f"{root.hint}, and set {root.env} to its folder")
    return Path(value)


def _zone(zone: str | None, path: Path) -> str:
    if zone is None:
        raise Refused(f"{path.parent} names no reporting zone", "give --zone, such as --zone Asia/Tokyo")
    if zone not in available_timezones():
        raise Refused(f"'{zone}' is no time zone{_near(zone, available_timezones())}",
                      "give a name such as Asia/Tokyo or UTC")
    return ZoneInfo(zone).key


def _day(text: date | str | None) -> date | None:
    if text is None or isinstance(text, date):
        return text
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refused(f"'{text}' is no date", "write the as-of as 2025-12-31") from None


def _nearest_folder(folder: Path) -> str:
    there = [path.name for path in folder.parent.iterdir() if path.is_dir()] if folder.parent.is_dir() else []
    near = difflib.get_close_matches(folder.name, there, 1)
    return f"did you mean '{folder.parent / near[0]}'?" if near else "give the folder of a data set"
