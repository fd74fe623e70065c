"""A release as one DuckDB file, loaded from its Parquet files: for the server, and for people with their own tools."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Table

from i94_platform.contracts import PUBLISHED
from i94_platform.contracts.model import column_names, key_columns
from i94_platform.contracts.rendering.ddl import render_comments, render_create_schema, render_ddl
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Lake
from i94_platform.lake.footers import verify_footer
from i94_platform.lake.releases import Release

if TYPE_CHECKING:
    import duckdb

THREADS = 2
"""The tables are small, and the server answers requests meanwhile."""

STORAGE_VERSION = "v1.0.0"
"""The oldest version of DuckDB that can open the file: tools bring their own."""


def replace_database(release: Release, lake: Lake, path: Path, memory_limit: str) -> None:
    """Put a release in the place of the one before it, in one atomic step. Hold the `write_lock` of the release.

    Who has the file before it open reads that on. A process that is killed leaves it in its place.

    Raises:
        PermanentError: a file is not what the contract or the release says.
    """
    folder = path.with_name(f".{path.name}")
    shutil.rmtree(folder, ignore_errors=True)  # left by a process that was killed
    folder.mkdir(parents=True)
    new = folder / path.name
    try:
        build_database(release, lake, new, memory_limit)
        new.chmod(new.stat().st_mode & 0o444)
        new.replace(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def build_database(release: Release, lake: Lake, path: Path, memory_limit: str) -> None:
    """Load a release into a new database, each table in the order of its key.

    DuckDB names a database after its file, and `i94.country` is ambiguous if the database i94 also has a schema i94. So
    in a file with the name of a schema, the tables of that schema are in `main`, where `i94.country` finds them.

    Raises:
        PermanentError: a file is not what the contract or the release says.
    """
    import duckdb

    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory_limit,
        "threads": THREADS,
        "storage_compatibility_version": STORAGE_VERSION,
    }
    with duckdb.connect(str(path), config=settings) as connection:
        connection.execute("BEGIN TRANSACTION")
        connection.execute("; ".join(_render_ddl(path.stem)))
        for contract in PUBLISHED:
            if contract.name not in release.tables:
                raise PermanentError(f"The release has no {contract.name}; publish again: i94 run --select published.")
            rows, expected = _load_table(connection, release, lake, contract), release.tables[contract.name].rows
            if rows != expected:
                raise PermanentError(
                    f"{contract.name} has {rows:,} rows where the release says {expected:,}; publish again."
                )
        connection.execute(
            "CREATE TABLE release AS SELECT $version AS version, $data_as_of::TIMESTAMPTZ AS data_as_of",
            {"version": release.version, "data_as_of": release.data_as_of or None},
        )
        connection.execute("COMMIT")


def _render_ddl(database: str) -> Iterator[str]:
    schemas = sorted({str(contract.schema) for contract in PUBLISHED} - {database})
    yield from (render_create_schema(schema, "duckdb") for schema in schemas)
    for contract in PUBLISHED:
        yield render_ddl(contract, "duckdb")
        yield from render_comments(contract)


def _load_table(connection: duckdb.DuckDBPyConnection, release: Release, lake: Lake, contract: Table) -> int:
    names = ", ".join(f'"{name}"' for name in column_names(contract))
    order = ", ".join(f'"{name}"' for name in key_columns(contract))
    with ExitStack() as local_files:
        paths = [
            local_files.enter_context(lake.store.local_copy(lake.store.path(url)))
            for url in release.urls(contract.name)
        ]
        for path in paths:
            with path.open("rb") as content:
                verify_footer(content, str(path), contract)
        if not paths:
            return 0
        inserted = connection.execute(
            f"INSERT INTO {contract.fullname} ({names}) SELECT {names} "
            f"FROM read_parquet($files, hive_partitioning = false) ORDER BY {order}",
            {"files": [str(path) for path in paths]},
        )
        ((count,),) = inserted.fetchall()
        return int(count)
