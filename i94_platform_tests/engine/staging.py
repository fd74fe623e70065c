"""Staging months for tests: lakes that hold the code lists, engines by address, and tables that can be compared.

Run as a program (`python -m i94_platform_tests.engine.staging ADDRESS RAW LAKE WHAT…`) it stages in a process of its
own on Spark: a process holds one kind of Spark session only. WHAT is a month such as 2016-04, or `temperatures`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import Table

from i94_platform.assets.resources import SparkEngineResource
from i94_platform.assets.staged import stage_month, stage_temperatures
from i94_platform.assets.tabular import as_arrow
from i94_platform.contracts import immigration, immigration_quarantine, world_temperature
from i94_platform.contracts.codes import LISTS, reviewed
from i94_platform.contracts.render import arrow_schema
from i94_platform.engine.base import Engine
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.local import LocalStore
from i94_platform.lake.manifest import Manifest
from i94_platform.partitions import Month
from i94_platform_tests.engine.spark import QUICK_JAVA

SMALL = {
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.files.openCostInBytes": "1",
    "spark.driver.extraJavaOptions": QUICK_JAVA,
}
"""Spark for tests: few tasks, since a task costs more than the rows of one."""


@dataclass(frozen=True)
class Staged:
    """A staged month: what was committed, and what was said meanwhile."""

    accepted: Manifest
    refused: Manifest
    said: tuple[str, ...] = ()

    @property
    def arrivals(self) -> pa.Table:
        """The accepted rows by key."""
        return rows_of(self.accepted, immigration).sort_by("cicid")

    @property
    def quarantine(self) -> pa.Table:
        """The refused rows by place."""
        rows = rows_of(self.refused, immigration_quarantine)
        return rows.sort_by([("source_file", "ascending"), ("source_row", "ascending")])

    @property
    def reasons(self) -> dict[tuple[str, int], str]:
        """The reasons of each refused row, by file and row."""
        names = ("source_file", "source_row", "reasons")
        files, rows, reasons = (self.quarantine[name].to_pylist() for name in names)
        return dict(zip(zip(files, rows, strict=True), reasons, strict=True))


def new_lake(folder: Path) -> Lake:
    """A lake that holds the reviewed code lists and nothing else."""
    lake = Lake(LocalStore(folder))
    for name, contract in LISTS.items():
        lake.write_csv(Dataset(f"lookup/{name}"), "reviewed", as_arrow(reviewed(name), contract), fingerprint=name)
    return lake


def stage(engine: Engine, raw: Path, folder: Path, month: Month, run_id: str = "run") -> Staged:
    """Stage a month into the lake in `folder`, which is made where it does not exist."""
    lake = Lake(LocalStore(folder)) if folder.exists() else new_lake(folder)
    said: list[str] = []
    accepted, refused = stage_month(month, LocalStore(raw), lake, engine, run_id, said.append)
    return Staged(accepted, refused, tuple(said))


def staged(folder: Path, month: Month) -> Staged:
    """A month that was staged into the lake in `folder` before."""
    lake = Lake(LocalStore(folder))
    names = ("staged/immigration", "staged/immigration_quarantine")
    accepted, refused = (lake.committed(Dataset(name, month.key)) for name in names)
    return Staged(accepted, refused)


def temperatures(engine: Engine, raw: Path, folder: Path) -> pa.Table:
    """The staged city temperatures by key."""
    return sorted_temperatures(stage_temperatures(LocalStore(raw), Lake(LocalStore(folder)), engine, "run"))


def sorted_temperatures(manifest: Manifest) -> pa.Table:
    """City temperatures by key."""
    keys = ("dt", "city", "country", "latitude", "longitude")
    return rows_of(manifest, world_temperature).sort_by([(key, "ascending") for key in keys])


def rows_of(manifest: Manifest, contract: Table) -> pa.Table:
    """Every committed row as it lies in the files, whose columns must be the contract's in order and type."""
    schema = arrow_schema(contract)
    tables = [pq.read_table(url, partitioning=None) for url in manifest.urls]
    for table in tables:
        assert _columns(table.schema) == _columns(schema)
    return (
        pa.concat_tables([table.cast(schema) for table in tables]).combine_chunks() if tables else schema.empty_table()
    )


def assert_same(found: pa.Table, expected: pa.Table) -> None:
    """Fail naming the first column and row that differ; numbers are compared bit by bit, NaN and -0.0 included."""
    assert _columns(found.schema) == _columns(expected.schema)
    assert found.num_rows == expected.num_rows
    for name in expected.column_names:
        left, right = _bits(found[name]), _bits(expected[name])
        if not left.equals(right):
            pairs = enumerate(zip(found[name].to_pylist(), expected[name].to_pylist(), strict=True))
            differing = [(row, a, b) for row, (a, b) in pairs if repr(a) != repr(b)]
            raise AssertionError(f"{name} differs in {len(differing)} rows (row, found, expected): {differing[:5]}")


def _columns(schema: pa.Schema) -> list[tuple[str, pa.DataType]]:
    """Names and types in order; not whether a column may be null, which Spark denies of literals."""
    return [(field.name, field.type) for field in schema]


def _bits(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Numbers as their bits, so that -0.0 is not 0.0; every NaN as the same one, since its sign means nothing."""
    if not pa.types.is_floating(column.type):
        return column
    column = pc.if_else(pc.is_nan(column), math.nan, column)
    return pa.chunked_array([chunk.view(pa.int64()) for chunk in column.chunks], pa.int64())


def spark_engine(address: str) -> Engine:
    """The Spark engine as the platform builds it; in this process with the sizes of tests."""
    options = {} if address.startswith("sc://") else SMALL
    return SparkEngineResource(address=address, options=options).create_resource(dg.build_init_resource_context())


def main(address: str, raw: str, lake: str, what: Sequence[str]) -> None:
    """Stage `what` with Spark at `address`."""
    folder = Path(lake)
    engine = spark_engine(address)
    for name in what:
        if name == "temperatures":
            stage_temperatures(LocalStore(raw), Lake(LocalStore(folder)), engine, "run")
        else:
            stage(engine, Path(raw), folder, Month.parse(name))


if __name__ == "__main__":
    main(*sys.argv[1:4], sys.argv[4:])
