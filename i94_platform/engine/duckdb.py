"""The embedded engine: DuckDB in this process, with a memory limit and a folder to spill to.

Here: DuckDB's terms, and the translation of Spark SQL. Not here: the warehouse, which is another database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from i94_platform.engine.base import DELIVERED, DELIVERED_FILES, Engine, FileGroup, build_file_table
from i94_platform.lake.local import LocalStore
from i94_platform.lake.store import Store
from i94_platform.sql.dialects import to_duckdb
from i94_platform.sql.query import Query

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_BITS = 2**27
"""The widest range of values of which each gets a bit: 16 MB a thread."""


class DuckDBEngine(Engine):
    """Runs the staging SQL in this process."""

    name = "duckdb"

    def __init__(self, scratch: Path, memory_limit: str = "2GB", store: Store | None = None) -> None:
        self._scratch, self._memory_limit, self._store = scratch, memory_limit, store or LocalStore("/")
        self._opened: duckdb.DuckDBPyConnection | None = None
        self._named: dict[str, str] = {}

    @property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        if self._opened is None:
            self._opened = connect(self._scratch, self._memory_limit)
        return self._opened

    def register_delivery(self, groups: Sequence[FileGroup]) -> None:
        local = self._store.fetch_local_paths(url for group in groups for url in group.files)
        self._create("VIEW", DELIVERED, " UNION ALL ".join(_select_delivered(group, local) for group in groups))
        self.register_table(DELIVERED_FILES, build_file_table(groups, local))

    def register_files(self, name: str, urls: Sequence[str]) -> None:
        paths = _list(self._store.fetch_local_paths(urls).values())
        self._create("VIEW", name, f"SELECT * FROM read_parquet({paths}, hive_partitioning = false)")

    def register_table(self, name: str, rows: pa.Table) -> None:
        self._connection.register("registered", rows)
        self._create("TABLE", name, "SELECT * FROM registered")
        self._connection.unregister("registered")

    def materialize(self, name: str, query: Query) -> None:
        self._create("TABLE", name, to_duckdb(query), query.values)

    def write(self, query: Query, folder: str) -> None:
        options = (
            "FORMAT parquet, COMPRESSION snappy, PER_THREAD_OUTPUT, FILENAME_PATTERN 'part-{i}', OVERWRITE_OR_IGNORE"
        )
        with self._store.write_folder(folder) as local:
            self._connection.execute(
                f"COPY ({to_duckdb(query)}) TO {quote_literal(str(local))} ({options})", dict(query.values)
            )

    def fetch(self, query: Query) -> pa.Table:
        rows: pa.Table = self._connection.sql(to_duckdb(query), params=dict(query.values)).to_arrow_table()
        return rows

    def has_duplicates(self, relation: str, column: str) -> bool:
        # a bit for each value that there can be takes a tenth of the time that telling the values apart does
        ends = f"SELECT min(`{column}`) AS low, max(`{column}`) AS high FROM `{relation}`"
        span = self.fetch_row(Query(ends, is_portable=True))
        if span["low"] is None or span["high"] - span["low"] >= _BITS:
            return super().has_duplicates(relation, column)
        bits = f'bit_count(bitstring_agg("{column}", $low, $high))'
        counted = self._connection.execute(f'SELECT count("{column}"), {bits} FROM "{relation}"', span).fetchall()
        return bool(counted[0][0] != counted[0][1])

    def drop_views(self) -> None:
        for name, kind in self._named.items():
            self._connection.execute(f'DROP {kind} temp."{name}"')
        self._named = {}
        self._store.drop_local_copies()

    def _create(self, kind: str, name: str, select: str, values: Mapping[str, Any] | None = None) -> None:
        self._connection.execute(f'CREATE OR REPLACE TEMP {kind} "{name}" AS {select}', dict(values or {}))
        self._named[name] = kind


def connect(scratch: Path, memory_limit: str) -> duckdb.DuckDBPyConnection:
    """DuckDB in memory, with our limits: memory, a spill folder, nothing downloaded, rows in any order.

    Rows of a dataset or table have no order, and keeping one would serialize every write.
    """
    import duckdb

    scratch.mkdir(parents=True, exist_ok=True)
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory_limit,
        "temp_directory": str(scratch / "duckdb"),
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "preserve_insertion_order": "false",
    }
    return duckdb.connect(":memory:", config=settings)


def _select_delivered(group: FileGroup, local: Mapping[str, str]) -> str:
    columns = ", ".join(f'{expression} AS "{name}"' for name, expression in group.columns.items())
    options = "filename = 'source_path', file_row_number = true, hive_partitioning = false"
    source = f"read_parquet({_list(local[url] for url in group.files)}, {options})"
    return f"SELECT {columns}, source_path, file_row_number + 1 AS source_row FROM {source}"


def quote_literal(value: str) -> str:
    """A text as a literal, where no value can be bound: the names of files."""
    return "'" + value.replace("'", "''") + "'"


def _list(values: Iterable[str]) -> str:
    return "[" + ", ".join(quote_literal(value) for value in values) + "]"
