"""`i94 query` only reads, `i94 ddl` renders every table, and `i94 create-tables` can be repeated."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from i94_platform.contracts import MARTS, WAREHOUSE
from i94_platform_tests.cli.command_line import I94
from i94_platform_tests.support.deployment import Deployment

QUERY = (
    "SELECT 1 AS n, 'a [b] \"c\", d' AS t, NULL AS nothing, DATE '2016-04-01' AS day, "
    "sum(1) AS total, 0.1234567890123 AS x"
)


def test_a_query_is_printed_as_a_table_with_its_brackets(i94: I94, loaded_deployment: Deployment) -> None:
    output = i94("query", QUERY, **loaded_deployment.environment)
    assert output.exit_code == 0
    assert all(expected in output.out for expected in ("nothing", 'a [b] "c", d', "2016-04-01"))


def test_a_query_is_printed_as_csv(i94: I94, loaded_deployment: Deployment) -> None:
    output = i94("query", QUERY, "--format", "csv", **loaded_deployment.environment)
    assert list(csv.reader(io.StringIO(output.out))) == [
        ["n", "t", "nothing", "day", "total", "x"],
        ["1", 'a [b] "c", d', "", "2016-04-01", "1", "0.1234567890123"],
    ]


@pytest.mark.parametrize(("options", "mark"), [((), "'"), (("--keep-formulas",), "")])
def test_csv_holds_no_formula_unless_asked_to_keep_them(
    i94: I94, loaded_deployment: Deployment, options: tuple[str, ...], mark: str
) -> None:
    sql = "SELECT '=1+1' AS a, '@x'::ENUM('@x') AS b, -1 AS c, 'plain' AS d"
    output = i94("query", sql, "--format", "csv", *options, **loaded_deployment.environment)
    assert list(csv.reader(io.StringIO(output.out)))[1] == [f"{mark}=1+1", f"{mark}@x", "-1", "plain"]


@pytest.mark.parametrize("format_", ["table", "csv", "json"])
@pytest.mark.parametrize("value", ["'infinity'::DATE", "'290309-12-22'::DATE"])
def test_a_date_that_can_not_be_printed_is_named(
    i94: I94, loaded_deployment: Deployment, format_: str, value: str
) -> None:
    output = i94("query", f"SELECT {value} AS day", "--format", format_, **loaded_deployment.environment)
    assert (output.exit_code, output.out, "CAST it to VARCHAR" in output.err) == (2, "", True)


def test_a_query_is_printed_as_json_with_whole_numbers_whole(i94: I94, loaded_deployment: Deployment) -> None:
    output = i94("query", QUERY, "--format", "json", **loaded_deployment.environment)
    (row,) = json.loads(output.out)
    assert row == {"n": 1, "t": 'a [b] "c", d', "nothing": None, "day": "2016-04-01", "total": 1, "x": 0.1234567890123}
    assert '"total": 1,' in output.out


def test_columns_of_one_name_are_all_shown(i94: I94, loaded_deployment: Deployment) -> None:
    output = i94("query", "SELECT 'first' AS a, 'second' AS a", **loaded_deployment.environment)
    assert "first" in output.out
    assert "second" in output.out


def test_a_long_table_is_cut_and_says_so(i94: I94, loaded_deployment: Deployment) -> None:
    output = i94("query", "SELECT * FROM range(1001)", **loaded_deployment.environment)
    assert "The first 1,000 of 1,001 rows; --format csv prints all." in output.err
    assert (
        len(
            i94(
                "query", "SELECT * FROM range(1001)", "--format", "csv", **loaded_deployment.environment
            ).out.splitlines()
        )
        == 1002
    )


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO i94.i94mode VALUES (5, 'x')",
        "DELETE FROM i94.immigration",
        "DROP TABLE i94.state",
        "COPY (SELECT 1) TO 'written.csv'",
        "SET threads = 1",
        "SELECT 1; DELETE FROM i94.immigration",
        "",
    ],
)
def test_a_query_that_writes_is_rejected_and_changes_nothing(
    i94: I94, loaded_deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sql: str
) -> None:
    monkeypatch.chdir(tmp_path)
    before = loaded_deployment.fingerprint_tables()
    output = i94("query", sql, **loaded_deployment.environment)
    assert output.exit_code == 2
    assert "A query is one SELECT statement" in output.err
    assert loaded_deployment.fingerprint_tables() == before
    assert not list(tmp_path.iterdir())


def test_a_query_that_is_no_sql_shows_the_error_of_the_warehouse(i94: I94, loaded_deployment: Deployment) -> None:
    output = i94("query", "SELEC 1", **loaded_deployment.environment)
    assert output.exit_code == 2
    assert "The warehouse refused the query: Parser Error" in output.err


@pytest.mark.parametrize(("dialect", "layout"), [("duckdb", None), ("redshift", "DISTKEY (i94mon)")])
def test_the_ddl_creates_every_table(i94: I94, dialect: str, layout: str | None) -> None:
    output = i94("ddl", "--dialect", dialect)
    assert output.exit_code == 0
    statements = [statement.strip() for statement in output.out.split(";") if statement.strip()]
    assert statements[0].startswith("CREATE SCHEMA IF NOT EXISTS i94")
    assert len([s for s in statements if s.startswith("CREATE TABLE")]) == len(
        [*WAREHOUSE, *MARTS, "the ledger", *(["the guard"] if dialect == "redshift" else [])]
    )
    assert ("GRANT" in output.out) == (dialect == "redshift")
    assert all(f"CREATE TABLE IF NOT EXISTS {contract.fullname} " in output.out for contract in (*WAREHOUSE, *MARTS))
    assert (layout or "i94") in output.out
    assert ("DISTKEY" in output.out) == (layout is not None)


def test_a_query_of_a_file_that_it_may_not_read_names_the_folder_that_it_may(
    i94: I94, loaded_deployment: Deployment
) -> None:
    output = i94("query", "SELECT * FROM read_parquet('elsewhere/*.parquet')", **loaded_deployment.environment)
    assert output.exit_code == 2
    assert "elsewhere/*.parquet" in output.err
    assert f"files under {loaded_deployment.lake.store.root}/staged." in output.err


def test_creating_tables_twice_changes_nothing(i94: I94, tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    assert i94("create-tables", **deployment.environment).exit_code == 0
    deployment.execute("INSERT INTO i94.i94mode VALUES (1, 'Air')")
    output = i94("create-tables", **deployment.environment)
    assert output.exit_code == 0
    assert str(deployment.settings.warehouse_path) in output.out.replace("\n", "")
    assert deployment.query("SELECT * FROM i94.i94mode") == [{"code": 1, "label": "Air"}]


def test_a_query_that_is_not_utf8_is_refused(i94: I94, tmp_path: Path) -> None:
    output = i94("query", "SELECT '\udcff'", I94_HOME=str(tmp_path))
    assert (output.exit_code, "UTF-8" in output.err) == (2, True)
