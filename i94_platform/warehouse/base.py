"""The interface to a warehouse, and the one way to load it.

Here: create from contracts; replace a table or a month by what a manifest names, whose files are compared with the
contract first, in one transaction that compares counts and writes the ledger before it commits; read-only queries. Not
here: any database's own terms.
"""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from sqlalchemy import Table

from i94_platform.contracts import WAREHOUSE, load_ledger
from i94_platform.contracts.model import column_names, is_monthly, key_columns
from i94_platform.contracts.render import create_schema, ddl
from i94_platform.failures import PermanentFailure
from i94_platform.lake.footers import verified
from i94_platform.lake.manifest import Manifest
from i94_platform.partitions import Month
from i94_platform.transforms.rules import rules
from i94_platform.transforms.sql import translate

if TYPE_CHECKING:
    import pyarrow as pa


T = TypeVar("T")

_TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = :schema"


@dataclass(frozen=True)
class Loaded:
    """A line of the ledger: what one table, or one month of it, holds now."""

    table_name: str
    partition_key: str
    manifest: str
    fingerprint: str
    run_id: str
    loaded_rows: int
    loaded_at: str


@dataclass(frozen=True)
class Exported:
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

    def statements(self) -> Iterator[str]:
        """The DDL that `create` runs, in order."""
        yield from table_statements(self.dialect)

    def attempt(self, work: Callable[[], T]) -> T:
        """Do something that opens transactions; a warehouse at the end of a line tries again what may pass."""
        return work()

    def create(self) -> None:
        """Create the schema and every table that is not there yet; doing it again changes nothing."""
        self.attempt(self._create)

    def _create(self) -> None:
        with self.transaction(purpose="create the tables") as transaction:
            for statement in self.statements():
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
        rows = self.attempt(lambda: self._replace(contract, manifest, run_id))
        self.settle(contract)
        return rows

    def settle(self, contract: Table) -> None:  # noqa: B027
        """What is done for a table after its rows have changed, outside the transaction; nothing by default."""

    def _compare(self, contract: Table, manifest: Manifest) -> None:
        """A file with two columns swapped, or named twice, loads without an error: look before the load."""
        if repeated := sorted({url for url in manifest.urls if manifest.urls.count(url) > 1}):
            raise PermanentFailure(
                f"{manifest.address} names {', '.join(repeated)} more than once; materialize it again."
            )
        for url in manifest.urls:
            try:
                with self.open(url) as content:
                    verified(content, url, contract)
            except FileNotFoundError as error:
                raise PermanentFailure(
                    f"{url}, which {manifest.address} names, is gone; materialize it again."
                ) from error

    def _replace(self, contract: Table, manifest: Manifest, run_id: str) -> int:
        month = Month.parse(manifest.partition) if manifest.partition else None
        what = f"{contract.schema}.{contract.name} {manifest.partition}".strip()
        with self.transaction(purpose=f"load {what}", run_id=run_id) as transaction:
            if not _tables(transaction) >= _CONTRACTED:
                for statement in self.statements():
                    transaction.execute(statement)
            condition, values = of_month(month)
            where = f" WHERE {condition}" if condition else ""
            transaction.execute(f"DELETE FROM {contract.fullname}{where}", values)
            transaction.copy(contract, manifest)
            counted = transaction.execute(f"SELECT count(*) AS n FROM {contract.fullname}{where}", values)
            rows = int(counted.column("n")[0].as_py())
            if rows != manifest.rows:
                raise PermanentFailure(
                    f"{what} would hold {rows:,} rows where the manifest names {manifest.rows:,}; nothing was loaded."
                )
            self._refuse_orphans(transaction, contract, month)
            _enter(transaction, contract, manifest, run_id, rows)
        return rows

    def _refuse_orphans(self, transaction: Transaction, contract: Table, month: Month | None) -> None:
        """Foreign keys are audited before the commit, so that an orphan is never visible."""
        where, values = of_month(month)
        found = []
        for rule in rules(contract, contract.fullname, ["foreign_keys"], where):
            broken = transaction.execute(translate(rule.count, self.dialect), values).column("broken")[0].as_py()
            if broken:
                sample = transaction.execute(translate(rule.sample, self.dialect), values).to_pylist()
                shown = ", ".join(str(row[rule.column]) for row in sample)
                found.append(f"{rule.column} of {broken:,} rows ({shown}) is not {rule.bound}")
        if found:
            raise PermanentFailure(
                f"{contract.fullname} was not loaded: {'; '.join(found)}. Load what it refers to first, or correct it."
            )

    def query(self, sql: str, values: Mapping[str, Any] | None = None) -> pa.Table:
        """The rows of a read-only query in the warehouse's SQL."""

        def read() -> pa.Table:
            with self.transaction(purpose="query", read_only=True) as transaction:
                return transaction.execute(sql, values)

        return self.attempt(read)

    @abstractmethod
    def refuse_changes(self, sql: str) -> None:
        """Look at a query that somebody typed.

        Raises:
            PermanentFailure: it is no single statement that only reads.
        """

    @abstractmethod
    def exists(self) -> bool:
        """Whether the warehouse was ever created."""

    def ledger(self) -> list[Loaded]:
        """What every table and month holds now, by table and month; empty before the first load."""
        if not self.exists():
            return []

        def read() -> list[Loaded]:
            with self.transaction(purpose="read the ledger", read_only=True) as transaction:
                # a first load that failed leaves a warehouse without tables
                return _lines(transaction) if load_ledger.name in _tables(transaction) else []

        return self.attempt(read)

    def export(self, folders: Sequence[tuple[Table, str]]) -> tuple[dict[str, Exported], list[Loaded]]:
        """Write tables as Parquet into folders by address, all as of one moment.

        Returns:
            What each table holds at that moment, by its name, and the ledger.

        Raises:
            PermanentFailure: there is no warehouse, or it lacks a table.
        """

        def write() -> tuple[dict[str, Exported], list[Loaded]]:
            with self.transaction(purpose="export tables", read_only=True) as transaction:
                there = {
                    f"{schema}.{name}"
                    for schema in {str(contract.schema) for contract, _ in folders}
                    for name in _tables(transaction, schema)
                }
                if lacking := [contract.fullname for contract, _ in folders if contract.fullname not in there]:
                    raise PermanentFailure(f"{self.address} has no table {', '.join(lacking)}; run 'i94 run' first.")
                found = {}
                for contract, folder in folders:
                    transaction.export(contract, folder)
                    found[contract.name] = _exported(transaction, contract)
                return found, _lines(transaction)

        return self.attempt(write)


def table_statements(dialect: str, fact_diststyle: str = "key") -> Iterator[str]:
    """The DDL of the schema and every table in it."""
    yield create_schema(str(load_ledger.schema), dialect)
    for contract in (*WAREHOUSE, load_ledger):
        yield ddl(contract, dialect, fact_diststyle)


_CONTRACTED = {table.name for table in (*WAREHOUSE, load_ledger)}


def _lines(transaction: Transaction) -> list[Loaded]:
    """The ledger as a transaction sees it."""
    rows = transaction.execute(f"SELECT * FROM {load_ledger.fullname} ORDER BY table_name, partition_key")
    return [Loaded(**row) for row in rows.to_pylist()]


def in_order(contract: Table) -> str:
    """The query of a whole table: its columns as the contract has them, its rows by their key."""
    names, order = (", ".join(f'"{n}"' for n in found) for found in (column_names(contract), key_columns(contract)))
    return f"SELECT {names} FROM {contract.fullname} ORDER BY {order}"


def _exported(transaction: Transaction, contract: Table) -> Exported:
    if not is_monthly(contract):
        counted = transaction.execute(f"SELECT count(*) AS n FROM {contract.fullname}")
        return Exported(int(counted.column("n")[0].as_py()), ())
    counted = transaction.execute(
        f"SELECT i94yr, i94mon, count(*) AS n FROM {contract.fullname} GROUP BY i94yr, i94mon ORDER BY i94yr, i94mon"
    )
    found = counted.to_pylist()
    months = tuple(Month(row["i94yr"], row["i94mon"]).key for row in found)
    return Exported(sum(row["n"] for row in found), months)


def _tables(transaction: Transaction, schema: str = str(load_ledger.schema)) -> set[str]:
    """The names of the tables of a schema that are there."""
    rows = transaction.execute(_TABLES, {"schema": schema}).to_pylist()
    return {row["table_name"] for row in rows}


def of_month(month: Month | None) -> tuple[str, dict[str, int]]:
    """The condition that narrows the fact to a month, and the values that are bound to it; empty for no month."""
    return ("i94yr = :year AND i94mon = :month", {"year": month.year, "month": month.month}) if month else ("", {})


def _enter(transaction: Transaction, contract: Table, manifest: Manifest, run_id: str, rows: int) -> None:
    key = {"table_name": contract.name, "partition_key": manifest.partition}
    transaction.execute(
        f"DELETE FROM {load_ledger.fullname} WHERE table_name = :table_name AND partition_key = :partition_key", key
    )
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    line = Loaded(
        **key,
        manifest=manifest.address,
        fingerprint=manifest.fingerprint,
        run_id=run_id,
        loaded_rows=rows,
        loaded_at=now,
    )
    names = [c.name for c in load_ledger.columns]
    transaction.execute(
        f"INSERT INTO {load_ledger.fullname} ({', '.join(names)}) VALUES ({', '.join(f':{n}' for n in names)})",
        vars(line),
    )
