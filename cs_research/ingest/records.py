"""The record counter: counts the records of a CSV file and finds their lines, without the loader.

It may not interpret fields: a record ends at a newline outside quotes, and a wholly blank line is none.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CHUNK = 1 << 24


@dataclass(frozen=True)
class Block:
    """Records of one stretch of the file: their first byte and first line (from 1), and the stretch itself."""

    starts: np.ndarray
    lines: np.ndarray
    data: bytes
    offset: int


@dataclass(frozen=True)
class Count:
    """What the counter found: records with the header, and the line where an unclosed quote began."""

    records: int
    unclosed_line: int | None
    ends_with_newline: bool


def count_records(path: Path, delimiter: str = ",") -> Count:
    """Count the records of a UTF-8 CSV file with newline line ends (or CR LF).

    >>> count_records(Path("contracts.csv")).records  # header and 12 rows
    13
    """
    scan = _Scan(path, delimiter)
    records = sum(len(block.starts) for block in scan)
    return Count(records, scan.unclosed_line, scan.ends_with_newline)


def locate(path: Path, delimiter: str, byte_starts: np.ndarray) -> np.ndarray:
    """Record numbers (header = 0) of the records that start at these bytes (from 0), -1 where none does."""
    found = np.full(len(byte_starts), -1, dtype=np.int64)
    seen = 0
    for block in _Scan(path, delimiter):
        at = np.searchsorted(block.starts, byte_starts)
        inside = at < len(block.starts)
        hit = np.zeros(len(byte_starts), dtype=bool)
        hit[inside] = block.starts[at[inside]] == byte_starts[inside]
        found[hit] = at[hit] + seen
        seen += len(block.starts)
    return found


def lines_of(path: Path, delimiter: str, records: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First line and first byte of the given records (header = 0)."""
    lines, starts = np.zeros(len(records), dtype=np.int64), np.zeros(len(records), dtype=np.int64)
    seen = 0
    for block in _Scan(path, delimiter):
        here = (records >= seen) & (records < seen + len(block.starts))
        lines[here] = block.lines[records[here] - seen]
        starts[here] = block.starts[records[here] - seen]
        seen += len(block.starts)
    return lines, starts


def overfull(path: Path, delimiter: str, field_count: int) -> np.ndarray:
    """Numbers of the records (header = 0) that end in one delimiter too many, which the loader would not tell."""
    found, seen, mark = [], 0, delimiter.encode()
    for block in _Scan(path, delimiter):
        if mark + b"\n" in block.data or mark + b"\r\n" in block.data:
            marks = np.flatnonzero(np.frombuffer(block.data, dtype=np.uint8) == mark[0])
            starts = np.append(block.starts - block.offset, len(block.data))
            full = np.diff(np.searchsorted(marks, starts)) >= field_count
            found += [seen + int(index) for index in np.flatnonzero(full)
                      if _has_extra_end(block.data[starts[index]:starts[index + 1]], delimiter, field_count)]
        seen += len(block.starts)
    return np.array(found, dtype=np.int64)


def _has_extra_end(record: bytes, delimiter: str, field_count: int) -> bool:
    text = record.rstrip(b"\r\n")
    if not text.endswith(delimiter.encode()):
        return False
    if b'"' not in text:
        return text.count(delimiter.encode()) == field_count
    lines = text.decode("utf-8", errors="replace").splitlines(keepends=True)
    return len(next(csv.reader(lines, delimiter=delimiter))) == field_count + 1


class _Scan:
    """Walks the file in chunks of whole lines, carrying the state of an open quote from one to the next."""

    def __init__(self, path: Path, delimiter: str):
        self.path, self.delimiter = path, delimiter.encode()
        self.unclosed_line: int | None = None
        self.ends_with_newline = True
        self._open_since: int | None = None

    def __iter__(self) -> Iterator[Block]:
        offset, line, rest = 0, 1, b""
        with self.path.open("rb") as file:
            while chunk := file.read(CHUNK):
                cut = chunk.rfind(b"\n") + 1
                if not cut:
                    rest += chunk
                    continue
                data, rest = rest + chunk[:cut], chunk[cut:]
                yield self._block(data, offset, line)
                offset, line = offset + len(data), line + data.count(b"\n")
        if rest:
            self.ends_with_newline = False
            yield self._block(rest + b"\n", offset, line)
        self.unclosed_line = self._open_since

    def _block(self, data: bytes, offset: int, line: int) -> Block:
        buffer = np.frombuffer(data, dtype=np.uint8)
        ends = np.flatnonzero(buffer == 10)
        starts = np.concatenate(([0], ends[:-1] + 1))
        # the byte before a newline may be a carriage return: such a line is blank too
        blank = (starts == ends) | ((ends - starts == 1) & (buffer[starts] == 13))
        begins = np.ones(len(ends), dtype=bool)
        if b'"' in data or self._open_since is not None:
            begins = self._record_begins(data, buffer, starts, ends, line)
        keep = begins & ~(blank & begins)
        return Block(starts[keep] + offset, np.flatnonzero(keep) + line, data, offset)

    def _record_begins(self, data: bytes, buffer: np.ndarray, starts: np.ndarray, ends: np.ndarray,
                       line: int) -> np.ndarray:
        """Which lines begin a record: those whose start lies outside quotes."""
        quotes = np.flatnonzero(buffer == 34)
        counts = np.diff(np.searchsorted(quotes, np.concatenate((starts, [len(data)]))))
        begins = np.ones(len(ends), dtype=bool)
        open_at = -1 if self._open_since is not None else None
        for index in np.flatnonzero(counts % 2):  # only a line with an odd number of quotes changes the state
            if open_at is not None:
                begins[open_at + 1:index + 1] = False
                open_at, self._open_since = None, None
            elif self._opens(data[starts[index]:ends[index]]):
                open_at, self._open_since = int(index), line + int(index)
        if open_at is not None:
            begins[open_at + 1:] = False
        return begins

    def _opens(self, text: bytes) -> bool:
        """Whether a line with an odd number of quotes ends inside a quoted field, or merely holds an inch sign."""
        inside = False
        for field in text.split(self.delimiter):
            if inside or field.lstrip(b" ").startswith(b'"'):
                inside ^= field.count(b'"') % 2 == 1
        return inside
