"""The schedules: the monthly check that a delivery came, and the daily release."""

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
from i94_platform.staleness.job_names import MONTH_JOB, PUBLISH_JOB

HOUR = 6
"""An hour that every day has once: clocks change at two."""

PUBLISH_MINUTE = 15
"""The release is there when analysts open the dashboard at seven."""


@dg.schedule(
    job_name=MONTH_JOB,
    cron_schedule=f"0 {HOUR} {SETTINGS.delivery_day} * *",
    execution_timezone=TIMEZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Alerts if last month's delivery is absent, and runs the month if no sensor did.",
)
def last_month_delivered(
    context: dg.ScheduleEvaluationContext,
    raw: dg.ResourceParam[Store],
    lake: dg.ResourceParam[Lake],
    settings: dg.ResourceParam[Settings],
    notifier: dg.ResourceParam[Notify],
    clock: dg.ResourceParam[Callable[[], float]],
) -> dg.RunRequest | dg.SkipReason:
    """The safety net below the sensors."""
    month = previous_month(context.scheduled_execution_time.date())
    if not monthly_partitions.has_partition_key(month.key):
        return dg.SkipReason(f"{month.key} is before {SETTINGS.first_month}, the first month that can be run.")
    listing = list_deliveries(raw.list())
    if month not in listing.months:
        expected = f"ask for {month.file_stem}, which was due by now"
        return _alert(f"No delivery for {month.key} is under {raw.root}; {expected}.", notifier)
    try:
        code_lists = run_inputs.require_code_list_versions(listing, raw, lake, context.instance)
    except run_inputs.ReferencesNotReady as reason:
        return _alert(f"{month.key} is delivered and not loaded. {reason}", notifier)
    delivery = listing.months[month]
    if clock() - max(map(raw.modified_at, delivery.files)) < settings.settle_seconds:
        return dg.SkipReason(f"{month.key} is arriving; the sensor takes it when it is whole.")
    fingerprint = run_inputs.month_fingerprint(delivery, raw, code_lists)
    previous = run_inputs.last_request(context.instance, MONTH_JOB, month.key)
    return _request_unless_done(month, fingerprint, previous, notifier)


@dg.schedule(
    job_name=PUBLISH_JOB,
    cron_schedule=f"{PUBLISH_MINUTE} {HOUR} * * *",
    execution_timezone=TIMEZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Publishes marts and dimensions every morning, before the dashboard is opened.",
)
def release_of_the_day(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """The release of every morning, once every mart was made."""
    marts = [source_key(mart) for mart in MARTS]
    events = context.instance.get_latest_materialization_events(marts)
    if missing := [key.to_user_string() for key in marts if events.get(key) is None]:
        return dg.SkipReason(f"There is nothing to publish: {', '.join(missing)} was never made.")
    return dg.RunRequest()


SCHEDULES = [last_month_delivered, release_of_the_day]


def previous_month(day: dt.date) -> Month:
    """The month before a day's month."""
    last = day.replace(day=1) - dt.timedelta(days=1)
    return Month(last.year, last.month)


def _request_unless_done(
    month: Month, fingerprint: str, previous: run_inputs.RequestedContent | None, notifier: Notify
) -> dg.RunRequest | dg.SkipReason:
    """The request for a month's content, unless a run has loaded it or is loading it."""
    if previous is not None and previous.delivered == fingerprint:
        if previous.succeeded:
            return dg.SkipReason(f"{month.key} is loaded as it was delivered.")
        if previous.is_running:
            return dg.SkipReason(f"The run {previous.newest} of {month.key} is under way.")
        notifier(f"{month.key} is delivered, but its run {previous.newest} failed; it is tried once more.")
    return run_inputs.build_month_request(month.key, fingerprint, previous)


def _alert(message: str, notifier: Notify) -> dg.SkipReason:
    notifier(message)
    return dg.SkipReason(message)
