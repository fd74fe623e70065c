"""Staging months for tests: lakes that hold the code lists, engines by address, and tables that can be compared.

A place is a folder, or a prefix of a bucket on the server that the environment names. Run as a program (`python -m
i94_platform_tests.support.staging ADDRESS RAW LAKE WHAT…`) it stages in a process of its own on Spark: a process holds
one kind of Spark session only. WHAT is a month such as 2016-04, or `temperatures`.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import Table

from i94_platform.contracts import immigration, immigration_quarantine, world_temperature
from i94_platform.contracts.codes import CODE_LISTS, read_reviewed_list
from i94_platform.contracts.model import column_names, key_columns
from i94_platform.contracts.rendering.arrow import arrow_schema, to_arrow
from i94_platform.defs.assets.staged import stage_month, stage_temperatures
from i94_platform.defs.resources import SparkEngineResource
from i94_platform.engine.base import Engine
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.local import LocalStore
from i94_platform.lake.manifest import Manifest
from i94_platform.lake.s3 import S3Store
from i94_platform.lake.s3_client import create_s3_client
from i94_platform.lake.store import Store
from i94_platform.partitions import Month
from i94_platform.settings import PROJECT, is_in_process, is_s3
from i94_platform_tests.support.spark import JARS, QUICK_JAVA

SMALL = {
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.files.openCostInBytes": "1",
    "spark.driver.extraJavaOptions": QUICK_JAVA,
    "spark.executor.extraJavaOptions": QUICK_JAVA,
    "spark.executor.memory": "512m",
}
"""Spark for tests: few tasks, since a task costs more than the rows of one."""

BRIEF = SMALL | {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}
"""The same for a process that stages once: compiling the queries costs more than interpreting them."""

Place = Path | str


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
        files, rows, reasons = (list[Any](self.quarantine[name].to_pylist()) for name in names)
        return dict(zip(zip(files, rows, strict=True), reasons, strict=True))


def store_at(place: Place) -> Store:
    """The store at a place."""
    if not is_s3(str(place)):
        return LocalStore(place)
    connect = partial(create_s3_client, os.environ["I94_S3_ENDPOINT"])
    return S3Store(str(place), connect, Path(tempfile.gettempdir()), lock_timeout=60.0)


def copied(source: Place, target: Place) -> Place:
    """Another place that holds the same files."""
    for file in store_at(source).list():
        store_at(target).put(file.path, store_at(source).read(file.path))
    return target


def new_lake(place: Place) -> Lake:
    """A lake that holds the reviewed code lists and nothing else."""
    lake = Lake(store_at(place))
    for name, contract in CODE_LISTS.items():
        lake.write_csv(
            Dataset(f"lookup/{name}"), "reviewed", to_arrow(read_reviewed_list(name), contract), fingerprint=name
        )
    return lake


def stage(engine: Engine, raw: Place, place: Place, month: Month, run_id: str = "run") -> Staged:
    """Stage a month into the lake at `place`, which is made where it does not exist."""
    lake = Lake(store_at(place)) if any(store_at(place).list("lookup")) else new_lake(place)
    said: list[str] = []
    accepted, refused = stage_month(month, store_at(raw), lake, engine, run_id, said.append)
    return Staged(accepted, refused, tuple(said))


def staged(place: Place, month: Month) -> Staged:
    """A month that was staged into the lake at `place` before."""
    lake = Lake(store_at(place))
    names = ("staged/immigration", "staged/immigration_quarantine")
    accepted, refused = (lake.require_manifest(Dataset(name, month.key)) for name in names)
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
    tables = [_read(url) for url in manifest.urls]
    for table in tables:
        assert _columns(table.schema) == _columns(schema)
    return (
        pa.concat_tables([table.cast(schema) for table in tables]).combine_chunks() if tables else schema.empty_table()
    )


def _read(url: str) -> pa.Table:
    folder, _, name = url.rpartition("/")
    with store_at(folder).open(name) as file:
        return pq.read_table(file)


def assert_same_months(found: Staged, expected: Staged) -> None:
    """Rows, quarantine and figures."""
    assert_same(found.arrivals, expected.arrivals)
    assert_same(found.quarantine, expected.quarantine)
    assert found.accepted.stats == expected.accepted.stats
    assert found.refused.stats == expected.refused.stats


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


def assert_same_rows(found: Manifest, expected: Manifest, contract: Table) -> None:
    """The same for a month that is long, and has no floating numbers: both have as many rows, and each its equal."""
    for manifest in (found, expected):
        for url in manifest.urls:
            assert _columns(pq.read_schema(url)) == _columns(arrow_schema(contract))
    keys = ", ".join(key_columns(contract))
    equal = " AND ".join(f"f.{name} IS NOT DISTINCT FROM e.{name}" for name in column_names(contract))
    sql = f"""SELECT (SELECT count(*) FROM read_parquet($found)), (SELECT count(*) FROM read_parquet($expected)),
        count(*) FILTER ({equal}), count(DISTINCT f.cicid)
        FROM read_parquet($found) AS f JOIN read_parquet($expected) AS e USING ({keys})"""
    with duckdb.connect() as connection:
        rows = connection.execute(sql, {"found": found.urls, "expected": expected.urls}).fetchall()
    assert rows == [(expected.rows,) * 4], "rows here, rows there, equal ones, different keys"


def _columns(schema: pa.Schema) -> list[tuple[str, pa.DataType]]:
    """Names and types in order; not whether a column may be null, which Spark denies of literals."""
    return [(field.name, field.type) for field in schema]


def _bits(column: pa.ChunkedArray[Any]) -> pa.ChunkedArray[Any]:
    """Numbers as their bits, so that -0.0 is not 0.0; every NaN as the same one, since its sign means nothing."""
    if not pa.types.is_floating(column.type):
        return column
    column = pc.if_else(pc.is_nan(column), math.nan, column)
    return pa.chunked_array([chunk.view(pa.int64()) for chunk in column.chunks], pa.int64())


def spark_engine(address: str, options: Mapping[str, str] = SMALL) -> Engine:
    """The Spark engine as the platform builds it; in this process with the sizes of tests."""
    endpoint = os.environ.get("I94_S3_ENDPOINT", "")
    made = SparkEngineResource(
        address=address,
        on_s3=bool(endpoint),
        s3_endpoint=endpoint,
        jars=JARS,
        options=dict(options) if is_in_process(address) else {},
    )
    return made.build()


def stage_through(address: str, raw: Place, lake: Place, *what: str, **environment: str) -> str:
    """Stage months, or `temperatures`, in a process of its own with Spark at `address`; what it printed."""
    command = [sys.executable, "-m", "i94_platform_tests.support.staging", address, str(raw), str(lake), *what]
    done = subprocess.run(
        command,
        cwd=PROJECT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]
    return done.stdout + done.stderr


def main(address: str, raw: Place, lake: Place, what: Sequence[str]) -> None:
    """Stage `what` with Spark at `address`."""
    engine = spark_engine(address, BRIEF)
    for name in what:
        if name == "temperatures":
            stage_temperatures(store_at(raw), Lake(store_at(lake)), engine, "run")
        else:
            stage(engine, raw, lake, Month.parse(name))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
