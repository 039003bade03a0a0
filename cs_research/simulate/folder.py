"""The folder of a data set being written: small tables as CSV, large ones as Parquet, and dataset.yml."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from cs_research.errors import Refused

PARQUET = {
    "users": {"user_id": "s", "account_id": "s", "activated_date": "d", "role": "s"},
    "usage_events": {
        "account_id": "s", "user_id": "s", "occurred_at": "s", "event_type": "s", "quantity": "i",
        "recorded_at": "s",
    },
    "touches": {
        "touch_id": "s", "account_id": "s", "occurred_at": "s", "touch_type": "s", "user_id": "s",
        "content_id": "s", "progress": "f", "recipients": "i", "responded": "b", "recorded_at": "s",
    },
}  # fmt: skip
TYPES = {"s": pa.string(), "d": pa.date32(), "i": pa.int32(), "f": pa.float64(), "b": pa.bool_()}
DESCRIPTION = "dataset.yml"


class Folder:
    """Collects tables block by block; a table without any row gets no file."""

    def __init__(self, path: Path):
        self.path = Path(path)
        self.parquet: dict[str, pq.ParquetWriter] = {}
        self.csv: set[str] = set()

    def __enter__(self) -> "Folder":
        if self.path.exists() and not self._is_ours():
            raise Refused(f"The folder '{self.path}' already holds something else", "name a new folder")
        self.path.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *failure) -> None:
        for writer in self.parquet.values():
            writer.close()

    def add(self, tables: dict[str, pd.DataFrame]) -> None:
        for name, frame in tables.items():
            if len(frame):
                (self._add_parquet if name in PARQUET else self._add_csv)(name, frame)

    def describe(self, source: str, as_of: str) -> None:
        facts = {
            "kind": "dataset",
            "name": "Sample Works K.K.",
            "zone": "Asia/Tokyo",
            "currency": "JPY",
            "as_of": as_of,
            "simulated": True,
            "licence": "MIT",
            "source": source,
        }
        text = yaml.safe_dump(facts, sort_keys=False, allow_unicode=True, width=200)
        (self.path / DESCRIPTION).write_text(text, encoding="utf-8")

    def _is_ours(self) -> bool:
        """Empty, or written by this simulator."""
        if not self.path.is_dir():
            return False
        described = self.path / DESCRIPTION
        is_simulated = described.exists() and "source: cs-research simulate" in described.read_text("utf-8")
        return is_simulated or not any(self.path.iterdir())

    def _add_csv(self, name: str, frame: pd.DataFrame) -> None:
        frame = frame.copy()
        for column in frame.select_dtypes(["bool", "boolean"]):
            frame[column] = frame[column].map({True: "true", False: "false"})
        is_new = name not in self.csv
        self.csv.add(name)
        frame.to_csv(
            self.path / f"{name}.csv", mode="w" if is_new else "a", header=is_new, index=False,
            date_format="%Y-%m-%d", lineterminator="\n", encoding="utf-8",
        )  # fmt: skip

    def _add_parquet(self, name: str, frame: pd.DataFrame) -> None:
        schema = pa.schema([(column, TYPES[kind]) for column, kind in PARQUET[name].items()])
        plain = pa.Table.from_pandas(frame, preserve_index=False).select(schema.names)
        plain = plain.cast(schema).replace_schema_metadata(None)
        if name not in self.parquet:
            self.parquet[name] = pq.ParquetWriter(
                self.path / f"{name}.parquet", schema, compression="zstd", compression_level=15,
                store_schema=False,
            )  # fmt: skip
        self.parquet[name].write_table(plain, row_group_size=1_000_000)
