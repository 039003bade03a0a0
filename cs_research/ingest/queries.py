"""Tables that dataset.yml makes by SQL over its sources. A query may not drop a row of its source by itself."""

import duckdb

from cs_research.errors import Refused
from cs_research.ingest.columns import identifier
from cs_research.ingest.dataset import Dataset
from cs_research.ingest.mapping import TableFiles
from cs_research.ingest.rules import Rejected, all_rules


def create_views(con: duckdb.DuckDBPyConnection, dataset: Dataset) -> None:
    """Create the shared views. Raises Refused (F_QUERY)."""
    for name, query in dataset.views.items():
        try:
            con.execute(f"CREATE TEMP VIEW {identifier(name)} AS {query}")
        except duckdb.Error as error:
            raise Refused(f"F_QUERY {dataset.folder / 'dataset.yml'}: views.{name}: {told(error)}",
                          all_rules()["F_QUERY"].remedy) from None


def run_query(con: duckdb.DuckDBPyConnection, spec: TableFiles, relation: str) -> dict[str, str]:
    """Run a query as `relation` (`_row`, `c0`, `c1`, ...); returns its columns with their types.

    Raises Rejected (F_QUERY, F_QUERY_DROPS).
    """
    try:
        con.execute(f"CREATE TEMP TABLE result_{relation} AS {spec.query}")
    except duckdb.Error as error:
        raise Rejected("F_QUERY", told(error)) from None
    types = {row[0]: row[1] for row in con.execute(f"DESCRIBE result_{relation}").fetchall()}
    if types.pop("_row", None) is None:
        raise Rejected("F_QUERY", f"its output needs the column _row of {spec.each}")
    dropped = con.execute(f"SELECT count(*) FROM {identifier(spec.each or '')} "
                          f"ANTI JOIN result_{relation} USING (_row)").fetchone()[0]
    if dropped:
        raise Rejected("F_QUERY_DROPS", f"{dropped:,} rows of {spec.each} do not show in it")
    shown = ", ".join(f"{identifier(column)} AS c{index}" for index, column in enumerate(types))
    con.execute(f"CREATE TEMP VIEW {relation} AS SELECT rowid AS _row, {shown} FROM result_{relation}")
    return types


def told(error: Exception) -> str:
    """The first line of what DuckDB says."""
    return str(error).strip().splitlines()[0][:300]
