"""Pins the storage of the history: its files are Dagster's, kept open, and never written where they no longer are.

Wrong would be a file that Dagster's own storage can't read, events that go into a file that was replaced meanwhile, and
an instance per sensor tick that reads every migration again.
"""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage import sql
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage

from i94_platform.operations import sqlite_storage as storage
from i94_platform.operations.dagster_instance import open_instance, persistent_instance, prepare_home


def run_with_event(opened: dg.DagsterInstance) -> str:
    """A run of which one event is stored; its name."""
    run = opened.add_run(dg.DagsterRun(job_name="month"))
    opened.report_engine_event("begun", run)
    return run.run_id


def told(opened: dg.DagsterInstance, run_id: str) -> list[str]:
    return [entry.message for entry in opened.all_logs(run_id)]


def by_dagster(home: Path) -> dg.DagsterInstance:
    """The same home with the storage that Dagster would choose."""
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home)))


def test_what_one_storage_writes_the_other_reads(tmp_path: Path) -> None:
    with persistent_instance(tmp_path) as opened:
        ours = run_with_event(opened)
    with by_dagster(tmp_path) as opened:
        assert told(opened, ours) == ["begun"]
        theirs = run_with_event(opened)
    with persistent_instance(tmp_path) as opened:
        assert [told(opened, run_id) for run_id in (ours, theirs)] == [["begun"], ["begun"]]


def test_every_file_says_of_its_tables_what_dagsters_own_say(tmp_path: Path) -> None:
    with persistent_instance(tmp_path / "ours") as opened:
        ours = run_with_event(opened)
    (tmp_path / "theirs").mkdir()
    with by_dagster(tmp_path / "theirs") as opened:
        theirs = run_with_event(opened)
    names = ("history/runs.db", "history/runs/index.db", "schedules/schedules.db", "history/runs/{run}.db")
    for name in names:
        found, expected = (
            tables(tmp_path / home / name.format(run=run)) for home, run in (("ours", ours), ("theirs", theirs))
        )
        assert found == expected, name


def tables(file: Path) -> dict[str, Any]:
    """Names and columns of all tables, the version that is written down, and how the file keeps its log."""
    with sqlite3.connect(file) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = {n: [row[1:3] for row in connection.execute(f"PRAGMA table_info({n})")] for n in names}
        version = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        return {"columns": columns, "version": version, "journal": connection.execute("PRAGMA journal_mode").fetchall()}


def test_an_instance_of_a_home_that_exists_is_opened_without_reading_migrations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with persistent_instance(tmp_path):
        pass

    def read(*_: Any) -> Any:
        raise AssertionError("the migrations are read")

    for module in (sql, sqlite_event_log, sqlite_run_storage, sqlite_schedule_storage):
        monkeypatch.setattr(module, "check_alembic_revision", read)
    with persistent_instance(tmp_path) as opened:
        run_id = run_with_event(opened)
        assert opened.get_run_by_id(run_id) is not None
        assert opened.all_instigator_state() == []


def test_a_home_that_was_put_back_is_written_and_not_the_one_before(tmp_path: Path) -> None:
    home, backup = tmp_path / "home", tmp_path / "backup"
    with persistent_instance(home):
        pass
    shutil.copytree(home, backup)
    with open_instance(home) as held:
        run_with_event(held)
        shutil.rmtree(home)
        shutil.copytree(backup, home)
        assert held.get_runs() == []
        again = run_with_event(held)
    with persistent_instance(home) as opened:
        assert [run.run_id for run in opened.get_runs()] == [again]
        assert told(opened, again) == ["begun"]


def test_no_file_stays_open_after_the_command_line_and_few_in_a_process_that_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "MOST_FILES", 4)
    with persistent_instance(tmp_path) as opened:
        runs = [run_with_event(opened) for _ in range(8)]
        assert len(storage.FILES._open) == 4
        assert [told(opened, run_id) for run_id in runs] == [["begun"]] * 8
    assert not [address for address in storage.FILES._open if str(tmp_path) in address]


def test_the_instance_of_the_ui_is_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare_home(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with dg.DagsterInstance.get() as opened:
        assert isinstance(opened.event_log_storage, storage.PooledEventLog)
        assert isinstance(opened.run_storage, storage.PooledRunStorage)
        assert isinstance(opened.schedule_storage, storage.PooledScheduleStorage)
    storage.FILES.close(tmp_path)
