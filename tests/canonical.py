"""Writes small canonical tables by hand: rows as dicts, everything not given is empty."""

from datetime import date
from pathlib import Path

import duckdb
import pandas as pd

from cs_research.definitions import Definitions, load_definitions
from cs_research.engine import Horizon, Panel
from cs_research.ingest import Ingested

DEFAULTS = load_definitions()


def write_canonical(folder: Path, definitions: Definitions = DEFAULTS, **tables: list[dict]) -> Path:
    """Write each table as ingest would: all columns of the contract, typed."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        columns = definitions.tables[name].columns
        unknown = {key for row in rows for key in row} - set(columns)
        assert not unknown, f"{name} has no column {unknown}"
        frame = pd.DataFrame([{key: row.get(key) for key in columns} for row in rows], columns=[*columns], dtype=object)
        frame = frame.map(lambda value: None if value is None else str(value))
        casts = ", ".join(f'CAST("{key}" AS {c.sql_type}) AS "{key}"' for key, c in columns.items())
        with duckdb.connect() as connection:
            connection.register("frame", frame.astype("str").where(frame.notna(), None))
            connection.execute(f"COPY (SELECT {casts} FROM frame) TO '{folder / name}.parquet' (FORMAT parquet)")
    return folder


def panel(folder: Path, month: date, as_of: date, definitions: Definitions = DEFAULTS, **tables: list[dict]) -> Panel:
    """The panel of hand-written tables at a month."""
    return Panel(write_canonical(folder, definitions, **tables), definitions, Horizon(month, as_of, as_of))


def term(account: str, start: str, end: str | None, seats: int = 10, mrr: float | None = 1000, **more) -> dict:
    """One contract row."""
    return {"contract_id": f"{account}-{start}", "account_id": account, "start_date": start, "end_date": end,
            "seats": seats, "mrr": mrr, **more}


def filled_columns(ingested: Ingested, table: str) -> set[str]:
    """The columns of a canonical table that hold any value."""
    with duckdb.connect() as connection:
        frame = connection.execute("SELECT * FROM read_parquet(?)", [str(ingested.folder / f"{table}.parquet")]).df()
    return {*frame.columns[frame.notna().any()]}
