"""The warehouse on Amazon Redshift, over psycopg2.

Here: Redshift's terms. Every transaction is a connection of its own. One that writes begins with a lock on a guard
table, before its snapshot is taken, so that two loads take turns and readers go on; Redshift itself reads the files
that a manifest names. What may pass by itself is tried again as a whole, here and nowhere else. Not here: the protocol
of a load (`base`), logging in (`redshift_login`), and what psycopg2 says (`redshift_client`).
"""

from __future__ import annotations

import logging
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from sqlalchemy import Table

from i94_platform.contracts import load_ledger
from i94_platform.contracts.access import ROLES, render_create_role, render_grants
from i94_platform.contracts.rendering.ddl import render_create_schema
from i94_platform.errors import PermanentError, PlatformError, TransientError
from i94_platform.lake.manifest import Manifest
from i94_platform.lake.store import Store
from i94_platform.redshift_address import RedshiftAddress
from i94_platform.warehouse.base import Transaction, Warehouse, render_ordered_select, render_table_ddl
from i94_platform.warehouse.redshift.client import error_message, fetch_arrow, is_retryable, to_pyformat
from i94_platform.warehouse.redshift.login import connection_parameters

if TYPE_CHECKING:
    import psycopg2
    import pyarrow as pa
    from psycopg2.extensions import connection as Connection

logger = logging.getLogger(__name__)

T = TypeVar("T")

GUARD = f"{load_ledger.schema}.load_guard"
"""A table without a use but to be locked. One for all, since every load also writes the ledger."""

_GUARD_DDL = f"CREATE TABLE IF NOT EXISTS {GUARD} (guarded BOOLEAN)"

BACKOFF_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Seconds between attempts: a conflict is over after the first, a workgroup that sleeps is awake before the last."""

_DETAILS = (
    "SELECT trim(file_name) AS file, trim(column_name) AS name, trim(error_message) AS told FROM sys_load_error_detail "
    "WHERE session_id = pg_backend_pid() AND start_time > getdate() - interval '1 hour' ORDER BY start_time LIMIT 3",
    # clusters without the SYS views
    "SELECT trim(filename) AS file, trim(colname) AS name, trim(err_reason) AS told FROM stl_load_errors "
    "WHERE session = pg_backend_pid() AND starttime > getdate() - interval '1 hour' ORDER BY starttime LIMIT 3",
)


_UNREADABLE = re.compile(r"S3ServiceException|access ?denied|not authorized|assume role", re.IGNORECASE)
"""S3 or IAM refuses: the rows are not to blame."""


class RetryableError(TransientError):
    """A conflict or a lost connection: worth another attempt at once, where a long wait for a lock is not."""


class _Transaction(Transaction):
    def __init__(self, connection: Connection, warehouse: RedshiftWarehouse) -> None:
        self._connection, self._warehouse = connection, warehouse

    def execute(self, sql: str, values: Mapping[str, Any] | None = None) -> pa.Table:
        with self._connection.cursor() as cursor:
            cursor.execute(to_pyformat(sql) if values else sql, dict(values) if values else None)
            return fetch_arrow(cursor)

    def copy(self, contract: Table, manifest: Manifest) -> None:
        import psycopg2

        if not manifest.entries:
            return  # a month of which every row was refused; COPY takes no manifest without files
        self._warehouse.require_current_manifest(manifest)
        with self._connection.cursor() as cursor:
            try:
                cursor.execute(_copy(contract, manifest, self._warehouse.location.iam_role))
            except psycopg2.Error as error:
                if is_retryable(error) or isinstance(error, psycopg2.errors.QueryCanceled):
                    raise
                if _UNREADABLE.search(str(error)):
                    raise PermanentError(
                        f"Redshift can't read {manifest.address} by the role of its address ({error_message(error)}); "
                        "let that role read the bucket, and the cluster use the role. Nothing was loaded."
                    ) from error
                raise PermanentError(
                    f"{contract.fullname} can't hold the rows of {manifest.address} "
                    f"({'; '.join([error_message(error), *self._details()])}); nothing was loaded, correct them and "
                    "stage them again."
                ) from error

    def export(self, contract: Table, folder: str) -> None:
        import psycopg2

        with self._connection.cursor() as cursor:
            try:
                cursor.execute(_unload(contract, folder, self._warehouse.location.iam_role))
            except psycopg2.Error as error:
                if not _UNREADABLE.search(str(error)):
                    raise
                raise PermanentError(
                    f"Redshift can't write {folder} by the role of its address ({error_message(error)}); let that role "
                    "write the bucket, and the cluster use the role. Nothing was published."
                ) from error

    def _details(self) -> Iterator[str]:
        """What Redshift has written down about the load that has just failed; that is not always anything."""
        import psycopg2

        for sql in _DETAILS:
            with self._connection.cursor() as cursor:
                try:
                    cursor.execute("ROLLBACK")
                    cursor.execute(sql)
                    found = cursor.fetchall()
                except psycopg2.Error as error:
                    logger.info("No details of the failed load: %s", error_message(error))
                    continue
            yield from (f"{file}, column {name}: {told}" for file, name, told in found)
            return


def _copy(contract: Table, manifest: Manifest, iam_role: str) -> Any:
    """COPY takes no bound values, so that the literals are quoted by psycopg2."""
    from psycopg2 import sql

    return sql.SQL("COPY {} FROM {} IAM_ROLE {} FORMAT AS PARQUET MANIFEST").format(
        sql.Identifier(str(contract.schema), contract.name), sql.Literal(manifest.address), _role(iam_role)
    )


def _unload(contract: Table, folder: str, iam_role: str) -> Any:
    """One file, in order, by a name that another attempt writes again."""
    from psycopg2 import sql

    return sql.SQL("UNLOAD ({}) TO {} IAM_ROLE {} FORMAT AS PARQUET PARALLEL OFF ALLOWOVERWRITE").format(
        sql.Literal(render_ordered_select(contract)), sql.Literal(f"{folder}/part-"), _role(iam_role)
    )


def _role(iam_role: str) -> Any:
    from psycopg2 import sql

    return sql.SQL("default") if iam_role == "default" else sql.Literal(iam_role)


def render_redshift_ddl(fact_diststyle: str = "key") -> Iterator[str]:
    """The DDL of the schemas, the guard and every table."""
    schema, *others = render_table_ddl("redshift", fact_diststyle)
    yield from (schema, _GUARD_DDL, *others)


class RedshiftWarehouse(Warehouse):
    """Tables in a Redshift database, loaded from a lake on S3."""

    dialect = "redshift"

    def __init__(
        self,
        location: RedshiftAddress,
        store: Store,
        *,
        fact_diststyle: str = "key",
        lock_timeout: float = 600.0,
        statement_timeout: float = 3600.0,
        waits: tuple[float, ...] = BACKOFF_SECONDS,
        tell_after: float = 2.0,
    ) -> None:
        """`store` opens what a manifest names; times are seconds, and a wait is told after `tell_after`."""
        self.location, self.address = location, str(location)
        self._store, self._fact_diststyle = store, fact_diststyle
        self._lock_timeout, self._statement_timeout = lock_timeout, statement_timeout
        self._waits, self._tell_after = waits, tell_after

    def open(self, url: str) -> BinaryIO:
        return self._store.open(url)

    def require_current_manifest(self, manifest: Manifest) -> None:
        """COPY reads the manifest by its address: what is there now must be what was asked for.

        Raises:
            TransientFailure: another process has committed meanwhile.
            PermanentFailure: it is gone.
        """
        try:
            with self.open(manifest.address) as file:
                there = Manifest.from_json(file.read())
        except FileNotFoundError as error:
            raise PermanentError(f"{manifest.address} is gone; materialize it again.") from error
        if there != manifest:
            raise TransientError(f"{manifest.address} was replaced while it was to be loaded; run again.")

    def ddl_statements(self) -> Iterator[str]:
        return render_redshift_ddl(self._fact_diststyle)

    def _create(self) -> None:
        super()._create()
        with self.transaction(purpose="create the roles and their grants") as transaction:
            there = {row["role_name"] for row in transaction.execute("SELECT role_name FROM svv_roles").to_pylist()}
            for statement in (*(render_create_role(role) for role in ROLES if role not in there), *render_grants()):
                transaction.execute(statement)

    def exists(self) -> bool:
        found = self.query(
            "SELECT 1 AS there FROM information_schema.tables WHERE table_schema = :schema AND table_name = :name",
            {"schema": load_ledger.schema, "name": load_ledger.name},
        )
        return found.num_rows > 0

    def require_read_only(self, sql: str) -> None:
        import sqlglot
        from sqlglot import exp

        try:
            statements = [statement for statement in sqlglot.parse(sql, read=self.dialect) if statement]
        except sqlglot.errors.SqlglotError as error:
            raise PermanentError(f"The query can't be read: {str(error).splitlines()[0]}") from None
        if len(statements) != 1 or not isinstance(statements[0], exp.Query) or statements[0].find(exp.Into):
            raise PermanentError("A query is one SELECT statement; nothing was run.")

    def after_load(self, contract: Table) -> None:
        """Tell the planner how many rows there are now; a load stands without it."""
        import psycopg2

        try:
            with closing(self._open(f"analyze {contract.fullname}", "")) as connection:
                connection.cursor().execute(f"ANALYZE {contract.fullname}")
        except (psycopg2.Error, PlatformError) as error:
            told = error_message(error) if isinstance(error, psycopg2.Error) else str(error)
            logger.warning("%s is loaded, but its statistics are not up to date: %s", contract.fullname, told)

    def with_retries(self, work: Callable[[], T]) -> T:
        """Do something that opens transactions, again after a conflict or a lost connection, some times at most."""
        for number, wait in enumerate(self._waits, 1):
            try:
                return work()
            except RetryableError as failure:
                logger.warning("%s Trying again in %.0f s (%d of %d).", failure, wait, number, len(self._waits))
                time.sleep(wait * random.uniform(1.0, 1.25))
        return work()

    @contextmanager
    def transaction(self, *, purpose: str, read_only: bool = False, run_id: str = "") -> Iterator[Transaction]:
        import psycopg2

        with closing(self._open(purpose, run_id)) as connection:  # closing rolls back what is not committed
            try:
                with connection.cursor() as cursor:
                    if read_only:
                        cursor.execute("BEGIN READ ONLY")
                    else:
                        self._begin_alone(connection, purpose)
                    yield _Transaction(connection, self)
                    _commit(cursor, purpose)
            except psycopg2.Error as error:
                raise self._failure(error, purpose) from error

    def _open(self, purpose: str, run_id: str) -> Connection:
        import psycopg2

        try:
            connection: Connection = psycopg2.connect(**connection_parameters(self.location))
        except psycopg2.OperationalError as error:
            if is_retryable(error):
                raise RetryableError(
                    f"{self.address} could not be reached to {purpose}: {error_message(error)}."
                ) from None
            raise PermanentError(f"{self.address} refuses the connection: {error_message(error)}.") from None
        try:
            connection.autocommit = True  # BEGIN and COMMIT are ours
            with connection.cursor() as cursor:
                cursor.execute("SET query_group TO %s", (f"i94 {purpose}{' run ' + run_id if run_id else ''}"[:300],))
                _limit(cursor, self._statement_timeout)
        except psycopg2.Error as error:
            connection.close()
            raise self._failure(error, purpose) from error
        return connection

    def _begin_alone(self, connection: Connection, purpose: str) -> None:
        """Begin a transaction that no other writes beside: the lock comes first, since a snapshot follows it."""
        import psycopg2

        missing = (psycopg2.errors.UndefinedTable, psycopg2.errors.InvalidSchemaName)
        with connection.cursor() as cursor, self._telling(purpose):
            _limit(cursor, self._lock_timeout)
            try:
                try:
                    _lock(cursor)
                except missing:
                    cursor.execute("ROLLBACK")
                    self._make_guard(connection)
                    _lock(cursor)
            except psycopg2.errors.QueryCanceled:
                raise TransientError(
                    f"Another process has held {self.address} for {self._lock_timeout:.0f} s, waited to {purpose}; "
                    "let it finish or stop it, then run again."
                ) from None
            _limit(cursor, self._statement_timeout)

    def _make_guard(self, connection: Connection) -> None:
        import psycopg2

        made_meanwhile = (
            psycopg2.errors.UniqueViolation,
            psycopg2.errors.DuplicateTable,
            psycopg2.errors.DuplicateSchema,
            psycopg2.errors.DuplicateObject,  # the type that a table comes with
        )
        schema = render_create_schema(str(load_ledger.schema), self.dialect)
        for statement in (schema, _GUARD_DDL):
            with connection.cursor() as cursor:
                try:
                    cursor.execute(statement)
                except made_meanwhile:
                    logger.info("Another process has just created %s.", GUARD)

    @contextmanager
    def _telling(self, purpose: str) -> Iterator[None]:
        """Say that something is waited for, once it has taken a while."""
        told = "Waiting for another process that is writing %s, to %s …"
        timer = threading.Timer(self._tell_after, logger.warning, (told, self.address, purpose))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _failure(self, error: psycopg2.Error, purpose: str) -> PlatformError:
        """What an error means for people, and whether trying again can help."""
        import psycopg2

        told = error_message(error)
        if is_retryable(error):
            return RetryableError(f"{self.address} gave up in the middle of an attempt to {purpose}: {told}.")
        if isinstance(error, psycopg2.errors.QueryCanceled):
            return PermanentError(
                f"{self.address} did not {purpose} within {self._statement_timeout:.0f} s a statement; raise "
                "I94_STATEMENT_TIMEOUT, or find out what holds it up."
            )
        missing = isinstance(error, psycopg2.errors.UndefinedTable | psycopg2.errors.InvalidSchemaName)
        if missing and not self.exists():
            return PermanentError(
                f"There is no warehouse at {self.address}; run 'i94 run' or 'i94 create-tables' first."
            )
        return PermanentError(f"{self.address} refused to {purpose}: {told}.")


def _limit(cursor: Any, seconds: float) -> None:
    cursor.execute("SET statement_timeout TO %s", (int(seconds * 1000),))


def _commit(cursor: Any, purpose: str) -> None:
    cursor.execute("COMMIT")
    if cursor.statusmessage != "COMMIT":  # a statement failed unheard, and the server rolls back without an error
        raise PermanentError(f"The attempt to {purpose} was rolled back, since one of its statements had failed.")


def _lock(cursor: Any) -> None:
    cursor.execute("BEGIN")
    cursor.execute(f"LOCK {GUARD}")
