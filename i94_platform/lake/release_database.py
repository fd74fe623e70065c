"""A release as one DuckDB file, loaded from its Parquet files: for the server, and for people with their own tools."""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Table

from i94_platform.contracts import PUBLISHED
from i94_platform.contracts.rendering.ddl import render_comments, render_create_schema, render_ddl
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Lake
from i94_platform.lake.footers import verify_footer
from i94_platform.lake.releases import Release

if TYPE_CHECKING:
    import duckdb

logger = logging.getLogger(__name__)

THREADS = 2
"""The tables are small, and the server answers requests meanwhile."""

STORAGE_VERSION = "v1.3.0"
"""The oldest version of DuckDB that can open the file: tools bring their own.

Texts in an older format take twice the time to write.
"""

_PARTS = "release_parts"
"""The table of the files that each month of each table was loaded from."""


def replace_database(release: Release, lake: Lake, path: Path, memory_limit: str) -> None:
    """Put a release in the place of the one before it, in one atomic step. Hold the `write_lock` of the release.

    A process that has the old file open goes on reading it. One that is killed here leaves the old file in place.

    Raises:
        PermanentError: a file is not what the contract or the release says.
    """
    folder = path.with_name(f".{path.name}")
    shutil.rmtree(folder, ignore_errors=True)  # left by a process that was killed
    folder.mkdir(parents=True)
    new = folder / path.name
    try:
        build_database(release, lake, new, memory_limit, base=path)
        new.chmod(new.stat().st_mode & 0o444)
        new.replace(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def build_database(release: Release, lake: Lake, path: Path, memory_limit: str, base: Path | None = None) -> None:
    """Load a release into a new database, each month of a table in the order of its key.

    DuckDB names a database after its file, and `i94.country` is ambiguous if the database i94 also has a schema i94. So
    in a file with the name of a schema, the tables of that schema are in `main`, where `i94.country` finds them.

    Args:
        release: The release.
        lake: The lake that holds its files.
        path: The new database.
        memory_limit: Maximum memory of DuckDB.
        base: The database of an older release, under the same name. What has not changed since is copied from it.

    Raises:
        PermanentError: a file is not what the contract or the release says.
    """
    import duckdb

    ddl = "; ".join(_render_ddl(path.stem))
    layout = hashlib.blake2b(ddl.encode(), digest_size=16).hexdigest()
    if base and base.exists() and _has_layout(shutil.copyfile(base, path), layout):
        try:
            _load_release(release, lake, path, memory_limit, ddl, layout)
            return
        except (duckdb.Error, PermanentError) as error:
            logger.warning("%s can't be updated (%s) and is built anew.", base, type(error).__name__)
    path.unlink(missing_ok=True)
    _load_release(release, lake, path, memory_limit, ddl, layout)


def _has_layout(path: Path, layout: str) -> bool:
    import duckdb

    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            return connection.execute("SELECT layout FROM release").fetchone() == (layout,)
    except duckdb.Error:  # a file of an older version of the platform, or a damaged one
        return False


def _load_release(release: Release, lake: Lake, path: Path, memory_limit: str, ddl: str, layout: str) -> None:
    """Load what a database lacks of a release, and delete what the release lacks."""
    import duckdb

    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory_limit,
        "threads": THREADS,
        "storage_compatibility_version": STORAGE_VERSION,
    }
    with duckdb.connect(str(path), config=settings) as connection:
        connection.execute("BEGIN TRANSACTION")
        connection.execute(ddl)
        rows = connection.execute(f"FROM {_PARTS}").fetchall()
        parts = {(table, month): content for table, month, content in rows}
        for contract in PUBLISHED:
            _update_table(connection, release, lake, contract, parts)
        connection.execute(
            "CREATE OR REPLACE TABLE release AS "
            "SELECT $version AS version, $data_as_of::TIMESTAMPTZ AS data_as_of, $layout AS layout",
            {"layout": layout, "version": release.version, "data_as_of": release.data_as_of or None},
        )
        connection.execute("COMMIT")


def _update_table(
    connection: duckdb.DuckDBPyConnection,
    release: Release,
    lake: Lake,
    contract: Table,
    parts: Mapping[tuple[str, str], str],
) -> None:
    """Replace the months of a table, or the table, whose files are others than those in `parts`."""
    if contract.name not in release.tables:
        raise PermanentError(f"The release has no {contract.name}; publish again: i94 run --select published.")
    table = release.tables[contract.name]
    files = {month: release.entries(contract.name, month) for month in table.months or ("",)}
    contents = {month: " ".join(entry.content_version for entry in entries) for month, entries in files.items()}
    for month in sorted({month for name, month in parts if name == contract.name} | {*files}):
        if parts.get((contract.name, month)) == contents.get(month):
            continue
        where = "i94yr = {} AND i94mon = {}".format(*map(int, month.split("-"))) if month else "true"
        connection.execute(f"DELETE FROM {contract.fullname} WHERE {where}")
        connection.execute(f"DELETE FROM {_PARTS} WHERE table_name = ? AND month = ?", [contract.name, month])
        if month in files:
            _load_files(connection, lake, contract, [entry.url for entry in files[month]])
            connection.execute(f"INSERT INTO {_PARTS} VALUES (?, ?, ?)", [contract.name, month, contents[month]])
    ((rows,),) = connection.execute(f"SELECT count(*) FROM {contract.fullname}").fetchall()
    if rows != table.rows:
        raise PermanentError(f"{contract.name} has {rows:,} rows where the release says {table.rows:,}; publish again.")


def _render_ddl(database: str) -> Iterator[str]:
    schemas = sorted({str(contract.schema) for contract in PUBLISHED} - {database})
    yield from (render_create_schema(schema, "duckdb") for schema in schemas)
    for contract in PUBLISHED:
        yield render_ddl(contract, "duckdb")
        yield from render_comments(contract)
    yield f"CREATE TABLE IF NOT EXISTS {_PARTS} (table_name VARCHAR, month VARCHAR, content VARCHAR)"


def _load_files(connection: duckdb.DuckDBPyConnection, lake: Lake, contract: Table, urls: Sequence[str]) -> None:
    """Append the rows of some files in their order, which is that of the key; what older ones lack is null."""
    with ExitStack() as local_files:
        paths = [local_files.enter_context(lake.store.local_copy(lake.store.path(url))) for url in urls]
        for path in paths:
            with path.open("rb") as content:
                verify_footer(content, str(path), contract, may_be_older=True)
        if paths:
            connection.execute(
                f"INSERT INTO {contract.fullname} BY NAME FROM read_parquet($files, hive_partitioning = false)",
                {"files": [escape(str(path)) for path in paths]},  # no wildcards
            )
