"""Kept runs: made step by step, told from one another, rolled back, verified, many months at once, the same bytes."""

import json
import os
import re
import shlex
import shutil
import socket
from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path

import pytest
from small_notebooks import write_notebook, write_recipe
from test_faults import PARAMETERS, bytes_of, write_data

from cs_research import keeping, open_run, runs, steps
from cs_research.__main__ import exit_code
from cs_research.differences import differences
from cs_research.errors import Busy, CannotWrite, Refused
from cs_research.pipeline import Request, run_month
from cs_research.run import Run

MONTH = "2025-12"
ONE = ("from cs_research import open_run\nfrom cs_research.finding import Finding\nrun = open_run(run_dir)",
       'run.record("one", Finding("share", "All is well.", estimate=len(run.scores) / 100, n=len(run.scores)))')


def ask(root: Path, *notebooks: str) -> Request:
    """A small data set below `root`, with a recipe of these notebooks, each like ONE."""
    listed = "".join(f"\n- notebook: {name}" for name in notebooks) or " []"
    (root / "recipe").mkdir(parents=True)
    recipe = write_recipe(root / "recipe", f"kind: recipe\nnotebooks:{listed}")
    for name in notebooks:
        cells = (cell.replace('"one"', f'"{name}"').replace('"share"', f'"share_{name}"') for cell in ONE)
        write_notebook(root / "recipe" / "notebooks" / f"{name}.ipynb", *cells, parameters=PARAMETERS)
    write_data(root / "data", 60)
    return Request(root / "data", root / "out", recipe=recipe, jobs=1)


def log_of(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / ".runs" / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def command(capsys, *words: object) -> tuple[int, str, str]:
    code = exit_code([str(word) for word in words])
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.fixture(scope="module")
def twice(tmp_path_factory) -> Request:
    """December made of 60 events, then of 90: the second is published."""
    request = ask(tmp_path_factory.mktemp("twice"), "one")
    run_month(request)
    write_data(request.data, 90)
    run_month(request)
    return request


def test_the_run_before_stays_readable_and_the_page_of_all_months_leads_there(twice):
    earlier = runs.superseded(twice.out, MONTH)
    assert earlier != (twice.out / MONTH).resolve() and not runs.damage(earlier)
    links = re.findall('href="(.*?)"', (twice.out / "index.html").read_text(encoding="utf-8"))
    assert links == [f"{MONTH}/index.html", f".runs/superseded-{MONTH}/index.html"]
    assert all((twice.out / link).is_file() for link in links)
    accepted = [int(Run(run).files["accepted"].sum()) for run in (earlier, twice.out / MONTH)]
    assert accepted == [12 + 60 + 50, 12 + 90 + 50]


def test_runs_lists_both_and_rollback_changes_their_places_and_back(twice, capsys):
    now, before = (twice.out / MONTH).resolve(), runs.superseded(twice.out, MONTH)
    code, listed, _ = command(capsys, "runs", "--out", twice.out)
    assert code == 0
    rows = [line.split() for line in listed.splitlines()[1:]]
    assert [(row[0], row[3]) for row in rows] == [(now.name, "published"), (before.name, "superseded")]
    assert all(0.1 < float(row[4]) < 5 for row in rows)
    for new, old in ((before, now), (now, before)):
        code, said, _ = command(capsys, "rollback", MONTH, "--out", twice.out)
        assert (code, said.strip()) == (0, str(twice.out / MONTH / "index.html"))
        assert (twice.out / MONTH).resolve() == new and runs.superseded(twice.out, MONTH) == old
    assert command(capsys, "publish", before.name[:11], "--out", twice.out)[0] == 0
    assert (twice.out / MONTH).resolve() == before
    assert command(capsys, "publish", now.name, "--out", twice.out)[0] == 0
    code, _, said = command(capsys, "rollback", "2025-11", "--out", twice.out)
    assert code == 2 and "No run of 2025-11 was published before the one that is: cs-research runs lists them." in said
    code, _, said = command(capsys, "publish", "2025-12-zz", "--out", twice.out)
    assert code == 2 and f"names no run in {twice.out}: perhaps you mean" in said


def test_a_flipped_bit_is_named_by_verify_and_such_a_run_is_not_published(twice, tmp_path, capsys):
    out = tmp_path / "out"
    shutil.copytree(twice.out, out, symlinks=True)
    assert command(capsys, "verify", "--out", out)[:2] == (
        0, "".join(f"{run.name}: whole\n" for run in runs.kept(out)))
    earlier = runs.superseded(out, MONTH)
    table = earlier / "tables" / "scores.parquet"
    content = bytearray(table.read_bytes())
    content[len(content) // 2] ^= 1
    table.chmod(0o644)
    table.write_bytes(content)
    assert command(capsys, "verify", MONTH, "--out", out)[0] == 0
    code, said, _ = command(capsys, "verify", "--out", out)
    assert code == 2 and f"{earlier.name}: tables/scores.parquet has changed" in said
    code, _, said = command(capsys, "rollback", MONTH, "--out", out)
    assert code == 2 and "is not whole (tables/scores.parquet has changed): make the report" in said
    assert (out / MONTH).resolve() != earlier


def test_diff_says_what_differs_and_why(twice, tmp_path, capsys):
    earlier = runs.superseded(twice.out, MONTH)
    code, said, _ = command(capsys, "diff", earlier.name, MONTH, "--out", twice.out)
    assert code == 0
    told = re.split(r"\n(?=\w)", said)
    assert told[0] == ("Data: \n  usage_events.csv has changed\n  rows of usage_events: 60 -> 90")
    assert told[1:5] == ["Definitions: the same", "The suite's own files: the same", "Packages: the same",
                         "Parameters: the same"]
    assert re.search(r"\n  files: 1 rows read otherwise in rows_in, accepted\n", told[5])
    # Another version of a package and another definition tell that they are the reason.
    other = tmp_path / "other"
    shutil.copytree(earlier, other)
    about = json.loads((other / "run.json").read_text(encoding="utf-8"))
    about["packages"]["pandas"], about["definitions"]["quadrants"] = "1.5.3", "0"
    for name in ("run.json", "manifest.json"):
        (other / name).unlink()
    runs.write_json(other / "run.json", about)
    found = differences(Run(earlier), Run(other))
    assert found.pop("Packages")[0].endswith(" -> 1.5.3") and found.pop("Definitions") == ["quadrants has changed"]
    assert not any(found.values())


def test_diff_counts_rows_by_key_and_names_findings(twice):
    """November of the same data, beside December: each of the 12 accounts has one month more; the finding is
    the number of score rows over 100."""
    index = run_month(replace(twice, month="2025-11", out=twice.out.with_name("november")))
    before, after = open_run(index.parent), open_run(twice.out / MONTH)
    more, cards = len(after.scores) - len(before.scores), after.scores["scorecard"].nunique()
    assert more == 12 * cards
    found = differences(before, after)
    assert found["Data"] == [] and "month: 2025-11 -> 2025-12" in found["Parameters"]
    assert any(line.startswith(f"scores: {more} rows came") for line in found["Tables"])
    assert found["Key numbers"] == [
        f"share_one.estimate: {len(before.scores) / 100:.4g} -> {len(after.scores) / 100:.4g}"]


def test_only_what_readers_may_be_led_to_is_kept_for_24_months(tmp_path):
    def make(month: str, digit: str) -> Path:
        making = runs.making_folder(tmp_path, "test")
        (making / "index.html").write_text(digit)
        runs.seal(making)
        folder = runs.keep(making, month, digit * 12)
        os.utime(folder, ns=(int(digit),) * 2)
        return folder

    months = [f"{2024 + n // 12}-{n % 12 + 1:02}" for n in range(26)]
    with runs.locked(tmp_path):
        for month in months:
            for digit in "123":
                runs.publish(make(month, digit), tmp_path, month)
        held = make(months[-1], "4")
        pinned = make(months[0], "5")
        (tmp_path / "for-the-board").symlink_to(os.path.relpath(pinned, tmp_path))
        runs.sweep(tmp_path)
    left = {month: [run.name[8] for run in runs.kept(tmp_path) if run.name.startswith(month)] for month in months}
    assert left == {**{month: ["2", "3"] for month in months}, months[0]: ["3", "5"], months[1]: ["3"],
                    months[-1]: ["2", "3", "4"]}
    assert held.exists() and pinned.exists()
    assert all((tmp_path / month / "index.html").read_text() == "3" for month in months)


def test_months_at_once_and_one_by_one_in_any_order_are_the_same_bytes(tmp_path, capsys):
    request = ask(tmp_path, "one")
    told: list[str] = []
    last = run_month(replace(request, first="2025-10", jobs=2, lang="ja", progress=lambda text, _: told.append(text)))
    assert "2025-11: 1 of 3 months made" in told, "the bar tells how far it is"
    assert last == request.out / MONTH / "index.html"
    months = ["2025-10", "2025-11", "2025-12"]
    lines = [line for line in log_of(request.out) if line["step"] == "ingest"]
    assert len(lines) == 1, "the exports are read once for all months"
    for month in reversed(months):
        run_month(replace(request, month=month, out=tmp_path / "single", lang="ja"))
    for month in months:
        at_once, single = ((tmp_path / out / month).resolve() for out in ("out", "single"))
        assert at_once.name == single.name and not runs.damage(at_once)
        assert bytes_of(at_once) == bytes_of(single) and "tables/scores.parquet" in bytes_of(single)
    code, _, said = command(capsys, "run", request.data, "--from", "2026-01", "--out", request.out,
                            "--recipe", request.recipe)
    assert code == 2 and "--from 2026-01 is later than the last month, 2025-12: give an earlier month." in said


def test_a_back_fill_that_cannot_publish_frees_its_folder_when_no_process_writes_there(tmp_path):
    request = ask(tmp_path)
    (request.out / "2025-11").mkdir(parents=True)  # someone's own, in the place of the first link
    with pytest.raises(CannotWrite, match="2025-11 is not a link") as told:
        run_month(replace(request, first="2025-11", jobs=2))
    assert told.tb and not active_children(), "while the traceback is still at hand"


def test_late_data_rewrite_an_old_month_and_by_one_command_the_months_after_it(tmp_path, capsys):
    request = ask(tmp_path)
    run_month(replace(request, first="2025-10"))
    before = {month: (request.out / month).resolve() for month in ("2025-10", "2025-11", "2025-12")}
    write_data(request.data, 90)
    told: list[str] = []
    run_month(replace(request, month="2025-10", tell=told.append))
    assert (request.out / "2025-10").resolve() != before["2025-10"] == runs.superseded(request.out, "2025-10")
    assert (request.out / "2025-11").resolve() == before["2025-11"]
    words = re.fullmatch("Made of other data and as they were: 2025-11, 2025-12. Make them anew, too, by `(.*)`.",
                         told[-1])
    code, said, _ = command(capsys, *shlex.split(words[1])[1:])
    assert (code, said) == (0, f"{request.out / '2025-12' / 'index.html'}\n")
    assert {path.name for path in request.out.glob("20*")} == {*before}, "no month that was not there"
    for month, earlier in before.items():
        assert (request.out / month).resolve() != earlier == runs.superseded(request.out, month)
        assert not runs.damage(earlier)
    again: list[str] = []
    run_month(replace(request, month="2025-10", later=True, tell=again.append))
    assert len([line for line in again if line.startswith("Nothing has changed")]) == 1, "of that month alone"


def test_a_failed_notebook_is_run_again_and_what_was_complete_is_not(tmp_path, monkeypatch):
    request = ask(tmp_path, "one", "two")
    reference = bytes_of(run_month(request).parent.resolve())
    out = tmp_path / "again"

    def told(done: str) -> None:
        if done == "Notebook one done":
            raise OSError(28, "No space left on device", "two.ipynb")

    with pytest.raises(OSError, match="No space left"):
        run_month(replace(request, out=out, progress=lambda text, _: told(text)))
    failed = next(out.glob(".runs/making-*/steps.json"))
    steps_told: list[str] = []
    index = run_month(replace(request, out=out, progress=lambda text, _: steps_told.append(text)))
    assert "Running 1 notebooks" in steps_told and "Notebook one done" not in steps_told
    assert not [text for text in steps_told if text.startswith(("Exports", "Tables"))]
    assert bytes_of(index.parent.resolve()) == reference and not failed.exists()
    log = [(line["step"], line["outcome"], line["exit_code"]) for line in log_of(out)]
    assert log == [("ingest", "done", 0), ("tables", "done", 0), ("notebook one", "done", 0),
                   ("notebooks", "failed", 74), ("run", "failed", 74),
                   ("ingest", "taken up", 0), ("tables", "taken up", 0), ("notebook two", "done", 0),
                   ("notebooks", "done", 0), ("pages", "done", 0), ("privacy", "done", 0),
                   ("keep", "done", 0), ("run", "done", 0)]


def test_the_log_has_a_line_of_json_for_every_step_and_how_a_command_ended(twice, tmp_path):
    lines = log_of(twice.out)
    made = [line for line in lines if line.get("run")]
    assert {line["step"] for line in made} == {"tables", "notebook one", "notebooks", "pages", "privacy", "keep"}
    assert {line["month"] for line in made} == {MONTH}
    assert all(line["seconds"] >= 0 and line["exit_code"] == 0 and line["time"][-6:] == "+00:00" for line in lines)
    out = tmp_path / "out"
    (out / ".runs").mkdir(parents=True)
    with pytest.raises(Refused):
        run_month(replace(twice, out=out, month="2030-01"))
    end = log_of(out)[-1]
    assert (end["step"], end["month"], end["outcome"], end["exit_code"]) == ("run", "2030-01", "failed", 2)
    assert "2030-01 is outside the data" in end["sentence"]


def test_a_step_whose_file_was_damaged_is_done_again_with_those_that_may_rest_on_it(tmp_path):
    (tmp_path / ".runs").mkdir()
    done: list[str] = []

    def write(making: steps.Making, name: str) -> dict[str, str]:
        done.append(name)
        (making.folder / name).write_text(name)
        return {"told": name}

    for number in (1, 2, 3):
        making = steps.Making(tmp_path, "id")
        (making.folder / "half").write_text("what a killed step left")
        for name in ("a", "b"):
            assert making.step(name, lambda: write(making, name), name) == {"told": name}  # noqa: B023
        assert (making.folder / "half").exists()
        if number == 2:
            (making.folder / "a").write_text("x")
    assert done == ["a", "b", "a", "b"]
    making = steps.Making(tmp_path, "id")
    assert not (making.folder / "half").exists() and (making.folder / "b").read_text() == "b"
    for damaged in ("[1]", "{", '{"a": 1}'):
        (making.folder / "steps.json").write_text(damaged)
        assert not steps.Making(tmp_path, "id").steps and not (making.folder / "b").exists()


@pytest.mark.parametrize(("note", "refused"), [
    ({"pid": 7, "host": "elsewhere", "boot": "another"}, True),
    ({"pid": 7, "host": "elsewhere", "boot": "this"}, False),  # a container of this machine that is no more
    ({"pid": 7, "host": socket.gethostname(), "boot": "another"}, False),  # this machine before it was started anew
    ({}, False),
])
def test_the_lock_of_the_dead_is_taken_over_but_for_that_of_another_machine(tmp_path, monkeypatch, note, refused):
    boot = tmp_path / "boot"
    boot.write_text("this\n")
    monkeypatch.setattr(runs, "_BOOT", boot)
    out = tmp_path / "my reports"
    (out / ".runs").mkdir(parents=True)
    lock = out / ".runs" / "lock.json"
    lock.write_text(json.dumps(note) if note else "{")
    if refused:
        with pytest.raises(Busy, match="process 7 on elsewhere") as told, runs.locked(out):
            pass
        clear = re.search("`(.*)`", told.value.remedy)[1]
        assert shlex.split(clear) == ["rm", str(lock)] and lock.exists()
        lock.unlink()
    with runs.locked(out):
        assert json.loads(lock.read_text())["pid"] == os.getpid()
    assert not lock.exists()


def test_a_held_run_is_published_from_where_it_is_kept(tmp_path, capsys):
    request = ask(tmp_path)
    options = ["--out", request.out, "--as-of", "2025-12-15"]
    code, _, said = command(capsys, "run", request.data, "--month", MONTH, "--recipe", request.recipe, *options)
    assert code == 4 and "not complete" in said
    held = keeping.kept_runs(request.out)[0]
    assert (held.state, held.holds) == ("held", ("H_INCOMPLETE", "H_TABLE_ENDS")[:len(held.holds)])
    code, _, said = command(capsys, "publish", held.folder.name, "--out", request.out)
    assert code == 4 and "--acknowledge H_INCOMPLETE" in said and not (request.out / MONTH).exists()
    codes = [word for hold in held.holds for word in ("--acknowledge", hold)]
    assert command(capsys, "publish", held.folder.name, "--out", request.out, *codes)[0] == 0
    assert (request.out / MONTH).resolve() == held.folder


def test_a_report_that_cannot_be_printed_or_led_to_leaves_what_readers_see(tmp_path, monkeypatch):
    request = ask(tmp_path)
    before, page = run_month(request).parent.resolve(), request.out / "index.html"
    link, seen = request.out / MONTH, page.read_bytes()
    write_data(request.data, 90)
    browser = tmp_path / "bin" / "chromium"
    browser.parent.mkdir()
    monkeypatch.setenv("PATH", str(browser.parent), prepend=os.pathsep)
    browser.write_text("#!/bin/sh\necho no display >&2\nexit 1\n")
    browser.chmod(0o755)
    with pytest.raises(Refused, match=r"could not be printed \(no display\)"):
        run_month(replace(request, pdf=True))
    assert (link.resolve(), page.read_bytes()) == (before, seen)

    browser.write_text('#!/bin/sh\nfor word; do case $word in --print-to-pdf=*) echo paper > "${word#*=}";; esac; done')
    link.unlink()
    link.mkdir()
    with pytest.raises(CannotWrite, match="is not a link"):
        run_month(replace(request, pdf=True))
    printed = link.with_suffix(".pdf")
    assert not printed.exists() and page.read_bytes() == seen
    link.rmdir()
    run_month(request)
    assert not [*request.out.glob(".runs/.*.pdf")] and not printed.exists(), "the half of before is swept"
    run_month(replace(request, pdf=True))
    assert printed.read_text() == "paper\n" and printed.name in page.read_text(encoding="utf-8")
    assert link.resolve() != before and not [*request.out.glob(".runs/.*.pdf")]
