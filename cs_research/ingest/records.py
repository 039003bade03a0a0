"""The record counter: counts the records of a CSV file and finds their lines, without the loader.

It may not interpret fields: a record ends at a newline outside quotes, and a wholly blank line is none.
"""

import csv
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

CHUNK = 1 << 24
BLANK = (b"\n", b"\r\n", b"\r")


class Count(NamedTuple):
    """What the counter found: records with the header, and the line where an unclosed quote began.

    `is_regular`: no quotes, no blank lines, and as many delimiters as that many records like the first line hold.
    """

    records: int
    unclosed_line: int | None
    ends_with_newline: bool
    is_regular: bool


class Suspect(NamedTuple):
    """A whole record that may be at fault: its number (header = 0), its text, and the loader's error, if it has one."""

    record: int
    text: bytes
    error: str | None


def count_records(path: Path, delimiter: str = ",") -> Count:
    """Count the records of a UTF-8 CSV file with newline line ends (or CR LF).

    >>> count_records(Path("contracts.csv")).records  # header and 12 rows
    13
    """
    with path.open("rb") as file:
        each = file.readline().count(delimiter.encode())
    lines, delimiters, is_plain, tail = _looked_through(path, delimiter)
    records, unclosed = lines, None
    if not is_plain:
        for number, (_, begins, is_open) in enumerate(_lines(path, delimiter), 1):
            records += begins
            unclosed = (unclosed or number) if is_open else None
    return Count(records, unclosed, tail == b"\n", is_plain and delimiters == each * records)


def lines_of(path: Path, delimiter: str, records: Container[int]) -> dict[int, int]:
    """First line of each of the given records (header = 0)."""
    return {record: line for record, (line, _, _) in enumerate(_records(path, delimiter)) if record in records}


def suspects(path: Path, delimiter: str, field_count: int, errors: Mapping[int, str]) -> Iterator[Suspect]:
    """The records that the loader refused (`errors` by the first byte), and those it may have misread without a word.

    These end with a delimiter beyond those of the header, or have space after a quote. In a regular file whose records
    all have the fields of the header or more there are none.
    """
    mark, left, end = delimiter.encode(), sorted(errors, reverse=True), 0
    for record, (_, start, text) in enumerate(_records(path, delimiter)):
        error, content = None, text.rstrip(b"\r\n")
        while left and left[-1] <= start:  # the loader counts blank lines, and the feed of CR LF, to what comes after
            at = left.pop()
            error = errors[at] if at >= end else error
        has_more = content.endswith((mark, mark + b'""')) and content.count(mark) >= field_count
        if error or has_more or b'" ' in text or b'"\t' in text:
            yield Suspect(record, text, error)
        end = start + len(content)


def fault_of(record: bytes, delimiter: str, field_count: int) -> str:
    """The code of what the loader misreads in a record: one delimiter too many at its end, or text after a quote."""
    lines = record.decode("utf-8", errors="replace").rstrip("\r\n").splitlines(keepends=True)
    try:
        fields = next(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error:
        return "R_QUOTE"
    return "R_FIELD_COUNT" if len(fields) == field_count + 1 and not fields[-1] else ""


def _looked_through(path: Path, delimiter: str) -> tuple[int, int, bool, bytes]:
    """Lines and delimiters of a file, whether every line is a record (no quotes, none blank), and its last byte; a file
    that is not so plain is left at that point."""
    lines, delimiters, tail = 0, 0, b"\n"
    with path.open("rb") as file:
        while data := file.read(CHUNK):
            near = tail + data
            if b'"' in data or b"\n\n" in near or b"\n\r" in near:
                file.seek(-1, 2)
                return 0, 0, False, file.read()
            buffer = np.frombuffer(data, dtype=np.uint8)
            lines += int(np.count_nonzero(buffer == ord("\n")))
            delimiters += int(np.count_nonzero(buffer == delimiter.encode()[0]))
            tail = data[-1:]
    return lines + (tail != b"\n"), delimiters, True, tail


def _records(path: Path, delimiter: str) -> Iterator[tuple[int, int, bytes]]:
    """Every record: its first line (from 1), its first byte, and its text with the blank lines that follow."""
    at, line, start, parts = 0, 0, 0, []
    for number, (text, begins, _) in enumerate(_lines(path, delimiter), 1):
        if begins:
            if parts:
                yield line, start, b"".join(parts)
            line, start, parts = number, at, []
        if begins or parts:
            parts.append(text)
        at += len(text)
    if parts:
        yield line, start, b"".join(parts)


def _lines(path: Path, delimiter: str) -> Iterator[tuple[bytes, bool, bool]]:
    """Every line, whether it begins a record (outside quotes and not blank), and whether it ends within quotes."""
    mark, is_open = delimiter.encode(), False
    with path.open("rb", CHUNK) as file:
        for line in file:
            begins = not is_open and line not in BLANK
            if line.count(b'"') % 2:  # only such a line changes the state
                is_open = not is_open and _opens(line, mark)
            yield line, begins, is_open


def _opens(text: bytes, mark: bytes) -> bool:
    """Whether a line with an odd number of quotes ends inside a quoted field, or merely holds an inch sign."""
    inside = False
    for field in text.split(mark):
        if inside or field.lstrip(b" ").startswith(b'"'):
            inside ^= field.count(b'"') % 2 == 1
    return inside
