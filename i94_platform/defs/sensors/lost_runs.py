"""The sensor that fails the runs whose process was killed, so that Dagster starts them again.

Without it such a run looks started for two hours, holds its place in the queue of loads, and its month is not loaded.
The code location evaluates sensors, and runs are its processes. It does so only while the daemon reaches it; a run that
fails while it does not would never be started again.
"""

from __future__ import annotations

import dagster as dg

from i94_platform.defs.deployment import SETTINGS
from i94_platform.processes import is_running

LAUNCHED_TAG = ".dagster/grpc_info"
"""The tag of the runs that a code location executes. Those of the command line do not have it."""


@dg.sensor(
    minimum_interval_seconds=SETTINGS.sensor_interval_seconds,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Fails each run whose process was killed, so that Dagster starts it again.",
)
def lost_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Fail the lost runs; it requests none itself."""
    if lost := fail_lost_runs(context.instance):
        return dg.SkipReason(f"Failed, because their processes were killed: {', '.join(lost)}.")
    return dg.SkipReason("Every run in progress has its process.")


def fail_lost_runs(instance: dg.DagsterInstance) -> list[str]:
    """Fail the runs whose process is gone and free their slots of pools; return the beginnings of their ids."""
    runs = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    lost = [run for run in runs if LAUNCHED_TAG in run.tags and not _has_process(instance, run.run_id)]
    for run in lost:
        instance.report_run_failed(run, message="The process that ran this was ended from outside.")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    return [run.run_id[:8] for run in lost]


def _has_process(instance: dg.DagsterInstance, run_id: str) -> bool:
    starts = instance.all_logs(run_id, of_type=dg.DagsterEventType.RUN_START)
    pids = {start.get_dagster_event().pid: start.timestamp for start in starts}
    return any(pid is None or is_running(pid, since) for pid, since in pids.items())
