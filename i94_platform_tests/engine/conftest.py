"""The engines that the tests compare. Each starts once and stops at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from i94_platform.engine.base import Engine
from i94_platform.engine.duckdb import DuckDBEngine
from i94_platform.partitions import Month
from i94_platform_tests.emulators.s3 import S3Server
from i94_platform_tests.support.arrivals import APRIL
from i94_platform_tests.support.spark import Cluster, spark_skip_reason, start_cluster, start_connect_server
from i94_platform_tests.support.staging import (
    StagedMonth,
    assert_equal_months,
    build_spark_engine,
    stage_into_lake,
)

StageOnBoth = Callable[..., tuple[StagedMonth, StagedMonth]]


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


@pytest.fixture
def stage_on_both(duckdb: Engine, spark: Engine, tmp_path: Path) -> StageOnBoth:
    """Stage a month on both engines, compare everything that they wrote, and return both results."""

    def stage(raw: Path, month: Month = APRIL, run_id: str = "run") -> tuple[StagedMonth, StagedMonth]:
        by_duckdb = stage_into_lake(duckdb, raw, tmp_path / "duckdb", month, run_id)
        by_spark = stage_into_lake(spark, raw, tmp_path / "spark", month, run_id)
        assert_equal_months(by_spark, by_duckdb)
        assert by_spark.accepted.fingerprint == by_duckdb.accepted.fingerprint
        return by_duckdb, by_spark

    return stage


@pytest.fixture(scope="session")
def connect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Spark Connect server; clients need a process of their own."""
    if reason := spark_skip_reason():
        pytest.skip(reason)
    with start_connect_server(tmp_path_factory.mktemp("connect")) as address:
        yield address


@pytest.fixture(scope="session")
def standalone(tmp_path_factory: pytest.TempPathFactory, s3_server: S3Server) -> Iterator[Cluster]:
    """A cluster whose machines have their own credentials; drivers need a process of their own."""
    if reason := spark_skip_reason():
        pytest.skip(reason)
    with start_cluster(tmp_path_factory.mktemp("cluster"), s3_server.environment) as running:
        yield running
