"""A server over one synthetic release: one for all tests that only read, and one for each test that changes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from i94_platform_tests.serving.live_server import LiveServer, run_server


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that all tests share: send requests, change nothing."""
    with run_server(tmp_path_factory.mktemp("served")) as server:
        server.publish("r1")
        yield server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    """A server of the test's own."""
    with run_server(tmp_path) as server:
        server.publish("r1")
        yield server
