"""A running server over a lake of its own, with a key for everything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from i94_platform_tests.serving.live_server import Served, served


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One release, served: ask it, change nothing."""
    with served(tmp_path_factory.mktemp("served")) as server:
        server.publish("r1")
        yield server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    """A server of the test's own, over one release."""
    with served(tmp_path) as server:
        server.publish("r1")
        yield server
