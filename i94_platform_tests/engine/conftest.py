"""The engines that the tests compare, each started once and stopped at the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from i94_platform.engine.base import Engine
from i94_platform.engine.duckdb import DuckDBEngine
from i94_platform_tests.emulators.s3 import S3Server
from i94_platform_tests.support.arrivals import ACCEPTED_ROWS, APRIL, REJECTED_ROWS, delivered_table
from i94_platform_tests.support.spark import Cluster, spark_skip_reason, start_cluster, start_connect_server
from i94_platform_tests.support.staging import StagedMonth, build_spark_engine, stage_into_lake


@pytest.fixture(scope="session")
def duckdb(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """The embedded engine."""
    return DuckDBEngine(tmp_path_factory.mktemp("duckdb"))


@pytest.fixture(scope="session")
def spark() -> Iterator[Engine]:
    """Spark in this process."""
    if reason := spark_skip_reason():
        pytest.skip(reason)
    from pyspark.sql import SparkSession

    yield build_spark_engine("local[*]")
    if session := SparkSession.getActiveSession():
        session.stop()


@pytest.fixture(scope="session")
def connect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Spark Connect server; stage through it in a process of its own."""
    if reason := spark_skip_reason():
        pytest.skip(reason)
    with start_connect_server(tmp_path_factory.mktemp("connect")) as address:
        yield address


@pytest.fixture(scope="session")
def standalone(tmp_path_factory: pytest.TempPathFactory, s3_server: S3Server) -> Iterator[Cluster]:
    """A cluster whose machines have credentials of their own; stage through it in a process of its own."""
    if reason := spark_skip_reason():
        pytest.skip(reason)
    with start_cluster(tmp_path_factory.mktemp("cluster"), s3_server.environment) as running:
        yield running


ODD_NAMES = ("part 1+1=2 100%.parquet", "part%201.parquet", "é [1] {a,b}*? & ñ;a,b#c.parquet")


@pytest.fixture(scope="session")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raw folder with one April: every dirty row but the repeated ones, over files of odd names."""
    folder = tmp_path_factory.mktemp("dirty")
    (folder / "2016" / "i94_apr16_sub.parquet").mkdir(parents=True)
    once = [row for row, reasons in REJECTED_ROWS if "duplicate_key" not in reasons]
    rows = [*once, *(row for row, _ in ACCEPTED_ROWS)]
    for number, name in enumerate(ODD_NAMES):
        part = delivered_table(rows[number :: len(ODD_NAMES)])
        pq.write_table(part, folder / "2016" / "i94_apr16_sub.parquet" / name)
    return folder


@pytest.fixture(scope="session")
def dirty_by_duckdb(duckdb: Engine, dirty: Path, tmp_path_factory: pytest.TempPathFactory) -> StagedMonth:
    """That April as the embedded engine stages it."""
    return stage_into_lake(duckdb, dirty, tmp_path_factory.mktemp("by_duckdb"), APRIL)
