"""Canonical tables, the measures of the panel, and what event types stand for."""

from typing import Literal

from cs_research.definitions.models.base import Frozen, Name

_SQL_TYPES = {"id": "VARCHAR", "text": "VARCHAR", "category": "VARCHAR", "date": "DATE", "stamp": "TIMESTAMP",
              "integer": "BIGINT", "money": "DECIMAL(18,2)", "quantity": "DECIMAL(18,4)", "real": "DOUBLE",
              "share": "DOUBLE", "boolean": "BOOLEAN"}

class Column(Frozen):
    """One column of a canonical table.

    `required`: every row holds a value; `present`: the source must have the column, cells may be empty.
    """

    type: Literal["id", "text", "category", "date", "stamp", "integer", "money", "quantity", "real", "share",
                  "boolean"]
    required: bool = False
    present: bool = False
    values: tuple[str, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None
    about: str = ""

    @property
    def sql_type(self) -> str:
        """The type of its values in DuckDB."""
        return _SQL_TYPES[self.type]


class Table(Frozen):
    """One canonical table: what a row is, its key, its columns and the column that dates a row.

    Rows dated after the as-of are invisible, unless the table looks `ahead` (signed terms, booked meetings).
    """

    row: str
    key: tuple[Name, ...]
    time: Name | None = None
    ahead: bool = False
    delivery: Literal["snapshot", "append"]
    columns: dict[Name, Column]


class Tables(Frozen):
    """The canonical tables (data contract)."""

    kind: Literal["tables"]
    tables: dict[Name, Table]


class Needs(Frozen):
    """What a data set must hold for a measure to be measured: one of the tables, and in it columns and role."""

    tables: tuple[Name, ...] = ()
    columns: tuple[Name, ...] = ()
    role: Literal["login", "core_action", "key_feature", "login_or_core_action"] | None = None


class Measure(Frozen):
    """One column of the account-by-month panel that a card may use."""

    about: str
    unit: Literal["count", "share", "months", "score", "money", "quantity"]
    needs: Needs = Needs()


class Measures(Frozen):
    """All measures that the SQL panel yields."""

    kind: Literal["measures"]
    measures: dict[Name, Measure]


class Counter(Frozen):
    """A monthly sum over chosen event types: their rows or their quantity."""

    about: str
    event_types: tuple[str, ...]
    sum: Literal["rows", "quantity"] = "rows"


class Events(Frozen):
    """What the event types of a data set stand for."""

    kind: Literal["events"]
    login: tuple[str, ...]
    core_action: tuple[str, ...]
    key_feature: tuple[str, ...]
    counters: dict[Name, Counter] = {}


class Rating(Frozen):
    """One kind of the team's own word on an account: what it means, and the number that each word stands for.

    Without `values` the word is a number itself.
    """

    about: str
    values: dict[str, float] = {}


class Ratings(Frozen):
    """The kinds of ratings that cards and rules may read; each is a measure of the panel."""

    kind: Literal["ratings"]
    kinds: dict[Name, Rating]
