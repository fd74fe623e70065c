"""The interface to an engine, and how delivered files become a relation that the transforms read.

Here: what both engines offer. Every query is Spark SQL with bound values. Not here: any engine's own terms.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from i94_platform.sql.query import Query

if TYPE_CHECKING:
    import pyarrow as pa

DELIVERED, DELIVERED_FILES = "delivered", "delivered_files"
"""The relations that `view_delivered` names."""


@dataclass(frozen=True)
class FileGroup:
    """Delivered Parquet files that share one physical schema.

    `files` maps each file's full address to the name under which it was delivered. `columns` are expressions by
    column name that bring the physical columns to the delivered contract, `unreadable` included.
    """

    files: Mapping[str, str]
    columns: Mapping[str, str]


def build_file_table(groups: Sequence[FileGroup], spelled: Mapping[str, str] | None = None) -> pa.Table:
    """The rows of the relation `delivered_files`; `spelled` maps full addresses to the engine's own spelling."""
    import pyarrow as pa

    files = {(spelled or {}).get(url, url): source for group in groups for url, source in group.files.items()}
    return pa.table({"path": list(files), "source_file": list(files.values())})


class Engine(ABC):
    """Runs queries over relations that are named beforehand. One engine serves one step at a time."""

    name: str
    """The engine's address, for people."""

    @abstractmethod
    def register_delivery(self, groups: Sequence[FileGroup]) -> None:
        """Name delivered files as the relation `delivered`: the groups' columns, `source_path`, `source_row`.

        A path is spelled as the engine spells it, which is cheap; the relation `delivered_files` (`path`,
        `source_file`) tells under which name the file was delivered. Rows count from 1 within their file.
        """

    @abstractmethod
    def register_files(self, name: str, urls: Sequence[str]) -> None:
        """Name Parquet files of one schema as a relation."""

    @abstractmethod
    def register_table(self, name: str, rows: pa.Table) -> None:
        """Name a small table in memory as a relation."""

    @abstractmethod
    def materialize(self, name: str, query: Query) -> None:
        """Evaluate a query once and name its result; meant for results much smaller than a delivery."""

    @abstractmethod
    def write(self, query: Query, folder: str) -> None:
        """Write a query's rows as a bounded number of similarly sized Parquet files into a new folder."""

    @abstractmethod
    def fetch(self, query: Query) -> pa.Table:
        """The rows of a query whose result is small."""

    def fetch_row(self, query: Query) -> dict[str, Any]:
        """The one row of a query, such as a set of totals."""
        rows: list[dict[str, Any]] = self.fetch(query).to_pylist()
        return rows[0]

    def has_duplicates(self, relation: str, column: str) -> bool:
        """Whether an integer column of a named relation holds a value more than once; nulls are not looked at."""
        surplus = f"SELECT count(`{column}`) - count(DISTINCT `{column}`) AS surplus FROM `{relation}`"
        return bool(self.fetch_row(Query(surplus, is_portable=True))["surplus"])

    @contextmanager
    def session(self) -> Iterator[None]:
        """A span of work after which the named relations are forgotten."""
        try:
            yield
        finally:
            self.drop_views()

    @abstractmethod
    def drop_views(self) -> None:
        """Drop every relation that was named or defined."""
