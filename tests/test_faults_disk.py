"""A disk that is full, may not be written to or flips a bit: exit 74, one sentence, and the last report stays."""

import errno
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from test_faults import EVERY, RECORDING, WAITING, Place, bytes_of, goes_on, place, steps_of, stops, write_data

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks at processes under /proc")


def mount(*words: object) -> None:
    done = subprocess.run(["mount", *map(str, words)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this machine lets no test mount a disk ({done.stderr.strip()})")


@pytest.fixture
def small_disk(place: Place) -> Iterator[Path]:
    """The folder of the reports as a disk of its own, which a test can fill."""
    place.out.mkdir()
    mount("-t", "tmpfs", "-o", "size=64m", "tmpfs", place.out)
    try:
        yield place.out
    finally:
        subprocess.run(["umount", "--lazy", place.out], check=True)


def fill(ballast: Path) -> None:
    """Not a byte is free."""
    with ballast.open("ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while file.write(b"\0" * size):
                    pass
            except OSError as error:
                assert error.errno == errno.ENOSPC


def fails_from(place: Place, disk: Path, step: str, nth: int) -> int:
    """Begin a run whose disk is full from the nth step of that name on; its exit code."""
    ballast = disk / ".ballast"
    place.begin(steps=True)
    while not (name := place.told()).startswith("! "):
        nth -= place.plain(name) == step
        if nth <= 0:
            fill(ballast)
        place.go()
    assert nth <= 0, f"{step} was not reached: {name}"
    ballast.unlink()
    return int(name[2:])


def sentence(place: Place) -> str:
    told = place.log.read_text(encoding="utf-8").splitlines()
    return [line for line in told if line.startswith("cs-research: ")][-1]


@EVERY
def test_a_disk_full_from_any_step_on_leaves_the_last_report_and_the_next_run_needs_no_repair(small_disk, place, every):
    steps = steps_of(place)
    sealed = steps.index("os.rename manifest.json")
    for number in stops(steps[:sealed], every):
        step, before = steps[number], place.published()
        write_data(place.root / "data", 90 + number)
        code = fails_from(place, small_disk, step, steps[:number + 1].count(step))
        if step == "os.rename run.json":  # the file replaced last may make room for all, or all but the page of months
            assert code in (0, 74) and (code == 74 or place.published() != before), code
            assert code == 0 or ("is published" in sentence(place)) == (place.published() != before)
        else:
            assert (code, place.published()) == (74, before), step
        assert code == 0 or "No space left on device" in sentence(place), step
    before = place.published()
    write_data(place.root / "data", 200)
    place.make()
    assert place.published() != before and place.left_over() == []


@pytest.mark.parametrize("place", [WAITING], indirect=True)
def test_a_disk_that_is_full_while_notebooks_run_is_told_as_such(small_disk, place):
    (place.root / "go").touch()
    place.make()
    before = place.published()
    write_data(place.root / "data", 90)
    assert fails_from(place, small_disk, "Running 1 notebooks", 1) == 74
    assert "The disk took no more while notebook one ran" in sentence(place)
    assert place.published() == before
    place.make()
    assert place.published() != before and place.left_over() == []


@contextmanager
def read_only(disk: Path) -> Iterator[None]:
    """Nobody may write to the disk, root included."""
    mount("-o", "remount,ro", disk)
    yield
    mount("-o", "remount,rw", disk)


def test_a_folder_that_may_not_be_written_to_is_told_and_the_next_run_needs_no_repair(small_disk, place):
    place.make()
    before = place.published()
    write_data(place.root / "data", 90)
    with read_only(small_disk):
        place.begin()
        assert place.ended() == 74
        assert f"The folder {small_disk} cannot be written to (Read-only file system): give a folder" in sentence(place)
        assert place.published() == before
    place.make()
    assert place.published() != before


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)


@pytest.mark.parametrize(("step", "file"), [
    ("Tables: measures", "canonical/contracts.parquet"), ("Writing the pages", "tables/retention.parquet"),
    ("os.rename manifest.json", "index.html")])
def test_a_bit_that_flips_between_two_steps_is_seen_and_the_next_run_needs_no_repair(place, step, file):
    place.make()
    before = place.published()
    write_data(place.root / "data", 90)
    place.begin(steps=True)
    while (name := place.plain(place.told())) != step:
        assert name[0] != "!", f"{step} was not reached: {name}"
        place.go()
    flip(next((place.out / ".runs").glob(f"making-*/{file}")))  # one of the links to the same bytes
    place.go()
    while not (name := place.told()).startswith("! "):
        place.go()
    assert int(name[2:]) == 74 and f"{file} has changed" in sentence(place), sentence(place)
    assert place.published() == before
    place.make()
    assert place.published() != before and place.left_over() == []


@pytest.mark.parametrize("place", [RECORDING], indirect=True)
def test_what_changed_before_a_run_was_killed_is_no_part_of_the_run_that_goes_on(place):
    """Tables that lost rows, but can be read, where nobody came to compare them: nothing made of them is taken up."""
    place.make()
    reference = bytes_of(place.published())
    for step, file, end in (("Tables", "canonical/contracts.parquet", "Writing the pages"),
                            ("Running 1 notebooks", "tables/scores.parquet", "os.rename manifest.json")):
        shutil.rmtree(place.out)
        changed: list[Path] = []

        def seen(name: str, step: str = step, file: str = file, end: str = end, changed: list = changed) -> bool:
            if name.startswith(step) and not changed:
                changed.append(next((place.out / ".runs").glob(f"making-*/{file}")))
                lose_rows(changed[0])
            return name == end

        goes_on(place, seen)
        goes_on(place, lambda name: False)
        assert bytes_of(place.published()) == reference, file
        assert changed and place.left_over() == []


def lose_rows(path: Path) -> None:
    """A file with its last rows gone, in the same place on the disk, so in every link to it."""
    path.chmod(0o644)
    path.write_bytes(pd.read_parquet(path).iloc[:-3].to_parquet())
