"""How the text of a cell becomes a value: for every column type its SQL steps; which rules it breaks, rules.yml says.

Nothing is coerced silently: a value that does not fit has a code. Each step of column `x` is a column that the next
ones may read: `x_s` (its text as it stands), `x_p` (whether that is plainly of its type, so that most rules need no
look), `x_t` (its text without outer space, null when blank), some of its type, and `x_v`, its value. SQL here and in
rules.yml calls them {s}, {p} and so on. Where every cell is known to be plain, `true` stands for {p}, and the database
drops what only odd cells need.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

import duckdb

from cs_research.definitions.models import Column
from cs_research.ingest.mapping import Files
from cs_research.ingest.rules import all_rules

CONTROL = r"[\x00-\x1F\x7F]"
CONTROL_IN_TEXT = r"[\x00-\x08\x0B\x0C\x0E-\x1F\x7F]"  # a name may hold tabs and line breaks
SPACE = r"\s\x{00A0}\x{2000}-\x{200A}\x{202F}\x{205F}\x{3000}"
ISO = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
STAMP = ISO + r"[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
OFFSET = r" ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)"
REAL = r"-?[0-9]{1,15}(\.[0-9]{1,15})?"
# what no rule on text needs a second look at: ids without odd characters, numbers that fit their type as they stand
PLAIN = {"text": r"[!-~]([ -~]*[!-~])?", "date": ISO, "stamp": STAMP + OFFSET, "integer": r"-?[0-9]{1,15}",
         "money": r"-?[0-9]{1,13}(\.[0-9]{1,2})?", "quantity": r"-?[0-9]{1,13}(\.[0-9]{1,4})?", "real": REAL,
         "share": REAL, **dict.fromkeys(("id", "category", "boolean"), r"[0-9A-Za-z_@#-]+(\.[0-9A-Za-z_@#-]+)*")}
SCALE = {"integer": 0, "money": 2, "quantity": 4}
NUMBERS = (*SCALE, "real", "share")
INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
STEADY = ("TIMESTAMPTZ '1990-01-01 00:00:00+00'", "TIMESTAMPTZ '2100-01-01 00:00:00+00'")

_PLAINLY = "coalesce(regexp_full_match({s}, {plain}), true)"
_TRIMMED = "CASE WHEN {p} THEN {s} ELSE nullif(regexp_replace({s}, {outer}, '', 'g'), '') END"
_NFKC = "CASE WHEN {p} THEN {t} ELSE nfkc({t}) END"
_NFC = "CASE WHEN {p} THEN {t} ELSE nfc_normalize({t}) END"
_DATE = {"v": "CASE WHEN NOT ({is_end} AND {d} >= DATE '2099-12-31') THEN {d} END"}  # a far end is an open end
_NUMBER = {"e": "CASE WHEN NOT {p} THEN {exact} END",
           "v": "CASE WHEN {p} THEN TRY_CAST({n} AS {type}) ELSE TRY_CAST({e} AS {type}) END"}
# The steps from a column's text on, by type; then those of a column that arrives with a fitting type.
STEPS = {
    "id": {"v": _NFKC}, "text": {"v": _NFC}, "open category": {"v": _NFC},
    "category": {"v": "CASE WHEN {t} IN ({known}) THEN {t} ELSE lower(" + _NFKC + ") END"},
    "boolean": {"v": "CASE lower({t}) WHEN 'true' THEN true WHEN '1' THEN true "
                     "WHEN 'false' THEN false WHEN '0' THEN false END"},
    "date": {"d": "coalesce({dates})", **_DATE},
    "stamp": {"i": "CASE WHEN {p} OR regexp_full_match({t}, {instant}) THEN TRY_CAST({t} AS TIMESTAMPTZ) END",
              "n": "CASE WHEN {i} IS NULL THEN coalesce({stamps}) END", "v": "{wall}"},
    "number": {"f": _NFKC, "n": "CASE WHEN {p} THEN {t} WHEN regexp_full_match({f}, '-?[0-9]+(\\.[0-9]+)?') THEN {f} "
                                "WHEN regexp_full_match({f}, '-?[¥$€£]?-?([0-9]{1,3}(,[0-9]{3})+|[0-9]+)(\\.[0-9]+)?') "
                                "THEN regexp_replace({f}, '[¥$€£,]', '', 'g') END", **_NUMBER},
}
TYPED = {"date": {"d": "{s}", **_DATE}, "stamp": {"v": "{wall}"}, "boolean": {"v": "{s}"},
         "number": {"n": "{s}", **_NUMBER}}


class Check(NamedTuple):
    """A rule on a cell: its code and the SQL that holds where it is broken.

    `of_plain`: plain cells can break it too; the condition of other rules means nothing in plain cells.
    """

    code: str
    condition: str
    of_plain: bool = False


class Judged(NamedTuple):
    """A cell as SQL: named steps, the last of which is its value; the rules it may break; when it is plain."""

    steps: list[tuple[str, str]]
    checks: list[Check]
    plain: str = ""

    def of(self, severity: str) -> list[Check]:
        """The checks whose code begins so."""
        return [check for check in self.checks if check.code.startswith(severity)]


@dataclass(frozen=True)
class Zones:
    """The reporting zone, the zone of stamps without offset where one is declared, and the constant offset.

    `offset_seconds`: that of the reporting zone in its `STEADY` years, where it is one and the same.
    """

    reporting: str
    naive: str | None
    offset_seconds: int | None = None

    def wall(self, instant: str) -> str:
        """An instant as wall time of the reporting zone; by addition where that will do, as calendars are slow."""
        wall = f"timezone({quoted(self.reporting)}, {instant})"
        if self.offset_seconds is None:
            return wall
        return f"CASE WHEN {instant} BETWEEN {STEADY[0]} AND {STEADY[1]} " \
               f"THEN make_timestamp(epoch_us({instant}) + {self.offset_seconds}000000) ELSE {wall} END"

    def local(self, naive: str) -> str:
        """A stamp without offset as wall time of the reporting zone."""
        if self.naive == self.reporting:
            return naive
        return f"timezone({quoted(self.reporting)}, timezone({quoted(self.naive or '')}, {naive}))"


def zones(con: duckdb.DuckDBPyConnection, reporting: str, naive: str | None) -> Zones:
    """The zones of a data set; a zone that kept its clocks through the steady years has a constant offset."""
    least, most = con.execute(f"""
        SELECT min(ahead), max(ahead) FROM (
            SELECT date_diff('second', timezone('UTC', t), timezone({quoted(reporting)}, t)) AS ahead
            FROM range({STEADY[0]}, {STEADY[1]} + INTERVAL 7 DAY, INTERVAL 7 DAY) r(t))""").fetchone()
    return Zones(reporting, naive, least if least == most else None)


def judge_text(name: str, column: Column, spec: Files, zones: Zones, is_plain: bool = False) -> Judged:
    """The judgement of a column that arrives as text; `is_plain`: all its cells are known to be."""
    t, p, i, n = f"{name}_t", "true" if is_plain else f"{name}_p", f"{name}_i", f"{name}_n"
    dates = [f"CASE WHEN {p} OR regexp_full_match({t}, '{ISO}') THEN TRY_CAST({t} AS DATE) END",
             *(f"CAST(try_strptime({t}, {quoted(form)}) AS DATE)" for form in spec.date_formats)]
    stamps = [f"CASE WHEN regexp_full_match({t}, '{STAMP}|{ISO}') THEN TRY_CAST({t} AS TIMESTAMP) END",
              *(f"try_strptime({t}, {quoted(form)})" for form in spec.stamp_formats)]
    wall = zones.wall(i)
    if zones.naive:
        wall = f"CASE WHEN {i} IS NULL THEN {zones.local(n)} ELSE {wall} END"
    steps = STEPS["open category" if column.type == "category" and column.values is None else _kind(column)]
    judged = _judged(name, column, {"p": _PLAINLY, "t": _TRIMMED, **steps}, {
        "p": p, "dates": ", ".join(dates), "stamps": ", ".join(stamps), "wall": wall})
    if is_plain:
        return Judged(judged.steps[1:], [check for check in judged.checks if check.of_plain], p)
    return judged._replace(plain=p)


def judge_typed(name: str, column: Column, source_type: str, zones: Zones) -> Judged | None:
    """The judgement of a column that arrives with a fitting type; None when its text has to be read."""
    s, words = f"{name}_s", {}
    if column.type in NUMBERS and (source_type in INTEGERS
                                   or source_type.split("(")[0] in ("FLOAT", "DOUBLE", "DECIMAL")):
        digits = re.search(r",([0-9]+)\)", source_type)  # of a decimal after the point
        fits = source_type in INTEGERS or (digits and int(digits[1]) <= SCALE.get(column.type, -1))
        words["p"] = str(bool(fits)).lower()
    elif column.type == "stamp" and source_type == "TIMESTAMP WITH TIME ZONE":
        words["wall"] = zones.wall(s)
    elif column.type == "stamp" and source_type.startswith("TIMESTAMP") and zones.naive:
        words["wall"] = zones.local(f"CAST({s} AS TIMESTAMP)")
    elif (column.type, source_type) not in (("date", "DATE"), ("boolean", "BOOLEAN")):
        return None
    return _judged(name, column, TYPED[_kind(column)], {"t": s, **words}, is_typed=True)


def quoted(text: str) -> str:
    """Text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _judged(name: str, column: Column, steps: dict[str, str], own: dict[str, str], is_typed: bool = False) -> Judged:
    """The steps and the rules of the column's type, with what they name filled in; `own` goes before `_words`."""
    kind, words = _kind(column), _words(name, column) | own
    checks = [Check("R_SEATS_RANGE" if (code, name) == ("R_RANGE", "seats") else code, _filled(rule.where, words),
                    rule.of_plain)
              for code, rule in all_rules().items()
              if rule.where and kind in (rule.types or (kind,)) and (rule.of_typed or not is_typed)]
    return Judged([(f"{name}_{step}", _filled(sql, words)) for step, sql in steps.items()], checks)


def _words(name: str, column: Column) -> dict[str, str]:
    """What steps and rules may name in braces: the steps, limits and patterns of a column, and what it is."""
    kind, scale, number = _kind(column), SCALE.get(column.type), f"{name}_n"
    limits = [f"{name}_v {sign} {limit:.15g}" for sign, limit in (("<", column.minimum), (">", column.maximum))
              if limit is not None]
    flags = {"is_required": column.required, "is_end": name == "end_date", "is_name": name.endswith("_name"),
             "is_seats": name == "seats", "is_open": column.values is None}
    return {
        **{step: f"{name}_{step}" for step in "sptdinfev"}, **{flag: str(so).lower() for flag, so in flags.items()},
        "unread": f"{name}_{'d' if kind == 'date' else 'v'} IS NULL AND {name}_t IS NOT NULL",
        "type": column.sql_type, "known": ", ".join(map(quoted, column.values or ("",))),
        "plain": quoted(PLAIN[column.type]), "outer": f"'^[{SPACE}]+|[{SPACE}]+$'",
        "control": quoted(CONTROL_IN_TEXT if kind == "text" else CONTROL),
        "dated": quoted(ISO if kind == "date" else f"({STAMP}|{ISO})({OFFSET})?"), "instant": quoted(STAMP + OFFSET),
        "exact": f"TRY_CAST({number} AS DECIMAL(38,9))" if scale is not None else
                 f"CASE WHEN isfinite(TRY_CAST({number} AS DOUBLE)) THEN TRY_CAST({number} AS DOUBLE) END",
        "beyond": " OR ".join(limits) or "false", "most": str(column.maximum or 1e15),
        "start": "start_date_v" if name == "end_date" else "NULL",
        "rough": "false" if scale is None else f"{name}_e <> round({name}_e, {scale})"}


def _kind(column: Column) -> str:
    return "number" if column.type in NUMBERS else column.type


def _filled(sql: str, words: dict[str, str]) -> str:
    return re.sub(r"\{([a-z_]+)\}", lambda found: words[found[1]], sql)
