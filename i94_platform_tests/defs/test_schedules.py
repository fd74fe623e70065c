"""Test the schedules: last month is requested if no run loaded it, a missing delivery is an alert, releases are daily.

Incidents that the times below prevent: a schedule that computed the month from the day in UTC, and one at an hour that
a night of March does not have.
"""

from __future__ import annotations

import datetime as dt
import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._core.definitions.schedule_definition import ScheduleExecutionData
from dagster._utils.schedules import schedule_execution_time_iterator

from i94_platform.contracts import MARTS
from i94_platform.defs.assets.published import FRESHNESS, TIMEZONE
from i94_platform.defs.keys import source_key
from i94_platform.defs.schedules import HOUR, last_month_delivered, previous_month, release_of_the_day
from i94_platform.lake.datasets import Lake
from i94_platform.lake.local import LocalStore
from i94_platform.operations.dagster_instance import persistent_instance
from i94_platform.partitions import Month
from i94_platform.sources.registry import REFERENCE_FILES
from i94_platform.staleness.job_names import MONTH_JOB
from i94_platform_tests.support.daemon_simulator import (
    FAILURE,
    SETTLE_SECONDS,
    STARTED,
    SUCCESS,
    DaemonSimulator,
    build_repository,
)

NEW_YORK = ZoneInfo("America/New_York")
MAY_10 = dt.datetime(2016, 5, 10, 6, tzinfo=NEW_YORK)
APRIL = "i94_apr16_sub.sas7bdat"


@pytest.fixture
def ticks(tmp_path: Path) -> Iterator[DaemonSimulator]:
    """A deployment with loaded reference files; its instance is on disk."""
    with persistent_instance(tmp_path / "dagster") as instance:
        ticks = DaemonSimulator(LocalStore(tmp_path / "raw"), Lake(LocalStore(tmp_path / "lake")), instance=instance)
        ticks.deliver_references()
        yield ticks


def deliver_long_ago(ticks: DaemonSimulator, name: str = APRIL) -> None:
    ticks.deliver(name)
    ticks.now = time.time() + 10 * SETTLE_SECONDS


def skip_reason(tick: ScheduleExecutionData) -> str:
    assert not tick.run_requests
    return tick.skip_message or ""


def test_a_missing_delivery_is_an_alert_with_the_expected_file_name(ticks: DaemonSimulator) -> None:
    reason = skip_reason(ticks.tick_schedule(MAY_10))
    assert reason == f"No delivery for 2016-04 under {ticks.raw.root}; i94_apr16_sub is overdue."
    assert ticks.alerts == [reason]


def test_a_delivered_month_without_a_run_is_requested(ticks: DaemonSimulator) -> None:
    deliver_long_ago(ticks)
    (request,) = ticks.tick_schedule(MAY_10).run_requests or ()
    assert request.partition_key == "2016-04"
    ticks.launch_run(request)
    assert ticks.months_after_settling() == [], "the sensor knows that run"
    assert ticks.alerts == []


@pytest.mark.parametrize(
    ("status", "reason"),
    [(SUCCESS, "2016-04 is loaded in its newest content."), (STARTED, "The run {} of 2016-04 is in progress.")],
)
def test_a_month_that_the_sensor_requested_is_not_requested_again(
    ticks: DaemonSimulator, status: dg.DagsterRunStatus, reason: str
) -> None:
    deliver_long_ago(ticks)
    assert ticks.months_after_settling(status) == ["2016-04"]
    run = ticks.instance.get_runs(dg.RunsFilter(job_name=MONTH_JOB))[0].run_id[:8]
    assert skip_reason(ticks.tick_schedule(MAY_10)) == reason.format(run)
    assert ticks.alerts == []


def test_a_month_with_a_failed_run_is_retried_once_with_an_alert(ticks: DaemonSimulator) -> None:
    deliver_long_ago(ticks)
    assert ticks.months_after_settling(FAILURE) == ["2016-04"]
    failed = ticks.instance.get_runs(dg.RunsFilter(job_name=MONTH_JOB))[0].run_id[:8]
    (request,) = ticks.tick_schedule(MAY_10).run_requests or ()
    assert ticks.alerts == [f"2016-04 is delivered, but its run {failed} failed. It is retried once."]
    ticks.launch_run(request)
    assert skip_reason(ticks.tick_schedule(MAY_10)) == "2016-04 is loaded in its newest content."


def test_a_month_that_is_still_arriving_is_not_requested(ticks: DaemonSimulator) -> None:
    ticks.deliver(APRIL)
    file = Path(ticks.raw.root, APRIL)
    os.utime(file, (1_000, 1_000))  # `cp -a`, `rsync -a` and `tar` keep the old time
    arrived_at = file.stat().st_ctime
    ticks.now = arrived_at + SETTLE_SECONDS - 1
    assert skip_reason(ticks.tick_schedule(MAY_10)) == (
        "2016-04 is still arriving; the sensor requests it when it is complete."
    )
    ticks.now = arrived_at + SETTLE_SECONDS + 1
    assert len(ticks.tick_schedule(MAY_10).run_requests or ()) == 1


def test_a_month_that_waits_for_the_reference_files_is_an_alert(ticks: DaemonSimulator) -> None:
    deliver_long_ago(ticks)
    ticks.deliver(REFERENCE_FILES["i94_labels"], b"changed")
    reason = skip_reason(ticks.tick_schedule(MAY_10))
    assert reason == (
        "2016-04 is delivered but not loaded. Months wait: the reference run has to load i94_labels first."
    )
    assert ticks.alerts == [reason]


def test_a_month_before_the_first_one_is_not_requested(ticks: DaemonSimulator) -> None:
    january = dt.datetime(2016, 1, 10, 6, tzinfo=NEW_YORK)
    assert skip_reason(ticks.tick_schedule(january)) == "2015-12 is not between I94_FIRST_MONTH and I94_LAST_MONTH."
    assert ticks.alerts == []


@pytest.mark.parametrize(
    ("day", "month"), [("2016-05-01", "2016-04"), ("2016-03-31", "2016-02"), ("2017-01-10", "2016-12")]
)
def test_the_previous_month_is_the_calendar_month_before(day: str, month: str) -> None:
    assert previous_month(dt.date.fromisoformat(day)) == Month.parse(month)


# --- daylight saving --------------------------------------------------------------------------------------------------


def monthly_times(day: int, start: dt.datetime, count: int) -> list[dt.datetime]:
    """The next times of the monthly schedule on a day, as Dagster's daemon computes them."""
    return cron_times(f"0 {HOUR} {day} * *", TIMEZONE, start, count)


def schedule_times(schedule: dg.ScheduleDefinition, start: dt.datetime, count: int) -> list[dt.datetime]:
    assert isinstance(schedule.cron_schedule, str)
    return cron_times(schedule.cron_schedule, schedule.execution_timezone, start, count)


def cron_times(cron: str, timezone: str | None, start: dt.datetime, count: int) -> list[dt.datetime]:
    return list(itertools.islice(schedule_execution_time_iterator(start.timestamp(), cron, timezone), count))


def test_the_monthly_schedule_runs_on_the_day_of_the_delivery() -> None:
    assert last_month_delivered.cron_schedule == f"0 {HOUR} 10 * *"


def test_the_monthly_schedule_runs_at_six_in_new_york_before_and_after_clocks_change() -> None:
    times = monthly_times(10, dt.datetime(2026, 2, 1, tzinfo=dt.UTC), 11)
    assert [time.astimezone(dt.UTC).strftime("%m-%d %H:%M") for time in times] == [
        "02-10 11:00",
        *(f"{month:02}-10 10:00" for month in range(3, 11)),  # clocks go forward on March 8
        "11-10 11:00",  # and back on November 1
        "12-10 11:00",
    ]


@pytest.mark.parametrize("around", ["2026-03-08", "2026-11-01"])
def test_no_schedule_runs_at_an_hour_that_clocks_skip_or_repeat(around: str) -> None:
    begin = dt.datetime.fromisoformat(around).replace(tzinfo=NEW_YORK) - dt.timedelta(days=1)
    schedules = build_repository().schedule_defs
    assert schedules
    for schedule in schedules:
        assert schedule.execution_timezone == TIMEZONE, schedule.name
        local = [time.astimezone(NEW_YORK) for time in schedule_times(schedule, begin, 3)]
        assert len({(time.hour, time.minute) for time in local}) == 1, f"{schedule.name} moves with the clocks"
        assert len({time.date() for time in local}) == 3, f"{schedule.name} runs twice in a day"
        assert not {time.hour for time in local} & {1, 2}, f"{schedule.name} runs while clocks change"


@pytest.mark.parametrize("day", [1, 8, 10, 14, 28])
def test_every_month_is_checked_once_in_order_for_every_day_of_delivery(day: int) -> None:
    """Clocks can change on days 1 to 14."""
    times = monthly_times(day, dt.datetime(2023, 12, 31, tzinfo=NEW_YORK), 48)
    local = [time.astimezone(ZoneInfo(TIMEZONE)) for time in times]
    assert {(time.day, time.hour, time.minute) for time in local} == {(day, 6, 0)}
    assert [previous_month(time.date()) for time in local] == Month(2023, 12).through(Month(2027, 11))


def test_on_the_first_of_a_month_the_schedule_looks_for_the_month_that_has_just_ended(ticks: DaemonSimulator) -> None:
    at = monthly_times(1, dt.datetime(2016, 11, 1, tzinfo=NEW_YORK), 1)[0]
    assert "No delivery for 2016-10 " in skip_reason(ticks.tick_schedule(at))


# --- the daily release ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change", [dt.datetime(2026, 3, 6, 12, tzinfo=NEW_YORK), dt.datetime(2026, 10, 30, 12, tzinfo=NEW_YORK)]
)
def test_a_release_is_requested_every_morning_before_seven_also_when_clocks_change(change: dt.datetime) -> None:
    times = [time.astimezone(NEW_YORK) for time in schedule_times(release_of_the_day, change, 5)]
    assert [time.date() for time in times] == [change.date() + dt.timedelta(days=n) for n in range(1, 6)]
    assert {(time.hour, time.minute) for time in times} == {(6, 15)}
    assert len({time.utcoffset() for time in times}) == 2, "the clocks changed in between"


def test_the_daily_release_is_within_the_window_of_the_freshness_policy() -> None:
    deadline = dt.datetime(2026, 3, 8, 7, tzinfo=NEW_YORK)
    assert (FRESHNESS.deadline_cron, FRESHNESS.timezone) == ("0 7 * * *", TIMEZONE)
    (time,) = schedule_times(release_of_the_day, deadline - dt.timedelta(hours=20), 1)
    assert deadline - FRESHNESS.lower_bound_delta < time < deadline


def tick_release(instance: dg.DagsterInstance) -> ScheduleExecutionData:
    with dg.build_schedule_context(instance_ref=instance.get_ref(), scheduled_execution_time=MAY_10) as context:
        return release_of_the_day.evaluate_tick(context)


def test_no_release_is_requested_before_every_mart_exists(ticks: DaemonSimulator) -> None:
    for mart in MARTS:
        assert f"{source_key(mart).to_user_string()}" in (tick_release(ticks.instance).skip_message or "")
        ticks.instance.report_runless_asset_event(dg.AssetMaterialization(source_key(mart), partition="2016-04"))
    (request,) = tick_release(ticks.instance).run_requests or ()
    assert request.partition_key is None
