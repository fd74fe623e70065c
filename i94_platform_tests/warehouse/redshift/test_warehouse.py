"""Test what is Redshift's own: the lock before the snapshot, the messages of its errors, layout and types.

The incidents: loaders that looped on error 1023 since they locked too late, and readers who waited for a load.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import psycopg2
import pyarrow as pa
import pytest
from sqlalchemy import text

from i94_platform.contracts import WAREHOUSE, i94mode, immigration
from i94_platform.errors import PermanentError, TransientError
from i94_platform.lake.s3 import S3Store
from i94_platform.redshift_address import RedshiftAddress
from i94_platform.warehouse.loading import load_manifest
from i94_platform.warehouse.redshift import lock_wait
from i94_platform.warehouse.redshift.warehouse import RedshiftWarehouse
from i94_platform_tests.emulators.redshift.emulator import ROLE, RedshiftEmulator
from i94_platform_tests.emulators.redshift.recorded import CANCELLED
from i94_platform_tests.emulators.s3 import S3Server
from i94_platform_tests.support.warehouses import Staging, list_own_messages, swap_columns


def modes(warehouse: RedshiftWarehouse) -> list[int]:
    return [row["code"] for row in warehouse.query("SELECT code FROM i94.i94mode ORDER BY code").to_pylist()]


def test_a_load_locks_first_then_deletes_copies_counts_and_commits(
    warehouse: RedshiftWarehouse, staging: Staging, sent_statements: Any
) -> None:
    manifest = staging.month("2016-04", [1])
    warehouse.replace(immigration, manifest, "run-7")
    statements = sent_statements()
    order = [sql.split()[0] for sql in statements[statements.index("BEGIN") :]]
    assert order[:2] == ["BEGIN", "LOCK"], "a snapshot is taken by the first statement that reads or writes"
    assert statements[statements.index("BEGIN") + 1] == "LOCK i94.load_guard"
    steps = [word for word in order if word in ("DELETE", "COPY", "INSERT", "COMMIT", "ANALYZE")]
    assert steps == ["DELETE", "COPY", "DELETE", "INSERT", "COMMIT", "ANALYZE"]
    address = f"{manifest.urls[0].rpartition('/')[0]}/copy.json"
    copy = f"COPY \"i94\".\"immigration\" FROM '{address}' IAM_ROLE '{ROLE}' FORMAT AS PARQUET MANIFEST"
    assert copy in statements


def test_the_query_group_names_the_table_the_month_and_the_run(
    warehouse: RedshiftWarehouse, staging: Staging, sent_statements: Any
) -> None:
    warehouse.replace(immigration, staging.month("2016-04", [1]), "run-7")
    assert sent_statements()[0] == "SET query_group TO 'i94 load i94.immigration 2016-04 run run-7'"


def test_an_administrator_sees_who_is_connected(warehouse: RedshiftWarehouse) -> None:
    rows = warehouse.query("SELECT application_name AS name FROM pg_stat_activity WHERE pid = pg_backend_pid()")
    assert rows.to_pylist() == [{"name": "i94_platform"}]


def test_a_default_role_is_written_without_quotes(
    redshift_emulator: RedshiftEmulator, files: S3Store, staging: Staging, database: str
) -> None:
    address = redshift_emulator.address(database).replace(ROLE, "default")
    warehouse = RedshiftWarehouse(RedshiftAddress.parse(address), files)
    warehouse.create_tables()
    warehouse.replace(i94mode, staging.modes({1: "Air"}), "r1")
    assert any(" IAM_ROLE default FORMAT " in sql for sql in redshift_emulator.sent_statements(database))


SLOW = pytest.mark.slow


def test_a_statement_that_takes_too_long_is_stopped_and_the_setting_is_named(reach: Any, warehouse: Any) -> None:
    started = time.monotonic()
    with pytest.raises(PermanentError, match=r"did not query within 0 s a statement; raise I94_STATEMENT_TIMEOUT"):
        reach(statement_timeout=0.2).query("SELECT pg_sleep(20)")
    assert time.monotonic() - started < 10


def test_what_redshift_records_about_a_failed_load_is_in_the_message(
    warehouse: RedshiftWarehouse, staging: Staging
) -> None:
    manifest = staging.month("2016-04", [1], fltno="LONGER THAN SIXTEEN")
    with pytest.raises(PermanentError) as failure:
        warehouse.replace(immigration, manifest, "r1")
    assert f"{manifest.urls[0]}, column fltno: The length of the data column fltno is longer" in str(failure.value)
    assert "Table: 16, Data: 19" in str(failure.value)
    assert "dory_util" not in str(failure.value), "places in the server's own code help nobody"


def test_a_role_that_may_not_read_the_bucket_is_named_as_the_cause(
    warehouse: RedshiftWarehouse, staging: Staging, redshift_emulator: RedshiftEmulator
) -> None:
    redshift_emulator.fail("COPY", "S3ServiceException:Access Denied,Status 403,Error AccessDenied,Rid 1")
    with pytest.raises(PermanentError, match=r"can't read s3://.*manifest\.json by the role of its address .*403"):
        warehouse.replace(i94mode, staging.modes({1: "Air"}), "r1")


def test_a_busy_s3_is_tried_again(
    warehouse: RedshiftWarehouse, staging: Staging, redshift_emulator: RedshiftEmulator
) -> None:
    redshift_emulator.fail("COPY", "S3ServiceException:Please reduce your request rate.,Status 503,Error SlowDown")
    assert warehouse.replace(i94mode, staging.modes({1: "Air"}), "r1") == 1


def test_a_cancelled_statement_is_not_blamed_on_the_rows_or_the_limit(
    warehouse: RedshiftWarehouse, staging: Staging, redshift_emulator: RedshiftEmulator
) -> None:
    redshift_emulator.play("COPY", CANCELLED)
    with pytest.raises(PermanentError, match=r"cancelled on .*\(Query \(4777555\) .*by an administrator") as failure:
        warehouse.replace(i94mode, staging.modes({1: "Air"}), "r1")
    assert "I94_STATEMENT_TIMEOUT" not in str(failure.value)


@pytest.mark.parametrize("answers", [True, False])
def test_a_wait_for_another_writer_ends_even_where_the_server_cancels_nothing(
    warehouse: RedshiftWarehouse,
    reach: Any,
    redshift_emulator: RedshiftEmulator,
    monkeypatch: pytest.MonkeyPatch,
    answers: bool,
) -> None:
    monkeypatch.setattr(lock_wait, "CUT_SECONDS", 0.2)
    monkeypatch.setattr(redshift_emulator, "ignores_cancellation", not answers)
    with (
        warehouse.transaction(purpose="hold it"),
        pytest.raises(TransientError, match=r"has held .* let it finish or stop it"),
        reach(lock_timeout=0.1, warn_after=9.0).transaction(purpose="wait"),
    ):
        pytest.fail("two writers at once")
    with reach().transaction(purpose="write") as transaction:
        assert transaction.fetch_int(text("SELECT count(*) FROM i94.i94mode")) == 1


def test_a_load_creates_no_table_but_says_who_does(
    bare: RedshiftWarehouse, staging: Staging, redshift_emulator: RedshiftEmulator
) -> None:
    manifest = staging.modes({1: "Air"})
    with pytest.raises(PermanentError, match=r"no table i94\.load_guard; run 'i94 create-tables' first"):
        bare.replace(i94mode, manifest, "r1")
    bare.create_tables()
    with bare.transaction(purpose="remove a table") as transaction:
        transaction.execute("DROP TABLE i94.state")
    before = len(redshift_emulator.sent_statements(bare.location.database))
    with pytest.raises(PermanentError, match=r"no table i94\.state; run 'i94 create-tables' first"):
        bare.replace(i94mode, manifest, "r1")
    sent = redshift_emulator.sent_statements(bare.location.database)[before:]
    assert not [sql for sql in sent if sql.startswith(("CREATE", "ALTER", "GRANT"))]


def test_a_text_of_many_comments_is_refused_at_once(warehouse: RedshiftWarehouse) -> None:
    started = time.process_time()
    with pytest.raises(PermanentError, match="queries only"):
        warehouse.query("/**/" * 100 + "VALUES (1)")
    assert time.process_time() - started < 5


def test_reading_never_asks_for_a_read_only_transaction_and_keeps_nothing(
    warehouse: RedshiftWarehouse, sent_statements: Any
) -> None:
    """Redshift computes a query of several steps by temporary tables, which a read-only transaction refuses."""
    sql = "-- The last\nWITH m AS (SELECT code FROM i94.i94mode) SELECT (SELECT max(code) FROM m) AS last"
    assert warehouse.query(sql).to_pylist() == [{"last": 1}]
    statements = sent_statements()
    assert not [statement for statement in statements if "READ ONLY" in statement]
    assert statements[-1] == "ROLLBACK"
    warehouse.query("SELECT code INTO i94.copied FROM i94.i94mode")
    assert "i94.copied" not in tables_of(warehouse)


def tables_of(warehouse: RedshiftWarehouse) -> set[str]:
    with warehouse.transaction(purpose="list the tables", read_only=True) as transaction:
        return set(transaction.list_tables())


def test_what_is_published_is_encrypted_as_the_bucket_says(warehouse: RedshiftWarehouse, s3_server: S3Server) -> None:
    bucket, client = s3_server.create_bucket(), s3_server.create_client()
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    client.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    with warehouse.transaction(purpose="export", read_only=True) as transaction:
        transaction.export(i94mode, f"s3://{bucket}/modes")
    assert client.head_object(Bucket=bucket, Key="modes/part-000.parquet")["ServerSideEncryption"] == "aws:kms"


def test_roles_and_their_grants_are_created_where_they_are_missing(
    warehouse: RedshiftWarehouse, sent_statements: Any
) -> None:
    warehouse.create_tables()
    assert not [sql for sql in sent_statements() if sql.startswith(("CREATE ROLE", "GRANT ROLE"))]


@pytest.mark.parametrize("isolation", ["SNAPSHOT", pytest.param("SERIALIZABLE", marks=pytest.mark.slow)])
def test_two_loads_at_once_both_succeed_without_a_conflict_at_level(
    warehouse: RedshiftWarehouse,
    reach: Any,
    staging: Staging,
    redshift_emulator: RedshiftEmulator,
    caplog: pytest.LogCaptureFixture,
    isolation: str,
) -> None:
    redshift_emulator.isolation[warehouse.location.database] = isolation
    months = [staging.month(key, range(number)) for key, number in (("2016-04", 30), ("2016-05", 40))]

    def load(month: Any) -> list[int]:
        return [reach(lock_timeout=20.0, warn_after=9.0).replace(immigration, month, "r") for _ in range(4)]

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(load, months)) == [[30] * 4, [40] * 4]
    assert not list_own_messages(caplog)
    assert len(warehouse.query("SELECT cicid FROM i94.immigration")) == 70


def test_a_transaction_with_a_hidden_error_is_not_taken_for_committed(warehouse: RedshiftWarehouse) -> None:
    with (
        pytest.raises(PermanentError, match="was rolled back, since one of its statements had failed"),
        warehouse.transaction(purpose="change it") as transaction,
        contextlib.suppress(psycopg2.Error),
    ):
        transaction.execute("SELECT nothing")


def test_a_load_stands_where_its_statistics_can_not_be_brought_up_to_date(
    warehouse: RedshiftWarehouse,
    staging: Staging,
    redshift_emulator: RedshiftEmulator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    redshift_emulator.fail("ANALYZE", "permission denied", code="42501")
    with caplog.at_level(logging.WARNING):
        assert warehouse.replace(i94mode, staging.modes({1: "Air", 3: "Land"}), "r1") == 2
    (message,) = caplog.messages
    assert message.startswith("i94.i94mode is loaded, but its statistics are not up to date")
    assert "permission denied" in message
    assert modes(warehouse) == [1, 3]


def test_a_manifest_that_was_replaced_meanwhile_is_loaded_under_its_own_name(
    warehouse: RedshiftWarehouse, staging: Staging
) -> None:
    """COPY reads a manifest by its address, and must not load the newer month under the older one's name."""
    older = staging.restate(staging.modes({1: "Air"}), fingerprint="older")
    staging.restate(older, fingerprint="newer", entries=())
    assert warehouse.replace(i94mode, older, "r1") == 1
    assert [entry.fingerprint for entry in warehouse.read_ledger()] == ["older"]


def test_copy_reads_nothing_but_the_files_and_their_lengths(
    warehouse: RedshiftWarehouse, staging: Staging, lake: Any
) -> None:
    manifest = staging.modes({1: "Air"})
    warehouse.replace(i94mode, manifest, "r1")
    (entry,) = manifest.entries
    address = f"{entry.url.rpartition('/')[0]}/copy.json"
    assert json.loads(lake.store.read(lake.store.path(address))) == {
        "entries": [{"url": entry.url, "mandatory": True, "meta": {"content_length": entry.bytes}}]
    }


def test_without_the_comparison_of_the_files_two_swapped_columns_would_load(
    warehouse: RedshiftWarehouse, staging: Staging
) -> None:
    """Redshift takes columns by their place: this is what the comparison is for."""

    manifest = staging.rewrite(staging.month("2016-04", [1], i94bir=5), swap_columns)
    with warehouse.transaction(purpose="load without a comparison") as transaction:
        assert load_manifest(transaction, immigration, manifest, "r1") == 1
    with pytest.raises(PermanentError, match="column 4 is i94res"):
        warehouse.replace(immigration, manifest, "r1")


@pytest.mark.parametrize(
    ("diststyle", "style", "key"),
    [
        ("key", "KEY", "i94mon"),
        pytest.param("even", "EVEN", "", marks=SLOW),
        pytest.param("auto", "AUTO", "", marks=SLOW),
    ],
)
def test_the_fact_is_distributed_by_the_setting_and_other_tables_lie_on_all_nodes(
    reach: Any, redshift_emulator: RedshiftEmulator, database: str, diststyle: str, style: str, key: str
) -> None:
    reach(fact_diststyle=diststyle).create_tables()
    layouts = {table: layout for (name, table), layout in redshift_emulator.layouts.items() if name == database}
    fact = layouts["i94.immigration"]
    assert (fact.diststyle, fact.distkey, fact.sortkey) == (style, key, ("i94yr", "i94mon", "arrdate"))
    others = [layouts[contract.fullname] for contract in WAREHOUSE if contract is not immigration]
    assert {layout.diststyle for layout in others} == {"ALL"}
    assert fact.encodings["i94yr"] == "raw"


def test_every_type_comes_back_as_what_it_is(bare: RedshiftWarehouse) -> None:
    types: dict[str, tuple[str, str, pa.DataType, Any]] = {
        "a_bool": ("true", "boolean", pa.bool_(), True),
        "a_small": ("7", "smallint", pa.int16(), 7),
        "an_int": ("7", "integer", pa.int32(), 7),
        "a_big": ("7", "bigint", pa.int64(), 7),
        "a_real": ("0.5", "real", pa.float32(), 0.5),
        "a_double": ("0.5", "double precision", pa.float64(), 0.5),
        "a_number": ("1.25", "numeric(10,2)", pa.decimal128(10, 2), Decimal("1.25")),
        "a_date": ("2016-04-30", "date", pa.date32(), dt.date(2016, 4, 30)),
        "a_time": ("2016-04-30 10:30:00", "timestamp", pa.timestamp("us"), dt.datetime(2016, 4, 30, 10, 30)),
        "a_text": ("50% of :x", "varchar(20)", pa.string(), "50% of :x"),
    }
    for literal in ("'{}'", "NULL"):
        select_list = ", ".join(
            f"CAST({literal.format(text)} AS {sql}) AS {name}" for name, (text, sql, *_) in types.items()
        )
        rows = bare.query(f"SELECT {select_list}")
        assert rows.schema == pa.schema([(name, type_) for name, (_, _, type_, _) in types.items()])
        expected = {name: value if literal != "NULL" else None for name, (*_, value) in types.items()}
        assert rows.to_pylist() == [expected]


def test_a_result_without_rows_keeps_its_types(warehouse: RedshiftWarehouse) -> None:
    rows = warehouse.query("SELECT arrdate, i94mon FROM i94.immigration")
    expected: dict[str, pa.DataType] = {"arrdate": pa.date32(), "i94mon": pa.int32()}
    assert rows.schema == pa.schema(expected)


@pytest.mark.parametrize("times", [2, pytest.param(20, marks=SLOW)])
def test_the_guard_is_created_once_for_all_who_create_it_at_once(reach: Any, times: int) -> None:
    """Which of the server's four errors the later ones meet is a matter of microseconds, so they meet many times."""
    assert [create_guard_together(reach, callers=6) for _ in range(times)] == [6] * times


def create_guard_together(reach: Any, callers: int) -> int:
    """Create the guard of an empty database in the same moment; how many callers can lock it then."""
    warehouse, gate = reach(lock_timeout=20.0), threading.Barrier(callers, timeout=30)

    def create(_: int) -> bool:
        gate.wait()
        warehouse._create_guard()
        with warehouse.transaction(purpose="lock the guard"):
            return True

    with contextlib.closing(warehouse._connect("empty the database")) as connection:
        connection.cursor().execute("DROP SCHEMA IF EXISTS i94 CASCADE")
    with ThreadPoolExecutor(callers) as pool:
        return sum(pool.map(create, range(callers)))
