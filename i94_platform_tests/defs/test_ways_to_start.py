"""Test what Dagster's own means start: a subset of a step, the fact alone, checks without a month, a job without one.

Each executes in this process what a button of the UI or a command of Dagster executes; `test_ui_backfills` and
`integration/test_dagster_commands` do the same with real processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from i94_platform.contracts import LOOKUPS, PUBLISHED, immigration
from i94_platform.defs.dagster_internals import InMemoryJob, create_execution_plan, execute_run_iterator
from i94_platform.defs.keys import to_key
from i94_platform.defs.run_results import collect_result
from i94_platform.staleness.job_names import MARTS_JOB, MONTH_JOB
from i94_platform_tests.support.deployment import MONTHLY, SAMPLE_MONTH, Deployment, rewrite_delivery

NEXT_MONTH, UNDELIVERED = "2016-02", "2016-03"


@pytest.fixture
def deployment(loaded_deployment: Deployment, tmp_path: Path) -> Deployment:
    """A loaded deployment whose Dagster instance has no record of it."""
    return loaded_deployment.copy(tmp_path)


def materialize(deployment: Deployment, *assets: str, month: str | None = None) -> dg.ExecuteInProcessResult:
    """Materialize assets as `dagster asset materialize --select` does."""
    job = deployment.definitions.resolve_implicit_global_asset_job_def()
    return job.get_subset(asset_selection={to_key(asset) for asset in assets}).execute_in_process(
        instance=deployment.instance, partition_key=month, raise_on_error=False
    )


def list_materializations(result: dg.ExecuteInProcessResult) -> list[tuple[str, str | None]]:
    """List the assets and months that a run recorded, without raw ones."""
    events = [event for event in result.all_events if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION]
    names = [(event.asset_key.to_user_string(), event.partition) for event in events if event.asset_key]
    return sorted((name, month) for name, month in names if not name.startswith("raw/"))


def test_one_asset_of_the_staging_step_stages_the_whole_month(deployment: Deployment) -> None:
    result = materialize(deployment, "staged/immigration_quarantine", month=SAMPLE_MONTH)
    assert result.success
    assert list_materializations(result) == sorted((name, SAMPLE_MONTH) for name in MONTHLY)


def test_one_code_list_and_one_published_table_come_with_their_siblings(deployment: Deployment) -> None:
    lists = materialize(deployment, "lookup/i94addr")
    assert list_materializations(lists) == sorted((f"lookup/{contract.name}", None) for contract in LOOKUPS)
    release = materialize(deployment, "published/state")
    assert list_materializations(release) == sorted((f"published/{contract.name}", None) for contract in PUBLISHED)


def test_a_run_of_a_month_also_materializes_tables_without_months(deployment: Deployment) -> None:
    """`Materialize all` names one month for everything that is selected."""
    cities = ("staged/us_cities_demographics", "warehouse/us_cities_demographics")
    result = materialize(deployment, *cities, "published/state", "staged/immigration", month=SAMPLE_MONTH)
    assert result.success
    without_months = (*cities, *(f"published/{contract.name}" for contract in PUBLISHED))
    expected = {*((name, None) for name in without_months), *((name, SAMPLE_MONTH) for name in MONTHLY)}
    assert set(list_materializations(result)) == expected


def test_the_fact_alone_loads_a_month_that_was_never_staged(deployment: Deployment) -> None:
    result = materialize(deployment, "warehouse/immigration", month=NEXT_MONTH)
    assert result.success
    expected = {("warehouse/immigration", NEXT_MONTH), *((name, NEXT_MONTH) for name in MONTHLY)}
    assert set(list_materializations(result)) == expected
    rows = deployment.query_value("SELECT count(*) FROM i94.immigration WHERE i94mon = 2")
    assert rows == deployment.manifest("staged/immigration", NEXT_MONTH).rows > 0
    observed = deployment.instance.get_latest_storage_id_by_partition(
        to_key("raw/immigration"), dg.DagsterEventType.ASSET_MATERIALIZATION
    )
    assert set(observed) == {NEXT_MONTH}, "the page Partitions of the job counts it as delivered"


def test_the_fact_alone_fails_for_a_month_that_is_not_delivered(deployment: Deployment) -> None:
    result = materialize(deployment, "warehouse/immigration", month=UNDELIVERED)
    (error,) = collect_result(result.dagster_run, deployment.instance).errors
    assert "i94_mar16_sub" in error


def test_the_fact_alone_passes_the_gate_first(deployment: Deployment) -> None:
    path = deployment.raw / "i94_feb16_sub.parquet"
    rewrite_delivery(path, lambda rows: rows.slice(0, 0))
    assert pq.read_metadata(path).num_rows == 0
    result = materialize(deployment, "warehouse/immigration", month=NEXT_MONTH)
    (error,) = collect_result(result.dagster_run, deployment.instance).errors
    assert f"staged/immigration {NEXT_MONTH}" in error
    assert deployment.query_value("SELECT count(*) FROM i94.immigration WHERE i94mon = 2") == 0


def execute_checks(deployment: Deployment, asset: str, names: Sequence[str] = ()) -> dg.ExecuteInProcessResult:
    """Execute checks of an asset, by default all of them, as the button "Execute all" does: without a month."""
    job = deployment.definitions.resolve_implicit_global_asset_job_def()
    keys = {key for key in job.asset_layer.asset_graph.asset_check_keys if key.asset_key == to_key(asset)}
    selected = {key for key in keys if not names or key.name in names}
    return job.get_subset(asset_selection=set(), asset_check_selection=selected).execute_in_process(
        instance=deployment.instance, raise_on_error=False
    )


def test_checks_without_a_month_are_executed_for_the_newest_one(deployment: Deployment) -> None:
    for month in (NEXT_MONTH, SAMPLE_MONTH):
        assert deployment.run_month(month).succeeded
    for asset in MONTHLY:
        result = execute_checks(deployment, asset)
        assert result.success
        assert {check.partition for check in result.get_asset_check_evaluations()} == {NEXT_MONTH}
        run = deployment.instance.get_run_by_id(result.run_id)
        assert run is not None
        assert run.tags["dagster/partition"] == NEXT_MONTH


@pytest.mark.parametrize("asset", ["staged/immigration", "warehouse/immigration", "mart/visitors_by_airline"])
def test_checks_without_a_month_say_what_to_do_where_no_month_is_loaded(deployment: Deployment, asset: str) -> None:
    result = execute_checks(deployment, asset)
    errors = collect_result(result.dagster_run, deployment.instance).errors
    assert errors
    assert all(asset in error and "i94 run" in error for error in errors), errors


def test_each_check_can_be_executed_alone(deployment: Deployment) -> None:
    for check in deployment.checks:
        assert check.can_subset or len(list(check.check_keys)) == 1, check.check_keys
    assert deployment.run_month(SAMPLE_MONTH).succeeded
    for name in ("gate", "contract", "files_complete", "plausible_shares"):
        (evaluation,) = execute_checks(deployment, "staged/immigration", [name]).get_asset_check_evaluations()
        assert evaluation.check_name == name


@pytest.mark.parametrize("name", [MONTH_JOB, MARTS_JOB])
def test_a_monthly_job_without_a_month_ends_with_a_sentence(deployment: Deployment, name: str) -> None:
    job, instance = deployment.definitions.resolve_job_def(name), deployment.instance
    run = instance.create_run_for_job(job, execution_plan=create_execution_plan(InMemoryJob(job)))
    events = list(execute_run_iterator(InMemoryJob(job), run, instance))
    assert not [event for event in events if event.is_step_start], "no step was started"
    errors = [str(event.event_specific_data) for event in events if event.is_failure]
    assert any(f"The job {name}" in error and "partition" in error for error in errors), errors


def test_the_fact_alone_does_not_load_rows_that_break_their_contract(deployment: Deployment) -> None:
    rows = deployment.read_rows(immigration, "staged/immigration", SAMPLE_MONTH)
    deployment.rewrite_dataset(immigration, "staged/immigration", pa.concat_tables([rows, rows]), SAMPLE_MONTH)
    result = materialize(deployment, "warehouse/immigration", month=SAMPLE_MONTH)
    (error,) = collect_result(result.dagster_run, deployment.instance).errors
    assert f"staged/immigration {SAMPLE_MONTH}" in error
    assert deployment.query_value("SELECT count(*) FROM i94.immigration") == rows.num_rows
