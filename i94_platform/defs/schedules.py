"""The schedules: what happens by the calendar, whatever the sensors saw.

Here: the monthly safety net, and the daily release. Not here: deliveries as they land (`sensors`).
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable

import dagster as dg

from i94_platform.contracts import MARTS
from i94_platform.defs.alerts import Alert
from i94_platform.defs.assets.published import TIMEZONE, source_key
from i94_platform.defs.jobs import MONTH_JOB, PUBLISH_JOB
from i94_platform.defs.metadata import build_monthly_partitions
from i94_platform.lake.datasets import Lake
from i94_platform.lake.store import Store
from i94_platform.partitions import Month
from i94_platform.sources.listing import list_deliveries
from i94_platform.staleness import run_inputs as requests

HOUR = 6
"""An hour that every day has once: clocks change at two."""

PUBLISH_MINUTE = 15
"""Past that hour: the release is there when analysts open the dashboard at seven."""


def schedules(
    first_month: str,
    delivery_day: int,
    settle_seconds: float,
    alert: Alert,
    now: Callable[[], float] = time.time,
) -> list[dg.ScheduleDefinition]:
    """Every schedule, running unless stopped; `alert` is given one sentence, `now` is the clock."""
    partitions = build_monthly_partitions(first_month)

    @dg.schedule(
        job_name=MONTH_JOB,
        cron_schedule=f"0 {HOUR} {delivery_day} * *",
        execution_timezone=TIMEZONE,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="The safety net: alerts where last month's delivery is absent, and runs it where no sensor did.",
    )
    def last_month_delivered(
        context: dg.ScheduleEvaluationContext, raw: dg.ResourceParam[Store], lake: dg.ResourceParam[Lake]
    ) -> dg.RunRequest | dg.SkipReason:
        month = month_before(context.scheduled_execution_time.date())
        if not partitions.has_partition_key(month.key):
            return dg.SkipReason(f"{month.key} is before {first_month}, the first month that can be run.")
        found = list_deliveries(raw.list())
        if month not in found.months:
            return _alerted(
                f"No delivery for {month.key} is under {raw.root}; ask for {month.file_stem}, which was due by now.",
                alert,
            )
        try:
            lists = requests.require_code_list_versions(found, raw, lake, context.instance)
        except requests.ReferencesNotReady as waiting:
            return _alerted(f"{month.key} is delivered and not loaded. {waiting}", alert)
        delivery = found.months[month]
        if now() - max(map(raw.modified_at, delivery.files)) < settle_seconds:
            return dg.SkipReason(f"{month.key} is arriving; the sensor takes it when it is whole.")
        content = requests.month_fingerprint(delivery, raw, lists)
        last = requests.last_request(context.instance, MONTH_JOB, month.key)
        return _unless_done(month, content, last, alert)

    return [last_month_delivered, published_daily()]


def published_daily() -> dg.ScheduleDefinition:
    """The release of every morning, whatever was loaded since the one before."""

    @dg.schedule(
        job_name=PUBLISH_JOB,
        cron_schedule=f"{PUBLISH_MINUTE} {HOUR} * * *",
        execution_timezone=TIMEZONE,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Publishes marts and dimensions every morning, before the dashboard is opened.",
    )
    def release_of_the_day(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        marts = [source_key(mart) for mart in MARTS]
        made = context.instance.get_latest_materialization_events(marts)
        if lacking := [asset.to_user_string() for asset in marts if made.get(asset) is None]:
            return dg.SkipReason(f"There is nothing to publish: {', '.join(lacking)} was never made.")
        return dg.RunRequest()

    return release_of_the_day


def month_before(day: dt.date) -> Month:
    """The month before a day's."""
    last = day.replace(day=1) - dt.timedelta(days=1)
    return Month(last.year, last.month)


def _unless_done(
    month: Month, content: str, last: requests.RequestedContent | None, alert: Alert
) -> dg.RunRequest | dg.SkipReason:
    """The request for a month's content, unless a run did it or is at it."""
    if last is not None and last.delivered == content:
        if last.succeeded:
            return dg.SkipReason(f"{month.key} is loaded as it was delivered.")
        if last.is_running:
            return dg.SkipReason(f"The run {last.newest} of {month.key} is under way.")
        alert(f"{month.key} is delivered, but its run {last.newest} failed; it is tried once more.")
    return requests.build_month_request(month.key, content, last)


def _alerted(message: str, alert: Alert) -> dg.SkipReason:
    alert(message)
    return dg.SkipReason(message)
