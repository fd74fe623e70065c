"""Test one month on S3 and Redshift: it ends in the tables of one machine, and every command works on that warehouse.

The warehouse is the emulator, and the embedded engine stages. `test_production` does the same with Spark.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from i94_platform.contracts import MARTS
from i94_platform.errors import PermanentError
from i94_platform_tests.emulators.redshift.emulator import RedshiftEmulator
from i94_platform_tests.emulators.s3 import S3Server
from i94_platform_tests.integration.conftest import (
    COPY_ROLE,
    assert_counts_match_manifests,
    assert_same_tables,
    deploy_on_s3,
)
from i94_platform_tests.support.command import CommandResult, run_command_in_process
from i94_platform_tests.support.deployment import SAMPLE_MONTH, Deployment
from i94_platform_tests.support.redshift_dialect import find_unparsable

RunCommand = Callable[..., CommandResult]


@pytest.fixture(scope="module")
def on_aws(
    module_s3: S3Server,
    loaded_deployment: Deployment,
    redshift_emulator: RedshiftEmulator,
    tmp_path_factory: pytest.TempPathFactory,
) -> Deployment:
    """The deliveries of the loaded deployment, staged from bucket to bucket and loaded into Redshift."""
    warehouse = redshift_emulator.address(redshift_emulator.create_database(), iam_role=COPY_ROLE)
    deployment = deploy_on_s3(module_s3, tmp_path_factory.mktemp("on_aws"), warehouse=warehouse)
    deployment.warehouse.create_tables()
    deployment.deliver(*loaded_deployment.raw.iterdir())
    results = deployment.run(SAMPLE_MONTH)
    assert all(result.succeeded for result in results), results
    return deployment


@pytest.fixture
def run_command(on_aws: Deployment) -> RunCommand:
    """Run a command of the command line on that deployment."""

    def run(*arguments: str, **more: str) -> CommandResult:
        return run_command_in_process({**on_aws.environment, **more}, *arguments)

    return run


def test_every_table_holds_the_rows_of_one_machine(on_aws: Deployment, loaded_deployment: Deployment) -> None:
    assert_same_tables(on_aws, loaded_deployment)


def test_every_count_is_the_manifests(on_aws: Deployment) -> None:
    assert_counts_match_manifests(on_aws)


@pytest.mark.slow
def test_a_second_run_changes_nothing(on_aws: Deployment) -> None:
    sql = "SELECT * FROM i94.immigration ORDER BY i94mon, cicid"
    before = on_aws.query(sql)
    assert on_aws.run_month(SAMPLE_MONTH).succeeded
    assert on_aws.query(sql) == before


def test_assets_of_the_warehouse_say_that_they_are_on_redshift(on_aws: Deployment) -> None:
    graph = on_aws.definitions.resolve_asset_graph()
    kinds = {
        key.path[-1]: graph.get(key).kinds for key in graph.materializable_asset_keys if key.path[0] == "warehouse"
    }
    assert kinds["immigration"] == {"table", "redshift"}


def test_the_doctor_looks_at_the_warehouse(run_command: RunCommand, on_aws: Deployment) -> None:
    result = run_command("doctor")
    assert f"I94_WAREHOUSE  {on_aws.warehouse.address}, 1 month(s) loaded" in result.output
    assert result.exit_code == 0, result.output


def test_the_doctor_says_what_is_wrong_with_the_warehouse(
    run_command: RunCommand, on_aws: Deployment, redshift_emulator: RedshiftEmulator
) -> None:
    wrong = on_aws.settings.warehouse.replace("/db", "/no_db")
    empty = redshift_emulator.address(redshift_emulator.create_database())
    for address, message in ((wrong, "refuses the connection"), (empty, "not created yet; run: i94 create-tables")):
        result = run_command("doctor", I94_WAREHOUSE=address)
        assert "✗ I94_WAREHOUSE" in result.output
        assert message in result.output
        assert result.exit_code == 1


def test_the_doctor_finds_a_view_that_shows_readers_exact_counts(run_command: RunCommand, on_aws: Deployment) -> None:
    assert run_command("create-tables").exit_code == 0
    assert f"✓ disclosure     {len(MARTS)} view(s)" in run_command("doctor").output
    name = "mart_rounded.visitors_by_origin"
    with on_aws.warehouse.transaction(purpose="make a mistake") as transaction:
        transaction.execute(f"DROP VIEW {name}")
        transaction.execute(f"CREATE VIEW {name} AS SELECT * FROM mart.visitors_by_origin")
    result = run_command("doctor")
    assert f"✗ disclosure     {name} shows readers" in result.output
    assert result.exit_code == 1
    assert run_command("create-tables").exit_code == 0
    assert "✓ disclosure" in run_command("doctor").output


def test_a_query_is_read_only_and_an_error_is_one_sentence(run_command: RunCommand) -> None:
    result = run_command("query", "SELECT i94mon, count(*) AS n FROM i94.immigration GROUP BY 1", "--format", "csv")
    assert result.output.startswith("i94mon,n\n1,")
    for sql, message in (
        ("DELETE FROM i94.immigration", "one SELECT statement"),
        ("SELECT 1; DELETE FROM i94.immigration", "one SELECT statement"),
        ("SELECT nothing FROM i94.immigration", 'column "nothing" does not exist'),
    ):
        with pytest.raises(PermanentError, match=message):
            run_command("query", sql)


def test_create_tables_can_be_repeated(run_command: RunCommand, on_aws: Deployment) -> None:
    for _ in range(2):
        assert run_command("create-tables").exit_code == 0
    assert on_aws.query_value("SELECT count(*) FROM mart_rounded.visitors_by_origin") >= 0


def test_the_printed_statements_are_the_executed_ones(
    run_command: RunCommand, on_aws: Deployment, redshift_emulator: RedshiftEmulator
) -> None:
    printed = run_command("ddl", "--dialect", "redshift", I94_FACT_DISTSTYLE="even").output
    assert "DISTSTYLE EVEN SORTKEY (i94yr, i94mon, arrdate)" in printed
    address = on_aws.settings.redshift_address
    assert address is not None
    executed = redshift_emulator.sent_statements(address.database)
    for statement in filter(None, (part.strip() for part in printed.split(";\n"))):
        # the role that copies is in the address, which the printed statements do not know
        if (
            not statement.startswith(("CREATE ROLE", "GRANT ROLE", "GRANT ASSUMEROLE"))
            and "i94.immigration (" not in statement
        ):
            assert any(statement in message for message in executed), "comments share a message"


@pytest.mark.slow
def test_every_statement_is_redshifts(on_aws: Deployment, redshift_emulator: RedshiftEmulator) -> None:
    """By sqlfluff's grammar; the statements are those of all commands above, without the views (`test_dialect`)."""
    address = on_aws.settings.redshift_address
    assert address is not None
    assert on_aws.run_publish().succeeded
    statements = redshift_emulator.sent_statements(address.database)
    sent = [sql for sql in statements if "nothing" not in sql and not sql.startswith("CREATE VIEW")]
    assert {"COPY", "UNLOAD", "LOCK", "CREATE", "GRANT", "INSERT", "DELETE"} <= {sql.split()[0] for sql in sent}
    assert find_unparsable(sent) == {}
