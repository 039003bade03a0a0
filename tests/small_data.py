"""Data sets of a few rows for the tests of ingest."""

from pathlib import Path

import duckdb

from cs_research.ingest import check, open_dataset

CONTRACTS = """account_id,contract_id,start_date,end_date,seats,mrr,status
007,C1,2025-01-01,2026-01-01,10,1000.50,active
008,C2,2025-02-01,,5,500,
"""
HEAD = "kind: dataset\nname: Test\nzone: Asia/Tokyo\nas_of: 2025-12-31\n"


def made(path: Path, mapping: str = "", **files: str) -> Path:
    """A data set folder: contracts unless given, dataset.yml from HEAD and `mapping`, `a_b.csv` from a_b=text."""
    path.mkdir(exist_ok=True)
    (path / "dataset.yml").write_text(HEAD + mapping, encoding="utf-8")
    for name, text in {"contracts": CONTRACTS, **files}.items():
        if text:
            (path / f"{name}.csv").write_text(text, encoding="utf-8")
    return path


def rows(ingested, table: str, columns: str = "*") -> list[tuple]:
    return duckdb.sql(f"SELECT {columns} FROM '{ingested.folder / table}.parquet'").fetchall()


def entry(folder: Path, file: str) -> dict:
    return next(item for item in check(open_dataset(folder))["files"] if item["file"] == file)
