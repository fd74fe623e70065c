"""The interface to an engine: relations are registered by name, then queries in Spark SQL read them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from i94_platform.sql.query import Query

if TYPE_CHECKING:
    import pyarrow as pa

DELIVERED, DELIVERED_FILES = "delivered", "delivered_files"
"""The relations that `register_delivery` creates."""


@dataclass(frozen=True)
class FileGroup:
    """Delivered Parquet files that share one physical schema."""

    files: Mapping[str, str]
    """The name under which a file was delivered, by its full address."""
    columns: Mapping[str, str]
    """Expressions that convert the physical columns to the delivered contract, by column name."""


def build_file_table(groups: Sequence[FileGroup], engine_paths: Mapping[str, str]) -> pa.Table:
    """Build the rows of `delivered_files`; `engine_paths` gives the engine's own path of each full address."""
    import pyarrow as pa

    names = {engine_paths[url]: name for group in groups for url, name in group.files.items()}
    return pa.table({"path": list(names), "source_file": list(names.values())})


class Engine(ABC):
    """Runs queries over registered relations, for one step at a time."""

    name: str
    """The engine's address, for people."""

    has_cheap_key_check: ClassVar[bool] = True
    """Whether checks look for duplicate keys in staged files; else they rely on what staging has recorded."""

    @abstractmethod
    def register_delivery(self, groups: Sequence[FileGroup], rows: int) -> None:
        """Register delivered files as `delivered`: the groups' columns, `source_path`, and `source_row` from 1.

        `rows` is how many rows they have.
        `source_path` is the engine's own path of the file. The relation `delivered_files` (`path`, `source_file`) gives
        the name under which the file was delivered.
        """

    @abstractmethod
    def register_files(self, name: str, urls: Sequence[str]) -> None:
        """Register Parquet files of one schema as a relation."""

    @abstractmethod
    def register_table(self, name: str, rows: pa.Table) -> None:
        """Register a small table in memory as a relation."""

    @abstractmethod
    def materialize(self, name: str, query: Query) -> None:
        """Evaluate a query once and register its result, which should be much smaller than a delivery."""

    @abstractmethod
    def write(self, query: Query, folder: str) -> None:
        """Write a query's rows to a new folder as a few Parquet files of similar size."""

    @abstractmethod
    def fetch(self, query: Query) -> pa.Table:
        """Fetch the rows of a query with a small result."""

    def read_share(self) -> float | None:
        """Read how much of the query in progress is done, from 0 to 1; None if that is unknown.

        Another thread than that of the query may call it.
        """
        return None

    def fetch_row(self, query: Query) -> dict[str, Any]:
        """Fetch the one row of a query, such as a set of totals."""
        rows: list[dict[str, Any]] = self.fetch(query).to_pylist()
        return rows[0]

    def has_duplicates(self, relation: str, column: str) -> bool:
        """Whether an integer column of a relation repeats a value; nulls do not count."""
        sql = f"SELECT count(`{column}`) - count(DISTINCT `{column}`) AS duplicates FROM `{relation}`"
        return bool(self.fetch_row(Query(sql, is_portable=True))["duplicates"])

    @contextmanager
    def session(self) -> Iterator[None]:
        """Drop every registered relation when the context ends."""
        try:
            yield
        finally:
            self.drop_views()

    @abstractmethod
    def drop_views(self) -> None:
        """Drop every registered relation."""
