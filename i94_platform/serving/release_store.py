"""The release as the server reads it: a read-only database of its own, changed for a new one between two requests.

Here: a release's Parquet files become one DuckDB file, which is opened without access to anything else; the release
before stays open for cursors and requests that are under way. What is wrong with a new release is kept as a sentence,
and the old one goes on. Not here: what is asked (`queries`).
"""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Table

from i94_platform.contracts import PUBLISHED
from i94_platform.contracts.model import column_names, key_columns
from i94_platform.contracts.rendering.ddl import render_create_schema, render_ddl
from i94_platform.errors import PermanentError, PlatformError
from i94_platform.lake.datasets import Lake
from i94_platform.lake.footers import verify_footer
from i94_platform.lake.manifest import Manifest
from i94_platform.lake.releases import RELEASE, Release, parse_release

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

logger = logging.getLogger(__name__)

THREADS = 2
"""Of one query; requests are answered side by side anyway."""

RETRY_SECONDS = 30.0
"""After these a release that could not be opened is tried again."""

_STALE_SECONDS = 3_600.0

NOTHING = "Nothing is published yet; run 'i94 run', which publishes at its end."


class Running:
    """One query, which can be stopped from another thread."""

    def __init__(self) -> None:
        self._lock, self._stopped = threading.Lock(), False
        self._cursor: duckdb.DuckDBPyConnection | None = None

    @property
    def stopped(self) -> bool:
        """Whether it was told to stop."""
        return self._stopped

    def stop(self) -> None:
        """Interrupt it, or keep it from beginning."""
        with self._lock:
            self._stopped = True
            if self._cursor is not None:
                self._cursor.interrupt()

    @contextmanager
    def over(self, connection: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor of a connection, unless it was told to stop already."""
        with self._lock:
            if self._stopped:
                raise InterruptedError
            self._cursor = connection.cursor()
        try:
            yield self._cursor
        finally:
            with self._lock:
                cursor, self._cursor = self._cursor, None
            cursor.close()


class Snapshot:
    """An opened release."""

    def __init__(self, release: Release, path: Path, memory_limit: str) -> None:
        import duckdb

        self.release = release
        settings: dict[str, str | bool | int | float | list[str]] = {
            "enable_external_access": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "memory_limit": memory_limit,
            "threads": THREADS,
            "lock_configuration": "true",
        }
        self._connection = duckdb.connect(str(path), read_only=True, config=settings)
        self._lock, self._users, self._retired = threading.Lock(), 0, False

    @contextmanager
    def used(self) -> Iterator[Snapshot]:
        """Keep it open as long as the context."""
        with self._lock:
            self._users += 1
        try:
            yield self
        finally:
            with self._lock:
                self._users -= 1
                last = self._retired and not self._users
            if last:
                self._connection.close()

    def retire(self) -> None:
        """Close it once nobody uses it any more."""
        with self._lock:
            self._retired = True
            unused = not self._users
        if unused:
            self._connection.close()

    def table(self, sql: str, values: Mapping[str, Any], running: Running) -> pa.Table:
        """The rows of a query; InterruptedError where it was stopped."""
        import duckdb

        try:
            with running.over(self._connection) as cursor:
                rows: pa.Table = cursor.sql(sql, params=dict(values)).to_arrow_table()
                return rows
        except duckdb.InterruptException:
            raise InterruptedError from None


class Shelf:
    """The release that is served, and the one before it."""

    def __init__(self, lake: Lake, folder: Path, memory_limit: str = "1GB") -> None:
        self._lake, self._folder, self._memory_limit = lake, folder, memory_limit
        self._lock = threading.Lock()
        self._opened: list[Snapshot] = []
        self._read, self._refused, self._again = b"", b"", 0.0
        self.trouble = NOTHING
        """What is wrong with what is published now; empty where that is served."""

    @property
    def release(self) -> Release | None:
        """What is served."""
        with self._lock:
            return self._opened[0].release if self._opened else None

    @contextmanager
    def taken(self, version: str = "") -> Iterator[Snapshot | None]:
        """A release to answer a request from, open until the end; the newest unless a version is named."""
        with ExitStack() as held:
            with self._lock:
                fitting = [s for s in self._opened if version in ("", s.release.version)]
                snapshot = held.enter_context(fitting[0].used()) if fitting else None
            yield snapshot

    def refresh(self) -> bool:
        """Look whether another release was published and open it; whether what is served has changed."""
        import duckdb

        try:
            read = self._lake.store.read(f"{RELEASE.folder}/manifest.json")
            if read == self._read and not self.trouble:
                return False
            if read == self._refused and time.monotonic() < self._again:
                return False
            self._refused, self._again = read, time.monotonic() + RETRY_SECONDS
            self._open(parse_release(_manifest(read)))
        except FileNotFoundError:
            self._trouble("What was published is gone; run 'i94 run'." if self._read else NOTHING)
            return False
        except (PlatformError, duckdb.Error, OSError) as error:
            self._trouble(f"What is published can't be read: {error}")
            return False
        self._read = read
        return True

    def close(self) -> None:
        """Close every release."""
        with self._lock:
            opened, self._opened = self._opened, []
        for snapshot in opened:
            snapshot.retire()

    def _open(self, release: Release) -> None:
        with self._lock:
            if self._opened and self._opened[0].release.version == release.version:
                self._opened[0].release = release  # equal tables, with newer words about them
                self.trouble = ""
                return
        snapshot = self._built(release)
        with self._lock:
            self.trouble = ""  # first: who is served the new release hears of no trouble with it
            self._opened, old = [snapshot, *self._opened[:1]], self._opened[1:]
        for superseded in old:
            superseded.retire()
        logger.info("Serving release %s of %s", release.version, release.published_at)

    def _built(self, release: Release) -> Snapshot:
        """Every file of the release in one database, opened.

        Raises:
            PermanentError: a file is gone, has another length, or is not what the contract or the manifest says.
        """
        if problems := self._lake.find_missing_files(release.manifest):
            raise PermanentError(f"{'; '.join(problems)}. Publish again: i94 run --select published.")
        self._folder.mkdir(parents=True, exist_ok=True)
        self._sweep()
        path = self._folder / f"{release.version}-{uuid.uuid4().hex}.duckdb"
        try:
            build(release, self._lake, path, self._memory_limit)
            return Snapshot(release, path, self._memory_limit)
        finally:
            # what is open stays readable without its name, and goes with the process however that ends
            path.unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Remove what servers left that were killed while they built."""
        for path in self._folder.iterdir():
            if path.stat().st_mtime < time.time() - _STALE_SECONDS:
                path.unlink(missing_ok=True)

    def _trouble(self, told: str) -> None:
        if told != self.trouble and told:
            logger.warning("%s%s", told, " The release before is served on." if self._opened else "")
        self.trouble = told


def _manifest(read: bytes) -> Manifest:
    try:
        return Manifest.from_json(read)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PermanentError(f"The manifest of the release is not one ({error!r}); publish again.") from error


def build(release: Release, lake: Lake, path: Path, memory_limit: str) -> None:
    """Load a release into a new database, each table in the order of its key.

    Raises:
        PermanentError: a file is not what the contract or the manifest says.
    """
    import duckdb

    with duckdb.connect(str(path), config={"memory_limit": memory_limit, "threads": THREADS}) as connection:
        for schema in sorted({str(contract.schema) for contract in PUBLISHED}):
            connection.execute(render_create_schema(schema, "duckdb"))
        for contract in PUBLISHED:
            connection.execute(render_ddl(contract, "duckdb"))
            loaded = _load(connection, release, lake, contract)
            if contract.name not in release.tables:
                raise PermanentError(f"It has no {contract.name}; publish again: i94 run --select published.")
            said = release.tables[contract.name].rows
            if loaded != said:
                raise PermanentError(
                    f"{contract.name} has {loaded:,} rows where the release says {said:,}; publish again."
                )


def _load(connection: duckdb.DuckDBPyConnection, release: Release, lake: Lake, contract: Table) -> int:
    names = ", ".join(f'"{name}"' for name in column_names(contract))
    order = ", ".join(f'"{name}"' for name in key_columns(contract))
    with ExitStack() as held:
        paths = [held.enter_context(lake.store.local_copy(lake.store.path(url))) for url in release.urls(contract.name)]
        for path in paths:
            with path.open("rb") as content:
                verify_footer(content, str(path), contract)
        if paths:
            connection.execute(
                f"INSERT INTO {contract.fullname} ({names}) SELECT {names} "
                f"FROM read_parquet($files, hive_partitioning = false) ORDER BY {order}",
                {"files": [str(path) for path in paths]},
            )
    (counted,) = connection.execute(f"SELECT count(*) FROM {contract.fullname}").fetchall()
    return int(counted[0])


def described(release: Release) -> dict[str, Any]:
    """A release in JSON values, as status and pages tell it."""
    return {
        "version": release.version,
        "published_at": release.published_at,
        "data_as_of": release.data_as_of,
        "months": list(release.months),
    }


def state_of_tables(release: Release) -> dict[str, Any]:
    """Each table's rows, months and checks in JSON values."""
    found: dict[str, Any] = {}
    for name, table in release.tables.items():
        complaints = [json.loads(json.dumps(vars(complaint))) for complaint in table.checks.failed_checks]
        found[name] = {
            "rows": table.rows,
            "months": list(table.months),
            "checks": {"state": table.checks.state, "passed": table.checks.passed, "complaints": complaints},
        }
    return found
