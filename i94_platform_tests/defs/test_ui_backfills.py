"""Test a backfill of the UI: its request, the steps of the daemon, and one process per run; and the launchpad.

There is one run for each selected month, and a month that fails stops no other.
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
