"""The embedded warehouse: one DuckDB file.

One process at a time can write a file, and none can while others read it. So each transaction opens the file, and waits
while another process holds it; a message names that process. Readers that stay open use the file of the release.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cached_property
from glob import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, BinaryIO

from sqlalchemy import Executable, Table

from i94_platform.contracts.model import column_names
from i94_platform.contracts.rendering.ddl import render_comments
from i94_platform.engine.duckdb import connect, quote_literal
from i94_platform.errors import PermanentError, TransientError
from i94_platform.foreign_errors import LockHolder, parse_lock_holder
from i94_platform.lake.datasets import Lake
from i94_platform.lake.local import LocalStore
from i94_platform.lake.manifest import Manifest
from i94_platform.lake.release_database import replace_database
from i94_platform.lake.releases import Release
from i94_platform.lake.store import Store
from i94_platform.partitions import Month
from i94_platform.sql.statements import compile_statement
from i94_platform.warehouse.base import Warehouse
from i94_platform.warehouse.duckdb_queries import lock_down, require_select, run_query
from i94_platform.warehouse.export import render_ordered_select
from i94_platform.warehouse.transaction import Transaction

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

logger = logging.getLogger(__name__)


class _Transaction(Transaction):
    def __init__(self, connection: duckdb.DuckDBPyConnection, store: Store) -> None:
        self._connection, self._store = connection, store

    def execute(self, statement: str | Executable, values: Mapping[str, Any] | None = None) -> pa.Table:
        sql, parameters = compile_statement(statement, "duckdb", values)
        rows: pa.Table = self._connection.sql(sql, params=parameters or None).to_arrow_table()
        return rows

    def list_tables(self) -> Mapping[str, Sequence[str]]:
        query = (
            "SELECT schema_name || '.' || table_name AS name, list(column_name ORDER BY column_index) AS columns "
            "FROM duckdb_columns() WHERE database_name = 'warehouse' GROUP BY 1"
        )
        return {row["name"]: row["columns"] for row in self.execute(query).to_pylist()}

    def copy(self, contract: Table, manifest: Manifest) -> None:
        import duckdb

        if not manifest.urls:
            return  # every row of the month was rejected; DuckDB reads no empty list of files
        names = ", ".join(f'"{name}"' for name in column_names(contract))
        select = f"SELECT {names} FROM read_parquet($files, hive_partitioning = false)"
        try:
            paths = [escape(path) for path in self._store.fetch_local_paths(manifest.urls).values()]  # no wildcards
            self._connection.execute(f"INSERT INTO {contract.fullname} ({names}) {select}", {"files": paths})
        except duckdb.ConstraintException as error:
            raise PermanentError(
                f"{contract.fullname} can't hold the rows of {manifest.address} ({_describe_constraint(error)}); "
                "nothing was loaded, correct the rows and stage them again."
            ) from None
        finally:
            self._store.drop_local_copies()

    def add_comments(self, contracts: Sequence[Table]) -> None:
        # not with the DDL of all tables: three hundred of them cost a tenth of a second
        query = (
            "SELECT DISTINCT schema_name || '.' || table_name AS name FROM duckdb_columns() "
            "WHERE database_name = 'warehouse' AND comment IS NULL"
        )
        bare = set(self.execute(query).column("name").to_pylist())
        if missing := [text for table in contracts if table.fullname in bare for text in render_comments(table)]:
            self._connection.execute("; ".join(missing))

    def export(self, contract: Table, folder: str, month: Month | None = None) -> None:
        try:
            with self._store.write_folder(folder) as local:
                target = quote_literal(str(local / "part-0.parquet"))
                self._connection.execute(
                    f"COPY ({render_ordered_select(contract, month)}) TO {target} (FORMAT parquet, COMPRESSION zstd)"
                )
        finally:
            self._store.drop_local_copies()

    def insert(self, contract: Table, query: str, values: Mapping[str, Any]) -> None:
        import duckdb

        try:
            super().insert(contract, query, values)
        except duckdb.ConstraintException as error:
            raise PermanentError(
                f"{contract.fullname} can't hold the rows that were computed for it ({_describe_constraint(error)}); "
                "it is left as it was. Load the dimensions that it joins, or correct its SQL."
            ) from None


def _describe_constraint(error: duckdb.ConstraintException) -> str:
    """Describe the broken rule without DuckDB's message, which may quote the key of a traveller."""
    if match := re.search(r"NOT NULL constraint failed: [^.]+\.(\w+)", str(error)):
        return f"{match[1]} is null in some of them"
    if match := re.search(r"CHECK\W+(?:\w+\W+)?\b(\w+)\W+<=", str(error)):
        return f"{match[1]} is too long in some of them"
    return "a key repeats"


def _search_all_schemas(connection: duckdb.DuckDBPyConnection) -> None:
    """Let a query name tables without their schema, and `SHOW TABLES` list all of them."""
    rows = connection.execute(
        "SELECT schema_name FROM duckdb_schemas() "
        "WHERE database_name = 'warehouse' AND schema_name IN ('main', 'i94', 'mart')"
    ).fetchall()
    connection.execute("SET search_path = " + quote_literal(",".join(f"warehouse.{name}" for (name,) in rows)))


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
        release_path: Path | None = None,
        query_timeout: float = 600.0,
        query_folders: Sequence[str] = (),
    ) -> None:
        """Open no file yet.

        Args:
            path: The file.
            scratch: The folder for what DuckDB spills.
            memory_limit: Maximum memory, also of the rows of a query that a person typed.
            lock_timeout: Seconds to wait for other processes.
            store: Opens the files of the lake.
            release_path: The file of the newest release.
            query_timeout: Seconds that a query may take that a person typed.
            query_folders: Local folders of the lake that such a query may read, beside the warehouse.
        """
        self.path, self.address, self._store = path, f"duckdb:///{path}", store or LocalStore("/")
        self._scratch, self._memory_limit, self._lock_timeout = scratch, memory_limit, lock_timeout
        self.release_path = release_path
        self._query_timeout, self._query_folders = query_timeout, query_folders

    def exists(self) -> bool:
        return self.path.exists()

    def open(self, url: str) -> BinaryIO:
        return self._store.open(url)

    def run_user_query(self, sql: str) -> pa.Table:
        require_select(sql)
        self._scratch.mkdir(parents=True, exist_ok=True)
        prefix = f"query-{os.getpid()}-"
        with TemporaryDirectory(dir=self._scratch, prefix=prefix) as spill:  # DuckDB lets queries read this folder
            instance = connect(Path(spill), self._memory_limit)
            with closing(instance), closing(self._attach(instance, "query", read_only=True)) as connection:
                _search_all_schemas(connection)
                lock_down(connection, self._query_folders, self._memory_limit)
                return run_query(connection, sql, self._query_folders, self._query_timeout, self._memory_limit)

    def replace_release_database(self, release: Release, lake: Lake) -> None:
        if self.release_path:
            replace_database(release, lake, self.release_path, self._memory_limit)

    @contextmanager
    def transaction(self, *, purpose: str, read_only: bool = False, run_id: str = "") -> Iterator[Transaction]:
        connection = self._attach(self._instance, purpose, read_only)
        try:
            connection.execute("USE warehouse")
            connection.execute("BEGIN TRANSACTION")
            yield _Transaction(connection, self._store)
            connection.execute("COMMIT")
        finally:
            connection.close()  # rolls back what is not committed
            self._detach()

    def _detach(self) -> None:
        """Release the file; after a fatal error, in which DuckDB accepts nothing more, by closing the instance."""
        import duckdb

        try:
            self._instance.execute("DETACH warehouse")
        except duckdb.FatalException:
            vars(self).pop("_instance").close()

    @cached_property
    def _instance(self) -> duckdb.DuckDBPyConnection:
        """Attach the file here while it is in use: that takes a tenth of the time of opening it anew."""
        return connect(self._scratch, self._memory_limit)

    def _attach(self, instance: duckdb.DuckDBPyConnection, purpose: str, read_only: bool) -> duckdb.DuckDBPyConnection:
        import duckdb

        if read_only and not self.exists():
            raise PermanentError(
                f"There is no warehouse at {self.path}; run 'i94 run' or 'i94 create-tables' first, or set I94_HOME to "
                "a home that has one (.i94/demo after 'make demo')."
            )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        options = " (READ_ONLY)" if read_only else ""
        deadline, last_holder = time.monotonic() + self._lock_timeout, None
        while True:
            try:
                instance.execute(f"ATTACH {quote_literal(str(self.path))} AS warehouse{options}")
                return instance.cursor()
            except duckdb.Error as error:
                holder = parse_lock_holder(error)
                if holder is None:
                    raise
                if time.monotonic() > deadline:
                    raise TransientError(
                        f"Waited {self._lock_timeout:.0f} s to {purpose}: {self.path} is held by {holder}; "
                        f"{self._advise(holder)}, then run again."
                    ) from None
                if holder != last_holder:
                    logger.warning(
                        "Waiting to %s: %s is held by %s; %s", purpose, self.path, holder, self._advise(holder)
                    )
                    last_holder = holder
                time.sleep(0.1)

    def _advise(self, holder: LockHolder) -> str:
        if holder.access != "reads":
            return "let it finish or stop it"
        can_move = self.release_path and self.release_path.exists()
        return f"close it there, and open {self.release_path} instead" if can_move else "close it there"
