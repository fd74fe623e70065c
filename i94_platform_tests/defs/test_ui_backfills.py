"""Test what buttons of the UI launch: backfills, "Materialize all", "Re-execute from failure", and the launchpad.

The requests are those of the UI, the daemon takes its steps, and each run is a process.
"""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget
from dagster._daemon.backfill import execute_backfill_iteration
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from dagster_graphql.schema import create_schema

from i94_platform.defs.execution import STAGING_POOL
from i94_platform.defs.run_results import collect_result
from i94_platform.operations.dagster_instance import create_home, set_pool_limit
from i94_platform.operations.job_runs import run_job
from i94_platform.settings import PROJECT
from i94_platform.staleness.job_names import REFERENCE_JOB
from i94_platform_tests.support.command import run_command
from i94_platform_tests.support.deployment import MONTHLY, Deployment
from i94_platform_tests.support.processes import wait_for

LOCATION = "i94"
LAUNCH = """
mutation Launch($backfill: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $backfill) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
ASSETS_OF_JOB = """
query Assets($job: PipelineSelector!) {
  assetNodes(pipeline: $job) {
    assetKey { path }
    partitionStats { numMaterialized }
    staleStatusByPartition(partitions: ["2016-02"])
    staleCausesByPartition(partitions: ["2016-02"]) { reason key { path } }
  }
}
"""
ALL_ASSETS = "{ assetNodes { assetKey { path } isPartitioned staleCauses { reason key { path } } } }"
MONTHLY_ASSETS = """
query Monthly($keys: [AssetKeyInput!]!, $months: [String!]!) {
  assetNodes(assetKeys: $keys) {
    assetKey { path }
    partitionStats { numMaterialized }
    staleStatusByPartition(partitions: $months)
    staleCausesByPartition(partitions: $months) { reason key { path } }
  }
}
"""
MONTHS, UNDELIVERED = ["2016-01", "2016-02"], "2016-03"
REPOSITORY = {"repositoryLocationName": LOCATION, "repositoryName": "__repository__"}
PARTITION, BACKFILL = "dagster/partition", "dagster/backfill"


@pytest.fixture
def daemon(
    loaded_deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WorkspaceProcessContext]:
    """A loaded deployment with its instance and the code location, as UI and daemon use them."""
    deployment = loaded_deployment.copy(tmp_path)
    (deployment.raw / "i94_feb16_sub.parquet").write_bytes(b"half a file")
    with open_daemon(deployment, monkeypatch) as context:
        yield context


@contextmanager
def open_daemon(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkspaceProcessContext]:
    """Open the instance and the code location of a deployment, as UI and daemon do."""
    create_home(deployment.settings.dagster_home)
    for name, value in deployment.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DAGSTER_HOME", str(deployment.settings.dagster_home))
    code = ModuleTarget("i94_platform.definitions", None, str(PROJECT), LOCATION)
    with dg.DagsterInstance.get() as instance, WorkspaceProcessContext(instance, code) as context:
        set_pool_limit(instance, STAGING_POOL, 2)
        yield context


def query(daemon: WorkspaceProcessContext, text: str, **variables: Any) -> dict[str, Any]:
    """Ask the GraphQL of the UI."""
    response = asyncio.run(
        create_schema().execute_async(text, context_value=daemon.create_request_context(), variable_values=variables)
    )
    assert not response.errors, response.errors
    data: dict[str, Any] = response.data
    return data


def launch(daemon: WorkspaceProcessContext, **parameters: Any) -> str:
    """Launch a backfill as the UI does, and return its id."""
    backfill = query(daemon, LAUNCH, backfill=parameters)["launchPartitionBackfill"]
    assert backfill["__typename"] == "LaunchBackfillSuccess", backfill
    return str(backfill["backfillId"])


def run_backfill(daemon: WorkspaceProcessContext, backfill_id: str) -> dict[str, dg.DagsterRun]:
    """Run the daemon until a backfill ends, and return its runs by month."""

    def has_ended() -> bool:
        run_daemon_once(daemon)
        runs = daemon.instance.get_runs()
        backfill = daemon.instance.get_backfill(backfill_id)
        # the backfill ends one iteration after its last run
        is_closed = backfill is not None and backfill.status != BulkActionStatus.REQUESTED
        return is_closed and bool(runs) and all(run.is_finished for run in runs)

    wait_for(has_ended, "the backfill to end", timeout=300)
    filter_ = dg.RunsFilter(tags={BACKFILL: backfill_id})
    return {run.tags[PARTITION]: run for run in daemon.instance.get_runs(filter_)}


VALIDATE = """
query Validate($job: PipelineSelector!, $config: RunConfigData!) {
  isPipelineConfigValid(pipeline: $job, runConfigData: $config, mode: "default") {
    __typename
    ... on RunConfigValidationInvalid { errors { message } }
  }
}
"""


def test_the_launchpad_asks_for_no_other_field_than_the_overridden_one(daemon: WorkspaceProcessContext) -> None:
    job = {"repositoryLocationName": LOCATION, "repositoryName": "__repository__", "pipelineName": "month"}
    context = daemon.create_request_context()
    for name, field, value in (
        ("warehouse", "memory_limit", "4GB"),
        ("engine", "memory_limit", "4GB"),
        ("lake", "lock_timeout", 5.0),
        ("gate", "accept", "half of the airports were closed"),
    ):
        config = json.dumps({"resources": {name: {"config": {field: value}}}})
        variables = {"job": job, "config": config}
        response = asyncio.run(
            create_schema().execute_async(VALIDATE, context_value=context, variable_values=variables)
        )
        assert not response.errors
        assert response.data["isPipelineConfigValid"]["__typename"] == "PipelineConfigValidationValid", response.data


def run_daemon_once(daemon: WorkspaceProcessContext) -> None:
    """Run one iteration of the backfill daemon and of the run queue."""
    log = logging.getLogger(__name__)
    assert [error for error in execute_backfill_iteration(daemon, log) if error] == []
    assert [error for error in QueuedRunCoordinatorDaemon(30).run_iteration(daemon) if error] == []


@pytest.mark.slow
def test_a_backfill_of_the_ui_runs_each_month_once_and_a_failed_month_stops_no_other(
    daemon: WorkspaceProcessContext,
) -> None:
    backfill_id = launch(
        daemon,
        selector={"partitionSetName": "month_partition_set", "repositorySelector": REPOSITORY},
        partitionNames=MONTHS,
    )
    runs = run_backfill(daemon, backfill_id)
    assert {month: (run.job_name, run.is_success) for month, run in runs.items()} == {
        "2016-01": ("month", True),
        "2016-02": ("month", False),
    }
    assert runs["2016-02"].tags["dagster/will_retry"] == "false", "a wrong file is a permanent error"


@pytest.mark.slow
@pytest.mark.parametrize("assets", [["warehouse/immigration"], ["staged/immigration", "warehouse/immigration"]])
def test_a_backfill_of_assets_loads_what_is_delivered_and_leaves_it_green(
    daemon: WorkspaceProcessContext, assets: list[str], sample: Path, tmp_path: Path
) -> None:
    shutil.copy(sample / "i94_feb16_sub.parquet", tmp_path / "raw")
    reference = Deployment(tmp_path).definitions.resolve_job_def(REFERENCE_JOB)
    assert run_job(reference, daemon.instance).succeeded
    keys = [{"path": asset.split("/")} for asset in assets]
    runs = run_backfill(daemon, launch(daemon, assetSelection=keys, partitionNames=["2016-02", UNDELIVERED]))
    assert {month: run.is_success for month, run in runs.items()} == {"2016-02": True, UNDELIVERED: False}
    (error,) = collect_result(runs[UNDELIVERED], daemon.instance).errors
    assert "i94_mar16_sub" in error
    # what the page Partitions of the job adds up
    nodes = query(daemon, ASSETS_OF_JOB, job={**REPOSITORY, "pipelineName": "month"})["assetNodes"]
    assert {"/".join(node["assetKey"]["path"]) for node in nodes} == {
        "raw/immigration",
        *MONTHLY,
        "warehouse/immigration",
    }
    assert {node["partitionStats"]["numMaterialized"] for node in nodes} == {1}
    causes = [cause for node in nodes for causes in node["staleCausesByPartition"] or () for cause in causes]
    assert causes == []
    assert {status for node in nodes for status in node["staleStatusByPartition"]} == {"FRESH"}


@pytest.mark.slow
def test_a_first_load_of_several_months_leaves_the_whole_graph_green(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = Deployment(tmp_path)
    deployment.deliver(*sample.iterdir())
    result = run_command(deployment.environment, "run")
    assert result.exit_code == 0, result.output
    with open_daemon(deployment, monkeypatch) as daemon:
        nodes = query(daemon, ALL_ASSETS)["assetNodes"]
        keys = [node["assetKey"] for node in nodes if node["isPartitioned"]]
        monthly = query(daemon, MONTHLY_ASSETS, keys=keys, months=MONTHS)["assetNodes"]
    assert [node for node in nodes if node["staleCauses"]] == []
    assert [node for node in monthly if node["staleStatusByPartition"] != ["FRESH", "FRESH"]] == []
    assert {node["partitionStats"]["numMaterialized"] for node in monthly} == {len(MONTHS)}


RUN_ASSETS = """
mutation Launch($params: ExecutionParams!) {
  launchPipelineExecution(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}
"""
RE_EXECUTE = """
mutation ReExecute($params: ReexecutionParams!) {
  launchPipelineReexecution(reexecutionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}
"""


def launch_assets(daemon: WorkspaceProcessContext, assets: list[dg.AssetKey], month: str = "") -> dg.DagsterRun:
    """Materialize assets in one run as the UI's button does, and return the run at its end."""
    tags = [{"key": PARTITION, "value": month}] if month else []
    selection = [{"path": asset.path} for asset in assets]
    params = {
        "mode": "default",
        "executionMetadata": {"tags": tags},
        "runConfigData": "{}",
        "selector": {**REPOSITORY, "pipelineName": "__ASSET_JOB", "assetSelection": selection},
    }
    return wait_for_run(daemon, query(daemon, RUN_ASSETS, params=params)["launchPipelineExecution"])


def re_execute_from_failure(daemon: WorkspaceProcessContext, run: dg.DagsterRun) -> dg.DagsterRun:
    """Re-execute a failed run as the UI's button does, and return the new run at its end."""
    params = {"parentRunId": run.run_id, "strategy": "FROM_FAILURE"}
    return wait_for_run(daemon, query(daemon, RE_EXECUTE, params=params)["launchPipelineReexecution"])


def wait_for_run(daemon: WorkspaceProcessContext, launched: dict[str, Any]) -> dg.DagsterRun:
    """Run the daemon until a launched run ends, and return the run."""
    assert launched["__typename"] == "LaunchRunSuccess", launched
    run_id = launched["run"]["runId"]

    def read_run() -> dg.DagsterRun:
        run = daemon.instance.get_run_by_id(run_id)
        assert run is not None
        return run

    def has_ended() -> bool:
        run_daemon_once(daemon)
        return read_run().is_finished

    wait_for(has_ended, "the run to end", timeout=300, interval=0.2)
    return read_run()


def list_executable_assets(deployment: Deployment) -> tuple[list[dg.AssetKey], list[dg.AssetKey]]:
    """List the assets that the UI can materialize: those without months, and those with months."""
    graph = deployment.definitions.resolve_asset_graph()
    keys = sorted(graph.materializable_asset_keys | graph.observable_asset_keys)
    return [key for key in keys if not graph.get(key).is_partitioned], [k for k in keys if graph.get(k).is_partitioned]


@pytest.mark.slow
def test_materialize_all_loads_tables_without_months_and_then_the_whole_graph_of_one_month(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = Deployment(tmp_path)
    deployment.deliver(*sample.iterdir())
    without_months, monthly = list_executable_assets(deployment)
    with open_daemon(deployment, monkeypatch) as daemon:
        first = launch_assets(daemon, without_months)
        (error,) = collect_result(first, daemon.instance).errors
        assert "No month has its marts" in error
        assert {entry["table_name"] for entry in deployment.read_ledger()} >= {"country", "state", "airport_codes"}
        run = launch_assets(daemon, [*without_months, *monthly], "2016-02")
        assert run.is_success, collect_result(run, daemon.instance).errors
        nodes = query(daemon, ALL_ASSETS)["assetNodes"]
        keys = [{"path": key.path} for key in monthly]
        months = query(daemon, MONTHLY_ASSETS, keys=keys, months=["2016-02"])["assetNodes"]
        published = [key for key in without_months if key.path[0] == "published"]
        assert all(daemon.instance.get_latest_materialization_event(key) for key in published)
    rows = deployment.query_value("SELECT count(*) FROM i94.immigration WHERE i94mon = 2")
    assert rows == deployment.manifest("staged/immigration", "2016-02").rows > 0
    assert [node for node in nodes if node["staleCauses"]] == []
    assert {node["partitionStats"]["numMaterialized"] for node in months} == {1}
    assert {status for node in months for status in node["staleStatusByPartition"]} == {"FRESH"}


@pytest.mark.slow
def test_a_load_that_failed_is_re_executed_from_there_with_what_was_staged(
    loaded_deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment, job = loaded_deployment.copy(tmp_path), {**REPOSITORY, "pipelineName": "month"}
    deployment.execute("CREATE TABLE i94.days AS FROM i94.calendar")
    deployment.execute("DELETE FROM i94.calendar WHERE month = 2")
    params = {"mode": "default", "runConfigData": "{}", "selector": job}
    params["executionMetadata"] = {"tags": [{"key": PARTITION, "value": "2016-02"}]}
    with open_daemon(deployment, monkeypatch) as daemon:
        failed = wait_for_run(daemon, query(daemon, RUN_ASSETS, params=params)["launchPipelineExecution"])
        (error,) = collect_result(failed, daemon.instance).errors
        assert "i94.calendar" in error
        staged = deployment.manifest("staged/immigration", "2016-02")
        assert staged.run_id.startswith(failed.run_id)
        deployment.execute("INSERT INTO i94.calendar SELECT * FROM i94.days WHERE month = 2")
        deployment.execute("DROP TABLE i94.days")
        again = re_execute_from_failure(daemon, failed)
        assert again.is_success, collect_result(again, daemon.instance).errors
        steps = {stats.step_key for stats in daemon.instance.get_run_step_stats(again.run_id)}
    assert "warehouse__immigration" in steps
    assert not {step for step in steps if step.startswith(("staged", "raw"))}, "staging had succeeded"
    assert deployment.manifest("staged/immigration", "2016-02") == staged
    (entry,) = [
        e for e in deployment.read_ledger() if (e["table_name"], e["partition_key"]) == ("immigration", "2016-02")
    ]
    assert entry["fingerprint"] == staged.fingerprint
    rows = deployment.query_value("SELECT count(*) FROM i94.immigration WHERE i94mon = 2")
    assert rows == entry["loaded_rows"] == staged.rows > 0
