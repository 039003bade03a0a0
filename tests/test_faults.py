"""Killed at any step, a run leaves the report before it whole, and the next run needs no repair."""

import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, suppress
from pathlib import Path
from typing import Any

import pytest
from small_notebooks import write_notebook, write_recipe

from cs_research import open_run, runs
from cs_research.__main__ import exit_code

MONTH = "2025-12"
PARAMETERS = 'run_dir = "../reports"\nmonth = ""\nscorecard = ""'
STATED = "kind: dataset\nname: Small\nzone: Asia/Tokyo\nas_of: 2025-12-31\n"

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks at processes under /proc")


def write_data(folder: Path, events: int) -> None:
    """A dozen accounts and half a year; another number of events is another data set."""
    folder.mkdir(exist_ok=True)
    days = [f"{i % 12:03},{{}},2025-{7 + i % 6:02}-{1 + i % 28:02}T10:00:00+09:00" for i in range(events)]
    tables = {
        "contracts": ["account_id,contract_id,start_date,end_date,seats,mrr,status",
                      *(f"{i:03},C{i},2025-07-01,2026-07-01,5,1000,active" for i in range(12))],
        "usage_events": ["account_id,user_id,occurred_at,event_type",
                         *(f"{day.format(f'u{i}')},login" for i, day in enumerate(days))],
        "touches": ["account_id,touch_id,occurred_at,touch_type",
                    *(f"{day.format(f't{i}')},mail_click" for i, day in enumerate(days[:50]))],
    }
    for name, lines in tables.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "dataset.yml").write_text(STATED, encoding="utf-8")


class Place:
    """A folder with data, a recipe and reports, and the process that makes reports in it."""

    def __init__(self, root: Path, *cells: str):
        self.root, self.out, self.log = root, root / "out", root / "log"
        (root / "tmp").mkdir()
        recipe = write_recipe(root, "kind: recipe\nnotebooks:" + ("\n- notebook: one" if cells else " []"))
        if cells:
            write_notebook(root / "notebooks" / "one.ipynb", *cells, parameters=PARAMETERS)
        self.arguments = ["run", str(root / "data"), "--out", str(self.out), "--recipe", str(recipe), "--jobs", "1"]
        self.server = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("kill_server.py"))], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(root / "tmp"), "STARTED_BY": str(root)})
        self.pid = 0

    def begin(self, steps: bool = False, **more: object) -> None:
        request = {"arguments": self.arguments, "log": str(self.log), "steps": steps, **more}
        self._say(json.dumps(request) + "\n")
        self.pid = int(self.told())

    def told(self) -> str:
        return self.server.stdout.readline().rstrip("\n")

    def go(self) -> None:
        self._say("g")

    def _say(self, text: str) -> None:
        self.server.stdin.write(text)
        self.server.stdin.flush()

    def plain(self, step: str) -> str:
        """The name of a step without what differs from run to run."""
        return re.sub(f"{MONTH}-[0-9a-f]{{12}}", f"{MONTH}-ID", step).replace(str(self.pid), "PID")

    def ended(self) -> int:
        told = self.told()
        assert told.startswith("! "), told
        return int(told[2:])

    def kill(self) -> None:
        """End the whole process group of the run, from outside, as nothing can catch it."""
        os.killpg(self.pid, signal.SIGKILL)
        assert self.ended() == -signal.SIGKILL

    def make(self) -> None:
        self.begin()
        assert self.ended() == 0, self.log.read_text()

    def processes(self) -> dict[int, str]:
        """Command lines, by process id, of all that the server started."""
        found, mark = {}, f"STARTED_BY={self.root}".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
        return {pid: line for pid, line in found.items() if pid != self.server.pid}

    def published(self) -> Path:
        """The run that readers are led to, seen to be whole; nothing else is in their sight."""
        assert {path.name for path in self.out.iterdir() if path.name[0] != "."} - {"index.html"} == {MONTH}
        for run in (self.out / ".runs").glob("20*"):
            assert runs.damage(run) == [], "what has the name of a run is whole"
        run = (self.out / MONTH).resolve(strict=True)
        assert runs.damage(run) == [] and "</html>" in (run / "index.html").read_text(encoding="utf-8")
        assert len(open_run(self.out / MONTH).scores) > 0
        return run

    def left_over(self) -> list[str]:
        """What runs that did not end left behind."""
        return sorted(path.name for path in [*(self.out / ".runs").glob("making-*"), *self.out.glob(".making-*"),
                                             *(self.root / "tmp").iterdir()])


@pytest.fixture
def place(request, tmp_path) -> Iterator[Place]:
    """A report made of 60 events, and data that now hold 90."""
    made = Place(tmp_path, *getattr(request, "param", ()))
    write_data(tmp_path / "data", 60)
    yield made
    for pid in made.processes():
        os.kill(pid, signal.SIGKILL)
    made.server.kill()
    made.server.communicate()


def steps_of(place: Place) -> list[str]:
    """Make a report, step by step; the names of the steps."""
    names = []
    place.begin(steps=True)
    while not (name := place.told()).startswith("! "):
        names.append(name)
        place.go()
    assert name == "! 0", place.log.read_text()
    return [place.plain(name) for name in names]


EVERY = pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.soak)])


def stops(steps: list[str], every: bool) -> list[int]:
    """The numbers of the steps to stop at: of the tables, between which nothing is written, three if not every one."""
    tables = [number for number, step in enumerate(steps) if step.startswith("Tables")]
    told = {tables[0], steps.index("Tables: measures"), tables[-1]}
    return [number for number in range(len(steps)) if every or number in told or number not in tables]


def kill_at(place: Place, step: str, nth: int) -> None:
    """Begin a run and kill it when the step of that name begins for the nth time."""
    place.begin(steps=True)
    while True:
        name = place.plain(place.told())
        assert name[0] != "!", f"{step} was not reached: {name}"
        if name.startswith("Exports"):
            assert len(place.left_over()) == 1, "what was left is swept before anything is made"
        nth -= name == step
        if nth == 0:
            return place.kill()
        place.go()


@EVERY
def test_killed_at_any_step_a_run_leaves_the_last_report_and_the_next_needs_no_repair(place, every):
    place.arguments.append("--no-resume")
    steps = steps_of(place)
    assert {"Exports: read contracts.csv", "Exports: judge across tables", "Exports: write quarantine",
            "os.rename canonical", "Tables: measures", "Running 0 notebooks", "Writing the pages",
            "os.rename manifest.json", f"os.symlink .making-{MONTH}", f"os.rename {MONTH}"} <= set(steps)
    before = place.published()
    write_data(place.root / "data", 90)
    swap = steps.index(f"os.rename {MONTH}")
    for number in stops(steps[:swap + 1], every):
        kill_at(place, steps[number], steps[:number + 1].count(steps[number]))
        assert place.published() == before, steps[number]
    kill_at(place, "os.rename index.html", steps.count("os.rename index.html"))
    after = place.published()
    assert after != before and before.exists(), "once the link is swapped the new report is there, whatever follows"
    place.make()
    assert place.published() == after
    assert place.left_over() == []
    assert len(list((place.out / ".runs").glob("20*"))) == 2, "no run was made twice"


RECORDING = ("from cs_research import open_run\nfrom cs_research.finding import Finding\nrun = open_run(run_dir)",
             'run.record("one", Finding("share", "All is well.", n=len(run.scores)))')
TELLING = ("run.json", "manifest.json", "kernels.log", "steps.json", "notebooks/")


def bytes_of(run: Path) -> dict[str, str]:
    """The hash of every file that is promised to be the same whenever and wherever it is made."""
    files = {path.relative_to(run).as_posix(): path for path in sorted(run.rglob("*")) if path.is_file()}
    return {name: runs.sha256(path) for name, path in files.items() if not name.startswith(TELLING)}


def goes_on(place: Place, until: Callable[[str], bool]) -> list[str]:
    """Begin a run and kill it at the first step that is so; the steps told until then, the last the one it was at.
    All of them where it came to its end."""
    told: list[str] = []
    place.begin(steps=True)
    while not (name := place.plain(place.told())).startswith("! "):
        told.append(name)
        if until(name):
            place.kill()
            return told
        place.go()
    assert name == "! 0", place.log.read_text()
    return told


@pytest.mark.parametrize("place", [RECORDING], indirect=True)
@EVERY
def test_killed_after_each_step_a_run_goes_on_from_there_to_the_same_bytes(place, every):
    steps = goes_on(place, lambda name: False)
    reference = bytes_of(place.published())
    shutil.rmtree(place.out)
    # The first sign of each step is the end of the one before: exports, tables, notebooks, pages, kept.
    signs = ["Tables", "Running 1 notebooks", "Writing the pages", "os.rename manifest.json", "os.symlink .making-2"]
    if every:
        signs = [*dict.fromkeys(steps)]
    for number, sign in enumerate(signs):
        told = goes_on(place, lambda name, sign=sign: name.startswith(sign))
        complete = tuple({"Running": "Tables", "Writing": "Notebook", "os.rename": "Writing"}.get(
            one.split()[0], "Exports") for one in signs[:number])
        assert every or not [name for name in told if complete and name.startswith(complete)], sign
    told = goes_on(place, lambda name: False)
    assert every or not [name for name in told if name.startswith(("Exports", "Tables", "Notebook", "Writing"))]
    assert bytes_of(place.published()) == reference
    assert place.left_over() == []


# A notebook that waits, once it has told that it is at it, until the file `go` is there.
WAITING = ("from cs_research import open_run\nfrom cs_research.finding import Finding\nrun = open_run(run_dir)",
           "import os\nimport time\nfrom pathlib import Path\nplace = Path(run_dir).parents[2]\n"
           "(place / 'at-it').write_text(str(os.getpid()))\n"
           "while not (place / 'go').exists():\n    time.sleep(0.02)",
           'run.record("one", Finding("share", "All is well.", n=len(run.scores)))')


def until(happened: Callable[[], object], seconds: float = 240) -> Any:
    """Wait for something to happen; what it was."""
    end = time.monotonic() + seconds
    while not (seen := happened()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
    return seen


def kill_one(place: Place, victim: str) -> None:
    """Begin a run whose notebook waits, and kill one of its processes: the kernel, its worker or the run itself."""
    at_it = place.root / "at-it"
    at_it.unlink(missing_ok=True)
    place.begin()
    kernel = int(until(lambda: at_it.exists() and at_it.read_text()))
    with redirect_stderr(io.StringIO()) as said:
        assert exit_code(place.arguments) == 75
    assert f"Another run (process {place.pid} on " in said.getvalue()
    worker = next(pid for pid, line in place.processes().items() if "spawn_main" in line)
    os.kill({"kernel": kernel, "worker": worker, "run": place.pid}[victim], signal.SIGKILL)
    assert place.ended() == (-signal.SIGKILL if victim == "run" else 3), victim
    until(lambda: not place.processes())


@pytest.mark.parametrize("place", [WAITING], indirect=True)
@pytest.mark.parametrize("victims", [
    ("kernel", "worker", "run"), pytest.param(("kernel", "worker", "run") * 4, marks=pytest.mark.soak)])
def test_whichever_process_of_a_run_is_killed_none_stays_and_the_last_report_does(place, victims):
    (place.root / "go").touch()
    place.make()
    before = place.published()
    (place.root / "go").unlink()
    write_data(place.root / "data", 90)
    for victim in victims:
        kill_one(place, victim)
        assert place.published() == before, victim
    told = place.log.read_text()
    assert "The process that runs the notebooks was killed" in told
    assert "Notebook one stopped in code cell 3 (DeadKernelError: Kernel died)" in told
    (place.root / "go").touch()
    place.make()
    assert place.published() != before
    assert place.left_over() == []


@pytest.mark.parametrize("place", [WAITING], indirect=True)
@pytest.mark.parametrize("moments", [2, pytest.param(50, marks=pytest.mark.soak)])
def test_killed_at_any_moment_a_run_leaves_a_whole_report_and_the_next_needs_no_repair(place, moments):
    """Moments spread evenly at random over the time that a run takes; the next run begins at once."""
    (place.root / "go").touch()
    place.make()
    start = time.monotonic()
    write_data(place.root / "data", 61)
    place.make()
    seconds, chance, killed, left = time.monotonic() - start, random.Random(1), 0, set()
    for number in range(moments):
        before, earlier = place.published(), os.listdir(place.out / ".runs")
        write_data(place.root / "data", 62 + number)
        place.begin()
        time.sleep(chance.uniform(0, seconds))
        with suppress(ProcessLookupError):  # it may have ended by itself
            os.killpg(place.pid, signal.SIGKILL)
        killed += place.ended() == -signal.SIGKILL
        after = place.published()
        assert after == before or after.name not in earlier, number
        place.make()
        assert place.published() != before, number
        earlier_left, left = left, {*place.left_over()}
        assert not left & earlier_left, number  # what a dying kernel lays down late goes at the next start
    assert killed >= 0.6 * moments - 1, "most runs were killed before their end"
    until(lambda: not place.processes())
    write_data(place.root / "data", 200)
    place.make()
    assert place.left_over() == []
