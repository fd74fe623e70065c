"""Queries that a person typed for DuckDB: checked, and run in a session that reads the warehouse and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from i94_platform.engine.duckdb import parse_bytes, quote_literal
from i94_platform.errors import PermanentError
from i94_platform.sql.query_timeout import interrupt_after

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_BATCH_ROWS = 100_000


def require_select(sql: str) -> None:
    """Check that a text is one statement that reads.

    Raises:
        PermanentError: it is something else.
    """
    import duckdb

    try:
        types = [statement.type for statement in duckdb.extract_statements(sql)]
    except duckdb.Error as error:
        raise PermanentError(f"The warehouse refused the query: {error}") from None
    if types != [duckdb.StatementType.SELECT]:
        raise PermanentError("A query is one SELECT statement (or SHOW, DESCRIBE, SUMMARIZE); nothing was run.")


def lock_down(connection: duckdb.DuckDBPyConnection, folders: Sequence[str], memory_limit: str) -> None:
    """Close the file system, the network, Python's variables and the settings to a connection, for good.

    Args:
        connection: Has attached what it is to read.
        folders: What it may still read.
        memory_limit: Its memory; it may spill ten times as much, so that it fills no disk that loads need.
    """
    allowed = ", ".join(quote_literal(f"{folder.rstrip('/')}/") for folder in folders)
    for setting in (
        f"allowed_directories = [{allowed}]",
        f"max_temp_directory_size = '{memory_limit[:-2]}0{memory_limit[-2:]}'",
        "python_enable_replacements = false",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        connection.execute(f"SET {setting}")


def run_query(
    connection: duckdb.DuckDBPyConnection, sql: str, folders: Sequence[str], seconds: float, memory_limit: str
) -> pa.Table:
    """Run a query, which may read `folders` only; its rows may take as much memory as the session.

    Raises:
        PermanentError: DuckDB refuses it, or it needs more time or memory.
    """
    import duckdb
    import pyarrow as pa

    max_bytes = parse_bytes(memory_limit)
    batches: list[pa.RecordBatch] = []
    try:
        with interrupt_after(connection, seconds):
            reader = connection.sql(sql).to_arrow_reader(_BATCH_ROWS)
            for batch in reader:
                max_bytes -= batch.nbytes
                if max_bytes < 0:
                    raise PermanentError(
                        f"The rows of the query take more than {memory_limit}; aggregate or LIMIT them."
                    )
                batches.append(batch)
    except TimeoutError:
        raise PermanentError(
            f"The query took longer than {seconds:.0f} s; ask for less, or raise I94_QUERY_TIMEOUT."
        ) from None
    except duckdb.OutOfMemoryException:
        raise PermanentError(
            f"The query needs more memory than {memory_limit}; ask for less, or raise I94_MEMORY_LIMIT."
        ) from None
    except duckdb.PermissionException as error:
        raise PermanentError(
            f"The warehouse refused the query: {error}; beside the warehouse it reads only files under "
            f"{' and '.join(folders)}."
        ) from None
    except (duckdb.Error, OSError) as error:
        raise PermanentError(f"The warehouse refused the query: {error}") from None
    return pa.Table.from_batches(batches, reader.schema)
