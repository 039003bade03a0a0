"""Judges every row of a loaded file: which are accepted as typed values, which have a fault, which are odd.

It may not drop a row: each one is accepted, in `faults`, or excluded by a condition with a name.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import zip_longest

import duckdb

from cs_research.definitions.models import Column, Table
from cs_research.ingest.columns import (
    CONTROL_IN_TEXT,
    INTEGERS,
    Judged,
    Zones,
    identifier,
    judge_text,
    judge_typed,
    quoted,
)
from cs_research.ingest.mapping import Files
from cs_research.ingest.readers import Raw
from cs_research.ingest.rules import Rejected, first_line

FIELD_LIMIT = 32_767


@dataclass(frozen=True)
class Plan:
    """What the judgement of a file needs; `positions` tells which source column is which, `plain` which hold
    none but plain cells."""

    raw: Raw
    columns: dict[str, Column]
    spec: Files
    positions: dict[str, int]
    zones: Zones
    plain: frozenset[str] = frozenset()

    @cached_property
    def cells(self) -> dict[str, tuple[str, Judged]]:
        """For every canonical column the SQL of its source and its judgement. Raises Rejected (F_COLUMN_TYPE)."""
        return {name: _cell(self, name, column) for name, column in self.columns.items()}


def create_ledgers(con: duckdb.DuckDBPyConnection) -> None:
    """The tables that hold what happened to rows: faults, warnings and exclusions, by file and row."""
    con.execute("""
        CREATE TEMP TABLE faults (_file INTEGER, _row BIGINT, position INTEGER, column_name VARCHAR, code VARCHAR,
                                  value VARCHAR);
        CREATE TEMP TABLE warnings AS FROM faults;
        CREATE TEMP TABLE excluded (_file INTEGER, _row BIGINT, name VARCHAR);
        CREATE TEMP VIEW set_aside AS SELECT _file, _row FROM faults UNION ALL SELECT _file, _row FROM excluded""")


def typed(table: Table, judged: Iterable[str]) -> str:
    """SQL: the typed rows of all files of a table; none where no file was taken."""
    none = ", ".join(f"CAST(NULL AS {column.sql_type}) AS {name}" for name, column in table.columns.items())
    return " UNION ALL ".join(judged) or f"SELECT 0 AS _file, 0::BIGINT AS _row, {none} WHERE false"


def judge(con: duckdb.DuckDBPyConnection, plan: Plan, file: int) -> str:
    """Write what is wrong with which row of the file into the ledgers; returns its typed rows as SQL.

    One pass tells which columns are plain in every row, the next finds odd rows without the steps that only other
    columns need, and only odd rows are looked at for what is odd in them.
    """
    kept = _exclude(con, file, plan.spec, plan.raw, _named(plan))
    plain = {name: judged.steps[0][1] for name, (_, judged) in plan.cells.items() if judged.plain}
    try:
        told = con.execute(f"SELECT {', '.join(f'coalesce(bool_and({test}), true)' for test in plain.values()) or 1} "
                           f"FROM ({_stated(plan, kept)})").fetchone()
        plan = replace(plan, plain=frozenset(name for name, is_so in zip(plain, told, strict=False) if is_so))
        own = ", ".join(f"c{index}" for index in range(len(plan.raw.opened.header)))
        con.execute(f"CREATE OR REPLACE TEMP TABLE odd AS SELECT _row, {own} FROM ({_stages(plan, kept)}) "
                    f"WHERE {' OR '.join(f'({condition})' for condition in _conditions(plan))}")
    except (duckdb.IOException, duckdb.InvalidInputException) as error:  # a page of Parquet that cannot be read
        raise Rejected("F_PARQUET", first_line(error)) from None
    if con.execute("SELECT count(*) FROM odd").fetchone()[0]:
        _look_again(con, plan, file)
    values = ", ".join(f"{name}_v::{column.sql_type} AS {name}" for name, column in plan.columns.items())
    return f"SELECT {file} AS _file, _row, {values} FROM ({_stages(plan, kept)})"


def judge_source(con: duckdb.DuckDBPyConnection, raw: Raw, spec: Files, file: int, alias: str) -> None:
    """Judge a file of a source of queries, whose columns have no contract, and create the view `alias`."""
    named = ", ".join(f"c{index} AS {identifier(name)}" for index, name in enumerate(raw.opened.header))
    kept = _exclude(con, file, spec, raw, named)
    good = f"FROM {kept} WHERE _row NOT IN (SELECT _row FROM faults WHERE _file = {file})"
    checks = [(0, "", "NULL", code, condition) for code, condition in _row_faults(raw)]
    text = [(index, raw.opened.header[index], f"c{index}") for index, kind in enumerate(raw.types) if kind == "VARCHAR"]
    checks += [(*place, "R_CONTROL_CHAR", f"regexp_matches({place[2]}, {quoted(CONTROL_IN_TEXT)})") for place in text]
    checks += [(*place, "R_TEXT_TOO_LONG", f"length({place[2]}) > {FIELD_LIMIT}") for place in text]
    for index, name, value, code, condition in checks:
        con.execute(f"INSERT INTO faults SELECT {file}, _row, {index}, {quoted(name)}, '{code}', {value} "
                    f"{good} AND ({condition})")
    con.execute(f"""
        CREATE TEMP VIEW {alias} AS SELECT _row + {file} * (1::BIGINT << 40) AS _row, _row AS _record,
        {_source_columns(raw, spec)} {good}""")


def _cell(plan: Plan, name: str, column: Column) -> tuple[str, Judged]:
    spec, index = plan.spec, plan.positions.get(name)
    default = quoted(spec.defaults[name]) if name in spec.defaults else None
    if index is None and default is None:
        return "NULL", Judged([(f"{name}_v", f"CAST(NULL AS {column.sql_type})")], [])
    text = default or ""
    if index is not None:
        if default is None and name not in spec.values:
            typed = judge_typed(name, column, plan.raw.types[index], plan.zones)
            if typed is not None:
                return f"c{index}", typed
        text = _as_text(column, spec, plan.raw, index)
        if name in spec.values:
            cases = " ".join(f"WHEN {quoted(old)} THEN {quoted(new)}" for old, new in spec.values[name].items())
            text = f"CASE {text} {cases} ELSE {text} END"
        if default is not None:
            text = f"CASE WHEN coalesce(trim({text}), '') = '' THEN {default} ELSE {text} END"
    return text, judge_text(name, column, spec, plan.zones, name in plan.plain)


def _as_text(column: Column, spec: Files, raw: Raw, index: int) -> str:
    """A source column as text; a number is no id unless the mapping says so."""
    kind = raw.types[index]
    if kind == "VARCHAR":
        return f"c{index}"
    return _id_text(spec, raw, index) if column.type == "id" or kind == "BLOB" else f"CAST(c{index} AS VARCHAR)"


def _id_text(spec: Files, raw: Raw, index: int) -> str:
    name, kind = raw.opened.header[index], raw.types[index]
    if name not in spec.id_from_integer or kind not in INTEGERS:
        raise Rejected("F_COLUMN_TYPE", f"column {name!r} is {kind}")
    width, text = spec.id_width.get(name, 0), f"CAST(c{index} AS VARCHAR)"
    return f"CASE WHEN length({text}) < {width} THEN lpad({text}, {width}, '0') ELSE {text} END" if width else text


def _source_columns(raw: Raw, spec: Files) -> str:
    shown = []
    for index, (name, kind) in enumerate(zip(raw.opened.header, raw.types, strict=True)):
        is_id = name.lower().endswith("id") and kind in (*INTEGERS, "FLOAT", "DOUBLE")
        value = _id_text(spec, raw, index) if is_id or name in spec.id_from_integer else f"c{index}"
        shown.append(f"{value} AS {identifier(name)}")
    return ", ".join(shown)


def _named(plan: Plan) -> str:
    """The source columns under their canonical names, the others under their own."""
    extra = {name: f"c{index}" for index, name in enumerate(plan.raw.opened.header) if name not in plan.cells}
    sources = {**extra, **{name: source for name, (source, _) in plan.cells.items()}}
    return ", ".join(f"{source} AS {identifier(name)}" for name, source in sources.items())


def _stated(plan: Plan, relation: str) -> str:
    stated = ", ".join(f"{source} AS {name}_s" for name, (source, _) in plan.cells.items())
    return f"SELECT *, {stated} FROM {relation}"


def _stages(plan: Plan, relation: str) -> str:
    """Nested selects: source columns, then the steps of all columns side by side."""
    sql = _stated(plan, relation)
    for level in zip_longest(*(judged.steps for _, judged in plan.cells.values())):
        sql = f"SELECT *, {', '.join(f'{step[1]} AS {step[0]}' for step in level if step)} FROM ({sql})"
    return sql


def _exclude(con: duckdb.DuckDBPyConnection, file: int, spec: Files, raw: Raw, named: str) -> str:
    """Note the rows that a named condition over the columns `named` leaves out; SQL of the others."""
    if not spec.exclude:
        return raw.relation
    cases = " ".join(f"WHEN ({item.where}) THEN {quoted(item.name)}" for item in spec.exclude)
    con.execute(f"INSERT INTO excluded SELECT {file}, _row, _name FROM (SELECT _row, CASE {cases} END AS _name "
                f"FROM (SELECT _row, {named} FROM {raw.relation})) WHERE _name IS NOT NULL")
    return f"(FROM {raw.relation} WHERE _row NOT IN (SELECT _row FROM excluded WHERE _file = {file}))"


def _conditions(plan: Plan) -> Iterator[str]:
    """What is odd about a row; of a plain cell only what plain cells can be."""
    for _, judged in plan.cells.values():
        every = " OR ".join(rule.condition for rule in judged.checks) or "false"
        if judged.plain:
            plain = " OR ".join(rule.condition for rule in judged.checks if rule.of_plain) or "false"
            every = f"CASE WHEN {judged.plain} THEN {plain} ELSE {every} END"
        yield every
    if plan.raw.opened.format == "csv" and plan.positions:  # the header again, where no value would tell
        name, index = min(plan.positions.items(), key=lambda item: item[1])
        yield f"c{index} = {quoted(plan.raw.opened.header[index])}"


def _row_faults(raw: Raw) -> list[tuple[str, str]]:
    """Faults of a row as a whole, over the source columns."""
    blank = " AND ".join(f"(c{i} IS NULL OR trim(CAST(c{i} AS VARCHAR)) = '')" for i in range(len(raw.opened.header)))
    again = " AND ".join(f"c{index} = {quoted(name)}" for index, name in enumerate(raw.opened.header))
    return [("R_ROW_EMPTY", blank)] + ([("R_HEADER_REPEATED", again)] if raw.opened.format == "csv" else [])


def _look_again(con: duckdb.DuckDBPyConnection, plan: Plan, file: int) -> None:
    """Write the faults and warnings of the odd rows; a row that is wrong as a whole has no other fault."""
    for code, condition in _row_faults(plan.raw):
        con.execute(f"INSERT INTO faults SELECT {file}, _row, 0, '', '{code}', NULL FROM odd WHERE {condition}")
    whole = f"_row IN (SELECT _row FROM faults WHERE _file = {file} AND position = 0)"
    con.execute(f"CREATE OR REPLACE TEMP TABLE seen AS FROM ({_stages(plan, 'odd')}) WHERE NOT {whole}")
    found: dict[str, list[str]] = {"faults": [], "warnings": []}
    for position, (name, (_, judged)) in enumerate(plan.cells.items(), 1):
        cases = [("warnings", [rule]) for rule in judged.of("W")]
        if faults := judged.of("R"):  # the first that holds is the cell's
            cases.append(("faults", faults))
        for ledger, rules in cases:
            code = " ".join(f"WHEN {rule.condition} THEN '{rule.code}'" for rule in rules)
            found[ledger].append(f"{{position: {position}, name: '{name}', code: CASE {code} END, "
                                 f"value: CAST({name}_s AS VARCHAR)}}")
    for ledger, findings in found.items():
        if findings:
            con.execute(f"""
                INSERT INTO {ledger} SELECT {file}, _row, found.position, found.name, found.code, found.value
                FROM (SELECT _row, unnest([{', '.join(findings)}]) AS found FROM seen)
                WHERE found.code IS NOT NULL AND _row NOT IN (SELECT _row FROM faults WHERE _file = {file})""")
