"""The sensor that sends an alert for each failed run of the UI, a sensor or a schedule.

Dagster does not give it the runs of the command line, which reports their failures itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from string import Template

import dagster as dg

from i94_platform.defs.alerts import Notify
from i94_platform.defs.deployment import SETTINGS
from i94_platform.defs.run_results import RunResult, collect_result, root_cause
from i94_platform.settings import Settings
from i94_platform.staleness.job_names import MONTH_JOB

TEMPLATE = Template(
    """*$what failed*
Asset: $assets
Reason: $reason
Run: $link
$next_step"""
)
"""The alert of a failed run. Slack's markup shows text between stars in bold."""

MAX_REASON = 2_500
"""The length at which a reason is cut; Slack cuts a whole message at 4,000 characters."""

WILL_RETRY_TAG = "dagster/will_retry"


@dg.run_failure_sensor(
    name="failed_runs",
    minimum_interval_seconds=SETTINGS.sensor_interval_seconds,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Alerts for each failed run: in the log, and at I94_ALERT_WEBHOOK.",
)
def failed_runs(
    context: dg.RunFailureSensorContext,
    settings: dg.ResourceParam[Settings],
    notifier: dg.ResourceParam[Notify],
) -> None:
    """Send one alert for a failed run."""
    notifier(describe_failed_run(context.dagster_run, context.failure_event, context.instance, settings.ui_url))


def describe_failed_run(run: dg.DagsterRun, event: dg.DagsterEvent, instance: dg.DagsterInstance, ui_url: str) -> str:
    """Describe a failed run in an alert; `event` is the event of its failure."""
    from i94_platform.defs.dagster_internals import JobFailureData

    result = collect_result(run, instance)
    data = event.event_specific_data  # None if another process ended the run
    last_message = (root_cause(data.error) if isinstance(data, JobFailureData) else "") or str(event.message)
    reasons = [*result.errors, *result.failed_checks] or [last_message]
    return TEMPLATE.substitute(
        what=f"Month {result.month}" if result.month else _describe_job(run.job_name),
        assets=", ".join(_failed_assets(run, instance, result)) or "none",
        reason=_shorten("; ".join(reasons)),
        link=f"{ui_url}/runs/{run.run_id}",
        next_step=_next_step(run, result.month),
    )


def _next_step(run: dg.DagsterRun, month: str) -> str:
    if run.tags.get(WILL_RETRY_TAG) == "true":
        return "Its process was lost. Dagster starts the run again."
    command = f"i94 run --month {month}" if run.job_name == MONTH_JOB else "re-execute the run in the UI"
    return f"After the fix: {command}"


def _describe_job(job: str) -> str:
    return "A run" if job.startswith("__") else f"The {job} run"


def _shorten(reason: str) -> str:
    return reason if len(reason) <= MAX_REASON else f"{reason[:MAX_REASON]} … (see the run for the rest)"


def _failed_assets(run: dg.DagsterRun, instance: dg.DagsterInstance, result: RunResult) -> Iterator[str]:
    """Yield the assets of the failed steps, then those with a failed check."""
    assets_by_step = _assets_by_step(run, instance)
    of_steps = dict.fromkeys(asset for step in result.failed_steps for asset in assets_by_step.get(step, ()))
    yield from of_steps | dict.fromkeys(check.split(" ")[0] for check in result.failed_checks)


def _assets_by_step(run: dg.DagsterRun, instance: dg.DagsterInstance) -> Mapping[str, list[str]]:
    """Return the assets that each step of a run was planned to materialize."""
    assets: dict[str, list[str]] = {}
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED):
        event = entry.get_dagster_event()
        if event.step_key and event.asset_key:
            assets.setdefault(event.step_key, []).append(event.asset_key.to_user_string())
    return assets
