"""A transaction on Redshift: statements over psycopg2, COPY from a manifest, UNLOAD to Parquet."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from sqlalchemy import Executable, Table

from i94_platform.errors import PermanentError, TransientError
from i94_platform.lake.manifest import Manifest
from i94_platform.sql.statements import compile_statement
from i94_platform.warehouse.export import render_ordered_select
from i94_platform.warehouse.redshift.client import error_message, fetch_arrow, is_retryable
from i94_platform.warehouse.transaction import Transaction

if TYPE_CHECKING:
    import pyarrow as pa
    from psycopg2.extensions import connection as Connection
    from psycopg2.sql import Composable

logger = logging.getLogger(__name__)

_LOAD_ERRORS = (
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


class RedshiftTransaction(Transaction):
    """An open transaction on a connection of its own."""

    def __init__(self, connection: Connection, iam_role: str, open_file: Callable[[str], BinaryIO]) -> None:
        """Redshift reads and writes S3 by `iam_role`; `open_file` opens a file of the lake by its address."""
        self._connection, self._iam_role, self._open_file = connection, iam_role, open_file

    def execute(self, statement: str | Executable, values: Mapping[str, Any] | None = None) -> pa.Table:
        with self._connection.cursor() as cursor:
            cursor.execute(*compile_statement(statement, "redshift", values))
            return fetch_arrow(cursor)

    def copy(self, contract: Table, manifest: Manifest) -> None:
        import psycopg2

        if not manifest.entries:
            return  # every row of the month was rejected; COPY takes no manifest without files
        self._require_current(manifest)
        try:
            self._run(_render_copy(contract, manifest, self._iam_role))
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

    def export(self, contract: Table, folder: str) -> None:
        import psycopg2

        try:
            self._run(_render_unload(contract, folder, self._iam_role))
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

    def _require_current(self, manifest: Manifest) -> None:
        """COPY reads the manifest by its address: the address must still hold this one."""
        try:
            with self._open_file(manifest.address) as file:
                current = Manifest.from_json(file.read(), manifest.address)
        except FileNotFoundError as error:
            raise PermanentError(f"{manifest.address} is gone; materialize it again.") from error
        if current != manifest:
            raise TransientError(f"{manifest.address} was replaced while it was to be loaded; run again.")

    def _fetch_load_errors(self) -> Iterator[str]:
        """What Redshift has recorded about the COPY that has just failed; it does not record every failure."""
        import psycopg2

        for sql in _LOAD_ERRORS:
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


def _render_copy(contract: Table, manifest: Manifest, iam_role: str) -> Composable:
    """COPY binds no values, so psycopg2 quotes the literals."""
    from psycopg2 import sql

    return sql.SQL("COPY {} FROM {} IAM_ROLE {} FORMAT AS PARQUET MANIFEST").format(
        sql.Identifier(str(contract.schema), contract.name), sql.Literal(manifest.address), _render_role(iam_role)
    )


def _render_unload(contract: Table, folder: str, iam_role: str) -> Composable:
    """UNLOAD into one ordered file, under a name that another attempt overwrites."""
    from psycopg2 import sql

    return sql.SQL("UNLOAD ({}) TO {} IAM_ROLE {} FORMAT AS PARQUET PARALLEL OFF ALLOWOVERWRITE").format(
        sql.Literal(render_ordered_select(contract)), sql.Literal(f"{folder}/part-"), _render_role(iam_role)
    )


def _render_role(iam_role: str) -> Composable:
    from psycopg2 import sql

    return sql.SQL("default") if iam_role == "default" else sql.Literal(iam_role)
