"""A transaction on Redshift: statements over psycopg2, COPY from a manifest, UNLOAD to Parquet."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Executable, Table

from i94_platform.contracts.access import ROUNDED
from i94_platform.errors import PermanentError
from i94_platform.lake.manifest import Manifest
from i94_platform.partitions import Month
from i94_platform.sql.statements import compile_statement
from i94_platform.warehouse.export import render_ordered_select
from i94_platform.warehouse.redshift.client import error_message, fetch_arrow, is_retryable
from i94_platform.warehouse.transaction import SCHEMAS, Transaction

if TYPE_CHECKING:
    import pyarrow as pa
    from psycopg2.extensions import connection as Connection
    from psycopg2.sql import Composable

logger = logging.getLogger(__name__)

COPY_MANIFEST_NAME = "copy.json"
"""The file beside those that it lists for COPY."""

LOAD_ERRORS = (
    "SELECT trim(file_name), trim(column_name), trim(error_message) FROM sys_load_error_detail "
    "WHERE session_id = pg_backend_pid() AND start_time > getdate() - interval '1 hour' ORDER BY start_time LIMIT 3",
    # clusters without the SYS views
    "SELECT trim(filename), trim(colname), trim(err_reason) FROM stl_load_errors "
    "WHERE session = pg_backend_pid() AND starttime > getdate() - interval '1 hour' ORDER BY starttime LIMIT 3",
)

_NO_ACCESS = re.compile(r"S3ServiceException|access ?denied|not authorized|assume role", re.IGNORECASE)
"""S3 or IAM refuses: the rows are not to blame."""

_QUOTED_VALUE = re.compile(r"value:?\s*'[^']*'", re.IGNORECASE)
"""The value in an error of a load, such as: Invalid digit, Value 'x', Pos 0."""


# information_schema leaves out what a user may reach by a role only
_LIST_COLUMNS = (
    "SELECT n.nspname AS table_schema, c.relname AS table_name, a.attname AS column_name "  # noqa: S608 - our own names
    "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
    f"WHERE c.relkind IN ('r', 'v') AND n.nspname IN {(*SCHEMAS, ROUNDED)} ORDER BY a.attnum"
)

_QUERY = re.compile(r"(?:\s|\(|--[^\n]*\n|/\*.*?\*/)*+(SELECT|WITH)\b", re.IGNORECASE | re.DOTALL)
"""How a statement begins that only reads; SELECT INTO is rolled back."""


class RedshiftTransaction(Transaction):
    """An open transaction on a connection of its own."""

    def __init__(
        self, connection: Connection, iam_role: str, put_file: Callable[[str, bytes], None], read_only: bool = False
    ) -> None:
        """Begin nothing yet.

        Args:
            connection: The connection.
            iam_role: The role by which Redshift reads and writes S3.
            put_file: Writes a small file of the lake by its address.
            read_only: Whether to refuse statements that are no query.
        """
        self._connection, self._iam_role = connection, iam_role
        self._put_file, self._read_only = put_file, read_only

    def execute(self, statement: str | Executable, values: Mapping[str, Any] | None = None) -> pa.Table:
        sql, parameters = compile_statement(statement, "redshift", values)
        if self._read_only and not _QUERY.match(sql):
            raise PermanentError("A read-only transaction takes queries only; nothing was run.")
        with self._connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return fetch_arrow(cursor)

    def list_tables(self) -> Mapping[str, Sequence[str]]:
        tables: dict[str, list[str]] = {}
        for row in self.execute(_LIST_COLUMNS).to_pylist():
            tables.setdefault(f"{row['table_schema']}.{row['table_name']}", []).append(row["column_name"])
        return tables

    def copy(self, contract: Table, manifest: Manifest) -> None:
        import psycopg2

        if not manifest.entries:
            return  # every row of the month was rejected; COPY takes no manifest without files
        # COPY reads its manifest by address: beside the files, where no other run puts one in its place
        address = f"{manifest.urls[0].rpartition('/')[0]}/{COPY_MANIFEST_NAME}"
        self._put_file(address, manifest.to_copy_json())
        try:
            self._run(_render_copy(contract, address, self._iam_role))
        except psycopg2.Error as error:
            if is_retryable(error) or isinstance(error, psycopg2.errors.QueryCanceled):
                raise
            if _NO_ACCESS.search(str(error)):
                raise PermanentError(
                    f"Redshift can't read {manifest.address} by the role of its address ({error_message(error)}); "
                    "let that role read the bucket, and the cluster use the role. Nothing was loaded."
                ) from error
            causes = "; ".join([error_message(error), *self._fetch_load_errors()])
            raise PermanentError(
                f"{contract.fullname} can't hold the rows of {manifest.address} ({causes}); nothing was loaded, "
                "correct the rows and stage them again."
            ) from error

    def export(self, contract: Table, folder: str, month: Month | None = None) -> None:
        import psycopg2

        try:
            self._run(_render_unload(contract, folder, month, self._iam_role))
        except psycopg2.Error as error:
            if not _NO_ACCESS.search(str(error)):
                raise
            raise PermanentError(
                f"Redshift can't write {folder} by the role of its address ({error_message(error)}); let that role "
                "write the bucket, and the cluster use the role. Nothing was published."
            ) from error

    def _run(self, statement: Composable) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(statement)

    def _fetch_load_errors(self) -> Iterator[str]:
        """Fetch what Redshift has recorded about the COPY that has just failed; it does not record every failure."""
        import psycopg2

        for sql in LOAD_ERRORS:
            with self._connection.cursor() as cursor:
                try:
                    cursor.execute("ROLLBACK")
                    cursor.execute(sql)
                    rows = cursor.fetchall()
                except psycopg2.Error as error:
                    logger.info("No details of the failed load: %s", error_message(error))
                    continue
            for file, column, message in rows:
                yield f"{file}, column {column}: {_QUOTED_VALUE.sub('value', message)}"
            return


def _render_copy(contract: Table, address: str, iam_role: str) -> Composable:
    """Render COPY; it binds no values, so psycopg2 quotes the literals."""
    from psycopg2 import sql

    return sql.SQL("COPY {} FROM {} IAM_ROLE {} FORMAT AS PARQUET MANIFEST").format(
        sql.Identifier(str(contract.schema), contract.name), sql.Literal(address), _render_role(iam_role)
    )


def _render_unload(contract: Table, folder: str, month: Month | None, iam_role: str) -> Composable:
    """Render UNLOAD into one ordered file, encrypted as the bucket says; another attempt overwrites it."""
    from psycopg2 import sql

    options = "FORMAT AS PARQUET ENCRYPTED AUTO PARALLEL OFF ALLOWOVERWRITE"
    return sql.SQL(f"UNLOAD ({{}}) TO {{}} IAM_ROLE {{}} {options}").format(
        sql.Literal(render_ordered_select(contract, month)), sql.Literal(f"{folder}/part-"), _render_role(iam_role)
    )


def _render_role(iam_role: str) -> Composable:
    from psycopg2 import sql

    return sql.SQL("default") if iam_role == "default" else sql.Literal(iam_role)
