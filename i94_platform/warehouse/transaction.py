"""The interface to one open transaction of a warehouse."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Executable, Table

from i94_platform.contracts import mart_metadata, warehouse_metadata
from i94_platform.contracts.model import column_names
from i94_platform.lake.manifest import Manifest
from i94_platform.partitions import Month

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMAS = (str(warehouse_metadata.schema), str(mart_metadata.schema))
"""The schemas of a warehouse."""


class Transaction(ABC):
    """An open transaction; leaving its context commits, an exception rolls everything back."""

    @abstractmethod
    def execute(self, statement: str | Executable, values: Mapping[str, Any] | None = None) -> pa.Table:
        """Run one statement and return its rows.

        Args:
            statement: A statement of SQLAlchemy, or SQL of the warehouse with named markers (`:name`).
            values: By name, what is bound to the markers of SQL.
        """

    @abstractmethod
    def copy(self, contract: Table, manifest: Manifest) -> None:
        """Append the rows of every file that a manifest lists."""

    @abstractmethod
    def export(self, contract: Table, folder: str, month: Month | None = None) -> None:
        """Write a table, or a month of it, as Parquet into the new folder of that address, in the order of its key."""

    def insert(self, contract: Table, query: str, values: Mapping[str, Any]) -> None:
        """Append the rows of a query, in the warehouse's SQL, that has the contract's columns in their order."""
        names = ", ".join(column_names(contract))
        self.execute(f"INSERT INTO {contract.fullname} ({names}) {query}", values)

    def add_comments(self, contracts: Sequence[Table]) -> None:  # noqa: B027
        """Give tables and their columns their descriptions, where they have none; nothing by default."""

    def fetch_int(self, statement: Executable) -> int:
        """Run a query that has one row of one whole number, and return the number."""
        return int(self.execute(statement).column(0)[0].as_py())

    @abstractmethod
    def list_tables(self) -> Mapping[str, Sequence[str]]:
        """The tables that exist, on Redshift also the rounded views: by schema and name, the columns in their order."""
