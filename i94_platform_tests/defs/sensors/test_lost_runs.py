"""Test the sensor of lost runs: a run without its process fails and is started again, and no other run is touched."""

from __future__ import annotations

import os
import time

import dagster as dg
import pytest

from i94_platform.defs.sensors.lost_runs import LAUNCHED_TAG, lost_runs
from i94_platform.operations.dagster_instance import set_pool_limit
from i94_platform_tests.support.processes import start_and_end_process

STARTED, FAILURE = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE


@pytest.mark.parametrize(
    ("is_launched", "is_gone", "status"), [(True, True, FAILURE), (True, False, STARTED), (False, True, STARTED)]
)
def test_only_a_launched_run_without_its_process_fails(
    is_launched: bool, is_gone: bool, status: dg.DagsterRunStatus
) -> None:
    """A run of the command line may be on another machine, whose processes can't be seen from here."""
    with dg.DagsterInstance.ephemeral() as instance:
        set_pool_limit(instance, "warehouse", 1)
        run = dg.DagsterRun(job_name="month", status=STARTED, tags={LAUNCHED_TAG: "{}"} if is_launched else {})
        instance.add_run(run)
        pid = start_and_end_process() if is_gone else os.getpid()
        event = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, "month", message="started", pid=pid)
        entry = dg.EventLogEntry(None, 20, "", run.run_id, time.time(), dagster_event=event)  # type: ignore[no-untyped-call]
        instance.handle_new_event(entry)
        assert instance.event_log_storage.claim_concurrency_slot("warehouse", run.run_id, "load").is_claimed
        tick = lost_runs.evaluate_tick(dg.build_sensor_context(instance))
        recorded = instance.get_run_by_id(run.run_id)
        assert recorded is not None
        assert recorded.status == status
        assert (run.run_id[:8] in str(tick.skip_message)) == (status == FAILURE)
        is_free = instance.event_log_storage.claim_concurrency_slot("warehouse", "another", "load").is_claimed
        assert is_free == (status == FAILURE)
