"""The embedded engine: DuckDB in this process. The embedded warehouse is another database (`warehouse.duckdb`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from glob import escape
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

_FILE_SIZE, _FILE_NAMES = "32MB", "FILENAME_PATTERN 'part-{i}', OVERWRITE_OR_IGNORE"
"""A month of three million rows makes two files, and both cores write them."""

_MAX_BITS = 2**27
"""The widest range of values for a bitmap, which then takes 16 MB a thread."""


class DuckDBEngine(Engine):
    """Runs the staging SQL in this process."""

    name = "duckdb"

    def __init__(self, scratch: Path, memory_limit: str = "2GB", store: Store | None = None) -> None:
        self._scratch, self._memory_limit, self._store = scratch, memory_limit, store or LocalStore("/")
        self._relations: dict[str, str] = {}
        self._scan_weight = 1.0

    @cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        return connect(self._scratch, self._memory_limit)

    def register_delivery(self, groups: Sequence[FileGroup], rows: int) -> None:
        paths = self._store.fetch_local_paths(url for group in groups for url in group.files)
        self._create("VIEW", DELIVERED, " UNION ALL ".join(_select_delivered(group, paths) for group in groups))
        self.register_table(DELIVERED_FILES, build_file_table(groups, paths))

    def register_files(self, name: str, urls: Sequence[str]) -> None:
        paths = _render_list(self._store.fetch_local_paths(urls).values())
        self._create("VIEW", name, f"SELECT * FROM read_parquet({paths}, hive_partitioning = false)")

    def register_table(self, name: str, rows: pa.Table) -> None:
        self._connection.register("registered", rows)
        self._create("TABLE", name, "SELECT * FROM registered")
        self._connection.unregister("registered")

    def materialize(self, name: str, query: Query) -> None:
        self._create("TABLE", name, to_duckdb(query), query.values)

    def write(self, query: Query, folder: str) -> None:
        # by size: with a file per thread, DuckDB 2.0 crashes the process when a full disk refuses the first bytes
        options = f"FORMAT parquet, COMPRESSION snappy, FILE_SIZE_BYTES '{_FILE_SIZE}', {_FILE_NAMES}"
        sql = to_duckdb(query)
        self._scan_weight = self._estimate_scan_weight(sql, query.values)
        with self._store.write_folder(folder) as local:
            copy = f"COPY ({sql}) TO {quote_literal(str(local))} ({options})"
            self._connection.execute(copy, dict(query.values))

    def fetch(self, query: Query) -> pa.Table:
        rows: pa.Table = self._connection.sql(to_duckdb(query), params=dict(query.values)).to_arrow_table()
        return rows

    def read_share(self) -> float | None:
        connection = vars(self).get("_connection")  # this thread opens none
        percent = connection.query_progress() if connection else -1
        return None if percent < 0 else min(percent / 100 / self._scan_weight, 1.0)

    def _estimate_scan_weight(self, sql: str, values: Mapping[str, Any]) -> float:
        """Estimate the share of DuckDB's progress at which everything is read.

        DuckDB expects each hash join to produce its rows once more after the scan, which the joins here never do.
        """
        import json

        ((_, plan),) = self._connection.execute(f"EXPLAIN (FORMAT json) {sql}", dict(values)).fetchall()
        nodes, scanned, joined = json.loads(plan), 1, 0
        while nodes:
            node = nodes.pop()
            rows = int(node["extra_info"].get("Estimated Cardinality", 0))
            if node["name"] == "HASH_JOIN":
                joined += rows
            elif not node["children"]:
                scanned += rows
            nodes += node["children"]
        return scanned / (scanned + joined)

    def has_duplicates(self, relation: str, column: str) -> bool:
        # a bitmap takes a tenth of the time of a count of distinct values
        sql = f"SELECT min(`{column}`) AS low, max(`{column}`) AS high FROM `{relation}`"
        bounds = self.fetch_row(Query(sql, is_portable=True))
        if bounds["low"] is None or bounds["high"] - bounds["low"] >= _MAX_BITS:
            return super().has_duplicates(relation, column)
        distinct = f'bit_count(bitstring_agg("{column}", $low, $high))'
        counts = self._connection.execute(f'SELECT count("{column}"), {distinct} FROM "{relation}"', bounds).fetchall()
        return bool(counts[0][0] != counts[0][1])

    def drop_views(self) -> None:
        import duckdb

        try:
            for name, kind in self._relations.items():
                self._connection.execute(f'DROP {kind} temp."{name}"')
        except duckdb.FatalException:  # DuckDB accepts nothing more
            vars(self).pop("_connection").close()
        self._relations = {}
        self._store.drop_local_copies()

    def _create(self, kind: str, name: str, select: str, values: Mapping[str, Any] | None = None) -> None:
        self._connection.execute(f'CREATE OR REPLACE TEMP {kind} "{name}" AS {select}', dict(values or {}))
        self._relations[name] = kind


def connect(scratch: Path, memory_limit: str) -> duckdb.DuckDBPyConnection:
    """Open DuckDB in memory with a memory limit and a spill folder, and without downloads of extensions.

    Rows keep no order: datasets and tables have none, and keeping one would serialize every write.
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
    connection = duckdb.connect(":memory:", config=settings)
    connection.execute("SET enable_progress_bar = true; SET enable_progress_bar_print = false")  # only to be read
    return connection


def _select_delivered(group: FileGroup, paths: Mapping[str, str]) -> str:
    columns = ", ".join(f'{expression} AS "{name}"' for name, expression in group.columns.items())
    options = "filename = 'source_path', file_row_number = true, hive_partitioning = false"
    source = f"read_parquet({_render_list(paths[url] for url in group.files)}, {options})"
    return f"SELECT {columns}, source_path, file_row_number + 1 AS source_row FROM {source}"


def parse_bytes(memory_limit: str) -> int:
    """Return the bytes of a memory limit such as `2GB`."""
    return int(memory_limit[:-2]) * {"MB": 10**6, "GB": 10**9}[memory_limit[-2:]]


def quote_literal(value: str) -> str:
    """Quote a text as a literal, for file names, which can't be bound."""
    return "'" + value.replace("'", "''") + "'"


def _render_list(paths: Iterable[str]) -> str:
    return "[" + ", ".join(quote_literal(escape(path)) for path in paths) + "]"  # no wildcards
