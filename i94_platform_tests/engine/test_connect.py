"""Months staged through a real Spark Connect server have the rows that DuckDB stages, to the last bit.

Server and client are separate processes. Whatever only an in-process session offers (RDDs, the JVM, static settings)
fails here.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from itertools import count
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from i94_platform.engine.base import Engine
from i94_platform.engine.spark_version import client_version, fetch_server_version
from i94_platform.partitions import Month
from i94_platform.settings import PROJECT
from i94_platform_tests.support.arrivals import ACCEPTED_ROWS, APRIL, REJECTED_ROWS, delivered_table
from i94_platform_tests.support.spark import spark_skip_reason, start_connect_server
from i94_platform_tests.support.staging import (
    SHORT_LIVED_OPTIONS,
    assert_equal_months,
    read_staged_month,
    stage_in_subprocess,
    stage_into_lake,
)

pytestmark = [pytest.mark.spark, pytest.mark.slow]

JANUARY = Month(2016, 1)


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
    for month in (JANUARY, APRIL):
        assert_equal_months(
            read_staged_month(tmp_path / "connect", month), stage_into_lake(duckdb, raw, tmp_path / "lake", month)
        )


def install(folder: Path, *packages: str) -> Path | None:
    """Install packages without what they need into a folder; None if PyPI has no such version."""
    uv = subprocess.run(["tools/uv.sh"], cwd=PROJECT, capture_output=True, text=True, check=False).stdout.strip()
    target = ["--python", sys.executable, "--no-deps", "--target", str(folder)]
    command = [uv or "uv", "pip", "install", *target, *packages]
    try:
        subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=300, check=True)
    except subprocess.CalledProcessError as error:
        if "unsatisfiable" in error.stderr:
            return None
        pytest.skip(f"{packages[0]} can't be installed here: {error.stderr[-200:]}")
    except (OSError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"{packages[0]} can't be installed here: {error}")
    return folder


@pytest.fixture
def raw(sample: Path, tmp_path: Path) -> Path:
    """A raw folder with a month of the sample."""
    (tmp_path / "raw").mkdir()
    shutil.copy(sample / "i94_jan16_sub.parquet", tmp_path / "raw")
    return tmp_path / "raw"


def test_the_client_without_jars_and_java_stages_like_duckdb(
    duckdb: Engine, connect: str, raw: Path, tmp_path: Path
) -> None:
    client = install(tmp_path / "client", f"pyspark-client=={client_version()}")
    assert client
    assert not (client / "pyspark" / "jars").exists()
    environment = {"PYTHONPATH": str(client), "JAVA_HOME": str(tmp_path / "nowhere")}
    stage_in_subprocess(connect, raw, tmp_path / "connect", JANUARY.key, **environment)
    by_duckdb = stage_into_lake(duckdb, raw, tmp_path / "lake", JANUARY)
    assert_equal_months(read_staged_month(tmp_path / "connect", JANUARY), by_duckdb)


def test_a_client_newer_than_the_server_is_refused_before_a_query(connect: str, raw: Path, tmp_path: Path) -> None:
    client = install(tmp_path / "client", "pyspark-client==4.1.*", "zstandard")
    with pytest.raises(AssertionError) as failure:
        stage_in_subprocess(connect, raw, tmp_path / "lake", JANUARY.key, PYTHONPATH=str(client))
    last_line = str(failure.value).partition("PermanentError: ")[2].partition("\n")[0]
    assert f"{connect} can't be used: it runs Spark {client_version()}" in last_line
    assert "PySpark 4.1" in last_line


def test_every_newer_minor_version_of_the_server_on_pypi_stages_like_duckdb(
    duckdb: Engine, raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One server after the other, with the newest patch of its version; `connect` is the client's own version."""
    if reason := spark_skip_reason():
        pytest.skip(reason)
    by_duckdb = stage_into_lake(duckdb, raw, tmp_path / "by_duckdb", JANUARY)
    versions = []
    for minor in count(1):
        folder = tmp_path / f"4.{minor}"
        if not (server := install(folder, f"pyspark==4.{minor}.*")):
            break
        with monkeypatch.context() as patch:
            patch.setenv("SPARK_HOME", str(server / "pyspark"))
            with start_connect_server(folder, SHORT_LIVED_OPTIONS) as address:
                versions.append(fetch_server_version(address))
                stage_in_subprocess(address, raw, folder / "lake", JANUARY.key)
        assert_equal_months(read_staged_month(folder / "lake", JANUARY), by_duckdb)
        shutil.rmtree(server / "pyspark")
    assert len(versions) >= 3, "4.1 to 4.3 are on PyPI"
    assert [version.split(".")[:2] for version in versions] == [["4", f"{n}"] for n in range(1, len(versions) + 1)]
