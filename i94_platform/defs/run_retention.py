"""The job that deletes old runs with their events and output, and its schedule."""

import datetime as dt

import dagster as dg

from i94_platform.defs.assets.published import TIMEZONE
from i94_platform.settings import Settings
from i94_platform.staleness.expired_runs import find_expired_runs
from i94_platform.staleness.job_names import RETENTION_JOB


@dg.op
def delete_expired_runs(context: dg.OpExecutionContext, settings: dg.ResourceParam[Settings]) -> None:
    """Delete the runs that ended before `I94_RETENTION_DAYS` and that nothing needs any more."""
    before = dt.datetime.now(dt.UTC) - dt.timedelta(days=settings.retention_days)
    expired = find_expired_runs(context.instance, before)
    for run_id in expired:
        delete_run(context.instance, run_id)
    context.log.info(f"Deleted {len(expired)} run(s) that ended before {before:%Y-%m-%d}.")


def delete_run(instance: dg.DagsterInstance, run_id: str) -> None:
    """Delete a run with its events and with the output that its steps wrote."""
    instance.delete_run(run_id)
    instance.compute_log_manager.delete_logs(prefix=[run_id])


@dg.job(
    name=RETENTION_JOB,
    description="Deletes old runs; those that say what is loaded and requested stay.",
)
def retention_job() -> None:
    """Delete old runs."""
    delete_expired_runs()


run_retention = dg.ScheduleDefinition(
    name=RETENTION_JOB,
    job_name=RETENTION_JOB,
    cron_schedule="30 4 * * *",
    execution_timezone=TIMEZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Deletes the runs that ended more than I94_RETENTION_DAYS ago; those that say what is loaded stay.",
)
