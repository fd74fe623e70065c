"""Dagster's SQLite storage over files that a process keeps open, however many instances of Dagster it opens.

The original makes an engine for every statement, which is then compiled anew, reads all its migrations whenever an
instance is opened (a code server opens one for every tick of every sensor), and rewrites a file's whole log when its
last connection is closed. The files are the same, so either storage reads what the other wrote. Not here: the instance
that is configured with it (`history`).
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.schedules.schema import ScheduleStorageSqlMetadata
from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import SqliteScheduleStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS, create_db_conn_string
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from sqlalchemy import MetaData, create_engine, event, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

_SCHEME = "sqlite:///"

MOST_FILES = 64
"""Files that are kept open: each run has one of its own, and a UI that is open for months sees many."""


@dataclass
class _File:
    """An open file; `identity` tells it from another one that took its place."""

    engine: Engine
    identity: tuple[int, int]
    tables: set[str] = field(default_factory=set)
    """Those that were seen in it: none is ever dropped."""


class _Files:
    """The open files of this process by address, the least used one first."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, _File] = OrderedDict()
        self._lock = threading.RLock()

    def get(self, address: str, prepare: Callable[[Engine], None] | None = None) -> _File:
        """The file at an address; one that this process meets for the first time is prepared first."""
        with self._lock:
            found = self._open.get(address)
            if found is None or found.identity != _identity(address):
                self._forget(address)
                found = self._open[address] = _opened(address, prepare)
            self._open.move_to_end(address)
            while len(self._open) > MOST_FILES:
                self._forget(next(iter(self._open)))
        return found

    def close(self, folder: Path) -> None:
        """Close every file below a folder."""
        with self._lock:
            for address in [address for address in self._open if _path(address).is_relative_to(folder.absolute())]:
                self._forget(address)

    def _forget(self, address: str) -> None:
        if known := self._open.pop(address, None):
            known.engine.dispose()  # what another thread uses is closed when it is given back


FILES = _Files()


def _opened(address: str, prepare: Callable[[Engine], None] | None) -> _File:
    engine = create_engine(address, connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}, pool_size=2, max_overflow=-1)
    if prepare and not _version(address):
        prepare(engine)
        engine.dispose()  # from here on its connections wait for the disk
    with engine.connect():
        pass  # SQLite makes a file when it is first connected to
    return _File(engine, _identity(address))


def _path(address: str) -> Path:
    return Path(address.removeprefix(_SCHEME))


def _identity(address: str) -> tuple[int, int]:
    try:
        status = os.stat(address.removeprefix(_SCHEME))  # for every statement, so without a Path
    except FileNotFoundError:
        return (0, 0)
    return (status.st_dev, status.st_ino)


def _version(address: str) -> str:
    """The version of Dagster's tables that a file holds; empty for a file without any, or none.

    Whether it has one is all that Dagster asks of a file when it opens it, but it reads every migration to know.
    """
    if not _path(address).exists():
        return ""
    with closing(sqlite3.connect(_path(address), timeout=SQLITE_BUSY_TIMEOUT_SECONDS)) as connection:
        found = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
        version = connection.execute("SELECT version_num FROM alembic_version").fetchone() if found[0] else None
    return str(version[0]) if version else ""


class _Pooled:
    """What storages of one file have in common."""

    _conn_string: str

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A transaction."""
        with FILES.get(self._conn_string).engine.begin() as connection:
            yield connection


class PooledRunStorage(_Pooled, SqliteRunStorage):
    """Runs and their tags, in `history/runs.db`."""

    @classmethod
    def from_local(cls, base_dir: str, inst_data: Any = None) -> PooledRunStorage:
        """The storage below a folder, which is made where there is none."""
        address = create_db_conn_string(base_dir, "runs")
        return cls(address, inst_data) if _version(address) else super().from_local(base_dir, inst_data)


class PooledScheduleStorage(_Pooled, SqliteScheduleStorage):
    """Schedules, sensors and their ticks, in `schedules/schedules.db`."""

    @classmethod
    def from_local(cls, base_dir: str, inst_data: Any = None) -> SqliteScheduleStorage:
        """The storage below a folder, which is made where there is none."""
        address = create_db_conn_string(base_dir, "schedules")
        if _version(address):
            return cls(address, inst_data)
        os.makedirs(base_dir, exist_ok=True)
        runs = create_db_conn_string(os.path.join(os.path.dirname(base_dir), "history"), "runs")
        if not _made(create_engine(address, poolclass=NullPool), ScheduleStorageSqlMetadata, _version(runs)):
            return super().from_local(base_dir, inst_data)
        made = cls(address, inst_data)
        made.migrate()
        made.optimize()
        return made


class PooledEventLog(SqliteEventLogStorage):
    """Events, in a file for each run and one for all assets, in `history/runs`; one transaction a file and event.

    The original stores an event in up to four transactions, and the events that plan a run one by one.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self._storing: ExitStack | None = None
        self._begun: dict[str, Connection] = {}
        super().__init__(*args, **options)
        self._db_lock = threading.RLock()  # type: ignore[assignment]  # whoever stores events connects several times

    def store_event(self, event: dg.EventLogEntry) -> None:
        """Store one event."""
        self.store_event_batch([event])

    def store_event_batch(self, events: Sequence[dg.EventLogEntry]) -> None:
        """Store events, all or none in each file. The first statement in a file writes, so that it waits its turn."""
        with self._db_lock, ExitStack() as transactions:
            self._storing = transactions
            try:
                for event in events:
                    super().store_event(event)
            finally:
                self._storing = None
                self._begun.clear()

    def has_table(self, table_name: str) -> bool:
        """Whether the file of all assets has a table."""
        index = self._file(INDEX_SHARD_NAME)
        if table_name not in index.tables:
            with index.engine.connect() as connection:
                if not index.engine.dialect.has_table(connection, table_name):
                    return False
            index.tables.add(table_name)
        return True

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            if self._storing is None:
                with self._file(shard).engine.begin() as connection:
                    yield connection
                return
            if shard not in self._begun:
                self._begun[shard] = self._storing.enter_context(self._file(shard).engine.begin())
            yield self._begun[shard]

    def _file(self, shard: str) -> _File:
        return FILES.get(self.conn_string_for_shard(shard), self._initdb)

    def _initdb(self, engine: Engine, for_index_shard: bool = False) -> None:
        """Make the tables of a new file: after the runs that of all assets, and after that the one of each run."""
        runs = create_db_conn_string(os.path.dirname(self._base_dir), "runs")
        before = runs if for_index_shard else self.conn_string_for_shard(INDEX_SHARD_NAME)
        if not _made(engine, SqlEventLogStorageMetadata, _version(before)):
            super()._initdb(engine, for_index_shard)


def _made(engine: Engine, tables: MetaData, version: str) -> bool:
    """Make the tables of a new file with the version of one that was made before it, which saves reading migrations.

    False where there is none before it, or the file has tables: whoever makes the same at the same time looks again.
    """
    if not version:
        return False
    try:
        with engine.connect() as connection:
            if connection.execute(text("SELECT count(*) FROM sqlite_master")).scalar():
                return False
            connection.execute(text("PRAGMA journal_mode=WAL"))
            connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
            tables.create_all(connection)
            connection.execute(text("INSERT INTO alembic_version VALUES (:version)"), {"version": version})
            connection.commit()
    except DatabaseError:
        return False
    return True


class PooledStorage(DagsterSqliteStorage):
    """The three of them, as `storage` of a dagster.yaml; `base_dir` is the home of the instance."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        _sync_less()
        # the parent would open the three that these replace
        super(DagsterSqliteStorage, self).__init__()  # type: ignore[no-untyped-call]
        self.base_dir, self._inst_data = base_dir, inst_data
        history = os.path.join(base_dir, "history")
        self._run_storage = PooledRunStorage.from_local(history)
        self._event_log_storage = PooledEventLog(os.path.join(history, "runs"))
        self._schedule_storage = PooledScheduleStorage.from_local(os.path.join(base_dir, "schedules"))

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> PooledStorage:
        """Dagster's way to make a storage from its configuration."""
        return cls.from_local(inst_data=inst_data, **config_value)


def _sync_less() -> None:
    """Let SQLite wait for the disk at checkpoints only: a killed process loses nothing, a power cut the last events."""
    if not event.contains(Engine, "connect", _on_connect):
        event.listen(Engine, "connect", _on_connect)


def _on_connect(connection: Any, _record: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        (schema,) = connection.execute("PRAGMA schema_version").fetchone()
        # a file that is only being made has nothing to lose yet
        connection.execute(f"PRAGMA synchronous = {'NORMAL' if schema else 'OFF'}")
