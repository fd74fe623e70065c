"""Test the whole graph as in production: the command line, S3, Spark and Redshift make the tables of one machine.

The warehouse is the emulator. Where Spark can't read buckets here, the embedded engine stages instead, and the test
that looks for Spark says why.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from i94_platform.contracts import immigration
from i94_platform.sample import write_sample
from i94_platform_tests.emulators.redshift.emulator import RedshiftEmulator
from i94_platform_tests.emulators.s3 import S3Server
from i94_platform_tests.integration.conftest import assert_counts_match_manifests, assert_same_tables
from i94_platform_tests.support.command import run_command, run_command_in_process
from i94_platform_tests.support.deployment import Deployment
from i94_platform_tests.support.spark import SHORT_LIVED_JAVA_OPTIONS, s3_spark_skip_reason

pytestmark = pytest.mark.slow

MONTHS = ("2016-01", "2016-02")


@pytest.fixture(scope="module")
def production(
    module_s3: S3Server, sample: Path, redshift_emulator: RedshiftEmulator, tmp_path_factory: pytest.TempPathFactory
) -> Deployment:
    """The sample's months, staged from bucket to bucket and loaded into Redshift."""
    bucket = module_s3.create_bucket()
    deployment = Deployment(
        tmp_path_factory.mktemp("production"),
        raw=f"s3://{bucket}/raw",
        lake=f"s3://{bucket}/lake",
        engine="duckdb" if s3_spark_skip_reason() else "local[*]",
        warehouse=redshift_emulator.address(redshift_emulator.create_database()),
        s3_endpoint=module_s3.endpoint,
    )
    deployment.warehouse.create_tables()
    deployment.deliver(*sample.iterdir())
    result = run_command({**deployment.environment, "JDK_JAVA_OPTIONS": SHORT_LIVED_JAVA_OPTIONS}, "run")
    assert result.exit_code == 0, result.output
    return deployment


@pytest.fixture(scope="module")
def one_machine(loaded_deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """The same months on one machine."""
    deployment = loaded_deployment.copy(tmp_path_factory.mktemp("one_machine"))
    results = [deployment.run_month(MONTHS[1]), *map(deployment.run_marts, MONTHS), deployment.run_correlations()]
    assert all(result.succeeded for result in results), results
    return deployment


def test_spark_has_staged_it(production: Deployment) -> None:
    if reason := s3_spark_skip_reason():
        pytest.skip(reason)
    files = [url for month in MONTHS for url in production.manifest("staged/immigration", month).urls]
    assert files
    assert all("/part-0" in url and url.endswith(".snappy.parquet") for url in files)


def test_every_table_holds_the_rows_of_one_machine(production: Deployment, one_machine: Deployment) -> None:
    assert_same_tables(production, one_machine)
    assert_counts_match_manifests(production)


def test_running_it_again_with_the_embedded_engine_changes_nothing(production: Deployment) -> None:
    sql = "SELECT * FROM i94.immigration ORDER BY i94mon, cicid"
    before = production.query(sql)
    assert "Nothing to do" in run_command_in_process(production.environment, "run").output
    embedded = {**production.environment, "I94_ENGINE": "duckdb"}
    assert run_command_in_process(embedded, "run", "--month", MONTHS[0]).exit_code == 0
    assert production.query(sql) == before


def test_a_year_of_deliveries_ends_with_the_counts_of_its_manifests(production: Deployment, tmp_path: Path) -> None:
    write_sample(tmp_path, first="2016-03", last="2016-12", rows=300)
    production.deliver(*tmp_path.glob("i94_*_sub.parquet"))
    embedded = {**production.environment, "I94_ENGINE": "duckdb"}
    assert run_command_in_process(embedded, "run").exit_code == 0
    months = [line.partition_key for line in production.warehouse.read_ledger() if line.table_name == immigration.name]
    assert months == [f"2016-{number:02d}" for number in range(1, 13)]
    assert_counts_match_manifests(production)
    assert "Nothing to do" in run_command_in_process(embedded, "run").output
