"""Test what docs/explanation/unproven.md assumes about Redshift, on the emulator and on a real cluster if there is one.

A test fails where the platform would. What the platform does not depend on is printed as an observation (`-s`).
docs/testing.md says how to run it; the tests of every warehouse and mart run over that cluster too.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import uuid4

import psycopg2
import pyarrow as pa
import pytest

from i94_platform.contracts import country, i94mode, immigration
from i94_platform.contracts.access import LOADER, READER
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.errors import PermanentError, TransientError
from i94_platform.lake.manifest import Manifest
from i94_platform.warehouse.loading import load_manifest
from i94_platform.warehouse.redshift.client import is_retryable
from i94_platform.warehouse.redshift.warehouse import RedshiftWarehouse
from i94_platform_tests.support.warehouses import WAREHOUSES, Place, Staging, add_day, swap_columns

USER_PASSWORD = "Aa1-for-a-test"  # pragma: allowlist secret
PASSWORD_VARIABLE = "I94_TEST_USER_PASSWORD"

AsUser = Callable[[str], RedshiftWarehouse]


@pytest.fixture(params=[name for name in WAREHOUSES if name != "duckdb_place"])
def place(request: pytest.FixtureRequest) -> Place:
    """The emulator, then a real cluster."""
    place: Place = request.getfixturevalue(request.param)
    return place


@pytest.fixture
def is_real(request: pytest.FixtureRequest, place: Place) -> bool:
    return bool(request.node.callspec.params["place"] == "cluster_place")


@pytest.fixture
def as_user(warehouse: RedshiftWarehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[AsUser]:
    """The warehouse for a new user who has one role and nothing else."""
    monkeypatch.setenv(PASSWORD_VARIABLE, USER_PASSWORD)
    users: list[str] = []

    def create(role: str) -> RedshiftWarehouse:
        user = f"i94_test_{uuid4().hex[:12]}"
        run(warehouse, f"CREATE USER {user} PASSWORD '{USER_PASSWORD}'", f"GRANT ROLE {role} TO {user}")
        users.append(user)
        return log_in_as(warehouse, user)

    yield create
    for user in users:
        run(warehouse, f"DROP USER {user}")


def log_in_as(warehouse: RedshiftWarehouse, user: str) -> RedshiftWarehouse:
    location = replace(warehouse.location, user=user, auth="password")
    return RedshiftWarehouse(location, warehouse._store, lock_timeout=1.0, password_variable=PASSWORD_VARIABLE)


def run(warehouse: RedshiftWarehouse, *statements: str) -> list[Any]:
    """Run statements outside of a transaction; the rows of the last."""
    with contextlib.closing(warehouse._connect("test")) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []


def observe(subject: str, warehouse: RedshiftWarehouse, *statements: str) -> None:
    """Print what statements lead to."""
    try:
        answer = f"works: {run(warehouse, *statements)}"
    except psycopg2.Error as error:
        answer = f"{error.pgcode} {error}"
    print(f"observation: {subject}: {' '.join(answer.split())}")


def load_unverified(warehouse: RedshiftWarehouse, manifest: Manifest) -> int:
    """Load files without comparing them with the contract before."""
    with warehouse.transaction(purpose="load without a comparison") as transaction:
        return load_manifest(transaction, immigration, manifest, "r1")


def test_columns_are_taken_by_their_place(warehouse: RedshiftWarehouse, staging: Staging) -> None:
    manifest = staging.rewrite(staging.month("2016-04", [1]), swap_columns)
    assert load_unverified(warehouse, manifest) == 1


@pytest.mark.parametrize("type_", [pa.int64(), pa.int16(), pa.string()], ids=str)
def test_a_column_of_another_type_is_refused(warehouse: RedshiftWarehouse, staging: Staging, type_: Any) -> None:
    def cast_age(rows: pa.Table) -> pa.Table:
        place = rows.column_names.index("i94bir")
        return rows.set_column(place, "i94bir", pa.array([7], pa.int32()).cast(type_))

    manifest = staging.rewrite(staging.month("2016-04", [1]), cast_age)
    with pytest.raises(PermanentError, match="can't hold the rows"):
        load_unverified(warehouse, manifest)


def test_a_file_of_another_length_than_the_manifests_is_refused(warehouse: RedshiftWarehouse, staging: Staging) -> None:
    manifest = staging.month("2016-04", [1])
    (entry,) = manifest.entries
    longer = replace(manifest, entries=(replace(entry, bytes=entry.bytes + 1000),))
    with pytest.raises(PermanentError):
        load_unverified(warehouse, longer)


def test_every_type_of_a_contract_is_loaded_as_it_was(warehouse: RedshiftWarehouse, staging: Staging) -> None:
    manifest = staging.month("2016-04", [1], i94bir=7, admnum=99_915_565_930, fltno="ÄÖ 50% 'x'", occup=None)
    warehouse.replace(immigration, manifest, "r1")
    rows = warehouse.query("SELECT * FROM i94.immigration")
    assert rows.schema.names == arrow_schema(immigration).names
    assert rows.cast(arrow_schema(immigration)).select(["i94bir", "admnum", "fltno", "occup"]).to_pylist() == [
        {"i94bir": 7, "admnum": 99_915_565_930, "fltno": "ÄÖ 50% 'x'", "occup": None}
    ]


def test_a_failed_load_says_which_column_of_which_file(warehouse: RedshiftWarehouse, staging: Staging) -> None:
    manifest = staging.month("2016-04", [1], fltno="LONGER THAN SIXTEEN")
    with pytest.raises(PermanentError, match="fltno"):
        warehouse.replace(immigration, manifest, "r1")


def test_a_query_of_several_steps_is_read(warehouse: RedshiftWarehouse) -> None:
    sql = "WITH m AS (SELECT code FROM i94.i94mode) SELECT (SELECT max(code) FROM m) AS last FROM m"
    assert warehouse.query(sql).to_pylist() == [{"last": 1}]
    observe("a CTE in a read-only transaction", warehouse, "BEGIN READ ONLY", sql)


def test_the_lock_does_not_hold_up_readers(warehouse: RedshiftWarehouse) -> None:
    with warehouse.transaction(purpose="hold it") as transaction:
        transaction.execute("DELETE FROM i94.i94mode")
        assert warehouse.query("SELECT count(*) AS n FROM i94.i94mode").to_pylist() == [{"n": 1}]


def test_a_wait_for_the_lock_ends_in_time(warehouse: RedshiftWarehouse, as_user: AsUser) -> None:
    waiter = as_user(LOADER)  # who may cancel its own sessions only
    started = time.monotonic()
    with (
        warehouse.transaction(purpose="hold it"),
        pytest.raises(TransientError, match="has held"),
        waiter.transaction(purpose="wait"),
    ):
        pytest.fail("two writers at once")
    seconds = time.monotonic() - started
    print(f"observation: a wait of 1 s ended after {seconds:.0f} s; after 31 s the connection was cut")
    assert seconds < 60


def test_two_who_do_not_lock_conflict_with_an_error_that_is_tried_again(warehouse: RedshiftWarehouse) -> None:
    with (
        contextlib.closing(warehouse._connect("one")) as one,
        contextlib.closing(warehouse._connect("other")) as other,
        one.cursor() as first,
        other.cursor() as second,
    ):
        for cursor in (first, second):
            cursor.execute("BEGIN")
            cursor.execute("SELECT count(*) FROM i94.i94mode")
        first.execute("UPDATE i94.i94mode SET label = 'x'")
        first.execute("COMMIT")
        with pytest.raises(psycopg2.Error) as failure:
            second.execute("UPDATE i94.i94mode SET label = 'y'")
    assert is_retryable(failure.value), failure.value


def test_three_create_the_tables_of_an_empty_database_at_once(bare: RedshiftWarehouse, place: Place) -> None:
    def create(_: int) -> bool:
        warehouse = place.reach(lock_timeout=60.0)
        warehouse.create_tables()
        return warehouse.exists()

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(create, range(3))) == [True] * 3
    bare.create_tables()


def test_a_loader_by_role_sees_the_tables_and_loads(as_user: AsUser, staging: Staging) -> None:
    loader = as_user(LOADER)
    assert loader.exists()
    assert loader.replace(immigration, staging.month("2016-04", [1, 2]), "r1") == 2
    observe("information_schema for a loader by role", loader, "SELECT count(*) FROM information_schema.tables")


def test_a_role_that_was_granted_is_not_granted_again(warehouse: RedshiftWarehouse) -> None:
    warehouse.create_tables()
    observe("a repeated grant of a role", warehouse, "GRANT ROLE i94_reader TO ROLE i94_analyst")


def test_a_reader_sees_rounded_marts_only_and_no_error_of_a_row_left_out(
    warehouse: RedshiftWarehouse, as_user: AsUser
) -> None:
    reader = as_user(READER)
    with pytest.raises(PermanentError, match="permission denied"):
        reader.query("SELECT count(*) FROM i94.immigration")
    columns = "i94yr, i94mon, i94res, origin, status, region, visitors"
    row = "2016, 4, 218, 'x', 'valid', 'x', 1"
    run(warehouse, f"INSERT INTO mart.visitors_by_origin ({columns}) VALUES ({row})")
    for condition in ("1 / (i94res - 218) = 0", "CAST(origin AS INTEGER) = 0"):
        assert reader.query(f"SELECT * FROM mart_rounded.visitors_by_origin WHERE {condition}").num_rows == 0


def test_texts_are_measured_in_bytes_and_compared_without_trailing_blanks(warehouse: RedshiftWarehouse) -> None:
    with pytest.raises(PermanentError):
        warehouse.with_retries(lambda: insert_mode(warehouse, "Ä" * 300))
    insert_mode(warehouse, "Air ")
    sql = "SELECT count(*) AS n FROM i94.i94mode WHERE label = 'Air'"
    assert warehouse.query(sql).to_pylist() == [{"n": 2}]


def insert_mode(warehouse: RedshiftWarehouse, label: str) -> None:
    with warehouse.transaction(purpose="add a mode") as transaction:
        transaction.execute("INSERT INTO i94.i94mode VALUES (7, :label)", {"label": label})


def test_a_cancelled_statement_is_named(warehouse: RedshiftWarehouse, place: Place, is_real: bool) -> None:
    slow = "pg_class AS a, pg_class AS b, pg_class AS c" if is_real else "pg_sleep(20)"
    with pytest.raises(PermanentError, match="I94_STATEMENT_TIMEOUT"):
        place.reach(statement_timeout=0.5).query(f"SELECT count(*) FROM {slow}")


def test_what_is_published_is_encrypted_as_the_bucket_says(
    warehouse: RedshiftWarehouse, place: Place, staging: Staging
) -> None:
    store: Any = place.lake.store
    folder = store.uri(f"exported/{uuid4()}")
    with warehouse.transaction(purpose="export", read_only=True) as transaction:
        transaction.export(i94mode, folder)
        transaction.export(country, f"{folder}-empty")
    bucket, _, key = folder.removeprefix("s3://").partition("/")
    client = store._client
    (written,) = client.list_objects_v2(Bucket=bucket, Prefix=f"{key}/")["Contents"]
    algorithm = client.head_object(Bucket=bucket, Key=written["Key"]).get("ServerSideEncryption", "AES256")
    with contextlib.suppress(client.exceptions.ClientError):  # a bucket without a rule of its own
        rules = client.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        assert algorithm == rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"]


def test_a_password_of_either_kind_is_taken_or_named(
    warehouse: RedshiftWarehouse, is_real: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hashlib

    if not is_real:
        pytest.skip("the emulator hashes passwords as PostgreSQL does; test_login plays the refusal")
    monkeypatch.setenv(PASSWORD_VARIABLE, USER_PASSWORD)
    user = f"i94_test_{uuid4().hex[:12]}"
    digest = hashlib.md5((USER_PASSWORD + user).encode(), usedforsecurity=False).hexdigest()
    try:
        run(warehouse, f"CREATE USER {user} PASSWORD 'md5{digest}'")
        assert log_in_as(warehouse, user).query("SELECT 1 AS one").num_rows == 1
        run(warehouse, f"ALTER USER {user} PASSWORD 'sha256|{USER_PASSWORD}'")
        with pytest.raises(PermanentError, match="SHA-256"):
            log_in_as(warehouse, user).query("SELECT 1 AS one")
    finally:
        run(warehouse, f"DROP USER IF EXISTS {user}")


def test_an_administrator_sees_layout_skew_locks_and_queries(
    warehouse: RedshiftWarehouse, staging: Staging, is_real: bool
) -> None:
    """Run it as an administrator; on Serverless `stv_slices` answers nobody."""
    if not is_real:
        pytest.skip("the emulator answers nobody: the platform must not depend on these views")
    for number in range(1, 13):
        if number not in (4, 5):
            add_day(warehouse, dt.date(2016, number, 1))
        warehouse.replace(immigration, staging.month(f"2016-{number:02d}", range(1000)), "r1")
    sql = "SELECT \"table\", diststyle, sortkey1, skew_rows FROM svv_table_info WHERE schema = 'i94'"
    layout = {name: (diststyle, sortkey) for name, diststyle, sortkey, _ in run(warehouse, sql)}
    assert layout["immigration"] == ("KEY(i94mon)", "i94yr")
    observe("layout and skew of twelve equal months", warehouse, sql)
    observe("slices", warehouse, "SELECT count(*) FROM stv_slices")
    observe("isolation", warehouse, "SELECT database_name, database_isolation_level FROM svv_redshift_databases")
    observe("locks", warehouse, "SELECT txn_owner, pid, lock_mode, relation, granted FROM svv_transactions")
    observe("query groups", warehouse, "SELECT DISTINCT query_label FROM sys_query_history LIMIT 20")


def test_the_statistics_are_brought_up_to_date(
    warehouse: RedshiftWarehouse, staging: Staging, caplog: pytest.LogCaptureFixture
) -> None:
    warehouse.replace(immigration, staging.month("2016-04", range(1000)), "r1")
    assert not [message for message in caplog.messages if re.search("statistics", message)]
