"""The stores and the engines that the sources are read with."""

from pathlib import Path

import pytest

from i94_platform_tests.engine.conftest import duckdb, spark
from i94_platform_tests.lake.conftest import lake, place, store

__all__ = ["duckdb", "lake", "place", "spark", "store"]


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """The folder where deliveries land."""
    folder = tmp_path / "raw"
    folder.mkdir()
    return folder
