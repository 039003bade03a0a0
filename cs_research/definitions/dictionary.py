"""The data dictionary: what every table of a run holds, column by column, and its page of docs/."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from cs_research.definitions import models, strict_yaml
from cs_research.definitions.loader import Definitions, load_definitions

Line = tuple[str, str, str]  # column, unit, about


@cache
def outputs() -> dict[str, dict[str, Any]]:
    """The tables that a run writes (row, key, columns: name -> unit and about), as outputs.yml says."""
    told = strict_yaml.read_yaml(Path(__file__).parent / "outputs.yml")[0]
    return {name: {**table, "columns": {column: table.get("here", {}).get(column) or told["columns"][column]
                                        for column in [*table["key"], *table["columns"]]}}
            for name, table in told["tables"].items()}


def described(name: str, definitions: Definitions) -> list[Line]:
    """Column, unit and meaning of each column of an output or an input table, in their order.

    >>> described("not_measured", load_definitions())[0]
    ('measure', 'text', 'name of the measure')
    """
    if name not in outputs():
        return [(key, c.type, c.about) for key, c in definitions.tables[name].columns.items()]
    lines = [(column, told["unit"], told["about"]) for column, told in outputs()[name]["columns"].items()]
    return lines + (list(_measures(definitions)) if name == "measures" else [])


def _measures(definitions: Definitions) -> Iterator[Line]:
    touch = definitions.touch_points
    yield from ((name, measure.unit, measure.about) for name, measure in definitions.measures.items())
    yield from ((name, "count", f"touches of the type {kind} in the month") for name, kind in touch.counts.items())
    yield from ((name, "share", f"{r.about.en}: {r.of} / {r.per}") for name, r in touch.reactions.items())
    yield from ((name, "count", counter.about) for name, counter in definitions.events.counters.items())
    yield from ((name, "number", rating.about) for name, rating in definitions.ratings.kinds.items())


def data_dictionary(definitions: Definitions) -> str:
    """The text of docs/data-dictionary.md: every table that goes in and every one that comes out."""
    lines = ["# Data dictionary", "",
             "Made by `make docs` from `tables.yml`, `outputs.yml` and `measures.yml`; edit those. In a notebook "
             '`run.describe("scores")` says the same of a table.', "",
             "What goes in comes first; columns marked * are required. [What comes out](#what-comes-out) follows.", ""]
    for name, table in definitions.tables.items():
        lines += [f"## {name}", "", f"One row is {table.row}. Key: {', '.join(table.key)} ({table.delivery}).", "",
                  "| column | type | limits | about |", "|---|---|---|---|"]
        lines += [f"| {key}{'*' if c.required else ''} | {c.type} | {_limits(c)} | {c.about} |"
                  for key, c in table.columns.items()] + [""]
    lines += ["# What comes out", "", "One Parquet file each under `tables/` of a run. A name means the same in every "
              "table. A share is from 0 to 1, money in the currency of the data set, a month its first day.", ""]
    for name, output in outputs().items():
        lines += [f"## {name}, out", "", f"One row is {output['row']}. Key: {', '.join(output['key'])}.", "",
                  "| column | unit | about |", "|---|---|---|"]
        lines += [f"| {' | '.join(line)} |" for line in described(name, definitions)] + [""]
    lines += ["## What a measure needs", "", "Without it the measure is empty, never zero; a card may use any of them.",
              "", "| measure | needs |", "|---|---|"]
    for name, measure in definitions.measures.items():
        role = [f"{measure.needs.role.replace('_', ' ')} events"] if measure.needs.role else []
        needs = ", ".join([" or ".join(measure.needs.tables), *measure.needs.columns, *role])
        lines += [f"| {name} | {needs} |"] if needs else []
    return "\n".join(lines) + "\n"


def _limits(column: models.Column) -> str:
    if column.values:
        return ", ".join(column.values)
    bounds = [f"from {column.minimum:,.0f}" if column.minimum is not None else "",
              f"to {column.maximum:,.0f}" if column.maximum is not None else ""]
    return " ".join(filter(None, bounds))


if __name__ == "__main__":
    print(data_dictionary(load_definitions()), end="")
