"""The warehouse on Amazon Redshift, over psycopg2.

Each transaction has a connection of its own. One that writes first locks a guard table, before Redshift takes its
snapshot: two loads take turns, and readers go on. A retryable error repeats the whole transaction.
"""

from __future__ import annotations

import datetime as dt
import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from sqlalchemy import Table

from i94_platform.contracts import load_ledger
from i94_platform.contracts.access import ROLES, render_create_role, render_grants, render_role_grants
from i94_platform.contracts.rendering.ddl import render_create_schema
from i94_platform.errors import PermanentError, PlatformError, TransientError
from i94_platform.lake.store import Store
from i94_platform.redshift_address import RedshiftAddress
from i94_platform.warehouse.base import TABLES, Warehouse, render_table_ddl
from i94_platform.warehouse.new_columns import require_current
from i94_platform.warehouse.redshift.client import NEEDS_SHA256, error_message, is_retryable
from i94_platform.warehouse.redshift.comments import add_missing_comments
from i94_platform.warehouse.redshift.lock_wait import LockTimeout, limit_lock_wait
from i94_platform.warehouse.redshift.login import PASSWORD, READER_PASSWORD, connection_parameters
from i94_platform.warehouse.redshift.query_guard import require_select
from i94_platform.warehouse.redshift.transaction import RedshiftTransaction
from i94_platform.warehouse.transaction import Transaction

if TYPE_CHECKING:
    import psycopg2
    import pyarrow as pa
    from psycopg2.extensions import connection as Connection

logger = logging.getLogger(__name__)

T = TypeVar("T")

GUARD = f"{load_ledger.schema}.load_guard"
"""An empty table that writers lock. There is one for all tables, since every load also writes the ledger."""

_GUARD_DDL = f"CREATE TABLE IF NOT EXISTS {GUARD} (guarded BOOLEAN)"

BACKOFF_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Seconds between attempts: a conflict is over after the first, a sleeping workgroup is awake before the last."""


class RetryableError(TransientError):
    """A conflict or a lost connection, worth another attempt at once; a long wait for a lock is not."""


def render_redshift_ddl(fact_diststyle: str = "key") -> Iterator[str]:
    """Render the DDL of the schemas, the guard and every table, a statement each."""
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
        backoff_seconds: tuple[float, ...] = BACKOFF_SECONDS,
        warn_after: float = 2.0,
        reader: str = "",
        query_timeout: float = 600.0,
        password_variable: str = PASSWORD,
    ) -> None:
        """Open no connection yet.

        Args:
            location: The address of the database.
            store: Opens the files of the lake.
            fact_diststyle: How the fact is distributed: `key`, `even` or `auto`.
            lock_timeout: Seconds to wait for other writers.
            statement_timeout: Seconds that a statement may take.
            backoff_seconds: Seconds between attempts; one more attempt than there are numbers.
            warn_after: Seconds of waiting for a lock after which a warning is logged.
            reader: The user under whom the queries run that a person typed; empty for the user of the address.
            query_timeout: Seconds that such a query may take.
            password_variable: The variable that holds the user's password, where there is one.
        """
        self.location, self.address = location, str(location)
        self._store, self._fact_diststyle = store, fact_diststyle
        self._lock_timeout, self._statement_timeout = lock_timeout, statement_timeout
        self._backoff_seconds, self._warn_after = backoff_seconds, warn_after
        self._reader, self._query_timeout, self._password_variable = reader, query_timeout, password_variable

    def open(self, url: str) -> BinaryIO:
        return self._store.open(url)

    def ddl_statements(self) -> Iterator[str]:
        return render_redshift_ddl(self._fact_diststyle)

    def _create_tables(self) -> None:
        self._create_guard()
        super()._create_tables()
        with self.transaction(purpose="create the roles, their grants and the comments") as transaction:
            roles = transaction.execute("SELECT role_name FROM svv_roles").column("role_name").to_pylist()
            grants = transaction.execute("SELECT role_name, granted_role_name FROM svv_role_grants").to_pylist()
            statements = [
                *(render_create_role(role) for role in ROLES if role not in roles),
                *render_role_grants((row["role_name"], row["granted_role_name"]) for row in grants),
                *render_grants(self.location.iam_role),
            ]
            for statement in statements:
                transaction.execute(statement)
            add_missing_comments(transaction)

    def prepare_load(self, transaction: Transaction) -> None:
        """Require every table and column: adding one needs its owner, and new grants."""
        require_current(TABLES, transaction.list_tables(), self.dialect, self.address)

    def exists(self) -> bool:
        return self._read("look for the tables", lambda transaction: load_ledger.fullname in transaction.list_tables())

    def fetch_time(self) -> float:
        now = self.query("SELECT getdate() AS now").column("now")[0].as_py()
        return float(now.replace(tzinfo=dt.UTC).timestamp())

    def run_user_query(self, sql: str) -> pa.Table:
        require_select(sql)
        location = replace(self.location, user=self._reader or self.location.user)
        session = RedshiftWarehouse(
            location,
            self._store,
            statement_timeout=self._query_timeout,
            backoff_seconds=self._backoff_seconds,
            password_variable=READER_PASSWORD if self._reader else PASSWORD,
        )
        return session.query(sql)

    def after_load(self, contract: Table) -> None:
        """Update the planner's statistics; the load stands even where that fails."""
        try:
            with self._session(f"analyze {contract.fullname}") as connection:
                connection.cursor().execute(f"ANALYZE {contract.fullname}")
        except PlatformError as error:
            logger.warning("%s is loaded, but its statistics are not up to date: %s", contract.fullname, error)

    def with_retries(self, work: Callable[[], T]) -> T:
        """Do work that opens transactions; repeat it after a conflict or a lost connection."""
        for number, seconds in enumerate(self._backoff_seconds, 1):
            try:
                return work()
            except RetryableError as error:
                logger.warning(
                    "%s Trying again in %.0f s (%d of %d).", error, seconds, number, len(self._backoff_seconds)
                )
                time.sleep(seconds * random.uniform(1.0, 1.25))  # noqa: S311 - so that two callers part
        return work()

    @contextmanager
    def transaction(self, *, purpose: str, read_only: bool = False, run_id: str = "") -> Iterator[RedshiftTransaction]:
        with self._session(purpose, run_id) as connection, connection.cursor() as cursor:
            if read_only:
                cursor.execute("BEGIN")  # not READ ONLY, where Redshift refuses its own temporary tables
            else:
                self._begin_locked(connection, purpose)
            yield RedshiftTransaction(connection, self.location.iam_role, self._store.put, read_only)
            if read_only:
                cursor.execute("ROLLBACK")
            else:
                _commit(cursor, purpose)

    @contextmanager
    def _session(self, purpose: str, run_id: str = "") -> Iterator[Connection]:
        """Open a connection for a block, and translate the errors in it."""
        import psycopg2

        started = time.monotonic()
        with closing(self._connect(purpose, run_id)) as connection:  # closing rolls back what is not committed
            try:
                yield connection
            except psycopg2.Error as error:
                raise self._translate(error, purpose, time.monotonic() - started) from error

    def _connect(self, purpose: str, run_id: str = "") -> Connection:
        import psycopg2

        try:
            connection: Connection = psycopg2.connect(**connection_parameters(self.location, self._password_variable))
        except psycopg2.OperationalError as error:
            reason = error_message(error)
            if is_retryable(error):
                raise RetryableError(f"{self.address} could not be reached to {purpose}: {reason}.") from None
            if NEEDS_SHA256 in reason:
                raise PermanentError(
                    f"{self.address} keeps the password of {self.location.user} as SHA-256, which PostgreSQL's client "
                    "can't use; log in with &auth=iam, or give the user an MD5 password (docs/how-to/redshift.md)."
                ) from None
            raise PermanentError(f"{self.address} refuses the connection: {reason}.") from None
        try:
            connection.autocommit = True  # we send BEGIN and COMMIT
            with connection.cursor() as cursor:
                cursor.execute("SET query_group TO %s", (f"i94 {purpose}{' run ' + run_id if run_id else ''}"[:300],))
                cursor.execute("SET statement_timeout TO %s", (int(self._statement_timeout * 1000),))
        except psycopg2.Error as error:
            connection.close()
            raise self._translate(error, purpose, 0.0) from error
        return connection

    def _begin_locked(self, connection: Connection, purpose: str) -> None:
        """Begin a transaction beside which no other writes; the lock comes first, since the snapshot follows it."""
        import psycopg2

        warning = f"Waiting for another process that is writing {self.address}, to {purpose} …"
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            ((process,),) = cursor.fetchall()
        cancel = partial(self._cancel, process)
        try:
            with (
                limit_lock_wait(connection, cancel, self._lock_timeout, self._warn_after, warning),
                connection.cursor() as cursor,
            ):
                cursor.execute("BEGIN")
                cursor.execute(f"LOCK {GUARD}")
        except LockTimeout:
            raise TransientError(
                f"Another process has held {self.address} for {self._lock_timeout:.0f} s, waited to {purpose}; "
                "let it finish or stop it, then run again."
            ) from None
        except (psycopg2.errors.UndefinedTable, psycopg2.errors.InvalidSchemaName):
            raise PermanentError(f"{self.address} has no table {GUARD}; run 'i94 create-tables' first.") from None

    def _cancel(self, process: int) -> None:
        """Cancel the statement of another session of ours, if that is possible."""
        with suppress(PlatformError), self._session("cancel a wait") as connection:
            connection.cursor().execute("SELECT pg_cancel_backend(%s)", (process,))

    def _create_guard(self) -> None:
        """Create the guard and its schema, before a transaction can lock it; several processes may do so at once."""
        import psycopg2

        created_meanwhile = (
            psycopg2.errors.UniqueViolation,
            psycopg2.errors.DuplicateTable,
            psycopg2.errors.DuplicateSchema,
            psycopg2.errors.DuplicateObject,  # the type that a table comes with
        )
        with self._session("create the tables") as connection, connection.cursor() as cursor:
            for statement in (render_create_schema(str(load_ledger.schema), self.dialect), _GUARD_DDL):
                try:
                    cursor.execute(statement)
                except created_meanwhile:
                    logger.info("Another process has just created %s.", GUARD)

    def _translate(self, error: psycopg2.Error, purpose: str, seconds: float) -> PlatformError:
        """Translate an error of psycopg2 after some seconds to the platform's, which says whether a retry can help."""
        import psycopg2

        reason = error_message(error)
        if is_retryable(error):
            return RetryableError(f"{self.address} gave up in the middle of an attempt to {purpose}: {reason}.")
        if isinstance(error, psycopg2.errors.QueryCanceled) and seconds < self._statement_timeout:
            return PermanentError(
                f"A statement was cancelled on {self.address} after {seconds:.0f} s of an attempt to {purpose} "
                f"({reason}), by an administrator or a limit of the server; ask there, then run again."
            )
        if isinstance(error, psycopg2.errors.QueryCanceled):
            return PermanentError(
                f"{self.address} did not {purpose} within {self._statement_timeout:.0f} s a statement; raise "
                "I94_STATEMENT_TIMEOUT (I94_QUERY_TIMEOUT for 'i94 query'), or find out what holds it up."
            )
        is_missing = isinstance(error, psycopg2.errors.UndefinedTable | psycopg2.errors.InvalidSchemaName)
        if is_missing and not self.exists():
            return PermanentError(f"There is no warehouse at {self.address}; run 'i94 create-tables' first.")
        return PermanentError(f"{self.address} refused to {purpose}: {reason}.")


def _commit(cursor: Any, purpose: str) -> None:
    cursor.execute("COMMIT")
    if cursor.statusmessage != "COMMIT":  # a caller hid the error of a statement; the server rolls back without one
        raise PermanentError(f"The attempt to {purpose} was rolled back, since one of its statements had failed.")
