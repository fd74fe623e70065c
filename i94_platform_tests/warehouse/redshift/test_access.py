"""Test who may see what, by connecting as each: nobody but analysts and the loader reaches an admission number.

The incident: a grant on all tables of a schema, which gave a hundred readers a column that three should see.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import psycopg2
import pyarrow as pa
import pytest

from i94_platform.contracts import MARTS, WAREHOUSE, i94mode, immigration
from i94_platform.contracts.access import ANALYST, LOADER, READER, render_access, render_grants, rounded_view_name
from i94_platform.contracts.disclosure import select_rounded
from i94_platform.contracts.model import column_names
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.contracts.rendering.ddl import render_create_schema
from i94_platform.errors import PermanentError
from i94_platform.lake.s3 import S3Store
from i94_platform.operations.doctor import _check_rounded_views
from i94_platform.redshift_address import RedshiftAddress
from i94_platform.settings import PROJECT
from i94_platform.sql.statements import compile_statement
from i94_platform.warehouse.redshift.comments import add_missing_comments
from i94_platform.warehouse.redshift.warehouse import RedshiftWarehouse
from i94_platform_tests.emulators.redshift.emulator import RedshiftEmulator
from i94_platform_tests.serving.synthetic_release import fill_warehouse
from i94_platform_tests.support.warehouses import Place, Staging

PERSONAL = {"admnum", "insnum", "biryear", "occup"}

Connected = Callable[[str], Any]


@pytest.fixture
def as_one_of(redshift_emulator: RedshiftEmulator, warehouse: RedshiftWarehouse) -> Iterator[Connected]:
    """Connects as a new user who has a role and nothing else; gives a function that runs one statement."""
    database = warehouse.location.database
    users: list[str] = []

    def connect(role: str) -> Any:
        user = f"one_{len(users)}_{database}"
        users.append(user)
        with contextlib.closing(_connection(redshift_emulator, database, "awsuser")) as administrator:
            administrator.cursor().execute(f"CREATE USER {user} PASSWORD 'Aa1-for-a-test'")
            administrator.cursor().execute(f"GRANT ROLE {role} TO {user}")
        return stack.enter_context(contextlib.closing(_connection(redshift_emulator, database, user)))

    with contextlib.ExitStack() as stack:
        yield connect


def _connection(emulator: RedshiftEmulator, database: str, user: str) -> Any:
    connection = psycopg2.connect(
        host="127.0.0.1",
        port=emulator.port,
        dbname=database,
        user=user,
        password="Aa1-for-a-test",  # pragma: allowlist secret
    )
    connection.autocommit = True
    return connection


def rows(connection: Any, sql: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def is_refused(connection: Any, sql: str) -> bool:
    try:
        connection.cursor().execute(sql)
    except psycopg2.errors.InsufficientPrivilege:
        return True
    return False


@pytest.fixture
def loaded_warehouse(warehouse: RedshiftWarehouse, staging: Staging) -> RedshiftWarehouse:
    """A warehouse with a month of two states."""
    with warehouse.transaction(purpose="prepare a test") as transaction:
        transaction.execute("INSERT INTO i94.i94addr VALUES ('CA', 'CALIFORNIA')")
    month = staging.month("2016-04", [1, 2], admnum=99_915_565_930)
    warehouse.replace(immigration, month, "r1")
    with warehouse.transaction(purpose="prepare a test") as transaction:
        transaction.execute("UPDATE i94.immigration SET i94addr = 'CA' WHERE cicid = 2")
    return warehouse


def test_the_personal_columns_are_marked_in_the_contract() -> None:
    assert {c.name for contract in WAREHOUSE for c in contract.columns if c.info["personal"]} == PERSONAL


def test_a_reader_is_refused(loaded_warehouse: RedshiftWarehouse, as_one_of: Connected) -> None:
    reader = as_one_of(READER)
    for sql in (
        "SELECT admnum FROM i94.immigration",
        "SELECT count(*) FROM i94.immigration",
        "SELECT * FROM i94.load_ledger",
        "SELECT visitors FROM mart.visitors_by_origin",
        "DELETE FROM i94.i94mode",
        "DELETE FROM mart_rounded.visitors_by_origin",
        "CREATE TABLE i94.mine (a INTEGER)",
        "CREATE TABLE mart.mine (a INTEGER)",
        "CREATE TABLE mart_rounded.mine (a INTEGER)",
        "DROP VIEW mart_rounded.visitors_by_origin",
    ):
        with pytest.raises(psycopg2.Error, match=r"permission denied|must be owner|cannot delete from view"):
            reader.cursor().execute(sql)


def test_a_reader_reads_code_lists_dimensions_and_rounded_marts(
    loaded_warehouse: RedshiftWarehouse, as_one_of: Connected
) -> None:
    fill_warehouse(loaded_warehouse)
    with loaded_warehouse.transaction(purpose="make cells of few arrivals") as transaction:
        transaction.execute("CREATE TABLE mart.visitors AS SELECT 1 AS visitors")
        transaction.execute("UPDATE mart.visitors_by_origin SET visitors = mod(i94res, 60) + 1")
        transaction.execute("UPDATE mart.destination_by_climate SET visitors = mod(visitors, 30) + 1")
    reader = as_one_of(READER)
    for contract in WAREHOUSE:
        assert is_refused(reader, f"SELECT * FROM {contract.fullname}") == (contract is immigration), contract.name
    analyst = as_one_of(ANALYST)
    for contract in MARTS:
        assert is_refused(reader, f"SELECT * FROM {contract.fullname}")
        names = ", ".join(f'"{name}"' for name in column_names(contract))
        exact = rows(analyst, f"SELECT {names} FROM {contract.fullname}")
        table = pa.Table.from_pylist(
            [dict(zip(column_names(contract), row, strict=True)) for row in exact], arrow_schema(contract)
        )
        connection = duckdb.connect()
        connection.execute(render_create_schema("mart", "duckdb"))
        connection.register("exact", table)
        connection.execute(f"CREATE TABLE {contract.fullname} AS SELECT * FROM exact")
        sql, values = compile_statement(select_rounded(contract), "duckdb")
        expected = connection.execute(sql, values).fetchall()
        assert sorted(rows(reader, f"SELECT * FROM {rounded_view_name(contract)}"), key=str) == sorted(
            expected, key=str
        )
    assert is_refused(reader, "SELECT * FROM mart.visitors")
    assert rows(analyst, "SELECT * FROM mart.visitors") == [(1,)]


def test_a_table_that_nobody_has_thought_of_is_closed_to_readers(
    loaded_warehouse: RedshiftWarehouse, as_one_of: Connected
) -> None:
    with loaded_warehouse.transaction(purpose="add a table") as transaction:
        transaction.execute("CREATE TABLE i94.passports (number BIGINT)")
    assert is_refused(as_one_of(READER), "SELECT * FROM i94.passports")


def test_an_analyst_reads_everything_and_changes_nothing(
    loaded_warehouse: RedshiftWarehouse, as_one_of: Connected
) -> None:
    analyst = as_one_of(ANALYST)
    assert rows(analyst, "SELECT DISTINCT admnum FROM i94.immigration") == [(99_915_565_930,)]
    assert len(rows(analyst, "SELECT * FROM i94.load_ledger")) == 1
    for sql in ("DELETE FROM i94.immigration", "UPDATE i94.i94mode SET code = 1", "TRUNCATE i94.i94mode"):
        assert is_refused(analyst, sql), sql


@pytest.mark.parametrize("role", [READER, ANALYST])
def test_who_only_reads_can_not_hold_up_a_load(
    loaded_warehouse: RedshiftWarehouse, as_one_of: Connected, role: str
) -> None:
    connection = as_one_of(role)
    connection.cursor().execute("BEGIN")
    assert is_refused(connection, "LOCK i94.load_guard")


def test_a_loader_who_owns_nothing_loads(
    redshift_emulator: RedshiftEmulator,
    warehouse: RedshiftWarehouse,
    staging: Staging,
    place: Place,
    as_one_of: Connected,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("I94_REDSHIFT_PASSWORD", "Aa1-for-a-test")
    user = as_one_of(LOADER).info.user
    address = redshift_emulator.address(warehouse.location.database, user)
    files = S3Store("s3://", place.reach.args[1], tmp_path / "scratch")  # type: ignore[attr-defined]
    loader = RedshiftWarehouse(RedshiftAddress.parse(address), files)
    assert loader.exists(), "also where information_schema shows nothing that comes by a role"
    catalog = "SELECT count(*) AS n FROM information_schema.tables WHERE table_schema = 'i94'"
    assert loader.query(catalog).to_pylist() == [{"n": 0}]
    assert all(finding.ok for finding in _check_rounded_views(loader))
    assert loader.replace(immigration, staging.month("2016-04", [1, 2]), "r1") == 2
    assert loader.replace(i94mode, staging.modes({1: "Air", 2: "Sea"}), "r1") == 2
    assert len(loader.read_ledger()) == 2
    with warehouse.transaction(purpose="prepare a test") as transaction:
        transaction.execute("COMMENT ON TABLE i94.i94mode IS NULL")
    with loader.transaction(purpose="describe the tables") as transaction:
        add_missing_comments(transaction)  # leaves the tables of others alone, since Redshift refuses it


def test_a_typed_query_runs_under_the_login_of_the_reader(
    loaded_warehouse: RedshiftWarehouse, as_one_of: Connected, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("I94_REDSHIFT_READER_PASSWORD", "Aa1-for-a-test")
    reader = as_one_of(READER).info.user
    warehouse = place.reach(reader=reader)
    assert warehouse.run_user_query("SELECT current_user AS login").to_pylist() == [{"login": reader}]
    with pytest.raises(PermanentError, match="permission denied"):
        warehouse.run_user_query("SELECT admnum FROM i94.immigration")
    assert warehouse.query("SELECT count(admnum) AS n FROM i94.immigration").to_pylist() == [{"n": 2}]
    with pytest.raises(PermanentError, match="I94_QUERY_TIMEOUT"):
        place.reach(reader=reader, query_timeout=0.001).run_user_query(
            "SELECT count(*) FROM pg_class AS a, pg_class AS b, pg_class AS c"
        )


@pytest.mark.parametrize("role", [READER, ANALYST])
def test_nobody_but_the_loader_creates_a_table_or_uses_the_role_of_the_lake(
    warehouse: RedshiftWarehouse, as_one_of: Connected, role: str
) -> None:
    with warehouse.transaction(purpose="do as Redshift does by itself") as transaction:
        transaction.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
    warehouse.create_tables()
    assert is_refused(as_one_of(role), "CREATE TABLE public.x (i INT)")
    # the emulator has no roles of AWS, so the statements themselves
    statements = [*render_grants("arn:aws:iam::123456789012:role/copy")]
    assert "REVOKE ASSUMEROLE ON ALL FROM PUBLIC FOR ALL" in statements
    granted = [statement for statement in statements if statement.startswith("GRANT ASSUMEROLE")]
    copy_role = "'arn:aws:iam::123456789012:role/copy'"
    assert granted == [f"GRANT ASSUMEROLE ON {copy_role} TO ROLE {LOADER} FOR COPY, UNLOAD"]


def test_creating_again_takes_back_what_a_reader_was_given_by_mistake(
    loaded_warehouse: RedshiftWarehouse, as_one_of: Connected
) -> None:
    with loaded_warehouse.transaction(purpose="make a mistake") as transaction:
        transaction.execute(f"GRANT USAGE ON SCHEMA mart TO ROLE {READER}")
        transaction.execute(f"GRANT SELECT ON i94.immigration, mart.visitors_by_origin TO ROLE {READER}")
        transaction.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA mart GRANT SELECT ON TABLES TO ROLE {READER}")
    reader = as_one_of(READER)
    assert not is_refused(reader, "SELECT admnum FROM i94.immigration")
    loaded_warehouse.create_tables()
    with loaded_warehouse.transaction(purpose="add a mart") as transaction:
        transaction.execute("CREATE TABLE mart.visitors AS SELECT 1 AS visitors")
    for table in ("i94.immigration", "mart.visitors_by_origin", "mart.visitors"):
        assert is_refused(reader, f"SELECT * FROM {table}"), table


def test_the_statements_name_no_user_and_hold_no_password() -> None:
    text = "; ".join(render_access()).lower()
    assert "password" not in text
    assert "create user" not in text


def test_the_example_of_one_states_office_shows_its_state_only(
    loaded_warehouse: RedshiftWarehouse, as_one_of: Connected
) -> None:
    text = (PROJECT / "docs" / "examples" / "row-level-security.sql").read_text("utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    with loaded_warehouse.transaction(purpose="run the example") as transaction:
        existing = transaction.execute("SELECT role_name FROM svv_roles").column("role_name").to_pylist()
        for statement in filter(None, (part.strip() for part in lines.split(";"))):
            if statement.removeprefix("CREATE ROLE ") not in existing:  # roles are the server's, databases come and go
                transaction.execute(statement)
    office, analyst = as_one_of("i94_office_ny"), as_one_of(ANALYST)
    assert rows(office, "SELECT cicid, i94addr FROM i94.immigration") == [(1, "NY")]
    assert rows(analyst, "SELECT count(*) FROM i94.immigration") == [(2,)]
    assert is_refused(as_one_of(READER), "SELECT * FROM i94.immigration")
    assert rows(office, "SELECT min(arrdate) FROM i94.immigration") == [(dt.date(2016, 4, 1),)]


def test_an_error_tells_no_reader_of_a_row_that_is_left_out(
    loaded_warehouse: RedshiftWarehouse, as_one_of: Connected
) -> None:
    fill_warehouse(loaded_warehouse)
    with loaded_warehouse.transaction(purpose="leave one country out") as transaction:
        transaction.execute("UPDATE mart.visitors_by_origin SET visitors = CASE WHEN i94res = 218 THEN 1 ELSE 50 END")
        left_out = transaction.execute("SELECT i94res FROM mart.visitors_by_origin WHERE visitors = 1")
        assert left_out.num_rows
    reader = as_one_of(READER)
    for condition in (
        "1 / (i94res - 218) = 0",
        "CAST(CASE i94res WHEN 218 THEN origin ELSE '1' END AS INTEGER) = 0",
        "1 / visitors = 0",
        "1 / CASE i94res WHEN 218 THEN i94mon - i94mon ELSE 1 END = 0",
    ):
        assert rows(reader, f"SELECT * FROM mart_rounded.visitors_by_origin WHERE {condition}") is not None
