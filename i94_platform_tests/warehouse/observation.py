"""Transactions that call a function before each statement, to fail or die there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from sqlalchemy import Executable, Table

from i94_platform.lake.manifest import Manifest
from i94_platform.partitions import Month
from i94_platform.warehouse.base import Warehouse
from i94_platform.warehouse.transaction import Transaction


class ObservedTransaction(Transaction):
    """A transaction that calls `before` with each statement, before it is run; a copy is the statement COPY."""

    def __init__(self, inner: Transaction, before: Callable[[str], None]) -> None:
        self._inner, self._before = inner, before

    def execute(self, statement: str | Executable, values: Mapping[str, Any] | None = None) -> pa.Table:
        self._before(str(statement))
        return self._inner.execute(statement, values)

    def list_tables(self) -> Mapping[str, Sequence[str]]:
        return self._inner.list_tables()

    def copy(self, contract: Table, manifest: Manifest) -> None:
        self._before("COPY")
        self._inner.copy(contract, manifest)

    def export(self, contract: Table, folder: str, month: Month | None = None) -> None:
        self._before("UNLOAD")
        self._inner.export(contract, folder, month)


def observe(warehouse: Warehouse, before: Callable[[str], None]) -> Callable[..., Any]:
    """The warehouse's own transactions, observed."""
    real = warehouse.transaction

    @contextmanager
    def transaction(**options: Any) -> Iterator[Transaction]:
        with real(**options) as inner:
            yield ObservedTransaction(inner, before)

    return transaction
