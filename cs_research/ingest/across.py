"""Rules across rows and tables: deliveries, duplicates, orphans, overlaps, what lies after the as-of.

It works on the typed rows `t_<table>` (with `_file`, `_row`) and writes to the same ledgers as rows.py.
"""

from datetime import date, timedelta

import duckdb
import numpy as np
import pyarrow as pa

from cs_research.definitions.models import Table
from cs_research.ingest.ledger import Entry

GOOD = "NOT EXISTS (FROM set_aside f WHERE f._file = t._file AND f._row = t._row)"
AHEAD_DAYS = 366
OWNERS = ("accounts", "contracts")  # the tables that make an account known
DELIVERED = "coalesce(delivered_at, TIMESTAMP '1900-01-01')"  # what tells no delivery came before all that do
Tables = dict[str, Table]


def latest_day(con: duckdb.DuckDBPyConnection, tables: Tables) -> date | None:
    """The latest day that a row without lookahead is dated: the as-of of a data set that states none."""
    days = [con.execute(f"SELECT max(CAST({table.time} AS DATE)) FROM t_{name} t WHERE {GOOD}").fetchone()[0]
            for name, table in tables.items() if table.time and (not table.ahead or len(tables) == 1)]
    return max((day for day in days if day is not None), default=None)


def judge_across(con: duckdb.DuckDBPyConnection, tables: Tables, as_of: date, owners_whole: bool) -> None:
    """Apply every rule across rows; `owners_whole`: no file of accounts or contracts was rejected."""
    latest = {name: _latest(con, name, table) for name, table in tables.items()}
    for name, table in tables.items():
        if table.delivery == "snapshot":
            _replace_snapshots(con, name)
        _out_of_range(con, name, table, latest[name], as_of)
    _collisions(con, tables)
    for name, table in tables.items():
        _duplicates(con, name, table)
    if owners_whole:
        for name in tables:
            if name not in OWNERS:
                _orphans(con, name, tables)
    _warn_of_case(con, tables)
    _warn_of_terms(con, as_of)
    if "touches" in tables:
        _cap_recipients(con)
    for name, table in tables.items():
        if any(latest[name].get(column, as_of) > as_of for column in _dating(table)):
            shown = table.time if table.time and not table.ahead else "recorded_at"
            _note(con, "warnings", f"t_{name}", shown, "W_AFTER_AS_OF", f"NOT {visible(table, as_of)}")


def _latest(con: duckdb.DuckDBPyConnection, name: str, table: Table) -> dict[str, date]:
    """The last day of every column that dates a row, so that a table without a later one is not searched."""
    columns = [column for column, kind in table.columns.items() if kind.type == "stamp" or column == table.time]
    found = con.execute(f"SELECT {', '.join(f'max({column})::DATE' for column in columns)} FROM t_{name}").fetchone()
    return {column: day for column, day in zip(columns, found, strict=True) if day is not None}


def visible(table: Table, as_of: date) -> str:
    """SQL: the row is known at the end of the as-of."""
    return "(" + " AND ".join(f"coalesce(CAST({column} AS DATE) <= DATE '{as_of}', true)"
                              for column in _dating(table)) + ")"


def accepted(con: duckdb.DuckDBPyConnection, name: str, table: Table, entries: list[Entry], as_of: date) -> str:
    """SQL: the rows of a table to be written, in their order.

    A snapshot is sorted by its key. Rows that are appended stay as they came, which takes a sort only where some are
    left out or changed: a join loses their order, and a filter cuts Parquet into chance groups.
    """
    source, order = f"t_{name}", "_file * (1::BIGINT << 40) + _row"
    is_capped = name == "touches" and con.execute("SELECT count(*) > 0 FROM over_seats").fetchone()[0]
    if is_capped:
        source = f"""(SELECT t.* REPLACE (coalesce(o.seats, t.recipients) AS recipients)
                      FROM {source} t LEFT JOIN over_seats o USING (_file, _row))"""
    if any(entry.quarantined or entry.excluded or "W_AFTER_AS_OF" in entry.codes for entry in entries):
        source = f"(FROM {source} ANTI JOIN set_aside USING (_file, _row) WHERE {visible(table, as_of)})"
    elif not is_capped:
        order = ""
    if table.delivery == "snapshot":
        order = ", ".join(dict.fromkeys((*table.key, *table.columns)))
    return f"SELECT {', '.join(table.columns)} FROM {source} {'ORDER BY' if order else ''} {order}"


def _dating(table: Table) -> list[str]:
    return ["recorded_at"] + ([table.time] if table.time and not table.ahead else [])


def _replace_snapshots(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """Of a snapshot only the latest delivery counts; what was wrong with earlier ones is of no interest."""
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE earlier AS SELECT _file, _row FROM t_{name}
        WHERE {DELIVERED} < (SELECT max({DELIVERED}) FROM t_{name});
        DELETE FROM faults WHERE (_file, _row) IN (FROM earlier);
        DELETE FROM warnings WHERE (_file, _row) IN (FROM earlier);
        INSERT INTO excluded SELECT _file, _row, 'W_REPLACED' FROM earlier""")


def _out_of_range(con: duckdb.DuckDBPyConnection, name: str, table: Table, latest: dict[str, date],
                  as_of: date) -> None:
    limit = as_of + timedelta(days=AHEAD_DAYS)
    for column, day in latest.items():
        if day > limit and not (column == table.time and table.ahead and table.columns[column].type == "date"):
            _note(con, "faults", f"t_{name}", column, "R_TS_OUT_OF_RANGE", f"CAST({column} AS DATE) > DATE '{limit}'")


def _note(con: duckdb.DuckDBPyConnection, ledger: str, relation: str, column: str, code: str, condition: str) -> None:
    """Note the rows in which a condition holds and nothing was wrong, with the value of the column."""
    con.execute(f"INSERT INTO {ledger} SELECT _file, _row, 1, '{column}', '{code}', CAST({column} AS VARCHAR) "
                f"FROM {relation} t WHERE ({condition}) AND {GOOD}")


def _collisions(con: duckdb.DuckDBPyConnection, tables: Tables) -> None:
    """A folded id that equals the id of another row as it stands: which one is meant cannot be told."""
    is_folded = "EXISTS (FROM warnings w WHERE w._file = {0}._file AND w._row = {0}._row " \
                "AND w.column_name = 'account_id' AND w.code = 'W_NFKC_ID')"
    for name in OWNERS:
        if name in tables:
            _note(con, "faults", f"t_{name}", "account_id", "R_ID_COLLISION",
                  f"{is_folded.format('t')} AND account_id IN "
                  f"(SELECT account_id FROM t_{name} o WHERE NOT {is_folded.format('o')})")


def _duplicates(con: duckdb.DuckDBPyConnection, name: str, table: Table) -> None:
    """The same key again: in one delivery copies of the first row and all that differ are set aside; a row of a
    later delivery takes the place of earlier ones, which is told where it differs.

    Hashes of keys that occur twice are found by sorting; keys are compared among those rows only.
    """
    key, content = ", ".join(table.key), ", ".join(column for column in table.columns if column != "delivered_at")
    given = " AND ".join(f"{column} IS NOT NULL" for column in table.key)
    hashes = _sorted_hashes(con, f"SELECT hash({key}) FROM t_{name} WHERE {given}", name)
    twice = np.unique(hashes[1:][hashes[1:] == hashes[:-1]])
    if not len(twice):
        return
    con.register("twice", pa.table({"hash": twice}))
    con.execute(f"CREATE OR REPLACE TEMP TABLE again AS SELECT _file, _row, {content}, {DELIVERED} AS delivered "
                f"FROM t_{name} t WHERE {given} AND {GOOD} AND hash({key}) IN (SELECT hash FROM twice)")
    shown = f"SELECT _file, _row, 1, '{table.key[0]}', '{{}}', CAST({table.key[0]} AS VARCHAR) FROM"
    left = "again ANTI JOIN faults USING (_file, _row)"
    con.execute(f"""
        INSERT INTO faults {shown.format('R_DUPLICATE_EXACT')}
            (SELECT *, row_number() OVER (PARTITION BY {content}, delivered ORDER BY _file, _row) AS nth FROM again)
            WHERE nth > 1;
        INSERT INTO faults {shown.format('R_DUPLICATE_CONFLICT')}
            (SELECT *, count(*) OVER (PARTITION BY {key}, delivered) AS versions FROM {left}) WHERE versions > 1;
        INSERT INTO warnings {shown.format('W_CORRECTED')}
            (SELECT *, max(delivered) OVER same AS last, min(content) OVER same < max(content) OVER same AS differs
             FROM (SELECT *, hash({content}) AS content FROM {left}) WINDOW same AS (PARTITION BY {key}))
            WHERE delivered = last AND differs;
        INSERT INTO excluded SELECT _file, _row, 'W_REPLACED' FROM
            (SELECT *, max(delivered) OVER (PARTITION BY {key}) AS last FROM {left}) WHERE delivered < last""")


def _sorted_hashes(con: duckdb.DuckDBPyConnection, query: str, name: str) -> np.ndarray:
    """The hashes that the query yields, eight bytes for each row of the table and no more."""
    ((size,),) = con.execute(f"SELECT count(*) FROM t_{name}").fetchall()  # all: a reader needs the result finished
    found = np.empty(size, dtype=np.uint64)
    end = 0
    for batch in con.sql(query).to_arrow_reader(1 << 20):
        found[end:end + len(batch)] = batch.column(0).to_numpy()
        end += len(batch)
    found = found[:end]
    found.sort()
    return found


def _orphans(con: duckdb.DuckDBPyConnection, name: str, tables: Tables) -> None:
    seen = " UNION ".join(f"SELECT account_id FROM t_{owner}" for owner in OWNERS if owner in tables)
    _note(con, "faults", f"t_{name}", "account_id", "R_ORPHAN_ACCOUNT",
          f"account_id IS NOT NULL AND account_id NOT IN (SELECT account_id FROM ({seen} UNION FROM ids_seen) "
          "WHERE account_id IS NOT NULL)")


def _warn_of_case(con: duckdb.DuckDBPyConnection, tables: Tables) -> None:
    for name in OWNERS:
        if name in tables:
            con.execute(f"""
                INSERT INTO warnings SELECT _file, min(_row), 1, 'account_id', 'W_ID_CASE', account_id
                FROM t_{name} t WHERE lower(account_id) IN (SELECT lower(account_id) FROM t_{name} t WHERE {GOOD}
                    GROUP BY 1 HAVING count(DISTINCT account_id) > 1) AND {GOOD} GROUP BY _file, account_id""")


def _warn_of_terms(con: duckdb.DuckDBPyConnection, as_of: date) -> None:
    terms = f"""(SELECT *, max(coalesce(end_date, DATE '9999-12-31')) OVER (PARTITION BY account_id
                    ORDER BY start_date, contract_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS until
                 FROM t_contracts t WHERE {GOOD})"""
    _note(con, "warnings", terms, "start_date", "W_CONTRACT_OVERLAP", "start_date < until")
    _note(con, "warnings", "t_contracts", "status", "W_STATUS_CONFLICT",
          f"status = 'churned' AND (end_date IS NULL OR end_date > DATE '{as_of}' + 1)")


def _cap_recipients(con: duckdb.DuckDBPyConnection) -> None:
    """Recipients beyond the seats of the day are warned of and capped at them when the table is written."""
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE over_seats AS
        SELECT t._file, t._row, any_value(t.recipients) AS recipients, sum(c.seats)::BIGINT AS seats
        FROM t_touches t JOIN (FROM t_contracts t WHERE {GOOD}) c ON c.account_id = t.account_id
            AND CAST(t.occurred_at AS DATE) >= c.start_date
            AND CAST(t.occurred_at AS DATE) < coalesce(c.end_date, DATE '9999-12-31')
        WHERE t.recipients > 1 AND {GOOD}
        GROUP BY t._file, t._row HAVING any_value(t.recipients) > sum(c.seats)""")
    _note(con, "warnings", "over_seats", "recipients", "W_RECIPIENTS", "true")
