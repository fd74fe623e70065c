"""Test what is tried again: a whole load after a conflict or a lost connection, and nothing that can never succeed.

The incidents: a load repeated for ever that could never succeed, and one given up on that a second attempt would have
mended.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import Any

import psycopg2
import pytest

from i94_platform.contracts import i94mode, immigration
from i94_platform.errors import PermanentError, TransientError
from i94_platform.lake.s3 import S3Store
from i94_platform.redshift_address import RedshiftAddress
from i94_platform.warehouse.redshift.warehouse import RedshiftWarehouse
from i94_platform_tests.emulators.redshift.emulator import RedshiftEmulator
from i94_platform_tests.emulators.redshift.recorded import (
    RELATION_GONE,
    RELATION_NOT_OPEN,
    SERIALIZATION,
    SNAPSHOT_CONFLICT,
    TABLE_DROPPED,
    RecordedError,
)
from i94_platform_tests.emulators.redshift.session import listen
from i94_platform_tests.support.warehouses import Staging, list_own_messages

VIOLATION = SERIALIZATION.detail


def connect(emulator: RedshiftEmulator, database: str, user: str = "awsuser", **options: Any) -> Any:
    connection = psycopg2.connect(host="127.0.0.1", port=emulator.port, dbname=database, user=user, **options)
    connection.autocommit = True
    return connection


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("fault", "at"),
    [
        (SERIALIZATION, "COMMIT"),
        (SNAPSHOT_CONFLICT, "COPY"),
        (RELATION_GONE, "DELETE FROM i94.immigration"),
        (None, "LOCK"),
        pytest.param(SERIALIZATION, "LOCK", marks=SLOW),
        pytest.param(SERIALIZATION, "DELETE FROM i94.immigration", marks=SLOW),
        pytest.param(SERIALIZATION, "INSERT INTO i94.load_ledger", marks=SLOW),
        pytest.param(SNAPSHOT_CONFLICT, "COMMIT", marks=SLOW),
        pytest.param(RELATION_NOT_OPEN, "COPY", marks=SLOW),
        pytest.param(TABLE_DROPPED, "SELECT", marks=SLOW),
        pytest.param(None, "COPY", marks=SLOW),
        pytest.param(None, "COMMIT", marks=SLOW),
    ],
    ids=lambda value: value.message[:10] if isinstance(value, RecordedError) else str(value or "cut"),
)
def test_a_load_is_tried_again_as_a_whole_after(
    warehouse: RedshiftWarehouse,
    staging: Staging,
    redshift_emulator: RedshiftEmulator,
    caplog: pytest.LogCaptureFixture,
    fault: RecordedError | None,
    at: str,
) -> None:
    """Without an error, the connection is cut."""
    warehouse.replace(immigration, staging.month("2016-04", [1, 2]), "r1")
    manifest = staging.month("2016-04", [3])
    if fault is None:
        redshift_emulator.cut(at, times=2)
    else:
        redshift_emulator.play(at, fault, times=2)
    with caplog.at_level(logging.WARNING):
        assert warehouse.replace(immigration, manifest, "r2") == 1
    assert warehouse.query("SELECT cicid FROM i94.immigration").to_pylist() == [{"cicid": 3}]
    tries = [message for message in caplog.messages if "Trying again in" in message]
    assert len(tries) == 2
    assert "gave up in the middle of an attempt to load i94.immigration 2016-04" in tries[0]


@pytest.mark.parametrize(
    "at", ["COMMIT", pytest.param("DELETE FROM i94.immigration", marks=SLOW), pytest.param("COPY", marks=SLOW)]
)
def test_after_the_last_attempt_the_failure_is_worth_a_later_retry_and_nothing_has_changed(
    warehouse: RedshiftWarehouse, staging: Staging, redshift_emulator: RedshiftEmulator, at: str
) -> None:
    warehouse.replace(immigration, staging.month("2016-04", [1, 2]), "r1")
    before, manifest = warehouse.read_ledger(), staging.month("2016-04", [3])
    redshift_emulator.play(at, SERIALIZATION, times=5)
    with pytest.raises(TransientError, match=f"gave up in the middle of an attempt to load .*1023; {VIOLATION[:30]}"):
        warehouse.replace(immigration, manifest, "r2")
    assert warehouse.query("SELECT count(*) AS n FROM i94.immigration").to_pylist() == [{"n": 2}]
    assert warehouse.read_ledger() == before


def test_a_load_that_can_never_succeed_is_tried_once(
    warehouse: RedshiftWarehouse, staging: Staging, sent_statements: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), pytest.raises(PermanentError):
        warehouse.replace(immigration, staging.month("2016-04", [1], i94port=None), "r1")
    assert sum(sql.startswith("COPY") for sql in sent_statements()) == 1
    assert not list_own_messages(caplog)


def test_a_value_of_1023_in_a_message_about_data_is_no_conflict(
    warehouse: RedshiftWarehouse, staging: Staging, redshift_emulator: RedshiftEmulator
) -> None:
    redshift_emulator.fail("COPY", "1023 is out of range", code="22003")
    with pytest.raises(PermanentError, match="can't hold the rows"):
        warehouse.replace(i94mode, staging.modes({1: "Air"}), "r1")


def test_the_first_writer_wins_where_two_do_not_lock(
    redshift_emulator: RedshiftEmulator, warehouse: RedshiftWarehouse
) -> None:
    """Without this, the tests of the lock would pass without the lock."""

    def write(cursor: Any, code: int) -> None:
        cursor.execute(f"INSERT INTO i94.i94mode VALUES ({code}, '')")
        cursor.execute("COMMIT")

    database = warehouse.location.database
    with (
        contextlib.closing(connect(redshift_emulator, database)) as one,
        contextlib.closing(connect(redshift_emulator, database)) as other,
    ):
        cursors = one.cursor(), other.cursor()
        for cursor in cursors:
            cursor.execute("BEGIN")
            cursor.execute("SELECT count(*) FROM i94.i94mode")
        write(cursors[0], 7)
        with pytest.raises(psycopg2.Error, match="1023"):
            write(cursors[1], 8)


def test_a_cluster_that_wakes_up_is_waited_for(
    redshift_emulator: RedshiftEmulator, files: S3Store, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    with listen(redshift_emulator) as asleep:
        address = redshift_emulator.address(database).replace(f":{redshift_emulator.port}/", f":{asleep}/")
    warehouse = RedshiftWarehouse(
        RedshiftAddress.parse(address),
        files,
        backoff_seconds=(0.1,) * 20,
    )
    awake = threading.Timer(0.3, lambda: stack.enter_context(listen(redshift_emulator, asleep)))
    with contextlib.ExitStack() as stack, caplog.at_level(logging.WARNING):
        awake.start()
        assert warehouse.query("SELECT 1 AS one").to_pylist() == [{"one": 1}]
        awake.join()
    assert "could not be reached to query" in caplog.messages[0]
    assert "refused" in caplog.messages[0]


def test_a_host_out_of_reach_is_an_error_in_the_end(redshift_emulator: RedshiftEmulator, files: S3Store) -> None:
    with listen(redshift_emulator) as port:
        pass
    address = RedshiftAddress.parse(f"redshift://me@127.0.0.1:{port}/db?iam_role=default&sslmode=disable")
    with pytest.raises(TransientError, match=rf"redshift://me@127\.0\.0\.1:{port}/db could not be reached to query"):
        RedshiftWarehouse(address, files, backoff_seconds=(0.01,)).query("SELECT 1")


def test_a_missing_database_is_an_error_at_once(redshift_emulator: RedshiftEmulator, files: S3Store) -> None:
    warehouse = RedshiftWarehouse(
        RedshiftAddress.parse(redshift_emulator.address("nowhere")),
        files,
    )
    with pytest.raises(PermanentError, match=r'refuses the connection: .*database "nowhere" does not exist'):
        warehouse.query("SELECT 1")
