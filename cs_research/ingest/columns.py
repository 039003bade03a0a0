"""How the text of a cell becomes a value: for every column type the SQL steps and the rules it may break.

Nothing is coerced silently: a value that does not fit has a code. The steps of column `x` read `x_s` (its text
as it stands), `x_p` (whether that is plainly of its type, so that most rules need no look) and `x_t` (its text without
outer space, null when blank); each step is a column that the next ones may read.
"""

import re
from dataclasses import dataclass, field
from datetime import date

from cs_research.definitions.models import Column
from cs_research.ingest.mapping import Files

Coded = list[tuple[str, str]]

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
NUMBERS = ("integer", "money", "quantity", "real", "share")


@dataclass(frozen=True)
class Judged:
    """A cell as SQL: named steps, the last of which is its value; (code, condition) of faults and warnings."""

    steps: list[tuple[str, str]]
    faults: Coded = field(default_factory=list)
    warnings: Coded = field(default_factory=list)


@dataclass(frozen=True)
class Zones:
    """The reporting zone, and the zone of stamps without offset where one is declared."""

    reporting: str
    naive: str | None

    def local(self, naive: str) -> str:
        """A stamp without offset as wall time of the reporting zone."""
        if self.naive == self.reporting:
            return naive
        return f"timezone({quoted(self.reporting)}, timezone({quoted(self.naive or '')}, {naive}))"


def judge_text(name: str, column: Column, spec: Files, zones: Zones) -> Judged:
    """The judgement of a column that arrives as text."""
    s, p, t = f"{name}_s", f"{name}_p", f"{name}_t"
    own = {"id": _id, "text": _text, "category": _category, "boolean": _boolean}.get(column.type)
    if own:
        judged = own(name, column)
    elif column.type == "date":
        judged = _date(name, spec)
    elif column.type == "stamp":
        judged = _stamp(name, spec, zones)
    else:
        judged = _number(name, column)
    missing = "R_ID_MISSING" if column.type == "id" else "R_VALUE_MISSING"
    control = CONTROL_IN_TEXT if column.type == "text" else CONTROL
    long = f"length({s}) > {TEXT_LIMIT}"
    blank = [(missing, f"{t} IS NULL")] if column.required else []
    plain = f"coalesce({full(s, PLAIN.get(column.type, PLAIN['id']))}, true)"
    return Judged(
        [(p, plain), (t, f"CASE WHEN {p} THEN {s} ELSE {_trimmed(s)} END"), *judged.steps],
        [("R_CONTROL_CHAR", where(f"NOT {p}", matches(t, control))),
         ("R_TEXT_TOO_LONG", long if own else where(f"NOT {p}", long)),
         *blank, *judged.faults],
        [*judged.warnings, ("W_REPLACEMENT_CHAR", where(f"NOT {p}", f"contains({s}, '\ufffd')")),
         ("W_BIDI_CONTROL", where(f"NOT {p}", matches(s, HIDDEN)))],
    )


def judge_typed(name: str, column: Column, source_type: str, zones: Zones) -> Judged | None:
    """The judgement of a column that arrives with a fitting type; None when its text has to be read."""
    s, blank = f"{name}_s", [("R_VALUE_MISSING", f"{name}_s IS NULL")] if column.required else []
    if column.type in NUMBERS and _is_number(source_type):
        digits = re.search(r",([0-9]+)\)", source_type)  # of a decimal after the point
        fits = source_type in INTEGERS or (digits and int(digits[1]) <= SCALE.get(column.type, -1))
        judged = _checked_number(name, column, s, str(bool(fits)).lower(), f"{s} IS NOT NULL")
    elif column.type == "date" and source_type == "DATE":
        judged = _checked_date(name, s)
    elif column.type == "stamp" and source_type == "TIMESTAMP WITH TIME ZONE":
        judged = _checked_stamp(name, f"timezone({quoted(zones.reporting)}, {s})")
    elif column.type == "stamp" and source_type.startswith("TIMESTAMP") and zones.naive:
        judged = _checked_stamp(name, zones.local(f"CAST({s} AS TIMESTAMP)"))
    elif column.type == "boolean" and source_type == "BOOLEAN":
        judged = Judged([(f"{name}_v", s)])
    else:
        return None
    return Judged(judged.steps, blank + judged.faults, judged.warnings)


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


def _trimmed(s: str) -> str:
    return f"nullif(regexp_replace({s}, '^[{SPACE}]+|[{SPACE}]+$', '', 'g'), '')"


def _folded(name: str) -> str:
    return f"CASE WHEN {name}_p THEN {name}_t ELSE nfkc({name}_t) END"


def _id(name: str, column: Column) -> Judged:
    s, t, v = f"{name}_s", f"{name}_t", f"{name}_v"
    odd = f"NOT {name}_p"
    return Judged([(v, _folded(name))], [("R_ID_SCIENTIFIC", where(odd, full(t, SCIENTIFIC)))],
                  [("W_ID_TRIMMED", where(odd, f"{s} <> {t}")), ("W_NFKC_ID", where(odd, f"{v} <> {t}")),
                   ("W_ID_UNSAFE_CHARS", where(odd, matches(t, UNSAFE)))])


def _text(name: str, column: Column) -> Judged:
    t = f"{name}_t"
    personal = [("W_PII_PATTERN", matches(t, PERSONAL))] if name.endswith("_name") else []
    return Judged([(f"{name}_v", f"CASE WHEN {name}_p THEN {t} ELSE nfc_normalize({t}) END")], [], personal)


def _category(name: str, column: Column) -> Judged:
    s, t, v = f"{name}_s", f"{name}_t", f"{name}_v"
    if column.values is None:
        changed = [("W_CATEGORY_NORMALISED", where(f"NOT {name}_p", f"{s} <> {v}"))]
        return Judged([(v, f"CASE WHEN {name}_p THEN {t} ELSE nfc_normalize({t}) END")], [], changed)
    known = ", ".join(map(quoted, column.values))
    fitted = f"CASE WHEN {t} IN ({known}) THEN {t} ELSE lower({_folded(name)}) END"
    return Judged([(v, fitted)], [("R_CATEGORY_UNKNOWN", f"{v} NOT IN ({known})")],
                  [("W_CATEGORY_NORMALISED", f"{s} <> {v}")])


def _boolean(name: str, column: Column) -> Judged:
    t, v = f"{name}_t", f"{name}_v"
    words = "WHEN 'true' THEN true WHEN '1' THEN true WHEN 'false' THEN false WHEN '0' THEN false"
    return Judged([(v, f"CASE lower({t}) {words} END")], [("R_BOOLEAN", f"{v} IS NULL AND {t} IS NOT NULL")],
                  [("W_VALUE_TRIMMED", f"{name}_s <> {t}")])


def _date(name: str, spec: Files) -> Judged:
    t, d = f"{name}_t", f"{name}_d"
    value = f"CASE WHEN {name}_p OR {full(t, ISO)} THEN TRY_CAST({t} AS DATE) END"
    if spec.date_formats:
        tries = ", ".join(f"CAST(try_strptime({t}, {quoted(form)}) AS DATE)" for form in spec.date_formats)
        value = f"coalesce({value}, {tries})"
    judged, unread = _checked_date(name, d), f"{d} IS NULL AND {t} IS NOT NULL"
    faults = [("R_DATE_INVALID", where(unread, full(t, ISO))),
              ("R_DATE_EXCEL_SERIAL", where(unread, full(t, SERIAL))), ("R_DATE_FORMAT", unread)]
    return Judged([(d, value), *judged.steps], faults + judged.faults,
                  [*judged.warnings, ("W_VALUE_TRIMMED", where(f"NOT {name}_p", f"{name}_s <> {t}"))])


def _checked_date(name: str, d: str) -> Judged:
    """Range of a date; a far end is an open end."""
    far = f"{d} >= DATE '{OPEN_FROM}'"
    early = f"{d} < DATE '1900-01-01'"
    if name == "end_date":
        return Judged([(f"{name}_v", f"CASE WHEN NOT ({far}) THEN {d} END")], [("R_DATE_RANGE", early)],
                      [("W_DATE_SENTINEL", far)])
    return Judged([(f"{name}_v", d)], [("R_DATE_RANGE", f"({early} OR {far})")])


def _stamp(name: str, spec: Files, zones: Zones) -> Judged:
    t, a, n = f"{name}_t", f"{name}_a", f"{name}_n"
    local = f"timezone({quoted(zones.reporting)}, TRY_CAST({t} AS TIMESTAMPTZ))"
    aware = f"CASE WHEN {name}_p THEN {local} WHEN {full(t, STAMP + OFFSET)} THEN {local} END"
    naive = f"CASE WHEN {full(t, f'{STAMP}|{ISO}')} THEN TRY_CAST({t} AS TIMESTAMP) END"
    if spec.stamp_formats:
        naive = f"coalesce({naive}, {', '.join(f'try_strptime({t}, {quoted(f)})' for f in spec.stamp_formats)})"
    judged = _checked_stamp(name, f"coalesce({a}, {zones.local(n)})" if zones.naive else a)
    unread = f"{name}_v IS NULL AND {t} IS NOT NULL"
    no_day = f"{full(t, f'({STAMP}|{ISO})({OFFSET})?')} AND TRY_CAST(left({t}, 10) AS DATE) IS NULL"
    faults = [("R_TS_NO_OFFSET", where(unread, f"{n} IS NOT NULL")), ("R_DATE_INVALID", where(unread, no_day)),
              ("R_TS_FORMAT", unread)]
    return Judged([(a, aware),
                   (n, f"CASE WHEN {a} IS NULL THEN {naive} END"), *judged.steps],
                  faults + judged.faults, [("W_VALUE_TRIMMED", where(f"NOT {name}_p", f"{name}_s <> {t}"))])


def _checked_stamp(name: str, value: str) -> Judged:
    return Judged([(f"{name}_v", value)], [("R_TS_OUT_OF_RANGE", f"{name}_v < TIMESTAMP '2000-01-01'")])


def _number(name: str, column: Column) -> Judged:
    p, t, folded, plain = f"{name}_p", f"{name}_t", f"{name}_f", f"{name}_n"
    steps = [(folded, _folded(name)),
             (plain, f"CASE WHEN {p} THEN {t} WHEN {full(folded, NUMBER)} THEN {folded} "
                     f"WHEN {full(folded, GROUPED)} THEN regexp_replace({folded}, '[¥$€£,]', '', 'g') END")]
    judged = _checked_number(name, column, plain, p, f"{t} IS NOT NULL")
    exponent = where(full(t, "[0-9.]+[Ee][+]?[0-9]+"), f"TRY_CAST({t} AS DOUBLE) > {column.maximum or 1e15}")
    warnings = [("W_NFKC_NUMBER", where(f"NOT {p}", f"{folded} <> {t}")),
                ("W_NUMBER_NORMALISED", where(f"NOT {p}", f"{plain} <> {folded}")),
                ("W_VALUE_TRIMMED", where(f"NOT {p}", f"{name}_s <> {t}"))]
    return Judged(steps + judged.steps,
                  [(_range_code(name), where(f"{plain} IS NULL", exponent)), *judged.faults], warnings)


def _checked_number(name: str, column: Column, number: str, fits: str, given: str) -> Judged:
    """Range, whole numbers, and digits that the type could not keep; `fits`: where it can keep them all."""
    e, v, kind, scale = f"{name}_e", f"{name}_v", SQL_TYPES[column.type], SCALE.get(column.type)
    exact = f"TRY_CAST({number} AS DECIMAL(38,9))"
    if scale is None:
        exact = f"CASE WHEN isfinite(TRY_CAST({number} AS DOUBLE)) THEN TRY_CAST({number} AS DOUBLE) END"
    limits = [f"{v} < {column.minimum:.15g}" if column.minimum is not None else "",
              f"{v} > {column.maximum:.15g}" if column.maximum is not None else ""]
    rough = f"{e} <> round({e}, {scale})" if scale is not None else "false"
    faults = [("R_NUMBER_FORMAT", where(f"NOT {fits}", f"{e} IS NULL AND {given}")),
              (_range_code(name), " OR ".join(filter(None, limits)) or "false"),
              ("R_SEATS_RANGE" if name == "seats" else "R_NUMBER_FORMAT", where(f"NOT {fits}", rough)),
              (_range_code(name), f"{v} IS NULL AND {given}")]
    return Judged([(e, f"CASE WHEN NOT {fits} THEN {exact} END"),
                   (v, f"CASE WHEN {fits} THEN TRY_CAST({number} AS {kind}) ELSE TRY_CAST({e} AS {kind}) END")], faults)


def _range_code(name: str) -> str:
    return "R_SEATS_RANGE" if name == "seats" else "R_RANGE"


def _is_number(source_type: str) -> bool:
    return source_type in INTEGERS or source_type.split("(")[0] in ("FLOAT", "DOUBLE", "DECIMAL")
