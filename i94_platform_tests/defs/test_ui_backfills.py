"""Test a backfill of the UI: its request, the steps of the daemon, and one process per run; and the launchpad.

There is one run for each selected month, and a month that fails stops no other.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
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
from i94_platform.operations.dagster_instance import create_home, set_pool_limit
from i94_platform.settings import PROJECT
from i94_platform_tests.support.deployment import Deployment
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
MONTHS = ["2016-01", "2016-02"]
PARTITION, BACKFILL = "dagster/partition", "dagster/backfill"


@pytest.fixture
def daemon(
    loaded_deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WorkspaceProcessContext]:
    """A loaded deployment with its instance and the code location, as UI and daemon use them."""
    deployment = loaded_deployment.copy(tmp_path)
    (deployment.raw / "i94_feb16_sub.parquet").write_bytes(b"half a file")
    create_home(deployment.settings.dagster_home)
    for name, value in deployment.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DAGSTER_HOME", str(deployment.settings.dagster_home))
    code = ModuleTarget("i94_platform.definitions", None, str(PROJECT), LOCATION)
    with dg.DagsterInstance.get() as instance, WorkspaceProcessContext(instance, code) as context:
        set_pool_limit(instance, STAGING_POOL, 2)
        yield context


def launch(daemon: WorkspaceProcessContext) -> str:
    """Send the request of the UI for Jobs, month, Partitions, Launch backfill; return the id of the backfill."""
    selector = {"repositoryLocationName": LOCATION, "repositoryName": "__repository__"}
    parameters: dict[str, Any] = {
        "selector": {"partitionSetName": "month_partition_set", "repositorySelector": selector},
        "partitionNames": MONTHS,
    }
    response = create_schema().execute(
        LAUNCH, context_value=daemon.create_request_context(), variable_values={"backfill": parameters}
    )
    assert not response.errors
    backfill = response.data["launchPartitionBackfill"]
    assert backfill["__typename"] == "LaunchBackfillSuccess", backfill
    return str(backfill["backfillId"])


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
    backfill_id = launch(daemon)

    def has_ended() -> bool:
        run_daemon_once(daemon)
        runs = daemon.instance.get_runs()
        backfill = daemon.instance.get_backfill(backfill_id)
        # the backfill ends one iteration after its last run
        is_closed = backfill is not None and backfill.status != BulkActionStatus.REQUESTED
        return is_closed and len(runs) == len(MONTHS) and all(run.is_finished for run in runs)

    wait_for(has_ended, "both months to end", timeout=300)
    runs = {run.tags[PARTITION]: run for run in daemon.instance.get_runs()}
    assert {month: (run.job_name, run.tags[BACKFILL], run.is_success) for month, run in runs.items()} == {
        "2016-01": ("month", backfill_id, True),
        "2016-02": ("month", backfill_id, False),
    }
    assert runs["2016-02"].tags["dagster/will_retry"] == "false", "a wrong file is a permanent error"
