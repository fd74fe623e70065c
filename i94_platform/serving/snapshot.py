"""An open release: its DuckDB database, read-only, queried by bound statements.

The database has no access to files or the network once it is open.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Executable

from i94_platform.lake.releases import Release
from i94_platform.sql.query_timeout import interrupt_after
from i94_platform.sql.statements import compile_statement

if TYPE_CHECKING:
    import pyarrow as pa

THREADS_PER_QUERY = 2
"""More would take the processors from the queries of other requests."""

_BATCH_ROWS = 50_000
"""Rows that `stream` holds in memory at a time."""


class Snapshot:
    """An open release. It closes once it is retired and nobody uses it any more."""

    def __init__(self, release: Release, path: Path, memory_limit: str) -> None:
        import duckdb

        self.release = release
        settings: dict[str, str | bool | int | float | list[str]] = {
            "enable_external_access": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "memory_limit": memory_limit,
            "threads": THREADS_PER_QUERY,
            "lock_configuration": "true",
        }
        self._connection = duckdb.connect(str(path), read_only=True, config=settings)
        self._lock, self._users, self._retired = threading.Lock(), 0, False
        self._values: dict[tuple[str, ...], dict[Any, str]] = {}

    @contextmanager
    def lease(self) -> Iterator[Snapshot]:
        """Keep it open for the length of the context."""
        with self._lock:
            self._users += 1
        try:
            yield self
        finally:
            with self._lock:
                self._users -= 1
                is_last = self._retired and not self._users
            if is_last:
                self._connection.close()

    def retire(self) -> None:
        """Close it, at once or when its last user is done."""
        with self._lock:
            self._retired = True
            is_unused = not self._users
        if is_unused:
            self._connection.close()

    def fetch(self, statement: Executable, deadline: float = math.inf) -> pa.Table:
        """Run a statement and return its rows.

        Args:
            statement: selects the rows.
            deadline: when to stop, as `time.monotonic()` counts.

        Raises:
            TimeoutError: the deadline has passed.
            MemoryError: the statement needs more memory than the release may take.
        """
        import duckdb

        sql, values = compile_statement(statement, "duckdb")
        with closing(self._connection.cursor()) as cursor, interrupt_after(cursor, deadline - time.monotonic()):
            try:
                rows: pa.Table = cursor.sql(sql, params=values).to_arrow_table()
            except duckdb.OutOfMemoryException:
                raise MemoryError from None
            return rows

    def remember(self, name: tuple[str, ...], fetch: Callable[[], dict[Any, str]]) -> dict[Any, str]:
        """Return the values of a name, which are fetched once, because an open release does not change."""
        if name not in self._values:
            self._values[name] = fetch()
        return self._values[name]

    def stream(self, statement: Executable) -> Iterator[pa.RecordBatch]:
        """Run a statement and yield its rows as they come, so that they need no memory."""
        sql, values = compile_statement(statement, "duckdb")
        with closing(self._connection.cursor()) as cursor:
            yield from cursor.sql(sql, params=values).to_arrow_reader(_BATCH_ROWS)
