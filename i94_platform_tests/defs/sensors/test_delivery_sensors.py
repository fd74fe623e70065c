"""Test the delivery sensors tick by tick: they request each complete content once; a tick without a request says why.

Incidents that these tests prevent: a sensor that remembered the last key missed files of the same second; one that
compared content alone never ran a month that was put back; one bad file name stopped all months.
"""

from __future__ import annotations

import datetime as dt
import os
import tracemalloc
from pathlib import Path

import pytest

from i94_platform.defs.sensors.delivery_sensors import MAX_REPORTED
from i94_platform.lake.datasets import Lake
from i94_platform.lake.local import LocalStore
from i94_platform.operations.job_runs import run_job
from i94_platform.partitions import Month
from i94_platform.sources.listing import list_deliveries
from i94_platform.staleness.job_names import MONTH_JOB, REFERENCE_JOB
from i94_platform.staleness.run_inputs import input_tags
from i94_platform_tests.emulators.s3 import S3Server
from i94_platform_tests.support.daemon_simulator import (
    FAILURE,
    MONTHS_SENSOR,
    REFERENCES_SENSOR,
    SETTLE_SECONDS,
    SUCCESS,
    DaemonSimulator,
)
from i94_platform_tests.support.deployment import Deployment
from i94_platform_tests.support.stores import StoreLocation

APRIL, MAY = "i94_apr16_sub.sas7bdat", "2016/i94_may16_sub.csv"
FOLDER = "i94_jun16_sub.parquet"


# --- one request for each content -------------------------------------------------------------------------------------


def test_a_settled_month_is_requested_once(ticks: DaemonSimulator) -> None:
    ticks.deliver(APRIL)
    first = ticks.tick()
    assert not first.run_requests
    assert "Still arriving: 2016-04. A month is complete when it has not changed for 60 s" in (first.skip_message or "")
    assert ticks.requested_months(after=SETTLE_SECONDS / 2) == []
    (request,) = ticks.tick(after=SETTLE_SECONDS / 2).run_requests or ()
    assert request.partition_key == "2016-04"
    assert request.tags["dagster/partition"] == "2016-04"
    later = ticks.tick(after=3600)
    assert not later.run_requests
    assert later.skip_message == "All 1 delivered month(s) are loaded or requested in their newest content."


def test_a_change_restarts_the_wait(ticks: DaemonSimulator) -> None:
    ticks.deliver(APRIL, b"half")
    assert ticks.requested_months(after=0) == []
    ticks.deliver(APRIL, b"half and half")
    assert ticks.requested_months(after=SETTLE_SECONDS) == []
    assert ticks.requested_months(after=SETTLE_SECONDS - 1) == []
    assert ticks.requested_months(after=1) == ["2016-04"]


def test_the_parts_of_a_folder_are_one_request(ticks: DaemonSimulator) -> None:
    for part in range(3):
        ticks.deliver(f"{FOLDER}/part-{part}.parquet")
        assert ticks.requested_months(after=SETTLE_SECONDS - 1) == []
    assert ticks.requested_months() == ["2016-06"]


def test_a_month_is_requested_again_when_a_part_changes_is_added_or_removed(ticks: DaemonSimulator) -> None:
    ticks.deliver(f"{FOLDER}/part-0.parquet", b"1")
    assert ticks.months_after_settling() == ["2016-06"]
    ticks.deliver(f"{FOLDER}/part-0.parquet", b"2")
    assert ticks.months_after_settling() == ["2016-06"]
    ticks.deliver(f"{FOLDER}/part-1.parquet")
    assert ticks.months_after_settling() == ["2016-06"]
    ticks.raw.delete([f"{FOLDER}/part-0.parquet"])
    assert ticks.months_after_settling() == ["2016-06"]
    assert ticks.months_after_settling() == []


def test_content_that_returns_is_requested_again(ticks: DaemonSimulator) -> None:
    """The old file returns with its old time, as after `mv` or `cp -p`."""
    ticks.deliver(APRIL, b"A")
    path = Path(ticks.raw.root, APRIL)
    time = path.stat().st_mtime_ns if path.exists() else None
    keys: set[str | None] = set()
    for content in (b"A", b"B", b"A"):
        if content != b"A" or keys:
            ticks.deliver(APRIL, content)
        if time and content == b"A":
            os.utime(path, ns=(time, time))
        ticks.tick()
        (request,) = ticks.tick(after=SETTLE_SECONDS).run_requests or ()
        keys.add(request.run_key)
    assert len(keys) == 3, "Dagster runs a key only once"
    assert len(ticks.instance.get_runs()) == 1 + 3


def test_an_object_that_is_uploaded_again_unchanged_is_not_requested(s3_server: S3Server, tmp_path: Path) -> None:
    place = StoreLocation(f"s3://{s3_server.create_bucket()}/raw", s3_server, tmp_path / "scratch")
    ticks = DaemonSimulator(place.open_store(), Lake(LocalStore(tmp_path / "lake")))
    ticks.deliver_references()
    ticks.deliver(APRIL)
    assert ticks.months_after_settling() == ["2016-04"]
    ticks.deliver(APRIL)
    assert ticks.months_after_settling() == []


def test_a_removed_delivery_leaves_the_cursor_and_is_not_requested_when_it_returns(local: DaemonSimulator) -> None:
    local.deliver(APRIL)
    assert local.months_after_settling() == ["2016-04"]
    path, backup = Path(local.raw.root, APRIL), Path(local.raw.root).parent / "backup"
    path.rename(backup)
    assert "No month is delivered under " in (local.tick().skip_message or "")
    assert "2016-04" not in (local.cursors[MONTHS_SENSOR] or "")
    backup.rename(path)
    assert local.months_after_settling() == []


def test_a_failed_month_is_not_requested_again(local: DaemonSimulator) -> None:
    local.deliver(APRIL)
    local.tick()
    assert local.requested_months(status=FAILURE) == ["2016-04"]
    assert local.requested_months() == []


def test_a_month_that_the_command_line_has_run_is_not_requested(local: DaemonSimulator) -> None:
    local.deliver(APRIL)
    month = Month(2016, 4)
    tags = input_tags(month, list_deliveries(local.raw), local.raw, local.lake)
    local.record_run(MONTH_JOB, {**tags, "dagster/partition": month.key})
    assert local.months_after_settling() == []


def test_content_that_returns_after_a_run_of_the_command_line_is_requested_again(local: DaemonSimulator) -> None:
    """The sensor was stopped in between, so it has seen the first content only."""
    path = Path(local.raw.root, APRIL)
    local.deliver(APRIL, b"A")
    time = path.stat().st_mtime_ns
    assert local.months_after_settling() + local.requested_months() == ["2016-04"]
    local.deliver(APRIL, b"B")
    tags = input_tags(Month(2016, 4), list_deliveries(local.raw), local.raw, local.lake)
    local.record_run(MONTH_JOB, {**tags, "dagster/partition": "2016-04"})
    local.deliver(APRIL, b"A")
    os.utime(path, ns=(time, time))
    assert local.requested_months() == ["2016-04"]
    assert local.requested_months() == []


def test_a_month_whose_runs_were_deleted_is_not_requested_again(local: DaemonSimulator) -> None:
    local.deliver(APRIL)
    assert local.months_after_settling() == ["2016-04"]
    local.instance.delete_run(local.instance.get_runs()[0].run_id)
    assert local.months_after_settling() == []


def test_a_run_without_input_tags_does_not_replace_a_request(local: DaemonSimulator) -> None:
    local.record_run(MONTH_JOB, {"dagster/partition": "2016-04"})
    local.deliver(APRIL)
    assert local.months_after_settling() == ["2016-04"]


def test_the_last_request_is_found_behind_many_runs_without_input_tags(local: DaemonSimulator) -> None:
    local.deliver(APRIL)
    assert local.months_after_settling() == ["2016-04"]
    for _ in range(45):
        local.record_run(MONTH_JOB, {"dagster/partition": "2016-04"})
        local.record_run(REFERENCE_JOB, {})
    local.cursors.clear()
    assert local.months_after_settling() == []
    assert local.tick(REFERENCES_SENSOR).skip_message == "The reference files are loaded in their newest content."


def test_a_re_execution_is_no_request(local: DaemonSimulator) -> None:
    tags = []
    for content in (b"A", b"B"):
        local.deliver(APRIL, content)
        local.tick()
        (request,) = local.tick(after=SETTLE_SECONDS).run_requests or ()
        tags.append(dict(request.tags))
    local.record_run(MONTH_JOB, tags[0], parent=local.instance.get_runs()[-1].run_id)
    local.cursors.clear()
    assert local.months_after_settling() == [], "the last request was for B, which is delivered"


def test_changed_code_lists_cause_a_request_for_every_month(local: DaemonSimulator) -> None:
    local.deliver(APRIL)
    local.deliver(MAY)
    assert local.months_after_settling() == ["2016-04", "2016-05"]
    local.commit_code_lists("2")
    assert local.requested_months(after=0) == ["2016-04", "2016-05"]
    assert local.requested_months() == []


# --- ignored files and months -----------------------------------------------------------------------------------------


def test_other_names_and_months_out_of_range_are_reported_once_and_stop_no_month(ticks: DaemonSimulator) -> None:
    for name in ("notes.txt", "i94_dec15_sub.csv", "i94_jan99_sub.csv", APRIL):
        ticks.deliver(name)
    first = ticks.tick().skip_message or ""
    assert ": notes.txt, 2015-12 (out of range), 2099-01 (out of range)." in first
    assert ticks.requested_months() == ["2016-04"]
    assert "notes.txt" not in (ticks.tick().skip_message or "")
    ticks.deliver("more.txt")
    second = ticks.tick().skip_message or ""
    assert ": more.txt." in second


def test_ignored_names_are_logged_by_a_tick_with_a_request(
    local: DaemonSimulator, capsys: pytest.CaptureFixture[str]
) -> None:
    local.deliver(APRIL)
    local.tick()
    local.deliver("notes.txt")
    assert local.requested_months() == ["2016-04"]
    assert local.requested_months() == []
    assert capsys.readouterr().err.count("no month that can be run: notes.txt.") == 1


def test_the_current_month_is_out_of_range_until_it_has_ended(local: DaemonSimulator) -> None:
    now = dt.datetime.now(dt.UTC)
    today = Month(now.year, now.month)
    local.deliver(f"{today.file_stem}.csv")
    assert f"{today.key} (out of range)" in (local.tick().skip_message or "")
    assert local.requested_months() == []


# --- limits -----------------------------------------------------------------------------------------------------------


def test_a_tick_requests_a_limited_number_of_months_and_the_next_tick_the_rest(local: DaemonSimulator) -> None:
    local.max_requests = 2
    for month in ("jan", "feb", "mar", "apr", "may"):
        local.deliver(f"i94_{month}16_sub.csv")
    local.tick()
    months_by_tick = [local.requested_months() for _ in range(4)]
    assert months_by_tick == [["2016-01", "2016-02"], ["2016-03", "2016-04"], ["2016-05"], []]


@pytest.mark.slow
def test_ten_thousand_files_need_a_small_cursor_and_little_memory(local: DaemonSimulator) -> None:
    for number in range(9_000):
        path = Path(local.raw.root, FOLDER if number < 5_000 else "junk", f"{number}.parquet")
        path.parent.mkdir(exist_ok=True)
        path.touch()
    for number in range(1_000):
        Path(local.raw.root, f"i94_{('jan', 'feb')[number % 2]}16_sub.{number}.csv").touch()
    tracemalloc.start()
    local.tick()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50e6
    assert local.requested_months() == ["2016-06"]
    assert len(local.cursors[MONTHS_SENSOR] or "") < 20 * MAX_REPORTED
    assert "Ignored" not in (local.tick().skip_message or "")
    local.deliver("one more")
    assert "Ignored" in (local.tick().skip_message or "")


# --- a cursor that can't be read --------------------------------------------------------------------------------------


@pytest.mark.parametrize("cursor", ["x", "[]", "{}", '{"version": 0, "seen": {}}', '{"version": 1, "seen": {"a": 1}}'])
def test_a_damaged_cursor_is_replaced_and_nothing_is_requested_twice(
    local: DaemonSimulator, cursor: str, capsys: pytest.CaptureFixture[str]
) -> None:
    local.deliver(APRIL)
    assert local.months_after_settling() == ["2016-04"]
    local.deliver(MAY)
    local.cursors = {MONTHS_SENSOR: cursor, REFERENCES_SENSOR: cursor}
    assert local.months_after_settling() == ["2016-05"]
    assert capsys.readouterr().err.count("The cursor can't be read") == 1
    assert not local.tick(REFERENCES_SENSOR).run_requests
    assert not local.tick(REFERENCES_SENSOR, SETTLE_SECONDS).run_requests


def test_a_repeated_tick_uses_the_same_run_key(local: DaemonSimulator) -> None:
    local.deliver(APRIL)
    local.tick()
    first, second = local.evaluate_sensor(after=SETTLE_SECONDS), local.evaluate_sensor(after=0)
    keys = [[request.run_key for request in tick.run_requests or ()] for tick in (first, second)]
    assert keys[0] == keys[1]
    assert len(keys[0]) == 1


# --- reference files come first ---------------------------------------------------------------------------------------


def test_without_deliveries_the_tick_names_the_root_and_an_expected_file(empty: DaemonSimulator) -> None:
    message = empty.tick().skip_message or ""
    assert empty.raw.root in message
    assert APRIL in message


def test_the_requested_runs_load_the_month_and_no_more_runs_are_requested(sample: Path, tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    deployment.deliver(*(path for path in sample.iterdir() if "feb16" not in path.name))
    ticks = DaemonSimulator(deployment.raw_store, deployment.lake, instance=deployment.instance)
    for name, job in {REFERENCES_SENSOR: REFERENCE_JOB, MONTHS_SENSOR: MONTH_JOB}.items():
        ticks.cursors[name] = ticks.evaluate_sensor(name).cursor
        tick = ticks.evaluate_sensor(name, SETTLE_SECONDS)
        ticks.cursors[name] = tick.cursor
        (request,) = tick.run_requests or ()
        month = Month.parse(request.partition_key) if request.partition_key else None
        run_result = run_job(
            deployment.definitions.resolve_job_def(job), deployment.instance, month=month, tags=request.tags
        )
        assert run_result.succeeded, run_result
    assert (
        ticks.evaluate_sensor(REFERENCES_SENSOR).skip_message
        == "The reference files are loaded in their newest content."
    )
    assert "are loaded or requested in their newest content" in (
        ticks.evaluate_sensor(MONTHS_SENSOR).skip_message or ""
    )
    assert deployment.query_value("SELECT count(*) FROM i94.immigration") > 0
    assert SUCCESS in {run.status for run in deployment.instance.get_runs()}
