"""The pooled storage keeps Dagster's own files: Dagster reads them, and a file that was replaced is never written."""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.instance.ref import InstanceRef

from i94_platform.operations import dagster_storage
from i94_platform.operations.dagster_instance import create_home, open_instance, persistent_instance


def record_run(instance: dg.DagsterInstance) -> str:
    """Record a run with one event, and return its id."""
    run = instance.add_run(dg.DagsterRun(job_name="month"))
    instance.report_engine_event("started", run)
    return run.run_id


def read_messages(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    return [entry.message for entry in instance.all_logs(run_id)]


def open_with_dagsters_storage(home: Path) -> dg.DagsterInstance:
    """Open the same home with the storage that Dagster would choose."""
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home)))


def is_open(file: Path) -> bool:
    """Whether this process holds a file open."""
    return str(file) in [os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()]


def test_dagsters_storage_and_the_pooled_one_read_each_others_events(tmp_path: Path) -> None:
    with persistent_instance(tmp_path) as instance:
        pooled = record_run(instance)
    with open_with_dagsters_storage(tmp_path) as instance:
        assert read_messages(instance, pooled) == ["started"]
        plain = record_run(instance)
    with persistent_instance(tmp_path) as instance:
        assert [read_messages(instance, run_id) for run_id in (pooled, plain)] == [["started"], ["started"]]


def test_a_home_that_was_restored_from_a_backup_is_read_and_written_instead_of_the_deleted_one(tmp_path: Path) -> None:
    home, backup = tmp_path / "home", tmp_path / "backup"
    with persistent_instance(home):
        pass
    shutil.copytree(home, backup)
    with open_instance(home) as open_before:
        record_run(open_before)
        shutil.rmtree(home)
        shutil.copytree(backup, home)
        assert open_before.get_runs() == []
        run_id = record_run(open_before)
    with persistent_instance(home) as instance:
        assert [run.run_id for run in instance.get_runs()] == [run_id]
        assert read_messages(instance, run_id) == ["started"]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux lists a process's open files")
def test_a_file_that_leaves_the_pool_is_closed(tmp_path: Path) -> None:
    gc.freeze()  # what was there before needs no look below
    with persistent_instance(tmp_path) as instance:
        run_id = record_run(instance)
        record_run(instance)  # Dagster's migrations hold on to the file that they saw last
        assert is_open(tmp_path / "history" / "runs" / f"{run_id}.db")
        dagster_storage._create_engine.cache_clear()
        gc.collect()
        gc.unfreeze()
        assert not is_open(tmp_path / "history" / "runs" / f"{run_id}.db")


def test_the_ui_and_the_daemon_open_the_same_storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_home(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with dg.DagsterInstance.get() as instance:
        assert isinstance(instance.event_log_storage, dagster_storage.PooledEventLogStorage)
        assert isinstance(instance.run_storage, dagster_storage.PooledRunStorage)
        assert isinstance(instance.schedule_storage, dagster_storage.PooledScheduleStorage)


def test_a_new_home_has_the_tables_indexes_and_migrations_of_dagsters_own(tmp_path: Path) -> None:
    homes = tmp_path / "pooled", tmp_path / "plain"
    homes[1].mkdir()
    with persistent_instance(homes[0]) as instance:
        record_run(instance)
    with open_with_dagsters_storage(homes[1]) as instance:
        record_run(instance)
    pooled, plain = map(read_tables, homes)
    assert pooled == plain
    assert {"runs", "event_logs", "job_ticks"} <= {name for _, name in pooled}


def read_tables(home: Path) -> dict[tuple[str, str], object]:
    """Read the columns of each table and index of each file, and which migrations were made."""
    tables: dict[tuple[str, str], object] = {}
    for path in (home / "schedules" / "schedules.db", *(home / "history").rglob("*.db")):
        file = "run" if len(path.stem) > 30 else path.stem
        with closing(sqlite3.connect(path)) as connection:
            names = connection.execute("SELECT type, name FROM sqlite_master").fetchall()
            for kind, name in names:
                info = "index_info" if kind == "index" else "table_xinfo"
                tables[file, name] = connection.execute(f"PRAGMA {info}('{name}')").fetchall()
            tables[file, "version"] = connection.execute("SELECT * FROM alembic_version").fetchall()
            if (file, "secondary_indexes") in tables:
                migrations = connection.execute("SELECT name FROM secondary_indexes").fetchall()
                tables[file, "migrations"] = sorted(migrations)
    return tables
