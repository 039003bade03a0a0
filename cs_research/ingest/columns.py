"""How the text of a cell becomes a value: for every column type the SQL steps and the rules it may break.

Nothing is coerced silently: a value that does not fit has a code. The steps of column `x` read `x_s` (its text
as it stands), `x_p` (whether that is plainly of its type, so that most rules need no look) and `x_t` (its text without
outer space, null when blank); each step is a column that the next ones may read. Where every cell is known to be
plain, `true` stands for `x_p`, and the database drops what only odd cells need.
"""

import re
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

import duckdb

from cs_research.definitions.models import Column
from cs_research.ingest.mapping import Files

SPACE = r"\s\x{00A0}\x{2000}-\x{200A}\x{202F}\x{205F}\x{3000}"
CONTROL = r"[\x00-\x1F\x7F]"
CONTROL_IN_TEXT = r"[\x00-\x08\x0B\x0C\x0E-\x1F\x7F]"  # a name may hold tabs and line breaks
HIDDEN = r"[\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2060}-\x{2064}\x{2066}-\x{2069}\x{FEFF}]"
PERSONAL = r"[\w.+-]+@[\w-]+\.[\w.]+" \
           r"|(^|[^0-9])(\+[0-9]{1,3}[ -]?)?\(?0?[0-9]{1,4}\)?[ -][0-9]{2,4}[ -][0-9]{3,4}([^0-9]|$)"
UNSAFE = r'[/\\<>"|?*:;\x60$]|\.\.'
SCIENTIFIC = r"[0-9]+(\.[0-9]+)?[Ee]\+[0-9]{2,}"
NUMBER = r"-?[0-9]+(\.[0-9]+)?"
GROUPED = r"-?[¥$€£]?-?([0-9]{1,3}(,[0-9]{3})+|[0-9]+)(\.[0-9]+)?"
ISO = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
STAMP = ISO + r"[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
OFFSET = r" ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)"
SERIAL = r"[1-9][0-9]{4}(\.[0-9]+)?"
# what no rule on text needs a second look at: ids without odd characters, numbers that fit their type as they stand
PLAIN = {"id": r"[0-9A-Za-z_@#-]+(\.[0-9A-Za-z_@#-]+)*", "text": r"[!-~]([ -~]*[!-~])?", "date": ISO,
         "stamp": STAMP + OFFSET, "integer": r"-?[0-9]{1,15}", "money": r"-?[0-9]{1,13}(\.[0-9]{1,2})?",
         "quantity": r"-?[0-9]{1,13}(\.[0-9]{1,4})?", "real": r"-?[0-9]{1,15}(\.[0-9]{1,15})?",
         "share": r"-?[0-9]{1,15}(\.[0-9]{1,15})?"}
SCALE = {"integer": 0, "money": 2, "quantity": 4}
TEXT_LIMIT = 1000
OPEN_FROM = date(2099, 12, 31)
SQL_TYPES = {"id": "VARCHAR", "text": "VARCHAR", "category": "VARCHAR", "date": "DATE", "stamp": "TIMESTAMP",
             "integer": "BIGINT", "money": "DECIMAL(18,2)", "quantity": "DECIMAL(18,4)", "real": "DOUBLE",
             "share": "DOUBLE", "boolean": "BOOLEAN"}
INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
STEADY = ("TIMESTAMPTZ '1990-01-01 00:00:00+00'", "TIMESTAMPTZ '2100-01-01 00:00:00+00'")
NUMBERS = ("integer", "money", "quantity", "real", "share")


class Rule(NamedTuple):
    """A fault (R_) or warning (W_): its code and the SQL that holds where it is broken.

    `of_plain`: plain cells can break it too; the condition of other rules means nothing in plain cells.
    """

    code: str
    condition: str
    of_plain: bool = False


@dataclass(frozen=True)
class Judged:
    """A cell as SQL: named steps, the last of which is its value; the rules it may break; when it is plain."""

    steps: list[tuple[str, str]]
    rules: list[Rule] = field(default_factory=list)
    plain: str = ""

    def of(self, severity: str) -> list[Rule]:
        """The rules whose code begins so."""
        return [rule for rule in self.rules if rule.code.startswith(severity)]


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
    s, t, p = f"{name}_s", f"{name}_t", "true" if is_plain else f"{name}_p"
    is_text = column.type in ("id", "text", "category", "boolean")
    if column.type == "date":
        judged = _date(name, p, spec)
    elif column.type == "stamp":
        judged = _stamp(name, p, spec, zones)
    elif is_text:
        judged = {"id": _id, "text": _text, "category": _category, "boolean": _boolean}[column.type](name, p, column)
    else:
        judged = _number(name, p, column)
    blank = [Rule("R_ID_MISSING" if column.type == "id" else "R_VALUE_MISSING", f"{t} IS NULL", True)]
    rules = [Rule("R_CONTROL_CHAR", matches(t, CONTROL_IN_TEXT if column.type == "text" else CONTROL)),
             Rule("R_TEXT_TOO_LONG", f"length({s}) > {TEXT_LIMIT}", is_text),
             *(blank if column.required else []), *judged.rules,
             Rule("W_REPLACEMENT_CHAR", f"contains({s}, '\ufffd')"), Rule("W_BIDI_CONTROL", matches(s, HIDDEN))]
    trimmed = f"nullif(regexp_replace({s}, '^[{SPACE}]+|[{SPACE}]+$', '', 'g'), '')"
    return Judged([(f"{name}_p", f"coalesce({full(s, PLAIN.get(column.type, PLAIN['id']))}, true)")] * (not is_plain)
                  + [(t, f"CASE WHEN {p} THEN {s} ELSE {trimmed} END"), *judged.steps],
                  [rule for rule in rules if rule.of_plain or not is_plain], p)


def judge_typed(name: str, column: Column, source_type: str, zones: Zones) -> Judged | None:
    """The judgement of a column that arrives with a fitting type; None when its text has to be read."""
    s, blank = f"{name}_s", [Rule("R_VALUE_MISSING", f"{name}_s IS NULL")] if column.required else []
    if column.type in NUMBERS and (source_type in INTEGERS
                                   or source_type.split("(")[0] in ("FLOAT", "DOUBLE", "DECIMAL")):
        digits = re.search(r",([0-9]+)\)", source_type)  # of a decimal after the point
        fits = source_type in INTEGERS or (digits and int(digits[1]) <= SCALE.get(column.type, -1))
        judged = _checked_number(name, column, s, str(bool(fits)).lower(), f"{s} IS NOT NULL")
    elif column.type == "date" and source_type == "DATE":
        judged = _checked_date(name, s)
    elif column.type == "stamp" and source_type == "TIMESTAMP WITH TIME ZONE":
        judged = _checked_stamp(name, zones.wall(s))
    elif column.type == "stamp" and source_type.startswith("TIMESTAMP") and zones.naive:
        judged = _checked_stamp(name, zones.local(f"CAST({s} AS TIMESTAMP)"))
    elif column.type == "boolean" and source_type == "BOOLEAN":
        judged = Judged([(f"{name}_v", s)])
    else:
        return None
    return Judged(judged.steps, blank + judged.rules)


def quoted(text: str) -> str:
    """Text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def where(guard: str, condition: str) -> str:
    """SQL: both hold; the condition is looked at only in rows where the guard does (AND would look in all)."""
    return f"CASE WHEN {guard} THEN {condition} ELSE false END"


def matches(text: str, pattern: str) -> str:
    """SQL: the pattern occurs in the text."""
    return f"regexp_matches({text}, {quoted(pattern)})"


def full(text: str, pattern: str) -> str:
    """SQL: the whole text fits the pattern."""
    return f"regexp_full_match({text}, {quoted(pattern)})"


def _id(name: str, p: str, column: Column) -> Judged:
    s, t, v = f"{name}_s", f"{name}_t", f"{name}_v"
    return Judged([(v, f"CASE WHEN {p} THEN {t} ELSE nfkc({t}) END")],
                  [Rule("R_ID_SCIENTIFIC", full(t, SCIENTIFIC)), Rule("W_ID_TRIMMED", f"{s} <> {t}"),
                   Rule("W_NFKC_ID", f"{v} <> {t}"), Rule("W_ID_UNSAFE_CHARS", matches(t, UNSAFE))])


def _text(name: str, p: str, column: Column) -> Judged:
    t = f"{name}_t"
    personal = [Rule("W_PII_PATTERN", matches(t, PERSONAL), True)] if name.endswith("_name") else []
    return Judged([(f"{name}_v", f"CASE WHEN {p} THEN {t} ELSE nfc_normalize({t}) END")],
                  [*personal, _trimmed(name)])


def _category(name: str, p: str, column: Column) -> Judged:
    s, t, v = f"{name}_s", f"{name}_t", f"{name}_v"
    if column.values is None:
        return Judged([(v, f"CASE WHEN {p} THEN {t} ELSE nfc_normalize({t}) END")],
                      [Rule("W_CATEGORY_NORMALISED", f"{s} <> {v}")])
    known = ", ".join(map(quoted, column.values))
    fitted = f"CASE WHEN {t} IN ({known}) THEN {t} ELSE lower(CASE WHEN {p} THEN {t} ELSE nfkc({t}) END) END"
    return Judged([(v, fitted)], [Rule("R_CATEGORY_UNKNOWN", f"{v} NOT IN ({known})", True),
                                  Rule("W_CATEGORY_NORMALISED", f"{s} <> {v}", True)])


def _boolean(name: str, p: str, column: Column) -> Judged:
    t, v = f"{name}_t", f"{name}_v"
    words = "WHEN 'true' THEN true WHEN '1' THEN true WHEN 'false' THEN false WHEN '0' THEN false"
    return Judged([(v, f"CASE lower({t}) {words} END")],
                  [Rule("R_BOOLEAN", f"{v} IS NULL AND {t} IS NOT NULL", True), _trimmed(name)])


def _trimmed(name: str) -> Rule:
    return Rule("W_VALUE_TRIMMED", f"{name}_s <> {name}_t")


def _date(name: str, p: str, spec: Files) -> Judged:
    t, d = f"{name}_t", f"{name}_d"
    tries = [f"CASE WHEN {p} OR {full(t, ISO)} THEN TRY_CAST({t} AS DATE) END",
             *(f"CAST(try_strptime({t}, {quoted(form)}) AS DATE)" for form in spec.date_formats)]
    judged, unread = _checked_date(name, d), f"{d} IS NULL AND {t} IS NOT NULL"
    return Judged([(d, f"coalesce({', '.join(tries)})"), *judged.steps],
                  [Rule("R_DATE_INVALID", where(unread, full(t, ISO)), True),
                   Rule("R_DATE_EXCEL_SERIAL", where(unread, full(t, SERIAL))), Rule("R_DATE_FORMAT", unread),
                   *judged.rules, _trimmed(name)])


def _checked_date(name: str, d: str) -> Judged:
    """Range of a date; a far end is an open end."""
    far, early = f"{d} >= DATE '{OPEN_FROM}'", f"{d} < DATE '1900-01-01'"
    if name == "end_date":
        return Judged([(f"{name}_v", f"CASE WHEN NOT ({far}) THEN {d} END")],
                      [Rule("R_DATE_RANGE", early, True), Rule("W_DATE_SENTINEL", far, True)])
    return Judged([(f"{name}_v", d)], [Rule("R_DATE_RANGE", f"({early} OR {far})", True)])


def _stamp(name: str, p: str, spec: Files, zones: Zones) -> Judged:
    t, i, n, v = f"{name}_t", f"{name}_i", f"{name}_n", f"{name}_v"
    forms = [f"CASE WHEN {full(t, f'{STAMP}|{ISO}')} THEN TRY_CAST({t} AS TIMESTAMP) END",
             *(f"try_strptime({t}, {quoted(form)})" for form in spec.stamp_formats)]
    wall = zones.wall(i)
    if zones.naive:
        wall = f"CASE WHEN {i} IS NULL THEN {zones.local(n)} ELSE {wall} END"
    judged = _checked_stamp(name, wall)
    unread = f"{v} IS NULL AND {t} IS NOT NULL"
    no_day = f"{full(t, f'({STAMP}|{ISO})({OFFSET})?')} AND TRY_CAST(left({t}, 10) AS DATE) IS NULL"
    return Judged([(i, f"CASE WHEN {p} OR {full(t, STAMP + OFFSET)} THEN TRY_CAST({t} AS TIMESTAMPTZ) END"),
                   (n, f"CASE WHEN {i} IS NULL THEN coalesce({', '.join(forms)}) END"), *judged.steps],
                  [Rule("R_TS_NO_OFFSET", where(unread, f"{n} IS NOT NULL"), True),
                   Rule("R_DATE_INVALID", where(unread, no_day), True), Rule("R_TS_FORMAT", unread, True),
                   *judged.rules, _trimmed(name)])


def _checked_stamp(name: str, value: str) -> Judged:
    return Judged([(f"{name}_v", value)], [Rule("R_TS_OUT_OF_RANGE", f"{name}_v < TIMESTAMP '2000-01-01'", True)])


def _number(name: str, p: str, column: Column) -> Judged:
    t, folded, plain = f"{name}_t", f"{name}_f", f"{name}_n"
    steps = [(folded, f"CASE WHEN {p} THEN {t} ELSE nfkc({t}) END"),
             (plain, f"CASE WHEN {p} THEN {t} WHEN {full(folded, NUMBER)} THEN {folded} "
                     f"WHEN {full(folded, GROUPED)} THEN regexp_replace({folded}, '[¥$€£,]', '', 'g') END")]
    judged = _checked_number(name, column, plain, p, f"{t} IS NOT NULL")
    exponent = where(full(t, "[0-9.]+[Ee][+]?[0-9]+"), f"TRY_CAST({t} AS DOUBLE) > {column.maximum or 1e15}")
    return Judged(steps + judged.steps,
                  [Rule(_range_code(name), where(f"{plain} IS NULL", exponent)), *judged.rules,
                   Rule("W_NFKC_NUMBER", f"{folded} <> {t}"), Rule("W_NUMBER_NORMALISED", f"{plain} <> {folded}"),
                   _trimmed(name)])


def _checked_number(name: str, column: Column, number: str, fits: str, given: str) -> Judged:
    """Range, whole numbers, and digits that the type could not keep; `fits`: where it can keep them all."""
    e, v, kind, scale = f"{name}_e", f"{name}_v", SQL_TYPES[column.type], SCALE.get(column.type)
    exact = f"TRY_CAST({number} AS DECIMAL(38,9))"
    if scale is None:
        exact = f"CASE WHEN isfinite(TRY_CAST({number} AS DOUBLE)) THEN TRY_CAST({number} AS DOUBLE) END"
    limits = [f"{v} {sign} {limit:.15g}" for sign, limit in (("<", column.minimum), (">", column.maximum))
              if limit is not None]
    rough = f"{e} <> round({e}, {scale})" if scale is not None else "false"
    rules = [Rule("R_NUMBER_FORMAT", where(f"NOT {fits}", f"{e} IS NULL AND {given}")),
             Rule(_range_code(name), " OR ".join(limits) or "false", True),
             Rule("R_SEATS_RANGE" if name == "seats" else "R_NUMBER_FORMAT", where(f"NOT {fits}", rough)),
             Rule(_range_code(name), f"{v} IS NULL AND {given}", True)]
    return Judged([(e, f"CASE WHEN NOT {fits} THEN {exact} END"),
                   (v, f"CASE WHEN {fits} THEN TRY_CAST({number} AS {kind}) ELSE TRY_CAST({e} AS {kind}) END")], rules)


def _range_code(name: str) -> str:
    return "R_SEATS_RANGE" if name == "seats" else "R_RANGE"
