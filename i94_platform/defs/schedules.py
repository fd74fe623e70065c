"""The schedules: the monthly search for last month's delivery, and the daily release."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import dagster as dg

from i94_platform.contracts import MARTS
from i94_platform.defs.alerts import Notify
from i94_platform.defs.assets.published import TIMEZONE
from i94_platform.defs.deployment import SETTINGS
from i94_platform.defs.keys import source_key
from i94_platform.defs.partitions import monthly_partitions
from i94_platform.lake.datasets import Lake
from i94_platform.lake.store import Store
from i94_platform.partitions import Month
from i94_platform.settings import Settings
from i94_platform.sources.listing import list_deliveries
from i94_platform.staleness import run_inputs
from i94_platform.staleness.asset_states import AssetStates
from i94_platform.staleness.held_versions import HeldVersions
from i94_platform.staleness.job_names import MONTH_JOB, PUBLISH_JOB
from i94_platform.warehouse.base import Warehouse

HOUR = 6
"""The hour of both schedules. Every day has it exactly once: clocks change at two."""

PUBLISH_MINUTE = 15
"""The minute of the daily release, which is ready when analysts open the dashboard at seven."""


@dg.schedule(
    job_name=MONTH_JOB,
    cron_schedule=f"0 {HOUR} {SETTINGS.delivery_day} * *",
    execution_timezone=TIMEZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Alerts if last month's delivery is missing; runs the month if no run has loaded it.",
)
def last_month_delivered(
    context: dg.ScheduleEvaluationContext,
    raw: dg.ResourceParam[Store],
    lake: dg.ResourceParam[Lake],
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
    notifier: dg.ResourceParam[Notify],
    clock: dg.ResourceParam[Callable[[], float]],
) -> dg.RunRequest | dg.SkipReason:
    """Request last month's run if the sensors did not, and alert if that is impossible."""
    month = previous_month(context.scheduled_execution_time.date())
    if not monthly_partitions.has_partition_key(month.key):
        return dg.SkipReason(f"{month.key} is not between I94_FIRST_MONTH and I94_LAST_MONTH.")
    listing = list_deliveries(raw)
    if month not in listing.months:
        return _alert(f"No delivery for {month.key} under {raw.root}; {month.file_stem} is overdue.", notifier)
    states = AssetStates(listing, raw, lake, HeldVersions.from_records(context.instance, warehouse))
    try:
        code_lists = run_inputs.require_code_list_versions(states, context.instance)
    except run_inputs.ReferencesNotReady as reason:
        return _alert(f"{month.key} is delivered but not loaded. {reason}", notifier)
    delivery = listing.months[month]
    if clock() - max(map(raw.arrived_at, delivery.files)) < settings.settle_seconds:
        return dg.SkipReason(f"{month.key} is still arriving; the sensor requests it when it is complete.")
    fingerprint = run_inputs.compute_month_fingerprint(delivery, raw, code_lists)
    if not states.find_month(month).reason:
        return dg.SkipReason(f"{month.key} is loaded in its newest content.")
    return _request_unless_running(month, fingerprint, context.instance, notifier)


@dg.schedule(
    job_name=PUBLISH_JOB,
    cron_schedule=f"{PUBLISH_MINUTE} {HOUR} * * *",
    execution_timezone=TIMEZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Publishes marts and dimensions every morning, before the dashboard is opened.",
)
def release_of_the_day(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Request a release if every mart exists."""
    marts = [source_key(mart) for mart in MARTS]
    events = context.instance.get_latest_materialization_events(marts)
    if missing := [key.to_user_string() for key in marts if events.get(key) is None]:
        return dg.SkipReason(f"Nothing is published before every mart exists; missing: {', '.join(missing)}.")
    return dg.RunRequest()


SCHEDULES = [last_month_delivered, release_of_the_day]


def previous_month(day: dt.date) -> Month:
    """Return the month before the month of a day."""
    last = day.replace(day=1) - dt.timedelta(days=1)
    return Month(last.year, last.month)


def _request_unless_running(
    month: Month, fingerprint: str, instance: dg.DagsterInstance, notifier: Notify
) -> dg.RunRequest | dg.SkipReason:
    """Request the run of a month, unless one is in progress; alert if the last run for this content failed."""
    if running := run_inputs.find_unfinished_month_runs(instance, month.key):
        return dg.SkipReason(f"The run {running[0].run_id[:8]} of {month.key} is in progress.")
    previous = run_inputs.find_last_request(instance, MONTH_JOB, month.key)
    if previous is not None and previous.fingerprint == fingerprint and not previous.has_succeeded:
        notifier(f"{month.key} is delivered, but its run {previous.newest_run} failed. It is retried once.")
    return run_inputs.build_month_request(month.key, fingerprint, previous)


def _alert(message: str, notifier: Notify) -> dg.SkipReason:
    """Send a message as an alert, and skip the tick with it."""
    notifier(message)
    return dg.SkipReason(message)
