"""Test that the emulator gives the answer that is hardest for a client where nobody knows what a cluster does."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg2
import pytest

from i94_platform_tests.emulators.redshift.emulator import RedshiftEmulator
from i94_platform_tests.emulators.redshift.recorded import CANCELLED, SNAPSHOT_CONFLICT


@pytest.mark.parametrize(
    "sql", ["WITH x AS (SELECT 1) SELECT * FROM x", "SELECT (SELECT 1)", "UNLOAD ('SELECT 1') TO 's3://b/k'"]
)
def test_a_read_only_transaction_refuses_what_may_need_a_temporary_table(
    execute: Callable[[str], Any], sql: str
) -> None:
    execute("BEGIN READ ONLY")
    assert execute("SELECT count(*) FROM t") == [(0,)]
    with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
        execute(sql)
    execute("ROLLBACK")
    assert execute("WITH x AS (SELECT 1) SELECT * FROM x") == [(1,)]


def test_trailing_blanks_do_not_tell_texts_apart(execute: Callable[[str], Any]) -> None:
    execute("INSERT INTO t VALUES (1, 'a'), (2, 'a '), (3, ' a')")
    assert execute("SELECT code FROM t WHERE name = 'a' ORDER BY code") == [(1,), (2,)]
    assert execute("SELECT count(*) FROM t GROUP BY name ORDER BY 1") == [(1,), (2,)]
    assert execute("SELECT count(DISTINCT name) FROM t") == [(2,)]
    assert execute("SELECT a.code FROM t a JOIN t b ON a.name = b.name WHERE b.code = 2 ORDER BY 1") == [(1,), (2,)]
    assert execute("SELECT code FROM t WHERE name IN ('a', 'b') AND octet_length(name) = 2") == [(2,)]


def test_a_role_is_granted_once(redshift_emulator: RedshiftEmulator, execute: Callable[[str], Any]) -> None:
    redshift_emulator.server.execute("DROP ROLE IF EXISTS one", "DROP ROLE IF EXISTS other")
    for sql in ("CREATE ROLE one", "CREATE ROLE other", "GRANT ROLE one TO ROLE other"):
        execute(sql)
    assert execute("SELECT granted_role_name FROM svv_role_grants WHERE role_name = 'other'") == [("one",)]
    with pytest.raises(psycopg2.Error, match="already granted"):
        execute("GRANT ROLE one TO ROLE other")


def connect_to(emulator: RedshiftEmulator, connection: Any, user: str = "awsuser") -> Any:
    database = connection.info.dbname
    opened = psycopg2.connect(host="127.0.0.1", port=emulator.port, user=user, dbname=database, password="planted-1")
    opened.autocommit = True
    return contextlib.closing(opened)


def test_information_schema_leaves_out_what_a_role_reaches(
    redshift_emulator: RedshiftEmulator, connection: Any, execute: Callable[[str], Any]
) -> None:
    redshift_emulator.server.execute("DROP ROLE IF EXISTS member", "DROP ROLE IF EXISTS readers_of_t")
    for sql in (
        "CREATE TABLE direct (a INTEGER)",
        "CREATE ROLE readers_of_t",
        "CREATE USER member PASSWORD 'planted-1'",
        "GRANT ROLE readers_of_t TO member",
        "GRANT SELECT ON t TO ROLE readers_of_t",
        "GRANT SELECT ON direct TO member",
    ):
        execute(sql)
    with connect_to(redshift_emulator, connection, "member") as member, member.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        assert {name for (name,) in cursor} & {"t", "direct"} == {"direct"}
        cursor.execute("SELECT count(*) FROM pg_class WHERE relname IN ('t', 'direct')")
        assert cursor.fetchall() == [(2,)]
    for sql in (
        "DROP TABLE direct",
        "REVOKE ALL ON t FROM ROLE readers_of_t",
        "DROP USER member",
        "DROP ROLE readers_of_t",
    ):
        execute(sql)


def test_a_wait_for_a_lock_has_no_end_but_by_a_cancellation(
    redshift_emulator: RedshiftEmulator, connection: Any, execute: Callable[[str], Any]
) -> None:
    execute("BEGIN")
    execute("LOCK t")
    with connect_to(redshift_emulator, connection) as other, other.cursor() as cursor:
        cursor.execute("SET statement_timeout TO 50")
        cursor.execute("BEGIN")
        cancel = f"SELECT pg_cancel_backend({other.info.backend_pid})"
        timer = threading.Timer(0.5, execute, [cancel])
        timer.start()
        started = time.monotonic()
        with pytest.raises(psycopg2.errors.QueryCanceled, match=re.escape(CANCELLED.message)):
            cursor.execute("LOCK t")
        assert time.monotonic() - started > 0.4


def test_a_database_of_snapshots_lets_two_read_what_the_other_writes(
    redshift_emulator: RedshiftEmulator, connection: Any, execute: Callable[[str], Any]
) -> None:
    execute("INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    redshift_emulator.isolation[connection.info.dbname] = "SNAPSHOT"
    with (
        connect_to(redshift_emulator, connection) as one,
        connect_to(redshift_emulator, connection) as other,
        one.cursor() as first,
        other.cursor() as second,
    ):
        for code, cursor in enumerate((first, second), 1):
            cursor.execute("BEGIN")
            cursor.execute("SELECT count(*) FROM t")
            cursor.execute(f"UPDATE t SET name = 'x' WHERE code = {code}")
        first.execute("COMMIT")
        second.execute("COMMIT")
        for cursor in (first, second):
            cursor.execute("BEGIN")
            cursor.execute("SELECT count(*) FROM t")
        first.execute("UPDATE t SET name = 'y' WHERE code = 1")
        first.execute("COMMIT")
        with pytest.raises(psycopg2.Error, match=SNAPSHOT_CONFLICT.message):
            second.execute("UPDATE t SET name = 'z' WHERE code = 1")
