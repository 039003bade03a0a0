"""Judges every row of a loaded file: which are accepted as typed values, which have a fault, which are odd.

It may not drop a row: each one is accepted, in `faults`, or excluded by a condition with a name.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date

import duckdb

from cs_research.definitions.models import Column, Table
from cs_research.ingest.columns import (
    CONTROL_IN_TEXT,
    INTEGERS,
    SQL_TYPES,
    Judged,
    Zones,
    identifier,
    judge_text,
    judge_typed,
    matches,
    quoted,
)
from cs_research.ingest.mapping import Files
from cs_research.ingest.readers import Raw
from cs_research.ingest.rules import Rejected

FIELD_LIMIT = 32_767
# rules over several columns of one row: table -> (column that is shown, code, condition over values)
ROW_RULES = {"contracts": [("end_date", "R_PERIOD_NEGATIVE", "end_date_v < start_date_v")]}


@dataclass(frozen=True)
class Plan:
    """The SQL of a file's judgement: one column plan per canonical column."""

    raw: Raw
    table: Table
    spec: Files
    inputs: dict[str, str]
    judged: dict[str, Judged]
    name: str


def create_ledgers(con: duckdb.DuckDBPyConnection) -> None:
    """The tables that hold what happened to rows: faults, warnings and exclusions, by file and row."""
    con.execute("""
        CREATE TEMP TABLE faults (_file INTEGER, _row BIGINT, position INTEGER, column_name VARCHAR, code VARCHAR,
                                  value VARCHAR);
        CREATE TEMP TABLE warnings AS FROM faults;
        CREATE TEMP TABLE excluded (_file INTEGER, _row BIGINT, name VARCHAR);
        CREATE TEMP VIEW set_aside AS SELECT _file, _row FROM faults UNION ALL SELECT _file, _row FROM excluded""")


def planned(name: str, table: Table, spec: Files, raw: Raw, positions: dict[str, int], zones: Zones,
            touch_types: tuple[str, ...]) -> Plan:
    """Plan the judgement of a file. Raises Rejected (F_COLUMN_TYPE)."""
    inputs, judged = {}, {}
    for column_name, column in table.columns.items():
        if column_name == "touch_type" and column.values is None:
            column = column.model_copy(update={"values": touch_types})
        index = positions.get(column_name)
        source, judgement = _input(column_name, column, spec, raw, index, zones)
        inputs[column_name] = source
        judged[column_name] = judgement
    return Plan(raw, table, spec, inputs, judged, name)


def typed(table: Table, judgements: list["Judgement"]) -> str:
    """SQL: the typed rows of all files of a table; none where no file was taken."""
    none = ", ".join(f"CAST(NULL AS {SQL_TYPES[column.type]}) AS {name}" for name, column in table.columns.items())
    empty = f"SELECT 0 AS _file, 0::BIGINT AS _row, {none} WHERE false"
    return " UNION ALL ".join(judgement.sql for judgement in judgements) or empty


@dataclass(frozen=True)
class Judgement:
    """The typed rows of a file as SQL, computed when asked for; the latest value of each of its dates and stamps."""

    sql: str
    latest: dict[str, date]


def judge(con: duckdb.DuckDBPyConnection, plan: Plan, file: int) -> Judgement:
    """Write what is wrong with which row of the file into the ledgers; the rows themselves are not stored.

    One pass tells whether any row is odd, and only odd rows are looked at for what is odd in them. A column that
    is plain in every row is read without the steps that only others need.
    """
    relation, kept = plan.raw.relation, "true"
    if plan.spec.exclude:
        con.execute(f"""
            INSERT INTO excluded SELECT {file}, _row, _name
            FROM (SELECT _row, {_exclusion(plan.spec)} AS _name FROM ({_named(plan, relation)}))
            WHERE _name IS NOT NULL""")
        kept = f"_row NOT IN (SELECT _row FROM excluded WHERE _file = {file})"
    odd, steps = list(_conditions(plan)), _stages(plan, relation, kept)
    texts = [name for name, judged in plan.judged.items() if judged.steps[0][0] == f"{name}_p"]
    times = [name for name, column in plan.table.columns.items() if column.type in ("date", "stamp")]
    shown = [*(f"coalesce(bool_or({condition}), false)" for condition in odd),
             *(f"coalesce(bool_and({name}_p), true)" for name in texts), *(f"max({name}_v)::DATE" for name in times)]
    try:
        told = con.execute(f"SELECT {', '.join(shown)} FROM ({steps})").fetchone()
    except (duckdb.IOException, duckdb.InvalidInputException) as error:  # a page of Parquet that cannot be read
        raise Rejected("F_PARQUET", str(error).splitlines()[0]) from None
    if any(told[:len(odd)]):
        con.execute(f"CREATE OR REPLACE TEMP TABLE odd AS SELECT * FROM {relation} "
                    f"WHERE _row IN (SELECT _row FROM ({steps}) WHERE {' OR '.join(f'({c})' for c in odd)})")
        _look_again(con, plan, file)
    told = told[len(odd):]
    plain = {name for name, is_plain in zip(texts, told, strict=False) if is_plain}
    latest = dict(zip(times, told[len(texts):], strict=True))
    values = ", ".join(f"{name}_v::{SQL_TYPES[column.type]} AS {name}" for name, column in plan.table.columns.items())
    return Judgement(f"SELECT {file} AS _file, _row, {values} FROM ({_stages(plan, relation, kept, plain)})",
                     {name: day for name, day in latest.items() if day is not None})


def judge_source(con: duckdb.DuckDBPyConnection, raw: Raw, spec: Files, file: int, alias: str) -> None:
    """Judge a file of a source of queries, whose columns have no contract, and create the view `alias`."""
    text = [index for index, kind in enumerate(raw.types) if kind == "VARCHAR"]
    shown = ", ".join(f"c{index} AS {identifier(name)}" for index, name in enumerate(raw.names))
    checks = [("R_CONTROL_CHAR", index, matches(f"c{index}", CONTROL_IN_TEXT)) for index in text]
    checks += [("R_TEXT_TOO_LONG", index, f"length(c{index}) > {FIELD_LIMIT}") for index in text]
    con.execute(f"""
        INSERT INTO excluded SELECT {file}, _row, _excluded
        FROM (SELECT _row, {_exclusion(spec)} AS _excluded FROM (SELECT _row, {shown} FROM {raw.relation}))
        WHERE _excluded IS NOT NULL""")
    gone = f"""_row NOT IN (FROM (SELECT _row FROM excluded WHERE _file = {file}
                            UNION ALL SELECT _row FROM faults WHERE _file = {file}))"""
    for code, condition in _row_faults(raw):
        con.execute(f"INSERT INTO faults SELECT {file}, _row, 0, '', '{code}', NULL FROM {raw.relation} "
                    f"WHERE ({condition}) AND {gone}")
    for code, index, condition in checks:
        con.execute(f"INSERT INTO faults SELECT {file}, _row, {index}, {quoted(raw.names[index])}, '{code}', c{index} "
                    f"FROM {raw.relation} WHERE {condition} AND {gone}")
    con.execute(f"""
        CREATE TEMP VIEW {alias} AS SELECT _row + {file} * (1::BIGINT << 40) AS _row, {_source_columns(raw, spec)}
        FROM {raw.relation} WHERE {gone}""")


def _input(name: str, column: Column, spec: Files, raw: Raw, index: int | None, zones: Zones) -> tuple[str, Judged]:
    default = quoted(spec.defaults[name]) if name in spec.defaults else None
    if index is None:
        if default is None:
            return "NULL", Judged([(f"{name}_v", f"CAST(NULL AS {SQL_TYPES[column.type]})")])
        return default, judge_text(name, column, spec, zones)
    kind = raw.types[index]
    mapped = default is not None or name in spec.values
    typed = None if mapped else judge_typed(name, column, kind, zones)
    if typed is not None:
        return f"c{index}", typed
    text = _as_text(column, spec, raw, index)
    if name in spec.values:
        cases = " ".join(f"WHEN {quoted(old)} THEN {quoted(new)}" for old, new in spec.values[name].items())
        text = f"CASE {text} {cases} ELSE {text} END"
    if default is not None:
        text = f"CASE WHEN coalesce(trim({text}), '') = '' THEN {default} ELSE {text} END"
    return text, judge_text(name, column, spec, zones)


def _as_text(column: Column, spec: Files, raw: Raw, index: int) -> str:
    """A source column as text; a number is no id unless the mapping says so."""
    kind, name = raw.types[index], raw.names[index]
    if kind == "VARCHAR":
        return f"c{index}"
    if column.type == "id" or kind == "BLOB":
        return _id_text(spec, raw, index, name)
    return f"CAST(c{index} AS VARCHAR)"


def _id_text(spec: Files, raw: Raw, index: int, name: str) -> str:
    if name not in spec.id_from_integer or raw.types[index] not in INTEGERS:
        raise Rejected("F_COLUMN_TYPE", f"column {name!r} is {raw.types[index]}")
    width = spec.id_width.get(name, 0)
    text = f"CAST(c{index} AS VARCHAR)"
    return f"CASE WHEN length({text}) < {width} THEN lpad({text}, {width}, '0') ELSE {text} END" if width else text


def _source_columns(raw: Raw, spec: Files) -> str:
    before = [record - nth for nth, record in enumerate(raw.gaps, 1)]
    counted = f"_row + 1 + len(list_filter({before}, lambda gap: gap <= _row))" if before else "_row + 1"
    late = f"CASE WHEN _row >= {raw.loaded} THEN {raw.joined}[_row - {raw.loaded} + 1] ELSE {counted} END"
    shown = [f"{late if raw.joined else counted} AS _record"]
    for index, (name, kind) in enumerate(zip(raw.names, raw.types, strict=True)):
        is_id = name.lower().endswith("id") and kind in (*INTEGERS, "FLOAT", "DOUBLE")
        value = _id_text(spec, raw, index, name) if is_id or name in spec.id_from_integer else f"c{index}"
        shown.append(f"{value} AS {identifier(name)}")
    return ", ".join(shown)


def _named(plan: Plan, relation: str) -> str:
    """The source columns under their canonical names, the others under their own."""
    extra = {name: f"c{index}" for index, name in enumerate(plan.raw.names) if name not in plan.inputs}
    named = ", ".join(f"{source} AS {identifier(name)}" for name, source in {**extra, **plan.inputs}.items())
    return f"SELECT _row, {named} FROM {relation}"


def _stages(plan: Plan, relation: str, kept: str = "true", plain: Collection[str] = ()) -> str:
    """Nested selects: source columns, then the steps of all columns side by side; `plain` ones need no look."""
    stated = ", ".join(f"{source} AS {name}_s" for name, source in plan.inputs.items())
    sql = f"SELECT _row, {stated} FROM {relation} WHERE {kept}"
    for level in range(max(len(judged.steps) for judged in plan.judged.values())):
        steps = [(step, "true" if level == 0 and name in plain else expression) for name, judged in plan.judged.items()
                 for step, expression in judged.steps[level:level + 1]]
        sql = f"SELECT *, {', '.join(f'{expression} AS {step}' for step, expression in steps)} FROM ({sql})"
    return sql


def _exclusion(spec: Files) -> str:
    cases = " ".join(f"WHEN ({item.where}) THEN {quoted(item.name)}" for item in spec.exclude)
    return f"CASE {cases} END" if cases else "CAST(NULL AS VARCHAR)"


def _conditions(plan: Plan) -> Iterator[str]:
    for name, judged in plan.judged.items():
        conditions = [condition for _, condition in (*judged.faults, *judged.warnings)] or ["false"]
        if judged.steps[0][0] == f"{name}_p":  # of a plain cell only what is not for others alone
            rest = [condition for condition in conditions if not condition.startswith(f"CASE WHEN NOT {name}_p ")]
            conditions = [f"CASE WHEN {name}_p THEN {' OR '.join(rest) or 'false'} ELSE {' OR '.join(conditions)} END"]
        yield from conditions
    yield from (condition for _, _, condition in ROW_RULES.get(plan.name, ()))
    if plan.raw.opened.format == "csv":  # the header again, where no value would tell
        for name, source in plan.inputs.items():
            if source.startswith("c") and source[1:].isdigit():
                yield f"{name}_s = {quoted(plan.raw.names[int(source[1:])])}"
                break


def _row_faults(raw: Raw) -> list[tuple[str, str]]:
    """Faults of a row as a whole, over the source columns."""
    blank = " AND ".join(f"(c{i} IS NULL OR trim(CAST(c{i} AS VARCHAR)) = '')" for i in range(len(raw.names)))
    again = " AND ".join(f"c{index} = {quoted(name)}" for index, name in enumerate(raw.names))
    return [("R_ROW_EMPTY", blank)] + ([("R_HEADER_REPEATED", again)] if raw.opened.format == "csv" else [])


def _look_again(con: duckdb.DuckDBPyConnection, plan: Plan, file: int) -> None:
    """Write the faults and warnings of the odd rows; a row that is wrong as a whole has no other fault."""
    for code, condition in _row_faults(plan.raw):
        con.execute(f"INSERT INTO faults SELECT {file}, _row, 0, '', '{code}', NULL FROM odd WHERE {condition}")
    whole = f"_row IN (SELECT _row FROM faults WHERE _file = {file} AND position = 0)"
    con.execute(f"CREATE OR REPLACE TEMP TABLE seen AS FROM ({_stages(plan, 'odd')}) WHERE NOT {whole}")
    faults, warnings = [], []
    for position, (name, judged) in enumerate(plan.judged.items(), 1):
        rules = [*judged.faults, *(rule[1:] for rule in ROW_RULES.get(plan.name, ()) if rule[0] == name)]
        if rules:  # the first fault that holds is the cell's
            code = " ".join(f"WHEN {condition} THEN '{code}'" for code, condition in rules)
            faults.append(_finding(position, name, f"CASE {code} END"))
        warnings += [_finding(position, name, f"CASE WHEN {condition} THEN '{code}' END")
                     for code, condition in judged.warnings]
    for ledger, found in (("faults", faults), ("warnings", warnings)):
        if found:
            con.execute(f"""
                INSERT INTO {ledger} SELECT {file}, _row, found.position, found.name, found.code, found.value
                FROM (SELECT _row, unnest([{', '.join(found)}]) AS found FROM seen)
                WHERE found.code IS NOT NULL AND _row NOT IN (SELECT _row FROM faults WHERE _file = {file})""")


def _finding(position: int, name: str, code: str) -> str:
    return f"{{position: {position}, name: '{name}', code: {code}, value: CAST({name}_s AS VARCHAR)}}"
