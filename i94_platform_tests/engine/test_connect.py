"""Months staged through a real Spark Connect server have the rows that DuckDB stages, to the last bit.

Server and client are separate processes. Whatever only an in-process session offers (RDDs, the JVM, static settings)
fails here.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from i94_platform.engine.base import Engine
from i94_platform.engine.spark_version import client_version
from i94_platform.partitions import Month
from i94_platform.settings import PROJECT
from i94_platform_tests.support.arrivals import ACCEPTED_ROWS, APRIL, REJECTED_ROWS, delivered_table
from i94_platform_tests.support.staging import (
    assert_equal_months,
    read_staged_month,
    stage_in_subprocess,
    stage_into_lake,
)

pytestmark = [pytest.mark.spark, pytest.mark.slow]


def test_spark_connect_stages_sample_and_dirty_rows_like_duckdb(
    duckdb: Engine, connect: str, sample: Path, tmp_path: Path
) -> None:
    raw = tmp_path / "raw data+100%"
    folder = raw / "2016" / "i94_apr16_sub.parquet"
    folder.mkdir(parents=True)
    dirty = delivered_table([row for row, _ in (*REJECTED_ROWS, *ACCEPTED_ROWS)])
    for name in ("é 1.parquet", "é%201.parquet"):
        pq.write_table(dirty, folder / name)
    shutil.copy(sample / "i94_jan16_sub.parquet", raw)
    stage_in_subprocess(connect, raw, tmp_path / "connect", "2016-01", APRIL.key)
    for month in (Month(2016, 1), APRIL):
        assert_equal_months(
            read_staged_month(tmp_path / "connect", month), stage_into_lake(duckdb, raw, tmp_path / "lake", month)
        )


@pytest.fixture
def client_without_jars(tmp_path: Path) -> Path:
    """A folder with the package pyspark of the extra `connect`: it has no jars."""
    package = f"pyspark-client=={client_version()}"
    uv = subprocess.run(["tools/uv.sh"], cwd=PROJECT, capture_output=True, text=True, check=False).stdout.strip()
    install = [
        uv or "uv",
        "pip",
        "install",
        "--python",
        sys.executable,
        "--no-deps",
        "--target",
        str(tmp_path / "client"),
    ]
    try:
        subprocess.run([*install, package], capture_output=True, timeout=120, check=True)
    except (OSError, subprocess.SubprocessError):
        pytest.skip(f"{package} can't be installed here")
    return tmp_path / "client"


def test_the_client_without_jars_and_java_stages_like_duckdb(
    duckdb: Engine, connect: str, client_without_jars: Path, sample: Path, tmp_path: Path
) -> None:
    assert not (client_without_jars / "pyspark" / "jars").exists()
    raw, month = tmp_path / "raw", Month(2016, 1)
    raw.mkdir()
    shutil.copy(sample / "i94_jan16_sub.parquet", raw)
    environment = {"PYTHONPATH": str(client_without_jars), "JAVA_HOME": str(tmp_path / "nowhere")}
    stage_in_subprocess(connect, raw, tmp_path / "connect", month.key, **environment)
    by_duckdb = stage_into_lake(duckdb, raw, tmp_path / "lake", month)
    assert_equal_months(read_staged_month(tmp_path / "connect", month), by_duckdb)
