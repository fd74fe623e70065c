"""Pins backfills that the UI launches: by its own request, through the daemon's own steps, in processes of their own.

One run a month, of the months that were asked for, and a month that fails stops no other.
"""

from __future__ import annotations

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
    """The embedded instance of a loaded deployment, with the code location that the UI and the daemon talk to."""
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
    """What the UI sends for Jobs, month, Partitions, Launch backfill; the backfill's name."""
    selector = {"repositoryLocationName": LOCATION, "repositoryName": "__repository__"}
    asked: dict[str, Any] = {
        "selector": {"partitionSetName": "month_partition_set", "repositorySelector": selector},
        "partitionNames": MONTHS,
    }
    done = create_schema().execute(
        LAUNCH, context_value=daemon.create_request_context(), variable_values={"backfill": asked}
    )
    assert not done.errors
    answer = done.data["launchPartitionBackfill"]
    assert answer["__typename"] == "LaunchBackfillSuccess", answer
    return str(answer["backfillId"])


def turn(daemon: WorkspaceProcessContext) -> None:
    """One turn of the daemon's backfills and of its queue."""
    log = logging.getLogger(__name__)
    assert [error for error in execute_backfill_iteration(daemon, log) if error] == []
    assert [error for error in QueuedRunCoordinatorDaemon(30).run_iteration(daemon) if error] == []


def test_a_backfill_of_the_ui_runs_each_month_once_and_one_that_fails_stops_no_other(
    daemon: WorkspaceProcessContext,
) -> None:
    name = launch(daemon)

    def over() -> bool:
        turn(daemon)
        runs = daemon.instance.get_runs()
        done = daemon.instance.get_backfill(name)
        closed = done is not None and done.status != BulkActionStatus.REQUESTED  # a turn after the last run
        return closed and len(runs) == len(MONTHS) and all(run.is_finished for run in runs)

    wait_for(over, "both months to end", timeout=300)
    runs = {run.tags[PARTITION]: run for run in daemon.instance.get_runs()}
    assert {month: (run.job_name, run.tags[BACKFILL], run.is_success) for month, run in runs.items()} == {
        "2016-01": ("month", name, True),
        "2016-02": ("month", name, False),
    }
    assert runs["2016-02"].tags["dagster/will_retry"] == "false", "the file would be as wrong again"
