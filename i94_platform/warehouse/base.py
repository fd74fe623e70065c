"""The interface to a warehouse: create its tables, replace a table or a month, refresh a mart, query, export."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from sqlalchemy import Executable, Table

from i94_platform.contracts import MARTS, WAREHOUSE, load_ledger
from i94_platform.contracts.rendering.ddl import render_create_schema, render_ddl
from i94_platform.lake.datasets import Lake
from i94_platform.lake.manifest import Manifest
from i94_platform.lake.releases import Release, ReleasedMonth
from i94_platform.partitions import Month
from i94_platform.warehouse.export import ExportedTable, export_table
from i94_platform.warehouse.ledger import LedgerEntry, read_entries
from i94_platform.warehouse.loading import (
    MartQuery,
    RefreshedMart,
    load_label,
    load_manifest,
    load_marts,
    verify_files,
)
from i94_platform.warehouse.new_columns import find_missing_tables, render_new_columns, require_current
from i94_platform.warehouse.transaction import SCHEMAS, Transaction

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")

TABLES = (*WAREHOUSE, load_ledger, *MARTS)
"""The contracts of every table, in the order of their creation."""


class Warehouse(ABC):
    """A database that holds the tables of the contracts."""

    address: str
    """Where it is, for people; holds no secret."""
    release_path: Path | None = None
    """The DuckDB file with the newest release; None where readers hold up no load."""
    dialect: str
    """`duckdb` or `redshift`: the SQL of its contracts and marts."""

    @abstractmethod
    def transaction(
        self, *, purpose: str, read_only: bool = False, run_id: str = ""
    ) -> AbstractContextManager[Transaction]:
        """Open a transaction.

        Args:
            purpose: An infinitive for messages: what the transaction is for.
            read_only: Whether it changes nothing.
            run_id: The run that it belongs to, for the database's own logs.

        Raises:
            TransientError: the warehouse stayed busy or out of reach for longer than the timeout.
        """

    @abstractmethod
    def open(self, url: str) -> BinaryIO:
        """Open a file that a manifest lists; FileNotFoundError where there is none."""

    @abstractmethod
    def exists(self) -> bool:
        """Whether the warehouse was ever created."""

    def fetch_time(self) -> float:
        """Fetch the time of the warehouse's machine, in seconds since 1970; this machine's by default."""
        return time.time()

    @abstractmethod
    def run_user_query(self, sql: str) -> pa.Table:
        """Run a query that a person typed, in a session that can do nothing but read the warehouse.

        Raises:
            PermanentError: it is not a single statement that only reads, or the warehouse refuses it.
        """

    def with_retries(self, work: Callable[[], T]) -> T:
        """Do work that opens transactions; a warehouse over a network repeats it after a retryable error."""
        return work()

    def after_load(self, contract: Table) -> None:  # noqa: B027
        """Do what a table needs after its rows have changed, outside the transaction; nothing by default."""

    def replace_release_database(self, release: Release, lake: Lake) -> None:  # noqa: B027
        """Put a release into the file `release_path`, if there is such a path. Hold the `write_lock` of the release.

        Raises:
            PermanentError: a file of the release is not what it or the contract says.
        """

    def ddl_statements(self) -> Iterator[str]:
        """Render the DDL of all tables, in order."""
        yield from render_table_ddl(self.dialect)

    def create_tables(self) -> None:
        """Create each schema, table and column that does not exist yet.

        Raises:
            PermanentError: a new column may not be null, or comes before an old one.
        """
        self.with_retries(self._create_tables)

    def _create_tables(self) -> None:
        with self.transaction(purpose="create the tables") as transaction:
            self._add_missing(transaction)

    def prepare_load(self, transaction: Transaction) -> None:
        """Create the tables and add the columns that a load finds missing.

        Raises:
            PermanentError: here only the owner of the tables does so, or a new column can't be added.
        """
        self._add_missing(transaction)

    def _add_missing(self, transaction: Transaction) -> None:
        existing = transaction.list_tables()
        ddl = self.ddl_statements() if find_missing_tables(TABLES, existing) else ()
        for statement in (*ddl, *render_new_columns(TABLES, existing, self.dialect)):
            transaction.execute(statement)

    def replace(self, contract: Table, manifest: Manifest, run_id: str) -> int:
        """Replace a table, or the manifest's month of it, by the files that the manifest lists; return the rows.

        Compares the files with the contract, then loads them in one transaction. After an error the table holds what it
        held before.

        Raises:
            PermanentError: a file is gone or differs from the contract; the rows break a rule of the table, differ in
                number from the manifest's, or refer to rows that do not exist.
        """
        verify_files(contract, manifest, self.open)
        month = Month.parse(manifest.partition) if manifest.partition else None
        return self._load(
            [contract],
            load_label(contract, month),
            run_id,
            lambda transaction: load_manifest(transaction, contract, manifest, run_id),
        )

    def refresh_marts(self, month: Month, queries: Sequence[MartQuery], run_id: str) -> list[RefreshedMart]:
        """Replace a month of some marts by the rows of queries over the warehouse, in one transaction.

        After an error each of them holds what it held before.

        Raises:
            PermanentError: visitors or stays do not add up to those of the fact, or the rows break a rule of a table.
        """
        return self._load(
            [query.mart for query in queries],
            f"marts of {month.key}",
            run_id,
            lambda transaction: load_marts(transaction, month, queries, run_id),
        )

    def _load(self, tables: Sequence[Table], label: str, run_id: str, load: Callable[[Transaction], T]) -> T:
        def load_in_transaction() -> T:
            with self.transaction(purpose=f"load {label}", run_id=run_id) as transaction:
                self.prepare_load(transaction)
                result = load(transaction)
                transaction.add_comments(tables)
                return result

        result = self.with_retries(load_in_transaction)
        for table in tables:
            self.after_load(table)
        return result

    def query(self, sql: str | Executable, values: Mapping[str, Any] | None = None) -> pa.Table:
        """Run a read-only query, of SQLAlchemy or in the warehouse's SQL with values bound to its markers (`:name`)."""
        return self._read("query", lambda transaction: transaction.execute(sql, values))

    def read_ledger(self) -> list[LedgerEntry]:
        """Read what each table and month holds now, by table and month; empty before the first load."""

        def read(transaction: Transaction) -> list[LedgerEntry]:
            existing = transaction.list_tables()
            if load_ledger.fullname not in existing:  # a first load that failed leaves a warehouse without tables
                return []
            require_current([load_ledger], existing, self.dialect, self.address)
            return read_entries(transaction)

        return self._read("read the ledger", read) if self.exists() else []

    def export_tables(
        self,
        folders: Sequence[tuple[Table, str]],
        published: Mapping[str, Mapping[str, ReleasedMonth]],
    ) -> tuple[dict[str, ExportedTable], list[LedgerEntry]]:
        """Write tables as Parquet into folders by address, all as of one moment.

        Args:
            folders: Each table with the address of its folder.
            published: By table and month, what needs no export if it has not changed.

        Returns:
            What each table holds at that moment, by its name, and the ledger.

        Raises:
            PermanentError: there is no warehouse, or it lacks a table or a column.
        """

        def export(transaction: Transaction) -> tuple[dict[str, ExportedTable], list[LedgerEntry]]:
            contracts = [contract for contract, _ in folders]
            require_current(contracts, transaction.list_tables(), self.dialect, self.address)
            ledger = read_entries(transaction)
            fingerprints: dict[str, dict[str, str]] = {contract.name: {} for contract, _ in folders}
            for entry in ledger:
                fingerprints.setdefault(entry.table_name, {})[entry.partition_key] = entry.fingerprint
            tables = {
                c.name: export_table(transaction, c, folder, fingerprints[c.name], published.get(c.name, {}))
                for c, folder in folders
            }
            return tables, ledger

        return self._read("export tables", export)

    def _read(self, purpose: str, read: Callable[[Transaction], T]) -> T:
        def read_in_transaction() -> T:
            with self.transaction(purpose=purpose, read_only=True) as transaction:
                return read(transaction)

        return self.with_retries(read_in_transaction)


def render_table_ddl(dialect: str, fact_diststyle: str = "key") -> Iterator[str]:
    """Render the DDL of both schemas and every table in them, a statement each."""
    yield from (render_create_schema(schema, dialect) for schema in SCHEMAS)
    yield from (render_ddl(contract, dialect, fact_diststyle) for contract in TABLES)
