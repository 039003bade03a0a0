"""Every malformed file of the manifest, tried in a data set of otherwise good files, leads where it must."""

import json
import shutil
from pathlib import Path

import pytest

from cs_research.definitions.loader import read_definition
from cs_research.errors import Refused
from cs_research.ingest import check, open_dataset

HERE = Path(__file__).parent / "bad_inputs"
MANIFEST = json.loads((HERE / "manifest.json").read_text(encoding="utf-8"))
GOOD = {"contracts": "g01_contracts_ok.csv", "usage_events": "g02_events_ok.csv", "touches": "g03_touches_ok.csv"}
NOT_YET: set[str] = set()  # files that do not lead where they must as yet


def table_of(file: str) -> str:
    """The table that the columns of a file name; compressed and damaged ones hold events or contracts."""
    head = (HERE / file).read_bytes()[:200]
    if b"event_id" in head or file in ("s17_truncated.csv.gz", "s18_gzip_bad_crc.csv.gz"):
        return "usage_events"
    return "touches" if b"touch_id" in head else "contracts"


def tried(file: str, folder: Path) -> dict:
    """What `check` says of the file among good ones."""
    table, suffix = table_of(file), file[file.index("."):]
    for other, good in GOOD.items():
        if other != table:
            shutil.copy(HERE / good, folder / f"{other}.csv")
    shutil.copy(HERE / file, folder / f"{table}{suffix}")
    (folder / "dataset.yml").write_text("kind: dataset\nname: Tried\nlimits: {expanded_mb: 50, ratio: 200}\n")
    if (sidecar := HERE / f"{file}.sha256").exists():
        shutil.copy(sidecar, folder / f"{table}{suffix}.sha256")
    result = check(open_dataset(folder, zone="Asia/Tokyo", as_of="2025-12-31"))
    assert result["ok"] == all(entry["outcome"] != "reject_file" for entry in result["files"])
    return next(entry for entry in result["files"] if entry["file"] == f"{table}{suffix}")


def cases(yaml: bool) -> list:
    return [pytest.param(row, id=row["file"].split(".")[0],
                         marks=[pytest.mark.xfail(strict=True)] if row["file"] in NOT_YET else [])
            for row in MANIFEST if row["file"].endswith(".yaml") == yaml]


@pytest.mark.parametrize("row", cases(yaml=False))
def test_file_leads_where_it_must(row, tmp_path):
    entry = tried(row["file"], tmp_path)
    accepted = ("accept", "accept_warn")
    assert entry["outcome"] in (accepted if row["outcome"] in accepted else (row["outcome"],))
    if row["reason_code"]:
        assert row["reason_code"] in entry["codes"]
    if row["outcome"] == "reject_file":
        assert (entry["accepted"], entry["quarantined"]) == (0, 0)
        return
    assert [entry[key] for key in ("rows_in", "accepted", "quarantined", "excluded")] == [
        row["rows_in"], row["accepted"], row["quarantined"], 0]
    lines = {int(line) for line in row["lines"].split(";") if line}
    faults = {place["line"] for place in entry["rows"] if place["code"].startswith("R_")}
    named = {place["line"] for place in entry["rows"] if place["code"] == row["reason_code"]}
    assert not lines or (faults if row["outcome"] == "quarantine" else named) == lines


@pytest.mark.parametrize("row", cases(yaml=True))
def test_definition_is_refused(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Refused, match=f"F_CONFIG .*{row['file']}:[0-9]+: "):
        read_definition(HERE / row["file"])
    assert list(tmp_path.iterdir()) == []
