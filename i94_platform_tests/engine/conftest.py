"""The engines that the tests compare, each started once and stopped at the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from i94_platform.engine.base import Engine
from i94_platform.engine.duckdb import DuckDBEngine
from i94_platform_tests.engine.spark import connect_server, lacking
from i94_platform_tests.engine.staging import spark_engine


@pytest.fixture(scope="session")
def duckdb(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """The embedded engine."""
    return DuckDBEngine(tmp_path_factory.mktemp("duckdb"))


@pytest.fixture(scope="session")
def spark() -> Iterator[Engine]:
    """Spark in this process."""
    if reason := lacking():
        pytest.skip(reason)
    from pyspark.sql import SparkSession

    yield spark_engine("local[*]")
    if session := SparkSession.getActiveSession():
        session.stop()


@pytest.fixture(scope="session")
def connect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Spark Connect server; stage through it in a process of its own."""
    if reason := lacking():
        pytest.skip(reason)
    with connect_server(tmp_path_factory.mktemp("connect")) as address:
        yield address
