"""The stores and the embedded engine that the sources are read with."""

from i94_platform_tests.engine.conftest import duckdb
from i94_platform_tests.lake.conftest import lake, place, store

__all__ = ["duckdb", "lake", "place", "store"]
