"""Where runs are kept: the lock, the immutable run folder, its manifest, the published month, the log.

    <out>/.runs/<month>-<id>/         a whole run; never changed after it got this name
    <out>/.runs/<month>-<id>.2/       the same made anew, because the one above was found damaged
    <out>/.runs/superseded-<month>    a relative link to the run that readers saw before the one they see
    <out>/.runs/making-<data id>.../  what is being made of those data, or the complete steps of what failed
    <out>/.runs/log.jsonl             a line of JSON for every step of every run
    <out>/.runs/months/               what the events of each month come to, taken over by the next run
    <out>/.runs/matplotlib/           what matplotlib remembers of the machine's fonts
    <out>/<month>                     a relative link to the run that readers see; replaced in one step

This layer moves folders and may not know what stands in a report.
"""

import hashlib
import json
import os
import re
import shlex
import shutil
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from cs_research.errors import Busy, CannotWrite

MANIFEST = "manifest.json"
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
MONTHS_KEPT = 24  # that may be rolled back; what is published stays as long as it is
_MAKING, _SUPERSEDED, _BOOT = "making-", "superseded-", Path("/proc/sys/kernel/random/boot_id")
_RUN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9a-f]{12}(\.[0-9]+)?")


def sha256(path: Path) -> str:
    """The SHA-256 of a file's content, as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_hashes(files: Iterable[Path], base: Path) -> dict[str, str]:
    """SHA-256 by name, sorted; a file under `base` is named from there, any other by its own name.

    The place a data set lies in is no part of what it holds, so no absolute path enters a run's id.
    """
    hashes: dict[str, str] = {}
    for name, digest in sorted((_name(path, base), sha256(path)) for path in files):
        while name in hashes:
            name += "'"
        hashes[name] = digest
    return hashes


def _name(path: Path, base: Path) -> str:
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else path.name


def run_id(parts: Mapping[str, Any]) -> str:
    """Twelve hex digits that name everything a run is made of: same parts, same run.

    >>> run_id({"month": "2026-10", "inputs": {}}) == run_id({"inputs": {}, "month": "2026-10"})
    True
    """
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 so that a reader sees the old file or the new one, never half of it."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8", newline="")
    os.replace(new, path)


def write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet. Raises CannotWrite where it is."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        remedy = "nothing is ever written over: give another file with --out"
        raise CannotWrite(f"{path} is there already", remedy) from None


def write_json(path: Path, value: Any) -> None:
    """Write `value` like `write_text`, with sorted keys."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Hold the reports folder `out` for one command that writes to it.

    The system frees the lock when its holder dies, however it dies; only on another machine it may not tell of the
    holder. Raises Busy (75), naming the holder, and CannotWrite (74).
    """
    store, note = out / ".runs", out / ".runs" / "lock.json"
    try:
        store.mkdir(parents=True, exist_ok=True)
        lock = FileLock(store / "lock")
        lock.acquire(timeout=0)
    except Timeout:
        raise Busy(f"Another run ({_holder(note)}) is writing to {out}",
                   "wait for it to end, or give another folder with --out") from None
    except OSError as error:
        raise CannotWrite(f"The folder {out} cannot be written to ({error.strerror})",
                          "give a folder you may write to with --out") from error
    try:
        held, here = _noted(note), _machine()
        is_here = held.get("host") == here["host"] or (here["boot"] and held.get("boot") == here["boot"])
        if held and not is_here:  # over a network a lock may be held and not seen
            raise Busy(f"A run of another machine ({_holder(note)}) is writing to {out}, or died there",
                       f"when it is no more, clear its lock by `rm {shlex.quote(str(note))}`, then run again")
        write_json(note, {"pid": os.getpid(), **here})
        try:
            yield
        finally:
            note.unlink(missing_ok=True)
    finally:
        lock.release()


def _noted(note: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(note.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _holder(note: Path) -> str:
    held = _noted(note)
    return f"process {held['pid']} on {held['host']}" if {"pid", "host"} <= held.keys() else "it has just begun"


def _machine() -> dict[str, str]:
    """The host, and the boot of its system, by which containers that come and go on one machine know each other."""
    return {"host": socket.gethostname(), "boot": _BOOT.read_text().strip() if _BOOT.exists() else ""}


def sweep(out: Path) -> None:
    """Remove the runs that no reader is led to any more.

    Of each of the last MONTHS_KEPT months the published run stays, the superseded one and the newest, which may be
    held; of a month before them what is published. No run goes to which any link in `out` leads, whoever made it.
    """
    store, there = out / ".runs", kept(out)
    months = sorted({path.name[:7] for path in there})[-MONTHS_KEPT:]
    for link in store.glob(f"{_SUPERSEDED}*"):
        if link.name.removeprefix(_SUPERSEDED) not in months:
            link.unlink()
    stay = {path.resolve() for folder in (out, store) for path in folder.iterdir() if path.is_symlink()}
    stay |= {*{path.name[:7]: path for path in there if path.name[:7] in months}.values()}  # the newest of each
    for path in {*there} - stay:
        shutil.rmtree(path.rename(path.with_name(f"{_MAKING}gone-{path.name}")))


def sweep_making(out: Path, going_on: str = "") -> None:
    """Remove what commands that did not end left behind, but for what is made of `going_on`, the id of data."""
    store = out / ".runs"
    unfinished = [*store.glob(f".{_MAKING}*"), *out.glob(f".{_MAKING}*"), *store.glob("months/.*.new")]
    for left in [*store.glob(f"{_MAKING}*"), *unfinished]:
        if left in unfinished:
            left.unlink()
        elif not going_on or not left.name.startswith(_MAKING + going_on):
            shutil.rmtree(left)


def making_folder(out: Path, name: str) -> Path:
    """A folder in which a run is made, as an earlier start left it or new; only `keep` gives it its name."""
    folder = out / ".runs" / f"{_MAKING}{name}"
    folder.mkdir(exist_ok=True)
    return folder


def making_file(out: Path, name: str) -> Path:
    """Where a single file is made that lies beside the links once it is whole; the next run sweeps what is left."""
    return out / ".runs" / f".{_MAKING}{name}"


def find(out: Path, month: str, identity: str) -> Path | None:
    """The kept run of this month and id, if it is there and every file still has its hash."""
    return next((folder for folder in kept(out) if _id(folder) == f"{month}-{identity}" and not damage(folder)), None)


def _id(folder: Path) -> str:
    """The name that a run shares with those made anew in its place, `<name>.2` and on."""
    return folder.name.partition(".")[0]


def damage(folder: Path) -> list[str]:
    """What differs from the manifest, one entry per file; empty when the run is whole."""
    try:
        expected = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError):
        return [f"{MANIFEST} cannot be read"]
    seen = _contents(folder)
    return [f"{name} {'is missing' if name not in seen else 'has changed' if name in expected else 'was added'}"
            for name in sorted({*expected, *seen}) if expected.get(name) != seen.get(name)]


def _contents(folder: Path) -> dict[str, str]:
    files = (p for p in folder.rglob("*") if p.is_file() and p != folder / MANIFEST)
    return file_hashes(files, folder)


def kept(out: Path) -> list[Path]:
    """Every kept run, by month, the newest of a month last."""
    found = [path.resolve() for path in (out / ".runs").glob("*") if _RUN.fullmatch(path.name)]
    return sorted(found, key=lambda path: (path.name[:7], path.stat().st_mtime_ns))


def published_months(folder: Path) -> list[str]:
    """The months that a folder of reports holds, as "2026-10", the newest last."""
    if not folder.is_dir():
        return []
    return sorted(p.name for p in folder.iterdir() if _MONTH.fullmatch(p.name) and (p / "run.json").is_file())


def superseded(out: Path, month: str) -> Path | None:
    """The run that readers of a month saw before the one that they see, if it is still there."""
    link = out / ".runs" / f"{_SUPERSEDED}{month}"
    return link.resolve() if link.is_dir() else None


def seal(making: Path) -> None:
    """Write the manifest of a finished run, take away the right to write, and wait until all is on the disk."""
    write_json(making / MANIFEST, {"schema_version": 1, "files": _contents(making)})
    for path in making.rglob("*"):
        if path.is_file():
            path.chmod(path.stat().st_mode & ~0o222)  # who may read it stays as the folder was made
        _flush(path)
    _flush(making)


def keep(making: Path, month: str, identity: str) -> Path:
    """Give a sealed run its name.

    A damaged run of that name stays where it is, for readers may still be led to it; the new one is then `<name>.2`.
    """
    names = (f"{month}-{identity}" + (f".{number}" if number > 1 else "") for number in count(1))
    folder = next(folder for folder in map(making.with_name, names) if not folder.exists())
    making.rename(folder)
    _flush(folder.parent)
    return folder


def _flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def publish(folder: Path, out: Path, month: str) -> Path:
    """Point `<out>/<month>` at a kept run, in one step: a reader sees the old report or the new one.

    Raises CannotWrite when something that is no link stands in the way.
    """
    link = out / month
    if link.exists() and not link.is_symlink():
        raise CannotWrite(f"{link} is not a link made by this program", "move it away, then run again")
    before = link.resolve()
    if link.exists() and _id(before) != _id(folder):
        _lead(folder.with_name(f"{_SUPERSEDED}{month}"), Path(before.name))
    _lead(link, Path(".runs") / folder.name)
    for twin in kept(out):
        if _id(twin) == _id(folder) and twin.name != folder.name:  # damaged, and no reader is led there any more
            twin.rename(twin.with_name(f"{_MAKING}damaged-{twin.name}"))  # the next run sweeps it
    return link


def _lead(link: Path, target: Path) -> None:
    """Point a link at a folder, in one step."""
    new = link.with_name(f".{_MAKING}{link.name}")
    new.unlink(missing_ok=True)
    new.symlink_to(target, target_is_directory=True)
    os.replace(new, link)
    _flush(link.parent)
