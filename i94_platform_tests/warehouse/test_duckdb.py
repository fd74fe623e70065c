"""Test what is DuckDB's own: only a lock is waited for, and a file that is no database is told at once.

A path that merely contained the word lock was once taken for a held lock, and waited for until the timeout.
"""

from __future__ import annotations

import logging
import time
import warnings
from functools import partial
from pathlib import Path

import duckdb
import pytest

from i94_platform.errors import TransientError
from i94_platform.warehouse.duckdb import DuckDBWarehouse
from i94_platform_tests.support.processes import start_process, wait_for
from i94_platform_tests.support.warehouses import hold_transaction, reach_duckdb


def test_a_file_that_is_no_database_fails_at_once_also_below_a_folder_called_lock(tmp_path: Path) -> None:
    path = tmp_path / "clocks" / "lock.duckdb"
    path.parent.mkdir()
    path.write_text("no database " * 1000)
    started = time.monotonic()
    with pytest.raises(duckdb.IOException, match="not a valid DuckDB database file"):
        DuckDBWarehouse(path, tmp_path / "scratch", lock_timeout=30.0).create_tables()
    assert time.monotonic() - started < 10


def test_a_folder_in_the_files_place_fails_at_once(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with pytest.raises(duckdb.IOException):
        DuckDBWarehouse(tmp_path / "lock", tmp_path / "scratch", lock_timeout=30.0).create_tables()


def test_missing_parent_folders_are_created(tmp_path: Path) -> None:
    warehouse = DuckDBWarehouse(tmp_path / "a" / "b" / "w.duckdb", tmp_path / "scratch")
    warehouse.create_tables()
    assert warehouse.exists()
    assert warehouse.address == f"duckdb:///{tmp_path}/a/b/w.duckdb"


def test_a_query_warns_of_nothing(tmp_path: Path) -> None:
    """People see what DuckDB's client warns of, on the command line, for every query."""
    warehouse = DuckDBWarehouse(tmp_path / "w.duckdb", tmp_path / "scratch")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warehouse.create_tables()
        assert warehouse.query("SELECT :a AS a", {"a": 1}).to_pylist() == [{"a": 1}]


def test_nothing_is_left_beside_the_file_between_transactions(tmp_path: Path) -> None:
    warehouse = DuckDBWarehouse(tmp_path / "w" / "w.duckdb", tmp_path / "scratch")
    warehouse.create_tables()
    assert [path.name for path in (tmp_path / "w").iterdir()] == ["w.duckdb"], "a log of writes waits to be replayed"


def test_a_reader_gives_up_after_the_timeout_with_a_failure_worth_a_retry(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file that is written can't be read; on Redshift readers go on."""
    reach = partial(reach_duckdb, tmp_path)
    reach().create_tables()
    with start_process(hold_transaction, reach, tmp_path / "held", False):
        wait_for((tmp_path / "held").exists, "the writer")
        message = r"Another process has held .*, waited to query; let it finish or stop it"
        with caplog.at_level(logging.WARNING), pytest.raises(TransientError, match=message):
            reach().query("SELECT 1")
    assert len(caplog.messages) == 1
    assert "to query" in caplog.messages[0]
    assert reach().query("SELECT count(*) AS n FROM i94.i94mode").to_pylist() == [{"n": 0}], "free once it is gone"
