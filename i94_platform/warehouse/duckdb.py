"""The embedded warehouse: one DuckDB file.

Here: DuckDB's terms. A file has one writing process at a time, so every transaction opens it, and waits with a message
where another process holds it. Not here: the protocol of a load (`base`), and the staging engine.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from sqlalchemy import Table

from i94_platform.contracts.model import column_names
from i94_platform.engine.duckdb import connect, quote_literal
from i94_platform.errors import PermanentError, TransientError
from i94_platform.lake.local import LocalStore
from i94_platform.lake.manifest import Manifest
from i94_platform.lake.store import Store
from i94_platform.warehouse.base import Transaction, Warehouse, render_ordered_select

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

logger = logging.getLogger(__name__)

_IN_USE = re.compile("could not set lock|unique file handle conflict", re.IGNORECASE)
"""What DuckDB says where another process, or another thread of this one, has the file."""


class _Transaction(Transaction):
    def __init__(self, connection: duckdb.DuckDBPyConnection, store: Store) -> None:
        self._connection, self._store = connection, store

    def execute(self, sql: str, values: Mapping[str, Any] | None = None) -> pa.Table:
        bound = re.sub(r"(?<![:\w]):(\w+)", r"$\1", sql) if values else sql
        rows: pa.Table = self._connection.sql(bound, params=dict(values) if values else None).to_arrow_table()
        return rows

    def copy(self, contract: Table, manifest: Manifest) -> None:
        import duckdb

        if not manifest.urls:
            return  # a month of which every row was refused; DuckDB reads no empty list of files
        names = ", ".join(f'"{name}"' for name in column_names(contract))
        select = f"SELECT {names} FROM read_parquet($files, hive_partitioning = false)"
        try:
            paths = list(self._store.fetch_local_paths(manifest.urls).values())
            self._connection.execute(f"INSERT INTO {contract.fullname} ({names}) {select}", {"files": paths})
        except duckdb.ConstraintException as error:
            raise PermanentError(
                f"{contract.fullname} can't hold the rows of {manifest.address} ({error}); nothing was loaded, "
                "correct them and stage them again."
            ) from error
        finally:
            self._store.drop_local_copies()

    def export(self, contract: Table, folder: str) -> None:
        try:
            with self._store.write_folder(folder) as local:
                target = quote_literal(str(local / "part-0.parquet"))
                self._connection.execute(f"COPY ({render_ordered_select(contract)}) TO {target} (FORMAT parquet)")
        finally:
            self._store.drop_local_copies()

    def insert(self, contract: Table, select: str, values: Mapping[str, Any]) -> None:
        import duckdb

        try:
            super().insert(contract, select, values)
        except duckdb.ConstraintException as error:
            raise PermanentError(
                f"{contract.fullname} can't hold the rows that were computed for it ({error}); it is left as it was. "
                "Load the dimensions that it joins, or mend its SQL."
            ) from error


class DuckDBWarehouse(Warehouse):
    """Tables in one local file."""

    dialect = "duckdb"

    def __init__(
        self,
        path: Path,
        scratch: Path,
        memory_limit: str = "2GB",
        lock_timeout: float = 600.0,
        store: Store | None = None,
    ) -> None:
        self.path, self.address, self._store = path, f"duckdb:///{path}", store or LocalStore("/")
        self._scratch, self._memory_limit, self._lock_timeout = scratch, memory_limit, lock_timeout

    def exists(self) -> bool:
        return self.path.exists()

    def open(self, url: str) -> BinaryIO:
        return self._store.open(url)

    def require_read_only(self, sql: str) -> None:
        import duckdb

        try:
            # a database opened to be read would still let COPY write files
            reads = [statement.type for statement in duckdb.extract_statements(sql)] == [duckdb.StatementType.SELECT]
        except duckdb.Error as error:
            raise PermanentError(f"The warehouse refused the query: {error}") from None
        if not reads:
            raise PermanentError("A query is one SELECT statement (or SHOW, DESCRIBE, SUMMARIZE); nothing was run.")

    @contextmanager
    def transaction(self, *, purpose: str, read_only: bool = False, run_id: str = "") -> Iterator[Transaction]:
        connection = self._attached(purpose, read_only)
        try:
            connection.execute("USE warehouse")
            connection.execute("BEGIN TRANSACTION")
            yield _Transaction(connection, self._store)
            connection.execute("COMMIT")
        finally:
            connection.close()  # rolls back what is not committed
            self._instance.execute("DETACH warehouse")

    @cached_property
    def _instance(self) -> duckdb.DuckDBPyConnection:
        """What the file is attached to while it is used: attaching takes a tenth of what opening it anew does."""
        return connect(self._scratch, self._memory_limit)

    def _attached(self, purpose: str, read_only: bool) -> duckdb.DuckDBPyConnection:
        import duckdb

        if read_only and not self.exists():
            raise PermanentError(f"There is no warehouse at {self.path}; run 'i94 run' or 'i94 create-tables' first.")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        options = " (READ_ONLY)" if read_only else ""
        deadline, told = time.monotonic() + self._lock_timeout, False
        while True:
            try:
                self._instance.execute(f"ATTACH {quote_literal(str(self.path))} AS warehouse{options}")
                return self._instance.cursor()
            except duckdb.Error as error:
                if not _IN_USE.search(str(error)):
                    raise
                if time.monotonic() > deadline:
                    raise TransientError(
                        f"Another process has held {self.path} for {self._lock_timeout:.0f} s, waited to {purpose}; "
                        "let it finish or stop it, then run again."
                    ) from None
                if not told:
                    logger.warning("Waiting for another process that is writing %s, to %s …", self.path, purpose)
                    told = True
                time.sleep(0.1)
