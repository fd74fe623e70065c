"""Pins that a month staged through a real Spark Connect server has the rows that DuckDB stages, to the last bit.

The server is a process of its own, from the same package, and so is the client: what only an in-process session offers
(RDDs, the JVM, static settings) is not there, and a use of it fails here.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from i94_platform.contracts import world_temperature
from i94_platform.engine.base import Engine
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.local import LocalStore
from i94_platform.partitions import Month
from i94_platform.settings import PROJECT
from i94_platform_tests.engine.arrivals import ACCEPTED, APRIL, REFUSED, delivered
from i94_platform_tests.engine.staging import (
    Staged,
    assert_same,
    rows_of,
    sorted_temperatures,
    stage,
    staged,
    temperatures,
)

pytestmark = [pytest.mark.spark, pytest.mark.xdist_group("connect")]


def stage_through(address: str, raw: Path, lake: Path, *what: str) -> None:
    """Stage months, or `temperatures`, in a process that is a client of the server."""
    command = [sys.executable, "-m", "i94_platform_tests.engine.staging", address, str(raw), str(lake), *what]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]


def assert_same_months(found: Staged, expected: Staged) -> None:
    """Rows, quarantine and figures."""
    assert_same(found.arrivals, expected.arrivals)
    assert_same(found.quarantine, expected.quarantine)
    assert found.accepted.facts == expected.accepted.facts
    assert found.refused.facts == expected.refused.facts


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
    manifest = Lake(LocalStore(tmp_path / "connect")).committed(Dataset("staged/world_temperature"))
    assert rows_of(manifest, world_temperature).num_rows > 0
    assert_same(sorted_temperatures(manifest), temperatures(duckdb, raw, tmp_path / "lake"))


@pytest.mark.real_data
def test_the_whole_real_month_is_staged_as_duckdb_stages_it(
    duckdb: Engine, connect: str, real_data: Path, tmp_path: Path
) -> None:
    stage_through(connect, real_data, tmp_path / "connect", APRIL.key)
    found = staged(tmp_path / "connect", APRIL)
    assert found.accepted.rows == 3_096_313
    assert_same_months(found, stage(duckdb, real_data, tmp_path / "lake", APRIL))
