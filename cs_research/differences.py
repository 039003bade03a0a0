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
        "Data": _changed(one["inputs"], two["inputs"]) + _rows(before, after),
        "Definitions": _changed(one["definitions"], two["definitions"]),
        "The suite's own files": _changed(one["sources"], two["sources"]),
        "Packages": _moved(one["packages"], two["packages"]),
        "Parameters": _moved({name: one[name] for name in told}, {name: two[name] for name in told}),
        "Tables": _tables(before, after),
        "Key numbers": _findings(before, after),
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


def _rows(before: Run, after: Run) -> list[str]:
    """How many rows of each input table were taken."""
    counts = [run.files.groupby("table")["accepted"].sum().to_dict() for run in (before, after)]
    return [f"rows of {line}" for line in _moved(*({k: int(v) for k, v in one.items()} for one in counts))]


def _findings(before: Run, after: Run) -> list[str]:
    """Every Finding whose estimate or verdict differs."""
    one, two = ({name: {"estimate": found.estimate, "verdict": found.verdict or None}
                 for name, found in run.findings.items()} for run in (before, after))
    return _moved(one, two)


def _tables(before: Run, after: Run) -> list[str]:
    """Rows that came, went or read otherwise, by table, with the columns in which they do."""
    found = []
    for name in sorted({*before.tables, *after.tables}):
        paths = [run.checked(f"tables/{name}.parquet") if name in run.tables else None for run in (before, after)]
        if line := _table(outputs()[name]["key"], *paths):
            found.append(f"{name}: {line}")
    return found


def _table(key: list[str], one: Path | None, two: Path | None) -> str:
    if one is None or two is None:
        return "was added" if one is None else "is gone"
    with duckdb.connect() as connection:
        for name, path in (("one", one), ("two", two)):
            connection.execute(f"CREATE VIEW {name} AS FROM read_parquet('{str(path).replace(chr(39), chr(39) * 2)}')")

        def fewer(there: str, here: str, columns: list[str]) -> int:
            """Rows of `there` that `here` has not, told apart by some columns."""
            listed = ", ".join(f'"{column}"' for column in columns)
            query = f"SELECT count(*) FROM (SELECT {listed} FROM {there} EXCEPT SELECT {listed} FROM {here})"
            return connection.execute(query).fetchone()[0]

        columns = [[row[0] for row in connection.execute(f"DESCRIBE {name}").fetchall()] for name in ("one", "two")]
        shared = [column for column in columns[0] if column in columns[1]]
        came, went = fewer("two", "one", key), fewer("one", "two", key)
        changed = [column for column in shared if column not in key and fewer("two", "one", [*key, column]) > came]
        others = fewer("two", "one", shared) - came
    parts = [(came, "rows came"), (went, "rows went"), (others, f"rows read otherwise in {', '.join(changed)}")]
    told = [f"{number:,} {what}" for number, what in parts if number]
    return "; ".join(told + [f"other columns: {', '.join(sorted({*columns[0]} ^ {*columns[1]}))}"]
                     * (columns[0] != columns[1]))
