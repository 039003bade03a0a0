"""A reader sees a whole report, the old or the new one; an interrupted run leaves nothing to repair."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cs_research import runs
from cs_research.errors import Busy, CannotWrite


def make_run(out: Path, content: str, identity: str = "0123456789ab", month: str = "2026-10") -> Path:
    making = runs.making_folder(out, "test")
    (making / "tables").mkdir()
    (making / "tables" / "scores.parquet").write_text(content)
    (making / "index.html").write_text(content)
    runs.seal(making)
    return runs.keep(making, month, identity)


def test_the_same_parts_give_the_same_id_in_any_order():
    assert runs.run_id({"a": 1, "b": {"c": "d"}}) == runs.run_id({"b": {"c": "d"}, "a": 1})
    assert runs.run_id({"a": 1}) != runs.run_id({"a": 2})
    assert len(runs.run_id({})) == 12


def test_inputs_are_named_from_the_folder_of_the_data_set_wherever_it_lies(tmp_path):
    for place in ("one", "two"):
        (tmp_path / place / "part").mkdir(parents=True)
        (tmp_path / place / "part" / "a.csv").write_text("same")
        (tmp_path / place / "outside").write_text("same")
    one, two = (runs.file_hashes([tmp_path / p / "part" / "a.csv", tmp_path / p / "outside"], tmp_path / p / "part")
                for p in ("one", "two"))
    assert one == two
    assert list(one) == ["a.csv", "outside"]


def test_two_files_of_one_name_both_count(tmp_path):
    for place in ("x", "y"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "a.csv").write_text(place)
    assert len(runs.file_hashes([tmp_path / "x/a.csv", tmp_path / "y/a.csv"], tmp_path / "z")) == 2


def test_publishing_swaps_a_relative_link_and_keeps_the_earlier_run(tmp_path):
    with runs.locked(tmp_path):
        old = make_run(tmp_path, "old")
        runs.publish(old, tmp_path, "2026-10")
        new = make_run(tmp_path, "new", "ba9876543210")
        link = runs.publish(new, tmp_path, "2026-10")
    assert os.readlink(link) == ".runs/2026-10-ba9876543210"
    assert (link / "index.html").read_text() == "new"
    assert (old / "index.html").read_text() == "old"


def test_a_folder_in_the_place_of_the_link_is_left_alone(tmp_path):
    (tmp_path / "2026-10").mkdir()
    (tmp_path / "2026-10" / "mine.txt").write_text("mine")
    with runs.locked(tmp_path), pytest.raises(CannotWrite, match="move it away"):
        runs.publish(make_run(tmp_path, "new"), tmp_path, "2026-10")
    assert (tmp_path / "2026-10" / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(("harm", "seen"), [
    (lambda run: (run / "tables/scores.parquet").chmod(0o644) or (run / "tables/scores.parquet").write_text("b"),
     "tables/scores.parquet has changed"),
    (lambda run: (run / "index.html").unlink(), "index.html is missing"),
    (lambda run: (run / "extra").write_text(""), "extra was added"),
    (lambda run: (run / "manifest.json").unlink(), "manifest.json cannot be read"),
])
def test_a_run_that_is_no_longer_whole_is_not_found_and_is_replaced(tmp_path, harm, seen):
    with runs.locked(tmp_path):
        run = make_run(tmp_path, "whole")
        assert runs.find(tmp_path, "2026-10", "0123456789ab") == run
        harm(run)
        assert runs.damage(run) == [seen]
        assert runs.find(tmp_path, "2026-10", "0123456789ab") is None
        assert runs.find(tmp_path, "2026-10", "0123456789ab") is None
        anew = make_run(tmp_path, "whole")
        assert runs.find(tmp_path, "2026-10", "0123456789ab") == anew


def test_a_reader_is_led_to_a_report_at_every_moment_while_a_damaged_one_is_replaced(tmp_path, monkeypatch):
    link, dangled = tmp_path / "2026-10", []

    def watched(call):
        def watching(*arguments, **options):
            result = call(*arguments, **options)
            dangled.append(not (link / "index.html").exists())
            return result
        return watching

    with runs.locked(tmp_path):
        damaged = make_run(tmp_path, "old")
        runs.publish(damaged, tmp_path, "2026-10")
        (damaged / "tables" / "scores.parquet").unlink()
        for owner, name in ((os, "replace"), (os, "rename"), (Path, "rename"), (Path, "symlink_to"), (Path, "unlink"),
                            (os, "unlink")):
            monkeypatch.setattr(owner, name, watched(getattr(owner, name)))
        anew = make_run(tmp_path, "new")
        runs.publish(anew, tmp_path, "2026-10")
    monkeypatch.undo()
    assert dangled and not any(dangled)
    assert (link / "index.html").read_text() == "new"
    with runs.locked(tmp_path):
        runs.sweep_making(tmp_path)
        assert runs.find(tmp_path, "2026-10", "0123456789ab") == anew
        assert not damaged.exists() and len(list((tmp_path / ".runs").glob("*2026-10*"))) == 1


def test_a_kept_run_cannot_be_written_to(tmp_path):
    with runs.locked(tmp_path):
        run = make_run(tmp_path, "whole")
    assert all(path.stat().st_mode & 0o222 == 0 for path in run.rglob("*") if path.is_file())


def test_to_keep_a_run_lets_nobody_read_what_was_private(tmp_path):
    umask = os.umask(0o077)
    try:
        with runs.locked(tmp_path):
            run = make_run(tmp_path, "whole")
    finally:
        os.umask(umask)
    assert {path.stat().st_mode & 0o777 for path in run.rglob("*") if path.is_file()} == {0o400}


def test_what_an_interrupted_run_left_is_swept_and_what_is_kept_stays(tmp_path):
    with runs.locked(tmp_path):
        kept = make_run(tmp_path, "whole")
        runs.publish(kept, tmp_path, "2026-10")
        left = runs.making_folder(tmp_path, "left")
        (left / "half.parquet").write_text("half")
        (tmp_path / ".making-2026-11").symlink_to(".runs/making-left")
    with runs.locked(tmp_path):
        runs.sweep_making(tmp_path)
        assert not left.exists()
        assert not (tmp_path / ".making-2026-11").is_symlink()
        assert (tmp_path / "2026-10" / "index.html").read_text() == "whole"


def test_a_second_run_is_busy_and_names_the_first_which_may_die_without_repair(tmp_path):
    hold = f"import time; from pathlib import Path; from cs_research import runs\n" \
           f"with runs.locked(Path({str(tmp_path)!r})): print('held', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "held\n"
        with pytest.raises(Busy, match=f"process {first.pid} on "), runs.locked(tmp_path):
            pass
        first.kill()
        first.wait()
    time.sleep(0.05)
    with runs.locked(tmp_path):
        assert (tmp_path / ".runs" / "lock.json").exists()


def test_a_place_that_cannot_hold_reports_is_told_in_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite, match="cannot be written to"), runs.locked(tmp_path / "file"):
        pass
