"""Pins that a month staged through a real Spark Connect server has the rows that DuckDB stages, to the last bit.

The server is a process of its own, from the same package, and so is the client: what only an in-process session offers
(RDDs, the JVM, static settings) is not there, and a use of it fails here.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from i94_platform.contracts import world_temperature
from i94_platform.engine.base import Engine
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.local import LocalStore
from i94_platform.partitions import Month
from i94_platform_tests.support.arrivals import ACCEPTED, APRIL, REFUSED, delivered
from i94_platform_tests.support.staging import (
    assert_same,
    assert_same_months,
    rows_of,
    sorted_temperatures,
    stage,
    stage_through,
    staged,
    temperatures,
)

pytestmark = [pytest.mark.spark]


def test_sample_dirty_rows_and_temperatures_are_staged_as_duckdb_stages_them(
    duckdb: Engine, connect: str, sample: Path, tmp_path: Path
) -> None:
    raw = tmp_path / "raw data+100%"
    folder = raw / "2016" / "i94_apr16_sub.parquet"
    folder.mkdir(parents=True)
    dirty = delivered([row for row, _ in (*REFUSED, *ACCEPTED)])
    for name in ("é 1.parquet", "é%201.parquet"):
        pq.write_table(dirty, folder / name)
    for file in ("i94_jan16_sub.parquet", "GlobalLandTemperaturesByCity.csv"):
        (raw / file).symlink_to(sample / file)
    stage_through(connect, raw, tmp_path / "connect", "2016-01", APRIL.key, "temperatures")
    for month in (Month(2016, 1), APRIL):
        assert_same_months(staged(tmp_path / "connect", month), stage(duckdb, raw, tmp_path / "lake", month))
    manifest = Lake(LocalStore(tmp_path / "connect")).require_manifest(Dataset("staged/world_temperature"))
    assert rows_of(manifest, world_temperature).num_rows > 0
    assert_same(sorted_temperatures(manifest), temperatures(duckdb, raw, tmp_path / "lake"))
