"""Stage months for tests and compare the tables of two engines.

A place is a folder, or a prefix of a bucket on the server that the environment names. A process holds only one kind of
Spark session, so this module also runs as a program: `python -m i94_platform_tests.support.staging ADDRESS RAW LAKE
MONTH…`.
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

from i94_platform.address_grammar import is_in_process, is_s3
from i94_platform.contracts import immigration, immigration_quarantine, immigration_unreadable
from i94_platform.contracts.codes import CODE_LISTS, read_reviewed_list
from i94_platform.contracts.model import column_names, key_columns
from i94_platform.contracts.rendering.arrow import arrow_schema, to_arrow
from i94_platform.defs.resources import SparkEngineResource
from i94_platform.engine.base import Engine
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.local import LocalStore
from i94_platform.lake.manifest import Manifest
from i94_platform.lake.s3 import S3Store
from i94_platform.lake.s3_client import create_s3_client
from i94_platform.lake.store import Store
from i94_platform.partitions import Month
from i94_platform.pipeline.gate import Gate
from i94_platform.pipeline.immigration import stage_month
from i94_platform.settings import PROJECT
from i94_platform_tests.support.spark import JARS, SHORT_LIVED_JAVA_OPTIONS

TEST_OPTIONS = {
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.files.openCostInBytes": "1",
    "spark.driver.extraJavaOptions": SHORT_LIVED_JAVA_OPTIONS,
    "spark.executor.extraJavaOptions": SHORT_LIVED_JAVA_OPTIONS,
    "spark.executor.memory": "512m",
}
"""Spark for tests: few tasks, since a task costs more than the rows of one."""

SHORT_LIVED_OPTIONS = TEST_OPTIONS | {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}
"""The same for a process that stages once: compiling the queries costs more than interpreting them."""

Location = Path | str


@dataclass(frozen=True)
class StagedMonth:
    """A staged month: its three manifests, and the messages of the run."""

    accepted: Manifest
    rejected: Manifest
    unreadable: Manifest
    messages: tuple[str, ...] = ()

    @property
    def arrivals(self) -> pa.Table:
        """The accepted rows by key."""
        return read_rows(self.accepted, immigration).sort_by("cicid")

    @property
    def quarantine(self) -> pa.Table:
        """The rejected rows by file and row."""
        rows = read_rows(self.rejected, immigration_quarantine)
        return rows.sort_by([("source_file", "ascending"), ("source_row", "ascending")])

    @property
    def unreadable_values(self) -> pa.Table:
        """The unreadable values by file, row and column."""
        rows = read_rows(self.unreadable, immigration_unreadable)
        return rows.sort_by([(name, "ascending") for name in ("source_file", "source_row", "column_name")])

    @property
    def unreadable_texts(self) -> dict[tuple[int, str], str]:
        """The text of each unreadable value, by row and column, of a delivery of one file."""
        return {(row["source_row"], row["column_name"]): row["value"] for row in self.unreadable_values.to_pylist()}

    @property
    def reasons(self) -> dict[tuple[str, int], str]:
        """The reasons of each rejected row, by file and row."""
        names = ("source_file", "source_row", "reasons")
        files, rows, reasons = (list[Any](self.quarantine[name].to_pylist()) for name in names)
        return dict(zip(zip(files, rows, strict=True), reasons, strict=True))


def open_store(place: Location) -> Store:
    """Open the store at a place."""
    if not is_s3(str(place)):
        return LocalStore(place)
    connect = partial(create_s3_client, os.environ["I94_S3_ENDPOINT"])
    return S3Store(str(place), connect, Path(tempfile.gettempdir()), lock_timeout=60.0)


def copy_files(source: Location, target: Location) -> Location:
    """Copy every file to another place and return it."""
    for file in open_store(source).list():
        open_store(target).put(file.path, open_store(source).read(file.path))
    return target


def create_lake(place: Location) -> Lake:
    """Create a lake that holds only the reviewed code lists."""
    lake = Lake(open_store(place))
    for name, contract in CODE_LISTS.items():
        rows = to_arrow(read_reviewed_list(name), contract)
        lake.write_csv(Dataset(f"lookup/{name}"), "reviewed", contract, rows, fingerprint=name)
    return lake


def stage_into_lake(engine: Engine, raw: Location, place: Location, month: Month, run_id: str = "run") -> StagedMonth:
    """Stage a month into the lake at `place`; create the lake if it does not exist."""
    lake = Lake(open_store(place)) if any(open_store(place).list("lookup")) else create_lake(place)
    messages: list[str] = []
    staged = stage_month(month, open_store(raw), lake, engine, Gate(), run_id, messages.append)
    return StagedMonth(staged.accepted, staged.quarantine, staged.unreadable, tuple(messages))


def read_staged_month(place: Location, month: Month) -> StagedMonth:
    """Read a month that was staged into the lake at `place`."""
    lake = Lake(open_store(place))
    names = ("staged/immigration", "staged/immigration_quarantine", "staged/immigration_unreadable")
    accepted, rejected, unreadable = (lake.require_newest(Dataset(name, month.key)) for name in names)
    return StagedMonth(accepted, rejected, unreadable)


def read_rows(manifest: Manifest, contract: Table) -> pa.Table:
    """Read every committed row, and check that the files have the contract's columns in order and type."""
    schema = arrow_schema(contract)
    tables = [_read(url) for url in manifest.urls]
    for table in tables:
        assert _columns(table.schema) == _columns(schema)
    return (
        pa.concat_tables([table.cast(schema) for table in tables]).combine_chunks() if tables else schema.empty_table()
    )


def _read(url: str) -> pa.Table:
    folder, _, name = url.rpartition("/")
    with open_store(folder).open(name) as file:
        return pq.read_table(file)


def assert_equal_months(actual: StagedMonth, expected: StagedMonth) -> None:
    """Compare rows, quarantine, unreadable values and statistics."""
    assert_equal_tables(actual.arrivals, expected.arrivals)
    assert_equal_tables(actual.quarantine, expected.quarantine)
    assert_equal_tables(actual.unreadable_values, expected.unreadable_values)
    for manifest, other in (
        (actual.accepted, expected.accepted),
        (actual.rejected, expected.rejected),
        (actual.unreadable, expected.unreadable),
    ):
        # a bucket and a folder list the same files with other times
        assert {**manifest.stats, "listing": ""} == {**other.stats, "listing": ""}


def assert_equal_tables(actual: pa.Table, expected: pa.Table) -> None:
    """Compare tables bit by bit, NaN and -0.0 included; name the first column and the rows that differ."""
    assert _columns(actual.schema) == _columns(expected.schema)
    assert actual.num_rows == expected.num_rows
    for name in expected.column_names:
        left, right = _bits(actual[name]), _bits(expected[name])
        if not left.equals(right):
            pairs = enumerate(zip(actual[name].to_pylist(), expected[name].to_pylist(), strict=True))
            differing = [(row, a, b) for row, (a, b) in pairs if repr(a) != repr(b)]
            raise AssertionError(f"{name} differs in {len(differing)} rows (row, actual, expected): {differing[:5]}")


def assert_equal_rows(actual: Manifest, expected: Manifest, contract: Table) -> None:
    """Compare the rows of a large month without floats: equally many, and each with its equal."""
    for manifest in (actual, expected):
        for url in manifest.urls:
            assert _columns(pq.read_schema(url)) == _columns(arrow_schema(contract))
    keys = ", ".join(key_columns(contract))
    equal = " AND ".join(f"f.{name} IS NOT DISTINCT FROM e.{name}" for name in column_names(contract))
    sql = f"""SELECT (SELECT count(*) FROM read_parquet($actual)), (SELECT count(*) FROM read_parquet($expected)),
        count(*) FILTER ({equal}), count(DISTINCT f.cicid)
        FROM read_parquet($actual) AS f JOIN read_parquet($expected) AS e USING ({keys})"""
    with duckdb.connect() as connection:
        rows = connection.execute(sql, {"actual": actual.urls, "expected": expected.urls}).fetchall()
    assert rows == [(expected.rows,) * 4], "rows here, rows there, equal rows, distinct keys"


def _columns(schema: pa.Schema) -> list[tuple[str, pa.DataType]]:
    """Names and types in order, without nullability, in which Spark's literals differ."""
    return [(field.name, field.type) for field in schema]


def _bits(column: pa.ChunkedArray[Any]) -> pa.ChunkedArray[Any]:
    """Convert floats to their bits, so that -0.0 is not 0.0; all NaN get the same bits."""
    if not pa.types.is_floating(column.type):
        return column
    column = pc.if_else(pc.is_nan(column), math.nan, column)
    return pa.chunked_array([chunk.view(pa.int64()) for chunk in column.chunks], pa.int64())


def build_spark_engine(address: str, options: Mapping[str, str] = TEST_OPTIONS) -> Engine:
    """Build the Spark engine as the platform does; `options` count for sessions in this process."""
    endpoint = os.environ.get("I94_S3_ENDPOINT", "")
    resource = SparkEngineResource(
        address=address,
        on_s3=bool(endpoint),
        s3_endpoint=endpoint,
        jars=JARS,
        options=dict(options) if is_in_process(address) else {},
    )
    return resource.build()


def stage_in_subprocess(address: str, raw: Location, lake: Location, *months: str, **environment: str) -> str:
    """Stage months in a separate process with Spark at `address`; return its output."""
    command = [sys.executable, "-m", "i94_platform_tests.support.staging", address, str(raw), str(lake), *months]
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


def main(address: str, raw: Location, lake: Location, months: Sequence[str]) -> None:
    """Stage months with Spark at `address`."""
    engine = build_spark_engine(address, SHORT_LIVED_OPTIONS)
    for name in months:
        stage_into_lake(engine, raw, lake, Month.parse(name))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
