"""Proposes a dataset.yml for a folder of exports, each guess with its reason. It applies none of them."""

import json
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal

from cs_research.definitions import load_definitions, strict_yaml
from cs_research.definitions.models.base import Frozen
from cs_research.definitions.models.canonical import Column, Table
from cs_research.errors import Refused
from cs_research.ingest.dataset import SUFFIXES
from cs_research.ingest.gate import Opened, open_file
from cs_research.ingest.headers import name_key, needed, readings
from cs_research.ingest.mapping import Files, Limits
from cs_research.ingest.rules import Rejected, all_rules, sentence

SHOWN, LOOKED_AT = 20, 1000  # names or values; rows of Parquet
_quoted = partial(json.dumps, ensure_ascii=False)


class Synonyms(Frozen):
    """The file synonyms.yml: other names of tables and columns; formats of dates and stamps by their shape."""

    kind: Literal["synonyms"]
    tables: dict[str, tuple[str, ...]]
    columns: dict[str, tuple[str, ...]]
    formats: dict[str, dict[str, str]]


SYNONYMS = strict_yaml.load(Path(__file__).with_name("synonyms.yml"), Synonyms)


@dataclass(frozen=True)
class Guess:
    """A file taken for a table by one reading of it (keys of dataset.yml): its header, and which column is where."""

    name: str
    table: Table
    reading: dict[str, object]
    header: list[str]
    rows: list[tuple[object, ...]]
    positions: dict[str, int]
    fit: tuple[bool, float, int]

    def of_type(self, kind: str) -> Iterator[tuple[str, Column, list[str]]]:
        """The columns of a type that were found, with their distinct values in order."""
        for name, at in self.positions.items():
            if (column := self.table.columns[name]).type == kind:
                found = (row[at] for row in self.rows if len(row) == len(self.header) and row[at] is not None)
                yield name, column, sorted({str(value).strip() for value in found} - {""})


def proposal(folder: Path, zone: str | None = None) -> str:
    """The text of a dataset.yml for the exports in `folder`. Raises Refused when there are none."""
    guesses, told = _placed(folder, load_definitions(folder / "definitions").tables)
    if not (guesses or told):
        raise Refused(f"There are no exports in '{folder}'", f"they end in {', '.join(SUFFIXES)}")
    lines = [
        "# Proposed by cs-research init; nothing is applied. Read each guess, correct it, save this as dataset.yml.",
        "kind: dataset", f"name: {_quoted(folder.resolve().name)}",
        f"zone: {zone}" if zone else "# zone: Asia/Tokyo   # needed: the zone whose months are reported",
        "# naive_zone: Asia/Tokyo   # needed if time stamps come without an offset: the zone they are in",
        "# as_of: 2025-12-31   # last day that the exports cover; the latest day found if it is not given", *told,
        "tables:" if guesses else "tables: {}", *(line for guess in guesses.values() for line in _lines(*guess)), ""]
    return "\n".join("".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line) for line in lines)


def _placed(folder: Path, tables: dict[str, Table]) -> tuple[dict[str, tuple[Guess, list[str]]], list[str]]:
    """For every table a guess with its files; what is to be told of the others."""
    told, guesses = [], {}
    for path in sorted(path for path in folder.rglob("*") if path.name.endswith(SUFFIXES)):
        name = path.relative_to(folder).as_posix()
        if name.startswith("corrections/"):
            continue
        try:
            guess = max(_guesses(path, name, tables), key=lambda guess: guess.fit)
        except Rejected as fault:
            told.append(f"# {name} cannot be read: {fault.code} {sentence(fault.code, fault.detail)}; "
                        f"{all_rules()[fault.code].remedy}")
            continue
        first, files = guesses.setdefault(guess.name, (guess, [])) if guess.fit >= (False, 1) else (guess, None)
        if files is None:
            told.append(f"# {name} looks like no table, its header is {guess.header[:SHOWN]}: map it if it is one")
        elif (first.header, first.reading) == (guess.header, guess.reading):
            files.append(name)
        else:
            told.append(f"# {name} has not the header of {files[0]}: unite them by a query")
    return guesses, told


def _guesses(path: Path, file: str, tables: dict[str, Table]) -> Iterator[Guess]:
    """The file taken for every table by every reading: text has some delimiters and lines of the header to try."""
    parts = {name_key(re.split(r"[.0-9]", part)[0]).strip("_-") for part in file.split("/")}
    with tempfile.TemporaryDirectory(prefix="init-") as work:
        opened = open_file(path, Files(allow_no_rows=True), Limits(), Path(work))
        for reading, header, rows in (_parquet if opened.format == "parquet" else readings)(opened):
            for name, table in tables.items():
                positions, must = _positions(header, table), needed(table, Files())
                is_named = not parts.isdisjoint(map(name_key, (name, *SYNONYMS.tables.get(name, ()))))
                fit = (is_named, sum(column in positions for column in must) / len(must), len(positions))
                yield Guess(name, table, reading, header, rows, positions, fit)


def _parquet(opened: Opened) -> Iterator[tuple[dict[str, str | int], list[str], list[tuple[object, ...]]]]:
    import pyarrow.parquet as pq

    batches = islice(pq.ParquetFile(opened.path).iter_batches(LOOKED_AT), 1)
    rows = [row for batch in batches for row in zip(*(column.to_pylist() for column in batch), strict=True)]
    yield {}, list(opened.header), rows


def _positions(header: list[str], table: Table) -> dict[str, int]:
    """Columns by their own names first, then by other words; a header stands for one column only."""
    free = {name_key(word): at for at, word in reversed(list(enumerate(header)))}
    found: dict[str, int] = {}
    for column, words in (*((c, (c,)) for c in table.columns), *SYNONYMS.columns.items()):
        key = next((key for key in map(name_key, words) if key in free), None)
        if key is not None and column in table.columns and column not in found:
            found[column] = free.pop(key)
    return found


def _lines(guess: Guess, files: list[str]) -> Iterator[str]:
    table, header = guess.table, guess.header
    yield f"  {guess.name}:   # guess by {'its name' if guess.fit[0] else 'its columns'}"
    yield f"    files: {_quoted(files)}"
    yield from (f"    {key}: {_quoted(value)}   # guess: so a header shows" for key, value in guess.reading.items())
    renamed = {name: header[at] for name, at in guess.positions.items() if name_key(header[at]) != name_key(name)}
    yield from ["    columns:"] if renamed else []
    for name, word in renamed.items():
        about = table.columns[name].about
        yield f"      {name}: {_quoted(word)}   # guess: a word for it{about and f'; is this it: {about}?'}"
    for kind, shapes in SYNONYMS.formats.items():
        fitting = [[form for shape, form in shapes.items() if values and all(re.fullmatch(shape, v) for v in values)]
                   for _, _, values in guess.of_type(kind)]
        if forms := list(dict.fromkeys(form for found in fitting for form in found)):
            doubt = "; they differ, keep the right one" if max(map(len, fitting)) > 1 else ""
            yield f"    {kind}_formats: {_quoted(forms)}   # guess from the values{doubt}"
    asked, words = {}, []
    for name, column, values in (*guess.of_type("category"), *guess.of_type("boolean")):
        known = ("true", "false", "1", "0") if column.type == "boolean" else column.values or values
        if foreign := [value for value in values if value.lower() not in known and value not in known][:SHOWN]:
            asked[name] = dict.fromkeys(foreign, "?")
            words.append(f"{name} is one of {', '.join(known)}")
    if asked:
        yield f"    # values: {_quoted(asked)}   # {'; '.join(words)}"
    if missing := [name for name in needed(table, Files()) if name not in guess.positions]:
        yield f"    # needed and not found: {', '.join(missing)}; name their headers, give defaults or write a query"
    if unused := [word for at, word in enumerate(header) if at not in guess.positions.values()]:
        yield f"    # ignore: {_quoted(unused)}   # in no contract, not stored"
