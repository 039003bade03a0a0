"""What `cs-research check` shows: tables of files and of faults that a person can act on, and definition files.

It judges nothing itself.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rich.table import Column, Table
from rich.text import Text

from cs_research.definitions.loader import load_definitions, read_definition
from cs_research.errors import Refused
from cs_research.ingest.dataset import Dataset
from cs_research.ingest.ledger import COUNTS, Entry
from cs_research.ingest.rules import Rejected, all_rules

EXAMPLES = 3
STYLES = {"accept": "green", "accept_warn": "yellow", "quarantine": "magenta", "reject_file": "red"}
SEVERITY = {"F": "red", "R": "magenta", "W": "yellow"}


def check_definitions(folder: Path) -> dict[str, Any]:
    """Read every definition file of a folder: the content of `check --json`, a bad one rejected as F_CONFIG.

    Raises Refused when the folder is not there or holds none.
    """
    paths = sorted(folder.rglob("*.y*ml"))
    if not paths:
        raise Refused(f"There are no definition files in '{folder}'", "give a folder of .yml files")
    told = {path: _refusal(read_definition, path) for path in paths}
    if not any(told.values()):  # each is right by itself: are they together, over the defaults?
        told[paths[-1]] = _refusal(load_definitions, folder)
    entries = [Entry(number, path.relative_to(folder).as_posix(), "") for number, path in enumerate(paths)]
    for entry, fault in zip(entries, told.values(), strict=True):
        if fault:
            entry.reject(Rejected("F_CONFIG", fault[2], 0, fault[1] and int(fault[1])))
    return {"files": [entry.as_json() for entry in entries], "ok": not any(told.values())}


def files_table(result: dict[str, Any]) -> Table:
    """One line per file: what became of it and of its rows."""
    table = Table("File", "Table", "Outcome", *(_right(name) for name in COUNTS), box=None, header_style="bold")
    for file in result["files"]:
        numbers = ["" if file[name] is None else f"{file[name]:,}" for name in COUNTS]
        outcome = "unused" if "W_FILE_UNUSED" in file["codes"] else file["outcome"]
        table.add_row(Text(file["file"]), file["table"], Text(outcome, STYLES[file["outcome"]]), *numbers)
    return table


def faults_table(result: dict[str, Any]) -> Table:
    """One line per file and code, the gravest first: rows, what it says, the first examples, what to do."""
    table = Table("Code", "File", _right("rows"), "What it is", "First examples", "What to do", header_style="bold",
                  box=None, padding=(0, 2, 1, 0))
    found = [(code, file, count) for file in result["files"] for code, count in file["codes"].items()]
    for code, file, count in sorted(found, key=lambda item: ("FRW".index(item[0][0]), -item[2], item[1]["file"])):
        rule = all_rules()[code]
        table.add_row(Text(code, SEVERITY[code[0]]), Text(file["file"]), f"{count:,}", rule.sentence,
                      Text("\n".join(_examples(file, code))), Text(rule.remedy))
    return table


def without_points(dataset: Dataset) -> list[str]:
    """The touch types that dataset.yml maps to and that earn no points, such as `call`: right, but easily missed."""
    types = dataset.definitions.touch_points.types
    mapped = {name for part in dataset.tables.values() for name in part.spec.values.get("touch_type", {}).values()}
    return sorted(name for name in mapped if name in types and not (types[name].points or types[name].levels))


def _examples(file: dict[str, Any], code: str) -> Iterator[str]:
    places = [row for row in file["rows"] if row["code"] == code]
    for row in places[:EXAMPLES]:
        at = f"line {row['line']}" if row["line"] else f"record {row['record']}" if row["record"] else ""
        value = str(row["value"])[:300] if code[0] == "F" else repr(row["value"])[:60] if row["value"] else ""
        yield " ".join(filter(None, (at, row["column"], value)))


def _refusal(read: Callable[[Path], object], path: Path) -> re.Match[str] | None:
    """What a reader says of a file: the line and the fault, None when it is right."""
    try:
        read(path)
    except Refused as refused:
        return re.match(r"(?:F_CONFIG .*?:([0-9]+): )?(.*)", refused.sentence, re.DOTALL)
    return None


def _right(name: str) -> Column:
    return Column(name.replace("_", " ").capitalize(), justify="right")
