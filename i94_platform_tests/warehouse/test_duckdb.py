"""Test what is DuckDB's own: waits for who holds the file, errors of files, and the one file of a release.

A path that merely contained the word lock was once taken for a held lock, and waited for until the timeout.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import Table

from i94_platform.contracts import PUBLISHED, i94mode, state
from i94_platform.errors import TransientError
from i94_platform.foreign_errors import parse_lock_holder
from i94_platform.lake import release_database
from i94_platform.lake.datasets import Lake
from i94_platform.lake.local import LocalStore
from i94_platform.lake.releases import Release, read_current_release
from i94_platform.pipeline.release import publish_release
from i94_platform.warehouse.duckdb import DuckDBWarehouse
from i94_platform_tests.serving.synthetic_release import fill_warehouse, make_rows
from i94_platform_tests.support.processes import join_process, start_process, wait_for
from i94_platform_tests.support.warehouses import Place, Staging, hold_transaction, list_own_messages, reach_duckdb


def test_a_loaded_table_and_its_columns_carry_their_descriptions(tmp_path: Path) -> None:
    warehouse, staging = reach_duckdb(tmp_path), Staging(Lake(LocalStore(str(tmp_path / "lake"))))
    for run in ("first", "second"):
        warehouse.replace(i94mode, staging.modes({1: "Air"}), run)
        columns = warehouse.query(
            "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'i94mode' ORDER BY column_index"
        ).to_pylist()
        assert [(row["column_name"], row["comment"]) for row in columns] == [
            (c.name, c.comment) for c in i94mode.columns
        ]
    table = warehouse.query("SELECT comment FROM duckdb_tables() WHERE table_name = 'i94mode'").to_pylist()
    assert table == [{"comment": i94mode.comment}]


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


def test_a_load_creates_the_tables_that_are_missing(duckdb_place: Place) -> None:
    warehouse, manifest = duckdb_place.reach(), Staging(duckdb_place.lake).modes({1: "Air"})
    assert warehouse.replace(i94mode, manifest, "r1") == 1
    with warehouse.transaction(purpose="remove what a newer version adds") as transaction:
        transaction.execute("DROP TABLE i94.state")
        transaction.execute("DROP TABLE mart.correlations")
    warehouse.replace(i94mode, manifest, "r1")
    for table in ("mart.correlations", "i94.state"):
        assert warehouse.query(f"SELECT * FROM {table}").num_rows == 0


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


class InvalidatedInstance:
    """A DuckDB instance after a fatal error: it lets nothing be detached."""

    def __init__(self, instance: duckdb.DuckDBPyConnection) -> None:
        self._instance = instance

    def __getattr__(self, name: str) -> Any:
        return getattr(self._instance, name)

    def execute(self, sql: str) -> duckdb.DuckDBPyConnection:
        if sql.startswith("DETACH"):
            raise duckdb.FatalException("database has been invalidated because of a previous fatal error")
        return self._instance.execute(sql)


def test_the_transaction_after_a_fatal_error_works(tmp_path: Path) -> None:
    warehouse = DuckDBWarehouse(tmp_path / "w.duckdb", tmp_path / "scratch")
    warehouse.create_tables()
    vars(warehouse)["_instance"] = InvalidatedInstance(warehouse._instance)
    with pytest.raises(ValueError, match="at first"), warehouse.transaction(purpose="fail"):
        raise ValueError("at first")
    assert warehouse.query("SELECT 1 AS one").to_pylist() == [{"one": 1}]


def test_a_reader_gives_up_after_the_timeout_with_a_failure_worth_a_retry(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file that is written can't be read; on Redshift readers go on."""
    reach = partial(reach_duckdb, tmp_path)
    reach().create_tables()
    with start_process(hold_transaction, reach, tmp_path / "held", False) as writer:
        wait_for((tmp_path / "held").exists, "the writer")
        with caplog.at_level(logging.WARNING), pytest.raises(TransientError, match="let it finish or stop it") as error:
            reach().query("SELECT 1")
    (warning,) = caplog.messages
    for message in (warning, str(error.value)):
        assert "to query" in message
        assert f"python3.{sys.version_info.minor} (PID {writer.pid}), which writes it" in message
        assert str(tmp_path / "warehouse.duckdb") in message
    assert reach().query("SELECT count(*) AS n FROM i94.i94mode").to_pylist() == [{"n": 0}], "free once it is gone"


def open_read_only(path: Path, opened: Path) -> None:
    """Hold a database open as a notebook does, until killed; the file `opened` then has its first answer."""
    connection = duckdb.connect(str(path), read_only=True)
    opened.write_text(str(connection.execute("SELECT count(*) FROM i94.i94mode").fetchone()))
    signal.pause()


def test_a_load_names_the_reader_that_holds_it_up_and_where_it_may_read_instead(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    warehouse = reach_release(tmp_path)
    warehouse.create_tables()
    assert warehouse.release_path is not None
    warehouse.release_path.write_text("a release")
    with start_process(open_read_only, tmp_path / "warehouse.duckdb", tmp_path / "opened") as reader:
        wait_for((tmp_path / "opened").exists, "the reader")
        with caplog.at_level(logging.WARNING), pytest.raises(TransientError) as error:
            warehouse.create_tables()
    (warning,) = caplog.messages
    for message in (warning, str(error.value)):
        assert f"(PID {reader.pid}), which reads it" in message
        assert str(warehouse.release_path) in message


def test_a_holder_that_another_container_hides_is_not_invented() -> None:
    error = duckdb.IOException('Could not set lock on file "/w": Conflicting lock is held in PID 0. See also https://')
    holder = parse_lock_holder(error)
    assert holder is not None
    assert "PID" not in str(holder)
    assert parse_lock_holder(duckdb.IOException('Cannot open "/clocks/lock.duckdb"')) is None


def reach_release(folder: Path, lock_timeout: float = 0.3) -> DuckDBWarehouse:
    """The embedded warehouse in a folder, which publishes beside itself."""
    release_path = folder / "i94.duckdb"
    return DuckDBWarehouse(
        folder / "warehouse.duckdb", folder / "scratch", "500MB", lock_timeout, release_path=release_path
    )


def publish(folder: Path, run: str, seed: int = 94) -> Release:
    """Fill a warehouse and publish it."""
    warehouse = reach_release(folder)
    warehouse.create_tables()
    fill_warehouse(warehouse, seed)
    return publish_release(Lake(LocalStore(folder / "lake")), warehouse, run, {})


def read_release(path: Path) -> tuple[str, dict[str, list[tuple[Any, ...]]]]:
    """Read the version and every table of a release's file."""
    with duckdb.connect(str(path), read_only=True) as connection:
        (version,) = connection.execute("SELECT version FROM release").fetchall()[0]
        return version, {c.name: connection.execute(f"FROM {c.fullname}").fetchall() for c in PUBLISHED}


def test_a_release_is_one_read_only_file_with_its_tables_and_their_descriptions(tmp_path: Path) -> None:
    release, path = publish(tmp_path, "r1"), tmp_path / "i94.duckdb"
    expected = {c.name: [tuple(row.values()) for row in make_rows(c, per_month=6).to_pylist()] for c in PUBLISHED}
    assert read_release(path) == (release.version, expected)
    assert path.stat().st_mode & 0o777 == 0o444
    assert not (tmp_path / ".i94.duckdb").exists(), "nothing is left of writing it"
    with duckdb.connect(str(path), read_only=True) as connection:
        comments = connection.execute("SELECT comment FROM duckdb_tables() WHERE table_name = 'state'").fetchall()
        assert comments == [(state.comment,)]
        columns = "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'state' ORDER BY column_index"
        assert connection.execute(columns).fetchall() == [(c.name, c.comment) for c in state.columns]
        versions = connection.execute("SELECT tags['storage_version'] FROM duckdb_databases() WHERE NOT internal")
        assert versions.fetchall() == [("v1.3.0+",)], "tools that bring an older DuckDB can open it"


def test_loads_and_releases_go_on_while_a_reader_holds_the_file_of_a_release(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, path = publish(tmp_path, "r1"), tmp_path / "i94.duckdb"
    with (
        duckdb.connect(str(path), read_only=True) as own,
        start_process(open_read_only, path, tmp_path / "opened"),
        caplog.at_level(logging.WARNING),
    ):
        wait_for((tmp_path / "opened").exists, "the reader")
        second = publish(tmp_path, "r2", seed=1)
        assert own.execute("SELECT version FROM release").fetchall() == [(first.version,)], "it reads on"
    assert not list_own_messages(caplog), "nobody has waited"
    assert read_release(path)[0] == second.version != first.version


def test_the_file_of_a_release_takes_what_has_not_changed_from_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, "r1")
    path, warehouse = tmp_path / "i94.duckdb", reach_release(tmp_path)
    with warehouse.transaction(purpose="prepare a test") as transaction:
        transaction.execute("UPDATE mart.ports SET visitors = 7 WHERE i94mon = 2")
        transaction.execute("DELETE FROM mart.stays WHERE i94mon = 3")
        transaction.execute("DELETE FROM i94.i94mode")
    names, load_files = [], release_database._load_files

    def record(connection: Any, lake: Lake, contract: Table, urls: list[str]) -> None:
        names.append(contract.name)
        load_files(connection, lake, contract, urls)

    monkeypatch.setattr(release_database, "_load_files", record)
    release = publish_release(Lake(LocalStore(tmp_path / "lake")), warehouse, "r2", {})
    assert names == ["ports", "i94mode"], "the month of stays that is gone has no file"
    (tmp_path / "fresh").mkdir()
    fresh = tmp_path / "fresh" / "i94.duckdb"
    release_database.build_database(release, Lake(LocalStore(tmp_path / "lake")), fresh, "500MB")
    updated, anew = read_release(path), read_release(fresh)
    assert updated[0] == anew[0] == release.version
    assert {name: sorted(rows, key=str) for name, rows in updated[1].items()} == {
        name: sorted(rows, key=str) for name, rows in anew[1].items()
    }


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda path: path.write_bytes(b"x" * 9_000), id="damaged"),
        pytest.param(lambda path: execute_in_file(path, "DELETE FROM mart.ports WHERE i94mon = 2"), id="fewer rows"),
        pytest.param(
            lambda path: execute_in_file(path, "UPDATE release SET layout = 'another'"),
            id="other columns",
            marks=pytest.mark.slow,
        ),
        pytest.param(lambda path: execute_in_file(path, "DROP TABLE release"), id="older", marks=pytest.mark.slow),
    ],
)
def test_a_file_that_can_not_be_updated_is_built_anew(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    publish(tmp_path, "r1")
    path = tmp_path / "i94.duckdb"
    path.chmod(0o600)
    damage(path)
    release = publish(tmp_path, "r2", seed=1)
    expected = {c.name: [tuple(row.values()) for row in make_rows(c, 1, 6).to_pylist()] for c in PUBLISHED}
    assert read_release(path) == (release.version, expected)


def execute_in_file(path: Path, sql: str) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute(sql)


def publish_and_die(folder: Path, at: str) -> None:
    """Publish other rows, and kill this process while it builds the file, before it switches, or before the commit."""

    def die(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    target: tuple[object, str] = {
        "building": (release_database, "_load_files"),
        "switching": (Path, "replace"),
        "committing": (Lake, "commit"),
    }[at]
    setattr(*target, die)
    publish(folder, "r2", seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("at", ["building", "switching", "committing"])
def test_a_kill_leaves_a_whole_file_and_the_next_run_publishes_again(tmp_path: Path, at: str) -> None:
    first, path = publish(tmp_path, "r1"), tmp_path / "i94.duckdb"
    with start_process(publish_and_die, tmp_path, at) as process:
        assert join_process(process) == -signal.SIGKILL
    version, tables = read_release(path)
    assert (version == first.version) == (at != "committing")
    assert all(tables.values())
    lake = Lake(LocalStore(tmp_path / "lake"))
    assert read_current_release(lake) == first
    second = publish(tmp_path, "r3", seed=1)
    assert read_release(path)[0] == second.version != first.version
    assert not (tmp_path / ".i94.duckdb").exists()
