"""What dataset.yml may say: which files hold which table, and how their text is to be read."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from cs_research.definitions.models.base import Count, Frozen, Name

IsoDate = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]

DIRECTIVES = re.compile(r"([^%]|%-?[aAbBdfgHIjmMpSyY%])+")


def _is_format(form: str) -> str:
    """A format that misses the year or the day would make up what it misses; one without % never fits."""
    if not (DIRECTIVES.fullmatch(form) and re.search("%-?[yY]", form) and re.search("%-?[dj]", form)):
        raise ValueError("a format names the parts of a date, such as %Y/%m/%d for 2025/04/01 or %d.%m.%y %H:%M for "
                         "01.04.25 09:30 (stamps with an offset are read in ISO form only)")
    return form


Format = Annotated[str, AfterValidator(_is_format)]


class Exclusion(Frozen):
    """Rows left out on purpose: a name for the report and an SQL condition over the text of the columns."""

    name: Name
    where: str


class Files(Frozen):
    """Some files and how to read them. `columns` maps canonical name to source header."""

    files: str | tuple[str, ...] | None = None
    encoding: str | None = None
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] | None = None
    skip_rows: Count = 0
    columns: dict[Name, str] = {}
    ignore: tuple[str, ...] = ()
    date_formats: tuple[Format, ...] = ()
    stamp_formats: tuple[Format, ...] = ()
    defaults: dict[Name, str] = {}
    values: dict[Name, dict[str, str]] = {}
    id_from_integer: tuple[str, ...] = ()
    id_width: dict[str, Count] = {}
    exclude: tuple[Exclusion, ...] = ()
    allow_no_rows: bool = False


class TableFiles(Files):
    """The files of a canonical table, or a query over `sources`.

    `each` names the source whose every row must show in the query's output, which carries its `_row`.
    """

    query: str | None = None
    each: Name | None = None

    @model_validator(mode="after")
    def _is_one_of_two(self) -> "TableFiles":
        if (self.query is None) != (self.each is None):
            raise ValueError("a query needs each: the source whose rows it may not drop, and the reverse")
        if self.query is not None and self.files is not None:
            raise ValueError("give either files or a query over sources")
        return self


class Root(Frozen):
    """Where the exports lie when they may not be copied beside dataset.yml."""

    env: Name
    hint: str


class Limits(Frozen):
    """Beyond these a compressed file counts as hostile: text compresses about tenfold, repeated text a thousandfold."""

    expanded_mb: Annotated[int, Field(ge=1)] = 10_000
    ratio: Annotated[int, Field(ge=1)] = 200


class DatasetFile(Frozen):
    """The file dataset.yml (data contract, "In"). `views` are queries over sources that other queries share."""

    kind: Literal["dataset"]
    name: str
    zone: str | None = None
    naive_zone: str | None = None
    currency: str = ""
    as_of: IsoDate | None = None
    simulated: bool = False
    licence: str = ""
    source: str = ""
    scorecard: Name = "dear"
    root: Root | None = None
    limits: Limits = Limits()
    sources: dict[Name, Files] = {}
    views: dict[Name, str] = {}
    tables: dict[Name, TableFiles] = {}
