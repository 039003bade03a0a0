"""Writes the data dictionary: canonical tables and measures as Markdown, from their definition files."""

from cs_research.definitions.loader import Definitions, load_definitions
from cs_research.definitions.models import Column


def data_dictionary(definitions: Definitions) -> str:
    """The text of docs/data-dictionary.md: every canonical table with its columns, every measure of the panel."""
    lines = ["# Data dictionary", "",
             "Made by `make docs` from `tables.yml` and `measures.yml`; edit those. Columns marked * are required.", ""]
    for name, table in definitions.tables.items():
        lines += [f"## {name}", "", f"One row is {table.row}. Key: {', '.join(table.key)} ({table.delivery}).", "",
                  "| column | type | limits | about |", "|---|---|---|---|"]
        lines += [f"| {key}{'*' if c.required else ''} | {c.type} | {_limits(c)} | {c.about} |"
                  for key, c in table.columns.items()] + [""]
    lines += ["## Measures of the panel", "", "One value per account and month; a card may use any of them.", "",
              "| measure | unit | needs | is |", "|---|---|---|---|"]
    for name, measure in definitions.measures.items():
        role = [f"{measure.needs.role.replace('_', ' ')} events"] if measure.needs.role else []
        needs = ", ".join([" or ".join(measure.needs.tables), *measure.needs.columns, *role])
        lines.append(f"| {name} | {measure.unit} | {needs} | {measure.about} |")
    touch = definitions.touch_points
    lines += [f"| {name} | count | touches | touches of the type {kind} in the month |"
              for name, kind in touch.counts.items()]
    lines += [f"| {name} | share | touches | {r.about.en}: {r.of} / {r.per} |" for name, r in touch.reactions.items()]
    return "\n".join(lines) + "\n"


def _limits(column: Column) -> str:
    if column.values:
        return ", ".join(column.values)
    bounds = [f"from {column.minimum:,.0f}" if column.minimum is not None else "",
              f"to {column.maximum:,.0f}" if column.maximum is not None else ""]
    return " ".join(filter(None, bounds))


if __name__ == "__main__":
    print(data_dictionary(load_definitions()), end="")
