"""The file gate: decides whether a file may be read at all, and hands the loader plain UTF-8 text or Parquet.

It may not look at values. Raises Rejected with the code of rules.yml.
"""

import codecs
import csv
import gzip
import hashlib
import io
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cs_research.ingest.mapping import Files, Limits
from cs_research.ingest.records import count_records
from cs_research.ingest.rules import Rejected, first_line

CHUNK = 1 << 20
MAX_HEADER = 1_000_000
HALFWIDTH = re.compile(r"[\uff61-\uff9f]{2,}")
STRAY = re.compile("[\x80\uf8f0-\uf8f3]")  # what Python reads the bytes 80, a0, fd, fe and ff as, which CP932 has not
NOT_TEXT = {b"PK\x03\x04": "a ZIP or XLSX file", b"%PDF": "a PDF file", b"\xd0\xcf\x11\xe0": "an old Excel file",
            b"\x1f\x8b": "a gzip file", b"PAR1": "a Parquet file", b"SQLite format": "a database",
            b"\x89PNG": "a picture", b"\xff\xd8\xff": "a picture"}


@dataclass(frozen=True)
class Opened:
    """A file that passed the gate. `path` is what the loader reads; `records` counts the rows after the header."""

    path: Path
    format: str
    header: tuple[str, ...]
    records: int
    delimiter: str = ","
    skip: int = 0
    skipped_records: int = 0
    is_regular: bool = False
    warnings: tuple[str, ...] = ()


def open_file(path: Path, spec: Files, limits: Limits, work: Path) -> Opened:
    """Pass a file through the gate; copies in UTF-8 are made in `work` where the file is not that already."""
    _check_sidecar(path)
    if path.stat().st_size == 0:
        raise Rejected("F_EMPTY", rows_in=0)
    if path.name.endswith(".parquet"):
        return _open_parquet(path, spec)
    return _open_text(path, spec, limits, work)


def _check_sidecar(path: Path) -> None:
    sidecar = path.with_name(path.name + ".sha256")
    if sidecar.exists():
        stated = sidecar.read_text(encoding="utf-8", errors="replace").split()
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if not stated or stated[0].lower() != found:
            raise Rejected("F_SHA256", f"found {found[:12]}...")


def _open_parquet(path: Path, spec: Files) -> Opened:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
    except (pa.ArrowException, OSError) as error:
        raise Rejected("F_PARQUET", first_line(error)) from None
    try:
        for _ in file.iter_batches(batch_size=1 << 17) if _has_checksums(path, file.metadata) else ():
            pass
    except (pa.ArrowException, OSError) as error:
        code = "F_PARQUET_CHECKSUM" if "checksum" in str(error).lower() or "CRC" in str(error) else "F_PARQUET"
        raise Rejected(code, first_line(error)) from None
    if file.metadata.num_rows == 0 and not spec.allow_no_rows:
        raise Rejected("F_NO_ROWS", rows_in=0)
    return Opened(path, "parquet", tuple(file.schema_arrow.names), file.metadata.num_rows)


def _has_checksums(path: Path, metadata: Any) -> bool:
    """Whether the first page carries a checksum: its header (Thrift, compact) has field 4 after three integers."""
    if metadata.num_row_groups == 0:
        return False
    column = metadata.row_group(0).column(0)
    with path.open("rb") as file:
        file.seek(column.dictionary_page_offset or column.data_page_offset)
        header = file.read(32)
    at = 0
    for _ in range(3):  # each a byte of type, then an integer whose last byte has its high bit clear
        at += 1
        while at < len(header) and header[at] & 0x80:
            at += 1
        at += 1
    return header[at:at + 1] == b"\x15"


def _open_text(path: Path, spec: Files, limits: Limits, work: Path) -> Opened:
    plain = _expanded(path, limits, work) if path.name.endswith(".gz") else path
    with plain.open("rb") as file:
        head = file.read(CHUNK)
    _check_text(head)
    plain, encoding = _as_utf8(plain, head, spec.encoding, work)
    plain = _with_plain_line_ends(plain, work)
    delimiter = spec.delimiter or ("\t" if encoding == "utf-16" or ".tsv" in path.name else ",")
    count = count_records(plain, delimiter)
    if count.records == 0:
        raise Rejected("F_EMPTY", rows_in=0)
    if count.unclosed_line is not None:
        raise Rejected("F_QUOTE", f"from line {count.unclosed_line} on", line=count.unclosed_line)
    header, skip = _header(plain, delimiter, spec.skip_rows)
    rows = count.records - 1 - spec.skip_rows
    if rows <= 0 and not spec.allow_no_rows:
        raise Rejected("F_NO_ROWS", rows_in=0)
    warning = {"utf-8": "", "cp932": "W_ENCODING_CP932", "utf-16": "W_ENCODING_UTF16"}.get(
        encoding, "W_ENCODING_DECLARED")
    return Opened(plain, "csv", header, rows, delimiter, skip, spec.skip_rows, count.is_regular, warnings=tuple(
        filter(None, (warning, "" if count.ends_with_newline else "W_NO_FINAL_NEWLINE"))))


def _expanded(path: Path, limits: Limits, work: Path) -> Path:
    """Expand gzip with its CRC checked and its size bounded; nothing of a damaged file is used."""
    target, size, out = work / f"{path.name}.plain", path.stat().st_size, 0
    most = min(limits.expanded_mb << 20, max(limits.ratio * size, CHUNK))
    try:
        with gzip.open(path) as packed, target.open("wb") as plain:
            while data := packed.read(CHUNK):
                out += len(data)
                if out > most:
                    raise Rejected("F_SIZE_LIMIT", f"more than {out:,} bytes from {size:,}")
                plain.write(data)
    except EOFError:
        raise Rejected("F_GZIP_TRUNCATED") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        code = "F_NOT_CSV" if "Not a gzipped" in str(error) else "F_GZIP_CRC"
        raise Rejected(code, first_line(error)) from None
    return target


def _check_text(head: bytes) -> None:
    for magic, what in NOT_TEXT.items():
        if head.startswith(magic):
            raise Rejected("F_NOT_CSV", what)
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:200].lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")):
        raise Rejected("F_NOT_CSV", "a web page")
    if start[:1] in (b"{", b"[") and b'":' in start.replace(b" ", b""):
        raise Rejected("F_NOT_CSV", "JSON")
    if not start:
        raise Rejected("F_EMPTY", rows_in=0)
    if not head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and head.count(0) * 5 > len(head):
        raise Rejected("F_ENCODING", "it may be UTF-16 without its mark")


def _as_utf8(path: Path, head: bytes, declared: str | None, work: Path) -> tuple[Path, str]:
    """The file in UTF-8 and the encoding it was in: declared, by its mark, or UTF-8 before CP932."""
    if declared is not None and declared.lower().replace("_", "-") not in ("utf-8", "utf8", "utf-8-sig"):
        return _decoded(path, declared, work), declared.lower()
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _decoded(path, "utf-16", work), "utf-16"
    if _is_utf8(path) or declared is not None:
        return path, "utf-8"
    damaged = text = 0
    with path.open("rb") as file:
        for line in file:
            if not line.isascii():
                text += 1
                damaged += line.decode("utf-8", errors="ignore").encode() != line
    if damaged * 2 <= text:  # mostly UTF-8: the loader sets the damaged rows aside
        return path, "utf-8"
    try:
        target = _decoded(path, "cp932", work)
    except Rejected:
        raise Rejected("F_ENCODING", f"{damaged:,} lines are neither UTF-8 nor CP932") from None
    if not _reads_as_japanese(target):
        raise Rejected("F_ENCODING", f"{damaged:,} lines are not UTF-8 and make no Japanese as CP932")
    return target, "cp932"


def _reads_as_japanese(path: Path) -> bool:
    """Whether text decoded as CP932 was that: Western accents turn into rare kanji and lone half-width kana."""
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        text = file.read(CHUNK)
    halfwidth = sum(map(len, HALFWIDTH.findall(text)))
    common = sum(0x81 <= char.encode("cp932", "surrogateescape")[0] <= 0x9F for char in text if not char.isascii())
    return (halfwidth + common) * 2 >= sum(not char.isascii() for char in text)


def _is_utf8(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            for _ in codecs.iterdecode(iter(lambda: file.read(CHUNK << 2), b""), "utf-8"):
                pass
    except UnicodeDecodeError:
        return False
    return True


def _decoded(path: Path, encoding: str, work: Path) -> Path:
    """A copy in UTF-8; bytes that CP932 has not stay as they are, and the loader sets their rows aside."""
    def byte(stray: re.Match[str]) -> str:
        return stray[0].encode("cp932").decode("ascii", errors="surrogateescape")

    target = work / f"{path.name}.utf8"
    try:
        is_cp932 = codecs.lookup(encoding).name == "cp932"
        with (path.open(encoding=encoding, newline="") as old,
              target.open("w", encoding="utf-8", errors="surrogateescape", newline="") as new):
            while text := old.read(CHUNK):
                new.write(STRAY.sub(byte, text) if is_cp932 else text)
    except (UnicodeError, LookupError) as error:
        raise Rejected("F_ENCODING", first_line(error)) from None
    return target


def _with_plain_line_ends(path: Path, work: Path) -> Path:
    """Carriage returns, alone or mixed with newlines outside quotes, become newlines in a copy."""
    feeds = returns = pairs = 0
    last = b""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            if returns or b"\r" in chunk:
                feeds, returns = feeds + chunk.count(b"\n"), returns + chunk.count(b"\r")
                pairs += chunk.count(b"\r\n") + (last == b"\r" and chunk[:1] == b"\n")
            else:
                feeds += b"\n" in chunk  # without returns so far their number does not matter
            last = chunk[-1:]
    if returns == 0 or feeds == returns == pairs:
        return path
    target, held, is_quoted = work / f"{path.name}.lines", b"", 0
    with path.open("rb") as old, target.open("wb") as new:
        while chunk := old.read(CHUNK):
            chunk = held + chunk
            held = b"\r" if chunk.endswith(b"\r") else b""  # it may be half of a pair
            parts = chunk[:len(chunk) - len(held)].split(b'"')
            parts[is_quoted::2] = [part.replace(b"\r\n", b"\n").replace(b"\r", b"\n") for part in parts[is_quoted::2]]
            new.write(b'"'.join(parts))
            is_quoted ^= (len(parts) - 1) % 2
        new.write(held.replace(b"\r", b"\n"))
    return target


def _header(path: Path, delimiter: str, skip_rows: int) -> tuple[tuple[str, ...], int]:
    """The header's fields and what stands before it: records and blank lines, as the loader counts them."""
    with path.open("rb") as file:
        text = file.read(MAX_HEADER).decode("utf-8-sig", errors="replace")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for at, row in enumerate(reader):
            if row and not skip_rows:
                return tuple(row), at
            skip_rows -= bool(row)
    except csv.Error as error:
        raise Rejected("F_HEADER", first_line(error)) from None
    raise Rejected("F_HEADER", "there is none")
