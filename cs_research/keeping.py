"""The kept runs of a reports folder: which there are, whether they are whole, which one the readers of a month see.

This layer leads readers from run to run; it makes none.
"""

import os
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from cs_research import runs
from cs_research.errors import CannotWrite, Held, Refused
from cs_research.report.archive import write_archive
from cs_research.report.pdf import write_pdf
from cs_research.run import Run


@dataclass(frozen=True)
class Kept:
    """A kept run. `state`: published, superseded (readers saw it before), held (waits to be acknowledged) or kept;
    `made` is when, in UTC, empty where its run.json cannot be read."""

    folder: Path
    state: str
    made: str
    size_bytes: int
    holds: tuple[str, ...]


def kept_runs(out: Path) -> list[Kept]:
    """Every run kept in a reports folder, the newest month first, and of a month the newest."""
    found = []
    for folder in reversed(runs.kept(out)):
        made, holds, month = "", (), folder.name[:7]
        with suppress(Refused, OSError, ValueError, KeyError):
            run = Run(folder)
            made, holds = run.about["started"], tuple(hold["code"] for hold in run.holds)
        state = "published" if (out / month).resolve() == folder else \
            "superseded" if runs.superseded(out, month) == folder else "held" if holds else "kept"
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        found.append(Kept(folder, state, made, size, holds))
    return found


def find(out: Path, name: str) -> Path:
    """A kept run by its name, the beginning of it, or its month, which is the published one.

    Raises Refused, naming the nearest.
    """
    if (out / name / runs.MANIFEST).is_file() and (out / name).is_symlink():
        return (out / name).resolve()
    there = [folder.name for folder in runs.kept(out)]
    found = [one for one in there if one == name] or [one for one in there if one.startswith(name)]
    if len(found) == 1:
        return (out / ".runs" / found[0]).resolve()
    near = ", ".join(found or get_close_matches(name, there, n=3) or there[-3:])
    raise Refused(f"'{name}' names {f'{len(found)} runs' if found else 'no run'} in {out}",
                  f"perhaps you mean {near}" if near else "make one with cs-research run")


def publish(folder: Path, out: Path, lang: str, pdf: bool = False) -> Path:
    """Lead the readers of its month to a kept run, last from the page of all months; returns its index.html.

    A PDF lies beside the link, for a run never changes; one that shows another run goes. Raises CannotWrite, and
    Refused where the page cannot be printed, which is tried before anything is published.
    """
    month = folder.name[:7]
    printed, printing = out / f"{month}.pdf", runs.making_file(out, f"{month}.pdf")
    if pdf:
        write_pdf(folder / "index.html", printing)
    is_new = (out / month).resolve() != folder.resolve()
    index = runs.publish(folder, out, month) / "index.html"
    if is_new:
        printed.unlink(missing_ok=True)
    try:
        if pdf:
            os.replace(printing, printed)  # before the page of all months, which lists the PDF files that are there
        write_archive(out, lang)
    except OSError as error:
        raise CannotWrite(f"The report of {month} is published, but the page of all months cannot be written "
                          f"({error.strerror})", "make room or give rights, then run again") from error
    return index


def waiting(folder: Path, acknowledged: Collection[str]) -> list[dict[str, str]]:
    """Why a run may not be published unseen, but for what is acknowledged: code and sentence of each reason."""
    return [hold for hold in Run(folder).holds if hold["code"] not in acknowledged]


def publish_kept(out: Path, name: str, acknowledged: Collection[str] = ()) -> Path:
    """Publish a kept run, which is named as `find` says; returns its index.html.

    Raises Refused where it is not whole, Held where it waits for a code that is not `acknowledged`, Busy.
    """
    with runs.locked(out):
        folder = find(out, name)
        if damage := runs.damage(folder):
            raise Refused(f"The run in {folder} is not whole ({', '.join(damage[:3])})",
                          "make the report of that month again")
        if holds := waiting(folder, acknowledged):
            codes = " ".join(f"--acknowledge {code}" for code in dict.fromkeys(hold["code"] for hold in holds))
            raise Held(f"Not published: {'; '.join(hold['sentence'].rstrip('.') for hold in holds)}",
                       f"look at {folder / 'index.html'}, then give {codes} too")
        return publish(folder, out, Run(folder).about["parameters"]["lang"])


def rollback(out: Path, month: str) -> Path:
    """Lead the readers of a month back to the run that they saw before, and that one in its place; again undoes it.

    What was acknowledged then is so still. Raises as `publish_kept`, Refused where there is no such run.
    """
    folder = runs.superseded(out, month)
    if folder is None:
        raise Refused(f"No run of {month} was published before the one that is", "cs-research runs lists them")
    return publish_kept(out, folder.name, [hold["code"] for hold in Run(folder).holds])


def verify(out: Path, name: str = "") -> dict[str, list[str]]:
    """What differs from its manifest in each kept run, or in one; nothing where it is whole."""
    folders = [find(out, name)] if name else runs.kept(out)
    return {folder.name: runs.damage(folder) for folder in folders}
