"""The folder of a data set being written: small tables as CSV, large ones as Parquet, and dataset.yml."""

from contextlib import ExitStack
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from cs_research.errors import Refused

PARQUET = ("users", "usage_events", "touches")
NOT_TEXT = {"activated_date": pa.date32(), "quantity": pa.int32(), "progress": pa.float64(),
            "recipients": pa.int32(), "responded": pa.bool_()}
ABOUT = {"kind": "dataset", "name": "Sample Works K.K.", "zone": "Asia/Tokyo", "currency": "JPY"}


class Folder(ExitStack):
    """Takes tables block by block; a table without any row gets no file."""

    def __init__(self, path: Path):
        super().__init__()
        self.path, described = path, path / "dataset.yml"
        is_ours = described.is_file() and "source: cs-research simulate" in described.read_text("utf-8")
        if path.exists() and not is_ours and not (path.is_dir() and not any(path.iterdir())):
            raise Refused(f"The folder '{path}' already holds something else", "name a new folder")
        path.mkdir(parents=True, exist_ok=True)
        self.started: dict[str, pq.ParquetWriter | None] = {}

    def add(self, name: str, rows: pd.DataFrame) -> None:
        """Append the rows to the table's file."""
        if len(rows):
            (self._add_parquet if name in PARQUET else self._add_csv)(name, rows)

    def describe(self, source: str, as_of: str) -> None:
        """Write dataset.yml."""
        facts = ABOUT | {"as_of": as_of, "simulated": True, "licence": "MIT", "source": source}
        text = yaml.safe_dump(facts, sort_keys=False, width=200)
        (self.path / "dataset.yml").write_text(text, encoding="utf-8", newline="\n")

    def _add_csv(self, name: str, rows: pd.DataFrame) -> None:
        is_new = name not in self.started
        self.started[name] = None
        rows.to_csv(self.path / f"{name}.csv", mode="w" if is_new else "a", header=is_new, index=False,
                    date_format="%Y-%m-%d", lineterminator="\n", encoding="utf-8")

    def _add_parquet(self, name: str, rows: pd.DataFrame) -> None:
        schema = pa.schema([(column, NOT_TEXT.get(column, pa.string())) for column in rows])
        if name not in self.started:
            self.started[name] = self.enter_context(pq.ParquetWriter(
                self.path / f"{name}.parquet", schema, compression="zstd", compression_level=15, store_schema=False))
        plain = pa.Table.from_pandas(rows, preserve_index=False).cast(schema).replace_schema_metadata(None)
        self.started[name].write_table(plain, row_group_size=1_000_000)
