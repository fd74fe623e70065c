"""The stores and the engines that the sources are read with."""

from pathlib import Path

import pytest

from i94_platform.engine.base import Engine
from i94_platform_tests.engine.conftest import duckdb, spark
from i94_platform_tests.lake.conftest import lake, place, store
from i94_platform_tests.sources.delivered_files import CSV
from i94_platform_tests.sources.delivered_rows import DeliveredRows, ReadCsv, read_delivered

__all__ = ["duckdb", "lake", "place", "spark", "store"]


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """The folder where deliveries land."""
    folder = tmp_path / "raw"
    folder.mkdir()
    return folder


@pytest.fixture
def read_csv(duckdb: Engine, raw: Path, tmp_path: Path) -> ReadCsv:
    """Read a CSV file of this content."""

    def read_content(content: str | bytes) -> DeliveredRows:
        (raw / CSV).write_bytes(content.encode() if isinstance(content, str) else content)
        return read_delivered(duckdb, raw, tmp_path / "lake")

    return read_content
