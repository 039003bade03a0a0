"""A company of a given size as canonical tables, made by SQL in seconds from numbers that are always the same.

Nothing here is true of anybody; only sizes, skews and the order of rows are like those of a company.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from cs_research.definitions import load_definitions
from cs_research.definitions.models import Table
from cs_research.ingest.intake import PARQUET

EVENTS_EACH = 4.8  # of a user who is active in a month, on average
MOST_ACTIVE = 0.6  # of the seats, in a month
TOUCHES = 0.02     # of the events
# Of a hundred, how many are of each type; the last touches (from mail_sent) go to the account, not to a user.
EVENT_TYPES = {"login": 45, "card_scan": 30, "key_feature": 10, "view": 15}
TOUCH_TYPES = {"mail_open": 27, "mail_click": 15, "video_view": 14, "web_visit": 12, "elearning": 5,
               "elearning_login": 7, "seminar_application": 4, "seminar_attendance": 3, "mail_sent": 8, "call": 2,
               "call_connected": 1, "mid_review": 1, "event_attendance": 1}


@dataclass(frozen=True)
class Size:
    """How much: the last month is October 2026, users (0: fifty per account) are about as many as said."""

    events: int = 20_000_000
    accounts: int = 7_000
    users: int = 0
    months: int = 36


def write_canonical(folder: Path, size: Size) -> dict[str, int]:
    """Write the canonical Parquet files of a company, as ingest leaves them, each by time; returns its cardinalities.

    Half of the accounts are there from the first month, at the end of a year 12 % leave; accounts and users differ in
    how active they are; a tenth of the events and touches is recorded up to 20 days later, a third of that in a later
    month.

    >>> write_canonical(Path("canonical"), Size(events=60_000, accounts=100))["events"]  # doctest: +SKIP
    60000
    """
    folder.mkdir(parents=True)
    with duckdb.connect() as con:
        con.execute("SET enable_progress_bar = false; SET disabled_optimizers = 'join_order,build_side_probe_side'")
        con.execute(_COMPANY.format(accounts=size.accounts, users=size.users or 50 * size.accounts, months=size.months,
                                    slots=size.events / EVENTS_EACH, most=MOST_ACTIVE))
        months = con.execute("SELECT k, epoch(month)::BIGINT, 86400 * (next - month), count(rank) "
                             "FROM months LEFT JOIN active USING (k) GROUP BY ALL ORDER BY k").fetchall()
        rows = _ROWS | {"usage_events": _each_month(_EVENT, EVENT_TYPES, months, size.events),
                        "touches": _each_month(_TOUCH, TOUCH_TYPES, months, int(size.events * TOUCHES))}
        for name, table in load_definitions().tables.items():
            if name in rows:
                _write(con, folder / f"{name}.parquet", table, rows[name])
        return _cardinalities(con, folder, size)


def _write(con: duckdb.DuckDBPyConnection, path: Path, table: Table, query: str) -> None:
    """A canonical table with all its columns, in their order and types; what the query does not give is empty."""
    given = set(con.sql(query).columns)
    columns = ", ".join(f'CAST({key if key in given else "NULL"} AS {column.sql_type}) AS "{key}"'
                        for key, column in table.columns.items())
    con.execute(f"COPY (SELECT {columns} FROM ({query})) TO '{path}' ({PARQUET})")


def _each_month(part: str, types: dict[str, int], months: list[tuple[Any, ...]], rows: int) -> str:
    """One query of `rows` rows, month after month, as many in each as users are active in it."""
    active, done, parts = sum(month[3] for month in months), 0, []
    hundred = [name for name, share in types.items() for _ in range(share)]
    for k, begin, span, users in months:
        before, done = done, done + users
        first, last = rows * before // active, rows * done // active
        if last > first:
            parts.append(part.format(k=k, begin=begin, span=span, users=users, first=first, rows=last - first,
                                     types=hundred))
    return " UNION ALL ".join(parts)


def _cardinalities(con: duckdb.DuckDBPyConnection, folder: Path, size: Size) -> dict[str, int]:
    late = con.execute(f"""SELECT count(*), count(*) FILTER (
        date_trunc('month', recorded_at) > date_trunc('month', occurred_at))
        FROM '{folder}/usage_events.parquet' WHERE recorded_at IS NOT NULL""").fetchall()[0]
    user_months = con.execute(f"""SELECT count(*) FROM (SELECT DISTINCT user_id, date_trunc('month', occurred_at)
        FROM '{folder}/usage_events.parquet')""").fetchall()[0][0]  # a user's id begins with that of the account
    rows = {name: con.execute(f"SELECT count(*) FROM '{folder}/{name}.parquet'").fetchall()[0][0]
            for name in ("usage_events", "touches", "accounts", "users")}
    return {"events": rows.pop("usage_events"), **rows, "months": size.months, "user_months": user_months,
            "events_recorded_late": late[0], "events_recorded_in_a_later_month": late[1],
            "bytes_of_events": (folder / "usage_events.parquet").stat().st_size}


_COMPANY = """
CREATE MACRO draw(x, salt) AS (hash(x, salt) >> 11)::DOUBLE / 9007199254740992;  -- from 0, below 1
CREATE MACRO pick(x, salt, n) AS (hash(x, salt) % n)::BIGINT;  -- from 0, below n
CREATE TABLE months AS
  SELECT k, (DATE '2026-10-01' - to_months({months} - 1 - k::INTEGER))::DATE AS month,
    (month + INTERVAL 1 MONTH)::DATE AS next
  FROM range({months}) t(k);
CREATE TABLE account AS
  SELECT a, printf('A%06d', a) AS account_id,
    CASE WHEN draw(a, 1) < 0.5 THEN 0 ELSE floor({months} * draw(a, 2)) END::BIGINT AS first,
    first + 12 * (1 + floor(ln(1 - draw(a, 3)) / ln(0.88)))::BIGINT AS gone,
    greatest(1, round(-ln(1 - draw(a, 4)) * {users} / {accounts}))::BIGINT AS seats,
    0.4 + 1.2 * draw(a, 5) AS zeal
  FROM range({accounts}) t(a);
CREATE TABLE person AS
  SELECT a, n, a * 1000000 + n AS u, account_id, format('{{}}-{{:04d}}', account_id, n) AS user_id, first, gone,
    zeal * 2 * draw(u, 6) AS zeal
  FROM account, unnest(range(seats)) t(n);
CREATE TABLE active AS
  WITH alive AS (SELECT p.*, k FROM person AS p JOIN months ON k >= first AND k < gone),
  share AS (SELECT least({most}, {slots} / sum(least(gone, {months}) - first)) AS share FROM person)
  SELECT k, account_id, user_id,
    row_number() OVER (PARTITION BY k ORDER BY zeal DESC, u) - 1 AS rank
  FROM alive, share
  WHERE draw(u, 100 + k) < least(0.95, share * zeal);
"""
_EVENT = """
SELECT printf('E%010d', {first} + j) AS event_id, s.account_id, s.user_id,
  make_timestamp(1000000 * ({begin} + j * {span} // {rows})) AS occurred_at,
  {types}[1 + pick(i, 8, 100)] AS event_type,
  CASE WHEN event_type = 'card_scan' THEN CASE WHEN draw(i, 9) < 0.01 THEN -1 ELSE 1 + pick(i, 10, 60) END END
    AS quantity,
  CASE WHEN draw(i, 11) < 0.1 THEN least(occurred_at + to_days(1 + (20 * draw(i, 12))::INTEGER),
    TIMESTAMP '2026-10-31 23:00:00') END AS recorded_at
FROM (SELECT j, {first} + j AS i, floor({users} * draw(i, 7) ** 1.7)::BIGINT AS rank FROM range({rows}) t(j)) AS e
JOIN active AS s ON s.k = {k} AND s.rank = e.rank"""
_TOUCH = """
SELECT printf('T%09d', {first} + j) AS touch_id, s.account_id,
  make_timestamp(1000000 * ({begin} + j * {span} // {rows})) AS occurred_at,
  {types}[1 + pick(i, 8, 100)] AS touch_type,
  CASE WHEN pick(i, 8, 100) < 87 THEN s.user_id END AS user_id,
  CASE WHEN pick(i, 8, 100) < 87 AND touch_type <> 'elearning_login'
    THEN upper(touch_type[1]) || {k} - (pick(i, 9, 3)) // 2 END AS content_id,
  CASE WHEN touch_type IN ('video_view', 'elearning') THEN [0.1, 0.2, 0.35, 0.5, 0.6, 0.8, 1.0][1 + pick(i, 10, 7)]
    END AS progress,
  CASE WHEN pick(i, 8, 100) >= 87 THEN 1 + pick(i, 13, 30) END AS recipients,
  CASE WHEN draw(i, 11) < 0.1 THEN least(occurred_at + to_days(1 + (20 * draw(i, 12))::INTEGER),
    TIMESTAMP '2026-10-31 23:00:00') END AS recorded_at
FROM (SELECT j, {first} + j + 1000000000000 AS i, floor({users} * draw(i, 7) ** 1.7)::BIGINT AS rank
      FROM range({rows}) t(j)) AS e
JOIN active AS s ON s.k = {k} AND s.rank = e.rank"""
_ROWS = {
    "contracts": """
SELECT printf('C%06d-%d', a, t) AS contract_id, account_id, month AS start_date, start_date + to_months(12) AS end_date,
  greatest(1, seats + seats * (pick(a, 20 + t, 3) - 1) // 10) AS seats, 2400 * (1 + pick(a, 21, 3)) * seats
    AS mrr, start_date + to_days((pick(a, 22 + t, 25) - 20)::INTEGER) AS recorded_at
FROM account, unnest(range((gone - first) // 12)) AS r(t) JOIN months ON k = first + 12 * t
ORDER BY start_date, account_id""",
    "accounts": """
SELECT account_id, 'Company ' || a AS account_name, CASE WHEN seats > 100 THEN 'enterprise' ELSE 'smb' END AS segment,
  'industry ' || pick(a, 23, 7) AS industry, printf('CSM%03d', pick(a, 24, 200)) AS owner,
  seats + pick(a, 25, 100) AS target_users, month AS valid_from
FROM account JOIN months ON k = first ORDER BY a""",
    "users": """
SELECT user_id, account_id, month + pick(u, 26, 90)::INTEGER AS activated_date,
  CASE n WHEN 0 THEN 'keyman' WHEN 1 THEN 'decision_maker' WHEN 2 THEN 'admin' ELSE 'member' END AS role
FROM person JOIN months ON k = first WHERE activated_date <= DATE '2026-10-31' ORDER BY u""",
    "meetings": """
SELECT printf('M%06d-%02d', a, k) AS meeting_id, account_id, month + pick(a, 200 + k, 28)::INTEGER AS scheduled_date,
  draw(a, 300 + k) < 0.9 AS held, draw(a, 400 + k) < 0.5 AS with_keyman, draw(a, 400 + k) > 0.9 AS with_decision_maker
FROM account JOIN months ON k >= first AND k < gone WHERE draw(a, 500 + k) < 0.25 ORDER BY scheduled_date, a""",
    "milestones": """
SELECT account_id, milestone, month + due AS due_date,
  CASE WHEN draw(a, due) < 0.9 THEN month + (due * (0.3 + draw(a, 1000 + due)))::INTEGER END AS completed_date
FROM account JOIN months ON k = first
CROSS JOIN (VALUES ('account_setup', 10), ('import', 20), ('training', 40), ('kickoff', 5)) v(milestone, due)
ORDER BY a""",
    "surveys": """
SELECT printf('S%06d-%02d', a, k) AS survey_id, account_id, month + pick(a, 600 + k, 28)::INTEGER AS sent_date,
  'nps' AS kind,
  CASE WHEN draw(a, 700 + k) < 0.4 THEN sent_date + pick(a, 800 + k, 20)::INTEGER END AS answered_date,
  CASE WHEN answered_date IS NOT NULL THEN pick(a, 900 + k, 11) END AS score
FROM account JOIN months ON k >= first AND k < gone WHERE (k + a) % 4 = 0 ORDER BY sent_date, a""",
    "goals": """
SELECT printf('G%06d-%d', a, g) AS goal_id, account_id, month + 30 * (g + 1)::INTEGER AS agreed_date,
  CASE WHEN draw(a, 30 + g) < 0.6 THEN agreed_date + 120 END AS achieved_date, 'customer' AS view
FROM account JOIN months ON k = first CROSS JOIN range(2) r(g) ORDER BY agreed_date, a""",
    "ratings": """
SELECT account_id, kind, value, month + pick(a, hash(kind, k), 28)::INTEGER AS set_date
FROM account JOIN months ON k >= first AND k < gone
CROSS JOIN (VALUES ('keyman_relation', 'good'), ('value_matrix', '3')) v(kind, value)
WHERE draw(a, hash(kind, k)) < 0.08 ORDER BY set_date, a, kind""",
}
