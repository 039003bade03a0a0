"""The record counter: counts the records of a CSV file and finds their lines, without the loader.

It may not interpret fields: a record ends at a newline outside quotes, and a wholly blank line is none.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

CHUNK = 1 << 24


@dataclass(frozen=True)
class Block:
    """Whole lines of the file from byte `offset`, line `line` and record `first` on.

    `begins` tells which lines begin a record; None: each does that is not blank. `open_since`: the line of a quote
    that is still open where the block ends.
    """

    data: bytes
    offset: int
    line: int
    first: int
    begins: np.ndarray | None
    open_since: int | None

    @cached_property
    def _kept(self) -> tuple[np.ndarray, np.ndarray]:
        """Starts of all lines, and which of them begin a record."""
        starts, ends = _line_bounds(self.data)
        buffer = np.frombuffer(self.data, dtype=np.uint8)
        # the byte before a newline may be a carriage return: such a line is blank too
        blank = (starts == ends) | ((ends - starts == 1) & (buffer[starts] == 13))
        return starts, ~blank if self.begins is None else self.begins & ~blank

    @property
    def bounds(self) -> np.ndarray:
        """First byte of every record, from the block's, and the end of the last."""
        starts, kept = self._kept
        return np.append(starts[kept], len(self.data))

    @property
    def lines(self) -> np.ndarray:
        """First line of every record, from 1."""
        return np.flatnonzero(self._kept[1]) + self.line

    @cached_property
    def count(self) -> int:
        """The number of records; where no line is quoted or blank, that of newlines."""
        if self.begins is None and b"\r" not in self.data and self.data[:1] != b"\n":
            is_end = np.frombuffer(self.data, dtype=np.uint8) == 10
            if not (is_end[1:] & is_end[:-1]).any():
                return int(np.count_nonzero(is_end))
        return int(self._kept[1].sum())

    def has_delimiters(self, delimiter: bytes, each: int) -> bool:
        """Whether the records hold no quote and, added up, `each` delimiters."""
        found = np.count_nonzero(np.frombuffer(self.data, dtype=np.uint8) == delimiter[0])
        return self.begins is None and found == each * self.count


@dataclass
class Suspect:
    """A whole record that may be at fault: its number (header = 0), its text, and the loader's error, if it has one."""

    record: int
    text: bytes
    error: str | None


@dataclass(frozen=True)
class Count:
    """What the counter found: records with the header, and the line where an unclosed quote began.

    `is_regular`: no quotes, and every stretch holds the delimiters of as many records like the first line.
    """

    records: int
    unclosed_line: int | None
    ends_with_newline: bool
    is_regular: bool


def count_records(path: Path, delimiter: str = ",") -> Count:
    """Count the records of a UTF-8 CSV file with newline line ends (or CR LF).

    >>> count_records(Path("contracts.csv")).records  # header and 12 rows
    13
    """
    mark, records, end, open_since, is_regular, each = delimiter.encode(), 0, 0, None, True, None
    for block in _blocks(path, delimiter):
        each = block.data[:block.data.find(b"\n")].count(mark) if each is None else each
        is_regular = is_regular and block.has_delimiters(mark, each)
        records, end, open_since = block.first + block.count, block.offset + len(block.data), block.open_since
    return Count(records, open_since, end == path.stat().st_size, is_regular)


def lines_of(path: Path, delimiter: str, records: np.ndarray) -> np.ndarray:
    """First line of the given records (header = 0)."""
    lines = np.zeros(len(records), dtype=np.int64)
    for block in _blocks(path, delimiter):
        here = (records >= block.first) & (records < block.first + block.count)
        if here.any():
            lines[here] = block.lines[records[here] - block.first]
    return lines


def suspects(path: Path, delimiter: str, field_count: int, errors: Mapping[int, str]) -> Iterator[Suspect]:
    """The records that the loader refused (`errors` by the first byte), and those it may have misread without a word.

    These have as many delimiters as fields, or space after a quote. In a regular file whose records all have the
    fields of the header or more there are none.
    """
    refused, mark, last = np.array(sorted(errors), dtype=np.int64), delimiter.encode(), None
    for block in _blocks(path, delimiter):
        bounds = block.bounds
        if last is not None:  # it may go on in this block
            last.text += block.data[:bounds[0]]
            if len(bounds) > 1:
                yield last
                last = None
        here = refused[(refused >= block.offset) & (refused < block.offset + len(block.data))] - block.offset
        found: dict[int, str | None] = {}
        if _seems_misread(block.data, mark):
            found = dict.fromkeys(_may_be_misread(block.data, bounds, mark, field_count))
        for start, nth in zip(here.tolist(), np.searchsorted(bounds[:-1], here).tolist(), strict=True):
            # the loader counts blank lines, and the feed of CR LF, to the record after them
            if nth < len(bounds) - 1 and not block.data[start:bounds[nth]].strip(b"\r\n"):
                found[nth] = errors[start + block.offset]
        for nth, error in sorted(found.items()):
            suspect = Suspect(block.first + nth, block.data[bounds[nth]:bounds[nth + 1]], error)
            if nth < len(bounds) - 2:
                yield suspect
            else:
                last = suspect
    if last is not None:
        yield last


def fault_of(record: bytes, delimiter: str, field_count: int) -> str:
    """The code of what the loader misreads in a record: one delimiter too many at its end, or text after a quote."""
    lines = record.decode("utf-8", errors="replace").rstrip("\r\n").splitlines(keepends=True)
    try:
        fields = next(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error:
        return "R_QUOTE"
    return "R_FIELD_COUNT" if len(fields) == field_count + 1 and not fields[-1] else ""


def _seems_misread(data: bytes, mark: bytes) -> bool:
    spaced = b'"' in data and (b'" ' in data or b'"\t' in data)
    return spaced or any(end in data for end in (mark + b"\n", mark + b"\r\n", mark + b'""\n', mark + b'""\r\n'))


def _may_be_misread(data: bytes, bounds: np.ndarray, mark: bytes, field_count: int) -> list[int]:
    buffer = np.frombuffer(data, dtype=np.uint8)
    found = np.diff(np.searchsorted(np.flatnonzero(buffer == mark[0]), bounds)) >= field_count
    spaces = np.flatnonzero((buffer[:-1] == 34) & ((buffer[1:] == 32) | (buffer[1:] == 9)))
    within = np.searchsorted(bounds, spaces, side="right") - 1  # -1: in a record that began in an earlier block
    found[within[within >= 0]] = True
    return np.flatnonzero(found).tolist()


def _line_bounds(data: bytes) -> tuple[np.ndarray, np.ndarray]:
    ends = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == 10)
    return np.concatenate(([0], ends[:-1] + 1)), ends


def _blocks(path: Path, delimiter: str) -> Iterator[Block]:
    """The file in blocks of whole lines, the state of an open quote carried from one to the next."""
    offset, line, first, open_since = 0, 1, 0, None
    for data in _whole_lines(path):
        begins = None
        if b'"' in data or open_since is not None:
            begins, open_since = _record_begins(data, line, open_since, delimiter.encode())
        block = Block(data, offset, line, first, begins, open_since)
        yield block
        offset, line, first = offset + len(data), line + data.count(b"\n"), first + block.count


def _whole_lines(path: Path) -> Iterator[bytes]:
    rest = b""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            if len(chunk) < CHUNK and not chunk.endswith(b"\n"):  # the end of the file, in one block with its record
                chunk += b"\n"
            cut = chunk.rfind(b"\n") + 1
            if cut:
                yield rest + chunk[:cut]
                rest = chunk[cut:]
            else:
                rest += chunk
    if rest:
        yield rest + b"\n"


def _record_begins(data: bytes, line: int, open_since: int | None, mark: bytes) -> tuple[np.ndarray, int | None]:
    """Which lines begin a record: those whose start lies outside quotes; the line since which a quote is open."""
    starts, ends = _line_bounds(data)
    quotes = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == 34)
    counts = np.diff(np.searchsorted(quotes, np.append(starts, len(data))))
    begins = np.ones(len(ends), dtype=bool)
    open_at = None if open_since is None else -1
    for index in np.flatnonzero(counts % 2).tolist():  # only a line with an odd number of quotes changes the state
        if open_at is not None:
            begins[open_at + 1:index + 1] = False
            open_at = open_since = None
        elif _opens(data[starts[index]:ends[index]], mark):
            open_at, open_since = index, line + index
    if open_at is not None:
        begins[open_at + 1:] = False
    return begins, open_since


def _opens(text: bytes, mark: bytes) -> bool:
    """Whether a line with an odd number of quotes ends inside a quoted field, or merely holds an inch sign."""
    inside = False
    for field in text.split(mark):
        if inside or field.lstrip(b" ").startswith(b'"'):
            inside ^= field.count(b'"') % 2 == 1
    return inside
