"""The versions of a Spark Connect server and of PySpark here are compared before the first query."""

from __future__ import annotations

import socket
import time

import pytest

from i94_platform.defs.resources import SparkEngineResource
from i94_platform.engine import spark_version
from i94_platform.engine.spark_version import fetch_server_version, find_version_problem
from i94_platform.errors import PermanentError
from i94_platform_tests.support.fake_connect import fake_connect_server


@pytest.mark.parametrize(
    ("server", "client", "fits"),
    [
        ("4.0.2", "4.0.2", True),
        ("4.0.2-amzn-0", "4.0.4", True),
        ("4.3.0", "4.0.2", True),
        ("5.0.0", "4.0.2", True),
        ("4.0.2", "4.1.2", False),
        ("4.1.2", "4.3.0", False),
        ("3.5.6", "4.0.2", False),
        ("3.5.6-amzn-1", "3.5.6", False),
        ("unknown", "4.0.2", False),
    ],
)
def test_a_client_works_with_servers_of_its_version_and_newer_ones(server: str, client: str, fits: bool) -> None:
    problem = find_version_problem(server, client)
    assert bool(problem) is not fits
    assert fits or server in problem


def test_a_session_on_a_server_of_spark_3_is_refused_before_a_query(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_CONNECT_MODE_ENABLED", "1")  # undone at the end, for the tests that follow
    with fake_connect_server("3.5.6") as address:
        engine = SparkEngineResource(address=address).build()
        with pytest.raises(PermanentError, match=rf"{address} .*3\.5\.6.*Spark 4"):
            engine.register_files("staged", ["/nowhere.parquet"])


def test_a_server_newer_than_the_client_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_connect_server("4.3.0") as address:
        assert fetch_server_version(address) == "4.3.0"


def test_something_else_that_listens_is_reported_soon() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"sc://127.0.0.1:{server.getsockname()[1]}"
        started = time.monotonic()
        with pytest.raises(PermanentError, match=address):
            fetch_server_version(address, seconds=0.3)
        assert time.monotonic() - started < spark_version.ANSWER_SECONDS
