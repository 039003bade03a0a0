"""What differs between two runs, and why: what they were made of first, then what came out.

This layer compares; it judges neither run.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from cs_research.definitions.dictionary import outputs
from cs_research.run import Run


def differences(before: Run, after: Run) -> dict[str, list[str]]:
    """What differs, as sentences under what they are about: why (data, definitions, versions, parameters), then what
    (tables, key numbers). No sentence where the two agree.

    Raises Refused where a file of either is damaged.
    """
    one, two = before.about, after.about
    told = ("month", "as_of", "dataset", "parameters", "rows_before", "tried_card")
    return {
        "Data": _changed(one["inputs"], two["inputs"]) + _moved(_rows(before), _rows(after)),
        "Definitions": _changed(one["definitions"], two["definitions"]),
        "The suite's own files": _changed(one["sources"], two["sources"]),
        "Packages": _moved(one["packages"], two["packages"]),
        "Parameters": _moved({name: one[name] for name in told}, {name: two[name] for name in told}),
        "Tables": _tables(before, after),
        "Key numbers": _moved(_numbers(before), _numbers(after)),
    }


def _changed(one: Mapping[str, str], two: Mapping[str, str]) -> list[str]:
    """Names that came, went or have another content."""
    return [f"{name} {'was added' if name not in one else 'is gone' if name not in two else 'has changed'}"
            for name in sorted({*one, *two}) if one.get(name) != two.get(name)]


def _moved(one: Mapping[str, Any], two: Mapping[str, Any]) -> list[str]:
    """Values that differ, both of them; of values within values those that do."""
    found = []
    for name in sorted({*one, *two}):
        then, now = one.get(name), two.get(name)
        if isinstance(then, dict) and isinstance(now, dict):
            found += [f"{name}.{line}" for line in _moved(then, now)]
        elif then != now:
            found.append(f"{name}: {_said(then)} -> {_said(now)}")
    return found


def _said(value: Any) -> str:
    return "none" if value in (None, "", {}) else f"{value:.4g}" if isinstance(value, float) else str(value)


def _rows(run: Run) -> dict[str, int]:
    """How many rows of each input table were taken."""
    return {f"rows of {name}": int(rows) for name, rows in run.files.groupby("table")["accepted"].sum().items()}


def _numbers(run: Run) -> dict[str, Any]:
    return {name: {"estimate": found.estimate, "verdict": found.verdict} for name, found in run.findings.items()}


def _tables(before: Run, after: Run) -> list[str]:
    """Rows that came, went or read otherwise, by table, with the columns in which they do."""
    there, now = {*before.tables}, {*after.tables}
    found = {name: _rows_differ(outputs()[name]["key"], *(run.checked(f"tables/{name}.parquet")
                                                          for run in (before, after))) for name in there & now}
    found |= {name: ["is gone" if name in there else "was added"] for name in there ^ now}
    return [f"{name}: {'; '.join(told)}" for name, told in sorted(found.items()) if told]


def _rows_differ(key: list[str], one: Path, two: Path) -> list[str]:
    with duckdb.connect() as connection:
        frames = {"one": connection.read_parquet(str(one)), "two": connection.read_parquet(str(two))}

        def extra(there: str, here: str, columns: list[str]) -> int:
            """How many rows of `there` are not `here`, told apart by some columns."""
            rows = [frames[name].project(", ".join(f'"{column}"' for column in columns)) for name in (there, here)]
            return len(rows[0].except_(rows[1]))

        columns = [column for column in frames["one"].columns if column in frames["two"].columns]
        came, went, others = extra("two", "one", key), extra("one", "two", key), extra("two", "one", columns)
        where = [name for name in columns if name not in key and extra("two", "one", [*key, name]) > came]
    parts = [(came, "rows came"), (went, "rows went"), (others - came, f"rows read otherwise in {', '.join(where)}")]
    return [f"{number:,} {what}" for number, what in parts if number]
