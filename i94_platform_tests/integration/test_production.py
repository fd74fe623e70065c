"""Test the whole graph as in production: the command line, S3, Spark Connect and Redshift make one machine's tables.

The warehouse is the emulator in its hardest mode, and the Spark Connect server has the version of uv.lock. Where Spark
can't read buckets here, the embedded engine stages instead, and the test that looks for Spark says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table

from i94_platform.contracts import STAGED_MONTH, immigration
from i94_platform.contracts.model import key_columns
from i94_platform.engine.spark import s3_config
from i94_platform.engine.spark_version import client_version, fetch_server_version
from i94_platform.sample import write_sample
from i94_platform_tests.emulators.redshift.emulator import RedshiftEmulator
from i94_platform_tests.emulators.s3 import REGION, S3Server
from i94_platform_tests.integration.conftest import (
    COPY_ROLE,
    assert_counts_match_manifests,
    assert_same_tables,
    deploy_on_s3,
)
from i94_platform_tests.support.command import run_command, run_command_in_process
from i94_platform_tests.support.deployment import Deployment
from i94_platform_tests.support.spark import JARS, s3_spark_skip_reason, start_connect_server
from i94_platform_tests.support.staging import TEST_OPTIONS, assert_equal_tables

pytestmark = pytest.mark.slow

MONTHS = ("2016-01", "2016-02", "2016-03")


@pytest.fixture(scope="module")
def deliveries(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The sample's files with a third month."""
    folder = tmp_path_factory.mktemp("third_month")
    write_sample(folder, first=MONTHS[-1], last=MONTHS[-1], rows=2_000)
    return [*sample.iterdir(), *folder.glob("*.parquet")]


@pytest.fixture(scope="module")
def engine(module_s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Spark Connect server that reads buckets; the embedded engine where there can be none."""
    if s3_spark_skip_reason():
        yield "duckdb"
        return
    options = TEST_OPTIONS | s3_config(JARS, module_s3.endpoint, REGION)
    with start_connect_server(tmp_path_factory.mktemp("connect"), options) as address:
        yield address


@pytest.fixture(scope="module")
def production(
    module_s3: S3Server,
    engine: str,
    deliveries: list[Path],
    redshift_emulator: RedshiftEmulator,
    tmp_path_factory: pytest.TempPathFactory,
) -> Deployment:
    """The months, staged from bucket to bucket and loaded into Redshift."""
    deployment = deploy_on_s3(
        module_s3,
        tmp_path_factory.mktemp("production"),
        engine=engine,
        warehouse=redshift_emulator.address(redshift_emulator.create_database(), iam_role=COPY_ROLE),
    )
    deployment.warehouse.create_tables()
    deployment.deliver(*deliveries)
    result = run_command(deployment.environment, "run")
    assert result.exit_code == 0, result.output
    return deployment


@pytest.fixture(scope="module")
def one_machine(
    loaded_deployment: Deployment, deliveries: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> Deployment:
    """The same months on one machine."""
    deployment = loaded_deployment.copy(tmp_path_factory.mktemp("one_machine"))
    deployment.deliver(*deliveries)
    jobs = [*map(deployment.run_month, MONTHS[1:]), *map(deployment.run_marts, MONTHS)]
    results = [*jobs, deployment.run_correlations()]
    assert all(result.succeeded for result in results), results
    return deployment


def test_spark_connect_has_staged_it(production: Deployment, engine: str) -> None:
    if reason := s3_spark_skip_reason():
        pytest.skip(reason)
    assert fetch_server_version(engine) == client_version()
    files = [url for month in MONTHS for url in production.manifest("staged/immigration", month).urls]
    assert files
    assert all("/part-0" in url and url.endswith(".snappy.parquet") for url in files)


def test_every_table_holds_the_rows_of_one_machine(production: Deployment, one_machine: Deployment) -> None:
    assert_same_tables(production, one_machine)
    assert_counts_match_manifests(production)


@pytest.mark.parametrize("contract", STAGED_MONTH, ids=lambda contract: str(contract.name))
def test_every_staged_table_holds_the_rows_of_one_machine(
    production: Deployment, one_machine: Deployment, contract: Table
) -> None:
    """Those that no warehouse has, too: the rejected rows and the unreadable values."""
    order: Any = [(name, "ascending") for name in key_columns(contract)]
    for month in MONTHS:
        by_spark, expected = (
            deployment.read_rows(contract, f"staged/{contract.name}", month).sort_by(order)
            for deployment in (production, one_machine)
        )
        assert expected.num_rows
        assert_equal_tables(by_spark, expected)


def test_running_it_again_with_the_embedded_engine_changes_nothing(production: Deployment) -> None:
    sql = "SELECT * FROM i94.immigration ORDER BY i94mon, cicid"
    before = production.query(sql)
    assert "Nothing to do" in run_command_in_process(production.environment, "run").output
    embedded = {**production.environment, "I94_ENGINE": "duckdb"}
    assert run_command_in_process(embedded, "run", "--month", MONTHS[0]).exit_code == 0
    assert production.query(sql) == before


def test_a_year_of_deliveries_ends_with_the_counts_of_its_manifests(production: Deployment, tmp_path: Path) -> None:
    write_sample(tmp_path, first="2016-04", last="2016-12", rows=300)
    production.deliver(*tmp_path.glob("i94_*_sub.parquet"))
    embedded = {**production.environment, "I94_ENGINE": "duckdb"}
    assert run_command_in_process(embedded, "run").exit_code == 0
    months = [line.partition_key for line in production.warehouse.read_ledger() if line.table_name == immigration.name]
    assert months == [f"2016-{number:02d}" for number in range(1, 13)]
    assert_counts_match_manifests(production)
    assert "Nothing to do" in run_command_in_process(embedded, "run").output
