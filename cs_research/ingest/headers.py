"""Which source column is which canonical column. It may not guess: names match, or the mapping names them."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from cs_research.definitions.models import Table
from cs_research.ingest.gate import Opened
from cs_research.ingest.mapping import Files
from cs_research.ingest.rules import Rejected

LOOKED_AT, TITLES = 1 << 16, 10  # characters (no field is too long for csv then), rows above the header
DATA_LIKE = re.compile(r"\s*[-+(]?[¥$€]?[0-9][0-9.,:/TZ+ -]*\s*|.*@.*\..*")


@dataclass(frozen=True)
class Header:
    """Canonical column -> position in the source, and what was odd about the names."""

    positions: dict[str, int]
    warnings: tuple[str, ...]


def matched(opened: Opened, table: Table | None, spec: Files) -> Header:
    """Match the header against the table; without one the names are free, but must be a header.

    Raises Rejected (F_HEADER, F_HEADER_DUPLICATE, F_COLUMN_MISSING ...).
    """
    if table is None:
        _check_header(opened, set(opened.header), set())
        return Header({}, ())
    wanted = {name: spec.columns.get(name, name) for name in table.columns}
    _check_header(opened, set(wanted.values()), {spec.columns.get(c, c) for c in needed(table, spec)})
    exact = {name: index for index, name in enumerate(opened.header)}
    folded = {name_key(name): index for index, name in enumerate(opened.header)}
    positions, normalised = {}, False
    for column, source in wanted.items():
        index = exact.get(source, folded.get(name_key(source)))
        if index is not None:
            positions[column] = index
            normalised |= opened.header[index] != source
    if missing := [name for name in needed(table, spec) if name not in positions]:
        mapping = ", ".join(f'{name}: "<header>"' for name in missing)
        raise Rejected("F_COLUMN_MISSING", f"missing {', '.join(missing)}; found {_shown(opened.header)}; "
                                           f"write columns: {{{mapping}}} for this table in dataset.yml")
    extra = [name for index, name in enumerate(opened.header)
             if index not in positions.values() and name not in spec.ignore and not name.startswith("_")]
    codes = [code for code, is_so in (("W_HEADER_NORMALISED", normalised), ("W_COLUMN_EXTRA", bool(extra))) if is_so]
    return Header(positions, tuple(codes))


def needed(table: Table, spec: Files) -> list[str]:
    """Columns that the source must have: those the table needs, and those whose header dataset.yml names."""
    return [name for name, column in table.columns.items()
            if (column.required or column.present or name in spec.columns) and name not in spec.defaults]


def readings(opened: Opened) -> Iterator[tuple[dict[str, str | int], list[str], list[list[str]]]]:
    """Ways to read the first lines of a text: keys of dataset.yml, the header by them, the rows below it."""
    with opened.path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        text = file.read(LOOKED_AT)
    text = text[:text.rfind("\n") + 1] or text
    for delimiter in dict.fromkeys((opened.delimiter, *",;\t|")):
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
        stated = {} if delimiter == opened.delimiter else {"delimiter": delimiter}
        for at, header in enumerate(rows[:TITLES]):
            yield stated | ({"skip_rows": at} if at else {}), header, rows[at + 1:]


def _check_header(opened: Opened, names: set[str], must: set[str]) -> None:
    folded = [name_key(name) for name in opened.header]
    known = {name_key(name) for name in names}
    hits = sum(name in known for name in folded)
    if opened.format == "csv":
        for reading, header, _ in readings(opened) if hits < 2 and len(must) > 1 else ():
            if sum(name_key(name) in known for name in header) > 1:
                raise Rejected("F_DELIMITER" if "delimiter" in reading else "F_HEADER",
                               "it looks like " + ", ".join(f"{key}: {value!r}" for key, value in reading.items()))
        if any(DATA_LIKE.fullmatch(name) for name in opened.header) and hits < len(folded):
            raise Rejected("F_HEADER", f"it begins {_shown(opened.header[:3])}")
    twice = sorted({name for name in folded if folded.count(name) > 1})
    if twice:
        raise Rejected("F_HEADER_DUPLICATE", _shown(twice))
    if "" in folded:
        raise Rejected("F_HEADER", "a column has no name")


def name_key(name: str) -> str:
    """What of a name counts when names are compared: no case, no difference of spaces, underscores and widths."""
    return re.sub(r"[\s_]+", "_", unicodedata.normalize("NFKC", name).strip().casefold())


def _shown(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(repr(name[:60]) for name in names[:20])
