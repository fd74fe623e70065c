"""Pins the whole graph as in production: S3, Spark and Redshift make the tables that one machine makes by itself.

Two months are loaded by the command line; the warehouse is the emulator. Where Spark can't read buckets here, the
embedded engine stages instead, and the test that looks for Spark says why.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table

from i94_platform.contracts import MARTS, WAREHOUSE, immigration
from i94_platform.contracts.model import column_names, key_columns
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Dataset
from i94_platform.sample import write_sample
from i94_platform_tests.emulators.redshift import Redshift
from i94_platform_tests.emulators.s3 import S3Server
from i94_platform_tests.support import command
from i94_platform_tests.support.command import CommandResult
from i94_platform_tests.support.deployment import Deployment
from i94_platform_tests.support.spark import SHORT_LIVED_JAVA_OPTIONS, s3_spark_skip_reason

MONTHS = ("2016-01", "2016-02")
MART_NAMES = {contract.name for contract in MARTS}


@pytest.fixture(scope="module")
def aws(s3_server: S3Server) -> Any:
    """The environment that leads to the S3 server."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_server.environment.items():
            patch.setenv(name, value)
        yield s3_server


@pytest.fixture(scope="module")
def production(
    aws: S3Server, sample: Path, redshift_emulator: Redshift, tmp_path_factory: pytest.TempPathFactory
) -> Deployment:
    """The sample's months, staged from bucket to bucket and loaded into Redshift."""
    bucket = aws.bucket()
    deployment = Deployment(
        tmp_path_factory.mktemp("production"),
        raw=f"s3://{bucket}/raw",
        lake=f"s3://{bucket}/lake",
        engine="duckdb" if s3_spark_skip_reason() else "local[*]",
        warehouse=redshift_emulator.address(redshift_emulator.database()),
        s3_endpoint=aws.endpoint,
    )
    deployment.deliver(*sample.iterdir())
    ended = command.run_command({**environment(deployment), "JDK_JAVA_OPTIONS": SHORT_LIVED_JAVA_OPTIONS}, "run")
    assert ended.exit_code == 0, ended.output
    return deployment


def environment(deployment: Deployment) -> dict[str, str]:
    """What tells the command line to use that deployment."""
    names = ("home", "raw", "lake", "engine", "warehouse", "s3_endpoint")
    return {f"I94_{name.upper()}": getattr(deployment.settings, name) for name in names}


@pytest.fixture(scope="module")
def laptop(loaded_deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """The same months on one machine."""
    deployment = loaded_deployment.copy(tmp_path_factory.mktemp("laptop"))
    assert all(run.succeeded for run in (*map(deployment.run_month, MONTHS[1:]), *map(deployment.run_marts, MONTHS)))
    assert deployment.run_correlations().succeeded
    return deployment


@pytest.fixture
def i94(production: Deployment) -> Any:
    """Run a command on that deployment."""

    def run(*arguments: str, **more: str) -> CommandResult:
        return command.run_command_in_process({**environment(production), **more}, *arguments)

    return run


def test_spark_has_staged_it(production: Deployment) -> None:
    if reason := s3_spark_skip_reason():
        pytest.skip(reason)
    files = [url for month in MONTHS for url in production.manifest("staged/immigration", month).urls]
    assert files
    assert all("/part-0" in url and url.endswith(".snappy.parquet") for url in files)


@pytest.mark.parametrize("contract", [*WAREHOUSE, *MARTS], ids=lambda contract: contract.name)
def test_a_table_holds_the_same_rows_as_on_the_laptop(
    production: Deployment, laptop: Deployment, contract: Table
) -> None:
    names = ", ".join(f'"{name}"' for name in column_names(contract))
    order = ", ".join(f'"{name}"' for name in key_columns(contract))
    sql = f"SELECT {names} FROM {contract.fullname} ORDER BY {order}"
    here, there = (
        sorted(deployment.query(sql), key=lambda row: repr([row[name] for name in key_columns(contract)]))
        for deployment in (production, laptop)
    )
    assert here == there
    assert here


def assert_counts_are_the_manifests(deployment: Deployment) -> None:
    for line in deployment.warehouse.read_ledger():
        if line.table_name in MART_NAMES:
            continue
        layer = "staged" if line.manifest.split("/lake/")[1].startswith("staged") else "warehouse"
        manifest = deployment.lake.require_manifest(Dataset(f"{layer}/{line.table_name}", line.partition_key))
        assert (line.loaded_rows, line.manifest) == (manifest.rows, manifest.address)
        where = f" WHERE i94mon = {int(line.partition_key[-2:])}" if line.partition_key else ""
        assert deployment.query_value(f"SELECT count(*) FROM i94.{line.table_name}{where}") == manifest.rows


def test_every_count_is_the_manifests(production: Deployment) -> None:
    assert_counts_are_the_manifests(production)


def test_running_it_again_changes_nothing(production: Deployment, i94: Any) -> None:
    sql = "SELECT * FROM i94.immigration ORDER BY i94mon, cicid"
    before = production.query(sql)
    assert "Nothing to do" in i94("run").output
    assert i94("run", "--month", MONTHS[0], I94_ENGINE="duckdb").code == 0
    assert production.query(sql) == before


def test_assets_of_the_warehouse_say_that_they_are_on_redshift(production: Deployment) -> None:
    graph = production.definitions.resolve_asset_graph()
    kinds = {
        key.path[-1]: graph.get(key).kinds for key in graph.materializable_asset_keys if key.path[0] == "warehouse"
    }
    assert kinds["immigration"] == {"table", "redshift"}


def test_the_doctor_looks_at_the_warehouse(i94: Any, production: Deployment) -> None:
    told = i94("doctor")
    assert f"I94_WAREHOUSE  {production.warehouse.address}, 2 month(s) loaded" in told.output
    assert told.code == 0, told.output


def test_the_doctor_says_what_is_wrong_with_the_warehouse(i94: Any, production: Deployment) -> None:
    wrong = production.settings.warehouse.replace("/db", "/no_db")
    told = i94("doctor", I94_WAREHOUSE=wrong)
    assert "✗ I94_WAREHOUSE" in told.output
    assert "refuses the connection" in told.output
    assert told.code == 1


def test_a_query_is_read_only_and_an_error_is_one_sentence(i94: Any) -> None:
    good = i94("query", "SELECT i94mon, count(*) AS n FROM i94.immigration GROUP BY 1", "--format", "csv")
    assert good.output.startswith("i94mon,n\n1,")
    for sql, told in (
        ("DELETE FROM i94.immigration", "one SELECT statement"),
        ("SELECT 1; DELETE FROM i94.immigration", "one SELECT statement"),
        ("SELECT nothing FROM i94.immigration", 'column "nothing" does not exist'),
    ):
        with pytest.raises(PermanentError, match=told):
            i94("query", sql)


def test_create_tables_can_be_repeated(i94: Any, production: Deployment) -> None:
    for _ in range(2):
        assert i94("create-tables").code == 0
    assert production.query_value(f"SELECT count(*) FROM {immigration.fullname}_masked") > 0


def test_what_is_printed_is_what_is_run(i94: Any, production: Deployment, redshift_emulator: Redshift) -> None:
    printed = i94("ddl", "--dialect", "redshift", I94_FACT_DISTSTYLE="even").output
    assert "DISTSTYLE EVEN SORTKEY (i94yr, i94mon, arrdate)" in printed
    database = production.settings.redshift_address.database  # type: ignore[union-attr]
    sent = redshift_emulator.sent(database)
    for statement in filter(None, (part.strip() for part in printed.split(";\n"))):
        if not statement.startswith("CREATE ROLE") and "i94.immigration (" not in statement:
            assert statement in sent


def test_a_year_of_deliveries_ends_with_the_counts_of_its_manifests(
    production: Deployment, i94: Any, tmp_path: Path
) -> None:
    write_sample(tmp_path, first="2016-03", last="2016-12", rows=300)
    production.deliver(*tmp_path.glob("i94_*_sub.parquet"))
    assert i94("run", I94_ENGINE="duckdb").code == 0
    months = [line.partition_key for line in production.warehouse.read_ledger() if line.table_name == immigration.name]
    assert months == [f"2016-{number:02d}" for number in range(1, 13)]
    assert_counts_are_the_manifests(production)
    assert "Nothing to do" in i94("run").output
