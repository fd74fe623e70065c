"""The sensor that alerts for every failed run of the UI, a sensor or a schedule.

Runs of the command line are left out: whoever started them sees the failure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from string import Template

import dagster as dg

from i94_platform.defs.alerts import Notify
from i94_platform.defs.dagster_internals import JobFailureData
from i94_platform.defs.deployment import SETTINGS
from i94_platform.defs.run_results import RunResult, collect_result, root_cause
from i94_platform.settings import Settings
from i94_platform.staleness.job_names import MONTH_JOB

TEMPLATE = Template(
    """*$what failed*
Asset: $assets
Reason: $reason
Run: $link
$what_to_do"""
)
"""The message for a failed run. Receivers with Slack's markup show the text between stars as bold."""

MAX_REASON = 2_500
"""Characters of a reason that are sent; Slack cuts a message at 4,000."""

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
    """One message per failed run."""
    notifier(describe_failed_run(context.dagster_run, context.failure_event, context.instance, settings.ui_url))


def describe_failed_run(run: dg.DagsterRun, event: dg.DagsterEvent, instance: dg.DagsterInstance, ui_url: str) -> str:
    """The message for a failed run; `event` is the event of its failure."""
    result, data = collect_result(run, instance), event.event_specific_data  # none if another process ended the run
    last_message = (root_cause(data.error) if isinstance(data, JobFailureData) else "") or str(event.message)
    reasons = [*result.errors, *result.failed_checks] or [last_message]
    return TEMPLATE.substitute(
        what=f"Month {result.month}" if result.month else _describe_job(run.job_name),
        assets=", ".join(_failed_assets(run, instance, result)) or "none in particular",
        reason=_shorten("; ".join(reasons)),
        link=f"{ui_url}/runs/{run.run_id}",
        what_to_do=_what_to_do(run, result.month),
    )


def _what_to_do(run: dg.DagsterRun, month: str) -> str:
    if run.tags.get(WILL_RETRY_TAG) == "true":
        return "Its process was lost, and it is started again by itself."
    command = f"i94 run --month {month}" if run.job_name == MONTH_JOB else "re-execute the run in the UI"
    return f"When it is mended: {command}"


def _describe_job(job: str) -> str:
    return "A run" if job.startswith("__") else f"The {job} run"


def _shorten(reason: str) -> str:
    return reason if len(reason) <= MAX_REASON else f"{reason[:MAX_REASON]} … (the run has the rest)"


def _failed_assets(run: dg.DagsterRun, instance: dg.DagsterInstance, result: RunResult) -> Iterator[str]:
    """The assets of the steps that failed, and those that failed a check."""
    planned = _assets_by_step(run, instance)
    failed = dict.fromkeys(asset for step in result.failed_steps for asset in planned.get(step, ()))
    yield from failed | dict.fromkeys(check.split(" ")[0] for check in result.failed_checks)


def _assets_by_step(run: dg.DagsterRun, instance: dg.DagsterInstance) -> Mapping[str, list[str]]:
    planned: dict[str, list[str]] = {}
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED):
        event = entry.get_dagster_event()
        if event.step_key and event.asset_key:
            planned.setdefault(event.step_key, []).append(event.asset_key.to_user_string())
    return planned
