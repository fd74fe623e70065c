"""Test when a delivery that arrives file by file is complete, and that a refused one is requested once.

Incidents that these tests prevent: half a month was taken for a whole one, because its `_SUCCESS` arrived first with an
old time, or because the next part was still written under a hidden name.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from i94_platform_tests.support.daemon_simulator import SETTLE_SECONDS, DaemonSimulator

FILE, FOLDER = "i94_jun16_sub.csv", "i94_jun16_sub.parquet"
TICK_SECONDS = 30.0


def land_with_old_time(ticks: DaemonSimulator, path: str, content: bytes = b"rows") -> None:
    """Land a file as `cp -a`, `rsync -a` and `tar` do."""
    ticks.deliver(path, content)
    os.utime(Path(ticks.raw.root, path), (1_000, 1_000))


@pytest.mark.parametrize("marker", [f"{FOLDER}/_SUCCESS", "_SUCCESS"])
def test_a_marker_in_the_folder_or_above_ends_the_wait_after_a_tick_without_change(
    ticks: DaemonSimulator, marker: str
) -> None:
    ticks.deliver(f"{FOLDER}/a/part-0.parquet")
    ticks.deliver(f"{FOLDER}/b/part-1.parquet")
    assert ticks.requested_months(after=0) == []
    ticks.deliver(marker, b"")
    assert ticks.requested_months(after=TICK_SECONDS / 2) == []
    assert ticks.requested_months(after=TICK_SECONDS / 2) == ["2016-06"]


def test_a_marker_that_arrives_first_with_an_old_time_does_not_complete_a_part_of_the_month(
    local: DaemonSimulator,
) -> None:
    land_with_old_time(local, f"{FOLDER}/_SUCCESS", b"")
    for part in range(3):
        land_with_old_time(local, f"{FOLDER}/part-{part}.parquet")
        assert local.requested_months(after=TICK_SECONDS) == []
    assert local.requested_months(after=TICK_SECONDS) == ["2016-06"]
    assert local.requested_months(after=TICK_SECONDS) == []


def test_a_part_that_a_copy_still_writes_under_a_hidden_name_delays_the_marker(local: DaemonSimulator) -> None:
    land_with_old_time(local, f"{FOLDER}/_SUCCESS", b"")
    land_with_old_time(local, f"{FOLDER}/part-0.parquet")
    for size in range(1, 4):
        local.deliver(f"{FOLDER}/.part-1.parquet.Xy12", b"1" * size)
        assert local.requested_months(after=TICK_SECONDS) == []
    local.raw.delete([f"{FOLDER}/.part-1.parquet.Xy12"])
    land_with_old_time(local, f"{FOLDER}/part-1.parquet")
    assert local.requested_months(after=TICK_SECONDS) == []
    assert local.requested_months(after=TICK_SECONDS) == ["2016-06"]


def test_hidden_files_beside_a_single_file_do_not_delay_it(local: DaemonSimulator) -> None:
    local.deliver(FILE)
    local.tick()
    local.deliver(".DS_Store")
    assert local.requested_months(after=SETTLE_SECONDS) == ["2016-06"]


def test_a_marker_beside_some_of_the_files_does_not_end_the_wait(local: DaemonSimulator) -> None:
    local.deliver(f"{FOLDER}/a/part-0.parquet")
    local.deliver(f"{FOLDER}/b/part-1.parquet")
    local.deliver(f"{FOLDER}/a/_SUCCESS", b"")
    local.tick(after=0)
    assert local.requested_months(after=TICK_SECONDS) == []


def test_a_marker_that_is_older_than_a_part_does_not_end_the_wait(local: DaemonSimulator) -> None:
    local.deliver(f"{FOLDER}/_SUCCESS", b"")
    local.deliver(f"{FOLDER}/part-0.parquet")
    os.utime(Path(local.raw.root, FOLDER, "_SUCCESS"), (1, 1))
    local.tick(after=0)
    assert local.requested_months(after=TICK_SECONDS) == []
    assert local.requested_months() == ["2016-06"]


def test_a_refused_month_is_requested_once_so_that_its_run_raises_an_alert_and_again_once_it_is_mended(
    local: DaemonSimulator,
) -> None:
    local.deliver(f"{FOLDER}/part-0.parquet")
    local.deliver(f"{FOLDER}/_delta_log/0.json")
    assert f"{FOLDER} is a Delta table" in (local.tick().skip_message or "")
    assert local.requested_months() == ["2016-06"]
    assert local.months_after_settling() == []
    local.raw.delete([f"{FOLDER}/_delta_log/0.json"])
    assert local.months_after_settling() == ["2016-06"]


def test_a_newer_version_is_requested_and_the_older_one_is_reported_once(local: DaemonSimulator) -> None:
    land_with_old_time(local, f"2016-07/{FILE}")
    assert local.months_after_settling() == ["2016-06"]
    local.deliver(f"2016-08/{FILE}")
    assert f"older and not read: 2016-07/{FILE}" in (local.tick().skip_message or "")
    assert local.requested_months() == ["2016-06"]
    assert "not read" not in (local.tick().skip_message or "")
