"""The interface to a warehouse, and the one way to load it.

Here: create from contracts; replace a table or a month by what a manifest names, whose files are compared with the
contract first, or a month of a mart by what the warehouse holds; each in one transaction that compares counts and
writes the ledger before it commits; read-only queries. Not here: any database's own terms, and a mart's SQL (`marts`).
"""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from sqlalchemy import Table

from i94_platform.contracts import MARTS, WAREHOUSE, immigration, load_ledger, mart_metadata, warehouse_metadata
from i94_platform.contracts.model import column_names, is_monthly, key_columns
from i94_platform.contracts.rendering.ddl import render_create_schema, render_ddl
from i94_platform.errors import PermanentError
from i94_platform.lake.footers import verify_footer
from i94_platform.lake.manifest import Manifest
from i94_platform.partitions import Month
from i94_platform.sql.dialects import requote
from i94_platform.sql.rules import contract_rules, render_counts

if TYPE_CHECKING:
    import pyarrow as pa


T = TypeVar("T")

_TABLES = "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema IN (:loaded, :computed)"


@dataclass(frozen=True)
class LedgerEntry:
    """A line of the ledger: what one table, or one month of it, holds now."""

    table_name: str
    partition_key: str
    manifest: str
    fingerprint: str
    run_id: str
    loaded_rows: int
    loaded_at: str


@dataclass(frozen=True)
class ExportedTable:
    """What a table held when it was exported."""

    rows: int
    months: tuple[str, ...]
    """The months that it has rows of, as YYYY-MM; empty for a table without months."""


class Transaction(ABC):
    """An open transaction; leaving its context commits, an exception rolls everything back."""

    @abstractmethod
    def execute(self, sql: str, values: Mapping[str, Any] | None = None) -> pa.Table:
        """Run one statement in the warehouse's SQL with values bound by name (`:name`); its rows."""

    @abstractmethod
    def copy(self, contract: Table, manifest: Manifest) -> None:
        """Append the rows of every file that a manifest names."""

    @abstractmethod
    def export(self, contract: Table, folder: str) -> None:
        """Write a table as Parquet into the folder of that address, which is new, in the order of its key."""

    def insert(self, contract: Table, select: str, values: Mapping[str, Any]) -> None:
        """Append the rows of a query in the warehouse's SQL that gives the contract's columns in their order."""
        names = ", ".join(column_names(contract))
        self.execute(f"INSERT INTO {contract.fullname} ({names}) {select}", values)


class Warehouse(ABC):
    """Tables made from contracts."""

    address: str
    """Where it is, for people; holds no secret."""
    dialect: str
    """`duckdb` or `redshift`: how contracts are rendered and marts are translated."""

    @abstractmethod
    def transaction(
        self, *, purpose: str, read_only: bool = False, run_id: str = ""
    ) -> AbstractContextManager[Transaction]:
        """A transaction; `purpose` tells people who waits for what, and `run_id` for which run, where that can be seen.

        Raises:
            TransientFailure: the warehouse stayed busy or out of reach for longer than the timeout.
        """

    @abstractmethod
    def open(self, url: str) -> BinaryIO:
        """A file that a manifest names; FileNotFoundError where there is none."""

    def ddl_statements(self) -> Iterator[str]:
        """The DDL that `create` runs, in order."""
        yield from render_table_ddl(self.dialect)

    def with_retries(self, work: Callable[[], T]) -> T:
        """Do something that opens transactions; a warehouse at the end of a line tries again what may pass."""
        return work()

    def create_tables(self) -> None:
        """Create the schema and every table that is not there yet; doing it again changes nothing."""
        self.with_retries(self._create)

    def _create(self) -> None:
        with self.transaction(purpose="create the tables") as transaction:
            for statement in self.ddl_statements():
                transaction.execute(statement)

    def replace(self, contract: Table, manifest: Manifest, run_id: str) -> int:
        """Make a table, or the manifest's month of it, hold exactly what the manifest names; the rows loaded.

        The files are compared with the contract. Then one transaction: delete, copy, compare the count with the
        manifest, look for orphans, write the ledger, commit. Anything else leaves what was there.

        Raises:
            PermanentFailure: a file is gone or differs from the contract; the loaded rows differ in number from the
                manifest's, break a rule of the table, or refer to rows that are not there.
        """
        self._compare(contract, manifest)
        rows = self.with_retries(lambda: self._replace(contract, manifest, run_id))
        self.after_load(contract)
        return rows

    def after_load(self, contract: Table) -> None:  # noqa: B027
        """What is done for a table after its rows have changed, outside the transaction; nothing by default."""

    def _compare(self, contract: Table, manifest: Manifest) -> None:
        """A file with two columns swapped, or named twice, loads without an error: look before the load."""
        if repeated := sorted({url for url in manifest.urls if manifest.urls.count(url) > 1}):
            raise PermanentError(
                f"{manifest.address} names {', '.join(repeated)} more than once; materialize it again."
            )
        for url in manifest.urls:
            try:
                with self.open(url) as content:
                    verify_footer(content, url, contract)
            except FileNotFoundError as error:
                raise PermanentError(
                    f"{url}, which {manifest.address} names, is gone; materialize it again."
                ) from error

    def _replace(self, contract: Table, manifest: Manifest, run_id: str) -> int:
        month = Month.parse(manifest.partition) if manifest.partition else None
        with self._exchange(contract, month, run_id) as (transaction, what):
            transaction.copy(contract, manifest)
            rows = _count(transaction, contract, month)
            if rows != manifest.rows:
                raise PermanentError(
                    f"{what} would hold {rows:,} rows where the manifest names {manifest.rows:,}; nothing was loaded."
                )
            self._refuse_orphans(transaction, contract, month)
            _enter(transaction, contract, month, manifest.address, manifest.fingerprint, run_id, rows)
        return rows

    def refresh_mart(self, contract: Table, month: Month, select: str, version: str, run_id: str) -> int:
        """Make a month of a mart hold what a query finds in the warehouse itself; the rows that it has then.

        `select` is in the warehouse's SQL, gives the contract's columns in their order and is bound `:year` and
        `:month`; `version` is the data version of what it reads. One transaction: delete, insert, compare the visitors
        with the arrivals of the month, write the ledger, commit. Anything else leaves what was there.

        Raises:
            PermanentFailure: the visitors do not add up to the arrivals, or the rows break a rule of the table.
        """
        rows = self.with_retries(lambda: self._refresh(contract, month, select, version, run_id))
        self.after_load(contract)
        return rows

    def _refresh(self, contract: Table, month: Month, select: str, version: str, run_id: str) -> int:
        with self._exchange(contract, month, run_id) as (transaction, what):
            transaction.insert(contract, select, month_condition(month)[1])
            found, expected = count_visitors_and_arrivals(transaction, contract, month)
            if found != expected:
                raise PermanentError(
                    f"{what} would hold {found:,} visitors where {expected:,} have arrived; it is left as it was. "
                    "Some arrivals are lost or doubled: mend the mart's SQL, or load the dimensions that it joins."
                )
            rows = _count(transaction, contract, month)
            _enter(transaction, contract, month, "", version, run_id, rows)
        return rows

    @contextmanager
    def _exchange(self, contract: Table, month: Month | None, run_id: str) -> Iterator[tuple[Transaction, str]]:
        """A transaction that has just deleted a table, or a month of it, and what that is called."""
        what = f"{contract.fullname} {month.key if month else ''}".strip()
        with self.transaction(purpose=f"load {what}", run_id=run_id) as transaction:
            if not _tables(transaction) >= _CONTRACTED:
                for statement in self.ddl_statements():
                    transaction.execute(statement)
            where, values = _narrowed(month)
            transaction.execute(f"DELETE FROM {contract.fullname}{where}", values)
            yield transaction, what

    def _refuse_orphans(self, transaction: Transaction, contract: Table, month: Month | None) -> None:
        """Foreign keys are audited before the commit, so that an orphan is never visible."""
        where, values = month_condition(month)
        looked_for = contract_rules(contract, contract.fullname, ["foreign_keys"], where)
        if not looked_for:
            return
        (broken,) = transaction.execute(requote(render_counts(looked_for)), values).to_pylist()
        found = []
        for i, rule in enumerate(looked_for):
            if broken[f"r{i}"]:
                sample = transaction.execute(requote(rule.sample), values).to_pylist()
                shown = ", ".join(str(row[rule.column]) for row in sample)
                found.append(f"{rule.column} of {broken[f'r{i}']:,} rows ({shown}) is not {rule.bound}")
        if found:
            raise PermanentError(
                f"{contract.fullname} was not loaded: {'; '.join(found)}. Load what it refers to first, or correct it."
            )

    def query(self, sql: str, values: Mapping[str, Any] | None = None) -> pa.Table:
        """The rows of a read-only query in the warehouse's SQL."""

        def read() -> pa.Table:
            with self.transaction(purpose="query", read_only=True) as transaction:
                return transaction.execute(sql, values)

        return self.with_retries(read)

    @abstractmethod
    def require_read_only(self, sql: str) -> None:
        """Look at a query that somebody typed.

        Raises:
            PermanentFailure: it is no single statement that only reads.
        """

    @abstractmethod
    def exists(self) -> bool:
        """Whether the warehouse was ever created."""

    def read_ledger(self) -> list[LedgerEntry]:
        """What every table and month holds now, by table and month; empty before the first load."""
        if not self.exists():
            return []

        def read() -> list[LedgerEntry]:
            with self.transaction(purpose="read the ledger", read_only=True) as transaction:
                # a first load that failed leaves a warehouse without tables
                return _lines(transaction) if load_ledger.fullname in _tables(transaction) else []

        return self.with_retries(read)

    def export_tables(self, folders: Sequence[tuple[Table, str]]) -> tuple[dict[str, ExportedTable], list[LedgerEntry]]:
        """Write tables as Parquet into folders by address, all as of one moment.

        Returns:
            What each table holds at that moment, by its name, and the ledger.

        Raises:
            PermanentFailure: there is no warehouse, or it lacks a table.
        """

        def write() -> tuple[dict[str, ExportedTable], list[LedgerEntry]]:
            with self.transaction(purpose="export tables", read_only=True) as transaction:
                there = _tables(transaction)
                if lacking := [contract.fullname for contract, _ in folders if contract.fullname not in there]:
                    raise PermanentError(f"{self.address} has no table {', '.join(lacking)}; run 'i94 run' first.")
                found = {}
                for contract, folder in folders:
                    transaction.export(contract, folder)
                    found[contract.name] = _exported(transaction, contract)
                return found, _lines(transaction)

        return self.with_retries(write)


def render_table_ddl(dialect: str, fact_diststyle: str = "key") -> Iterator[str]:
    """The DDL of both schemas and every table in them."""
    for schema in _SCHEMAS:
        yield render_create_schema(schema, dialect)
    for contract in (*WAREHOUSE, load_ledger, *MARTS):
        yield render_ddl(contract, dialect, fact_diststyle)


_SCHEMAS = (str(warehouse_metadata.schema), str(mart_metadata.schema))
_CONTRACTED = {table.fullname for table in (*WAREHOUSE, load_ledger, *MARTS)}


def _lines(transaction: Transaction) -> list[LedgerEntry]:
    """The ledger as a transaction sees it."""
    rows = transaction.execute(f"SELECT * FROM {load_ledger.fullname} ORDER BY table_name, partition_key")
    return [LedgerEntry(**row) for row in rows.to_pylist()]


def render_ordered_select(contract: Table) -> str:
    """The query of a whole table: its columns as the contract has them, its rows by their key."""
    names, order = (", ".join(f'"{n}"' for n in found) for found in (column_names(contract), key_columns(contract)))
    return f"SELECT {names} FROM {contract.fullname} ORDER BY {order}"


def _exported(transaction: Transaction, contract: Table) -> ExportedTable:
    if not is_monthly(contract):
        counted = transaction.execute(f"SELECT count(*) AS n FROM {contract.fullname}")
        return ExportedTable(int(counted.column("n")[0].as_py()), ())
    counted = transaction.execute(
        f"SELECT i94yr, i94mon, count(*) AS n FROM {contract.fullname} GROUP BY i94yr, i94mon ORDER BY i94yr, i94mon"
    )
    found = counted.to_pylist()
    months = tuple(Month(row["i94yr"], row["i94mon"]).key for row in found)
    return ExportedTable(sum(row["n"] for row in found), months)


def _tables(transaction: Transaction) -> set[str]:
    """The names of the tables that are there, with their schemas."""
    rows = transaction.execute(_TABLES, dict(zip(("loaded", "computed"), _SCHEMAS, strict=True))).to_pylist()
    return {f"{row['table_schema']}.{row['table_name']}" for row in rows}


def month_condition(month: Month | None) -> tuple[str, dict[str, int]]:
    """The condition that narrows the fact to a month, and the values that are bound to it; empty for no month."""
    return ("i94yr = :year AND i94mon = :month", {"year": month.year, "month": month.month}) if month else ("", {})


def _narrowed(month: Month | None) -> tuple[str, dict[str, int]]:
    condition, values = month_condition(month)
    return f" WHERE {condition}" if condition else "", values


def _count(transaction: Transaction, contract: Table, month: Month | None) -> int:
    where, values = _narrowed(month)
    counted = transaction.execute(f"SELECT count(*) AS n FROM {contract.fullname}{where}", values)
    return int(counted.column("n")[0].as_py())


def count_visitors_and_arrivals(transaction: Transaction, mart: Table, month: Month) -> tuple[int, int]:
    """The visitors of a month of a mart, and the arrivals in the fact that they must add up to."""
    where, values = _narrowed(month)
    visitors = transaction.execute(
        f"SELECT CAST(coalesce(sum(visitors), 0) AS BIGINT) AS n FROM {mart.fullname}{where}", values
    )
    return int(visitors.column("n")[0].as_py()), _count(transaction, immigration, month)


def _enter(
    transaction: Transaction,
    contract: Table,
    month: Month | None,
    manifest: str,
    fingerprint: str,
    run_id: str,
    rows: int,
) -> None:
    key = {"table_name": contract.name, "partition_key": month.key if month else ""}
    transaction.execute(
        f"DELETE FROM {load_ledger.fullname} WHERE table_name = :table_name AND partition_key = :partition_key", key
    )
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    line = LedgerEntry(
        **key, manifest=manifest, fingerprint=fingerprint, run_id=run_id, loaded_rows=rows, loaded_at=now
    )
    names = [c.name for c in load_ledger.columns]
    transaction.execute(
        f"INSERT INTO {load_ledger.fullname} ({', '.join(names)}) VALUES ({', '.join(f':{n}' for n in names)})",
        vars(line),
    )
