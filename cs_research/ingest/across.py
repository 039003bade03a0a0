"""Rules across rows and tables: duplicates, orphans, overlaps, what lies after the as-of.

It works on the typed tables `t_<table>` (with `_file`, `_row`) and writes to the same ledgers as rows.py.
"""

from datetime import date, timedelta

import duckdb

from cs_research.definitions.models import Table

GOOD = "NOT EXISTS (FROM faults f WHERE f._file = t._file AND f._row = t._row)"
AHEAD_DAYS = 366
OWNERS = ("accounts", "contracts")  # the tables that make an account known


def latest_day(con: duckdb.DuckDBPyConnection, tables: dict[str, Table]) -> date | None:
    """The latest day that a row without lookahead is dated: the as-of of a data set that states none."""
    days = [con.execute(f"SELECT max(CAST({table.time} AS DATE)) FROM t_{name} t WHERE {GOOD}").fetchone()[0]
            for name, table in tables.items() if table.time and (not table.ahead or len(tables) == 1)]
    return max((day for day in days if day is not None), default=None)


def judge_across(con: duckdb.DuckDBPyConnection, tables: dict[str, Table], as_of: date, owners_whole: bool) -> None:
    """Apply every rule across rows; `owners_whole`: no file of accounts or contracts was rejected."""
    for name, table in tables.items():
        _out_of_range(con, name, table, as_of)
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
        if later := _later(table, as_of):
            shown = later_column(table)
            con.execute(f"INSERT INTO warnings SELECT _file, _row, 0, '{shown}', 'W_AFTER_AS_OF', "
                        f"CAST({shown} AS VARCHAR) FROM t_{name} t WHERE ({later}) AND {GOOD}")


def later_column(table: Table) -> str:
    """The column shown when a row lies after the as-of."""
    return table.time if table.time and not table.ahead else "recorded_at"


def visible(table: Table, as_of: date) -> str:
    """SQL: the row is known at the end of the as-of."""
    later = _later(table, as_of)
    return f"NOT coalesce({later}, false)" if later else "true"


def _later(table: Table, as_of: date) -> str:
    columns = ["recorded_at"] if "recorded_at" in table.columns else []
    columns += [table.time] if table.time and not table.ahead else []
    return " OR ".join(f"coalesce(CAST({column} AS DATE) > DATE '{as_of}', false)" for column in columns)


def _out_of_range(con: duckdb.DuckDBPyConnection, name: str, table: Table, as_of: date) -> None:
    limit = as_of + timedelta(days=AHEAD_DAYS)
    columns = [column for column, kind in table.columns.items() if kind.type == "stamp"]
    if table.time and not table.ahead and table.time not in columns:
        columns.append(table.time)
    for column in columns:
        _fault(con, name, column, "R_TS_OUT_OF_RANGE", f"CAST({column} AS DATE) > DATE '{limit}'")


def _fault(con: duckdb.DuckDBPyConnection, table: str, column: str, code: str, condition: str) -> None:
    con.execute(f"INSERT INTO faults SELECT _file, _row, 1, '{column}', '{code}', CAST({column} AS VARCHAR) "
                f"FROM t_{table} t WHERE ({condition}) AND {GOOD}")


def _collisions(con: duckdb.DuckDBPyConnection, tables: dict[str, Table]) -> None:
    """A folded id that equals the id of another row as it stands: which one is meant cannot be told."""
    is_folded = "EXISTS (FROM warnings w WHERE w._file = {0}._file AND w._row = {0}._row " \
                "AND w.column_name = 'account_id' AND w.code = 'W_NFKC_ID')"
    for name in OWNERS:
        if name in tables:
            _fault(con, name, "account_id", "R_ID_COLLISION",
                   f"{is_folded.format('t')} AND account_id IN "
                   f"(SELECT account_id FROM t_{name} o WHERE NOT {is_folded.format('o')})")


def _duplicates(con: duckdb.DuckDBPyConnection, name: str, table: Table) -> None:
    """The same key again: identical rows after the first are copies, differing ones are all set aside.

    Candidates are found by the hash of the key, which is quick; keys are compared among candidates only.
    """
    key = ", ".join(table.key)
    given = " AND ".join(f"{column} IS NOT NULL" for column in table.key)
    content = ", ".join(column for column in table.columns)
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE again AS
        SELECT _file, _row, {content} FROM t_{name} t
        WHERE {given} AND {GOOD} AND hash({key}) IN (
            SELECT hash({key}) FROM t_{name} t WHERE {given} AND {GOOD} GROUP BY ALL HAVING count(*) > 1)""")
    con.execute(f"""
        INSERT INTO faults SELECT _file, _row, 1, '{table.key[0]}', 'R_DUPLICATE_EXACT', CAST({table.key[0]} AS VARCHAR)
        FROM (SELECT *, row_number() OVER (PARTITION BY {content} ORDER BY _file, _row) AS copy FROM again)
        WHERE copy > 1""")
    con.execute(f"""
        INSERT INTO faults SELECT _file, _row, 1, '{table.key[0]}', 'R_DUPLICATE_CONFLICT',
            CAST({table.key[0]} AS VARCHAR)
        FROM (SELECT *, count(*) OVER (PARTITION BY {key}) AS versions FROM again ANTI JOIN faults USING (_file, _row))
        WHERE versions > 1""")


def _orphans(con: duckdb.DuckDBPyConnection, name: str, tables: dict[str, Table]) -> None:
    seen = " UNION ".join(f"SELECT account_id FROM t_{owner}" for owner in OWNERS if owner in tables)
    _fault(con, name, "account_id", "R_ORPHAN_ACCOUNT",
           f"account_id IS NOT NULL AND account_id NOT IN (SELECT account_id FROM ({seen} UNION FROM ids_seen) "
           "WHERE account_id IS NOT NULL)")


def _warn_of_case(con: duckdb.DuckDBPyConnection, tables: dict[str, Table]) -> None:
    for name in OWNERS:
        if name in tables:
            con.execute(f"""
                INSERT INTO warnings SELECT _file, min(_row), 1, 'account_id', 'W_ID_CASE', account_id
                FROM t_{name} t WHERE lower(account_id) IN (SELECT lower(account_id) FROM t_{name} t WHERE {GOOD}
                    GROUP BY 1 HAVING count(DISTINCT account_id) > 1) AND {GOOD} GROUP BY _file, account_id""")


def _warn_of_terms(con: duckdb.DuckDBPyConnection, as_of: date) -> None:
    con.execute(f"""
        INSERT INTO warnings SELECT _file, _row, 1, 'start_date', 'W_CONTRACT_OVERLAP', CAST(start_date AS VARCHAR)
        FROM (SELECT *, max(coalesce(end_date, DATE '9999-12-31')) OVER (PARTITION BY account_id
                  ORDER BY start_date, contract_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS until
              FROM t_contracts t WHERE {GOOD})
        WHERE start_date < until;
        INSERT INTO warnings SELECT _file, _row, 1, 'status', 'W_STATUS_CONFLICT', status FROM t_contracts t
        WHERE status = 'churned' AND (end_date IS NULL OR end_date > DATE '{as_of}' + 1) AND {GOOD}""")


def _cap_recipients(con: duckdb.DuckDBPyConnection) -> None:
    """Recipients beyond the seats of the day are warned of and capped at them."""
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE over_seats AS
        SELECT t._file, t._row, any_value(t.recipients) AS recipients, sum(c.seats)::BIGINT AS seats
        FROM t_touches t JOIN (FROM t_contracts t WHERE {GOOD}) c ON c.account_id = t.account_id
            AND CAST(t.occurred_at AS DATE) >= c.start_date
            AND CAST(t.occurred_at AS DATE) < coalesce(c.end_date, DATE '9999-12-31')
        WHERE t.recipients > 1 AND {GOOD}
        GROUP BY t._file, t._row HAVING any_value(t.recipients) > sum(c.seats);
        INSERT INTO warnings SELECT _file, _row, 1, 'recipients', 'W_RECIPIENTS', CAST(recipients AS VARCHAR)
        FROM over_seats;
        UPDATE t_touches t SET recipients = o.seats FROM over_seats o WHERE o._file = t._file AND o._row = t._row""")
