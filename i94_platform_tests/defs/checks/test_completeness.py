"""Pins the standing of all months: what failed, waits or is absent is on the fact's page, and nothing else is.

A month that failed on a Friday and was not looked for until the dashboard lacked it is what this keeps away.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.sensor_definition import SensorExecutionData
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from i94_platform.defs.checks.completeness import CHECK_KEY, completeness_of_months
from i94_platform.lake.datasets import Lake
from i94_platform.lake.local import LocalStore
from i94_platform.staleness.job_names import MONTH_JOB
from i94_platform_tests.support.daemon_simulator import FAILURE, NOT_STARTED, STARTED, DaemonSimulator, build_repository
from i94_platform_tests.support.deployment import Deployment

JANUARY, FEBRUARY, APRIL = (f"i94_{month}16_sub.sas7bdat" for month in ("jan", "feb", "apr"))


@dataclass
class CompletenessTicks:
    """The sensor on one deployment, and what it has put on record."""

    ticks: DaemonSimulator
    cursor: str | None = None

    def look(self) -> str:
        """What the next tick finds; its events are put on record as the daemon does it."""
        done = self.tick()
        for event in done.asset_events:
            self.ticks.instance.report_runless_asset_event(event)
        self.cursor = done.cursor
        return (done.skip_message or "").removeprefix("As before. ")

    def tick(self) -> SensorExecutionData:
        context = dg.build_sensor_context(
            self.ticks.instance,
            self.cursor,
            repository_def=build_repository(),
            sensor_name=completeness_of_months.name,
            resources={"raw": self.ticks.raw, "lake": self.ticks.lake},
        )
        return completeness_of_months.evaluate_tick(context)

    @property
    def recorded(self) -> list[Any]:
        """Every evaluation on record, the newest first."""
        storage = self.ticks.instance.event_log_storage
        return list(storage.get_asset_check_execution_history(CHECK_KEY, limit=100))


@pytest.fixture
def ticks(tmp_path: Path) -> Iterator[CompletenessTicks]:
    """The reference files are loaded."""
    with dg.DagsterInstance.ephemeral() as history:
        ticks = DaemonSimulator(LocalStore(tmp_path / "raw"), Lake(LocalStore(tmp_path / "lake")), instance=history)
        ticks.deliver_references()
        yield CompletenessTicks(ticks)


def load(ticks: CompletenessTicks, *names: str, status: dg.DagsterRunStatus = dg.DagsterRunStatus.SUCCESS) -> None:
    """Deliver files and have the sensor run them."""
    for name in names:
        ticks.ticks.deliver(name)
    assert len(ticks.ticks.requested_months() + ticks.ticks.requested_months(status=status)) == len(names)


def last_run(ticks: CompletenessTicks) -> str:
    return ticks.ticks.instance.get_runs(dg.RunsFilter(job_name=MONTH_JOB), limit=1)[0].run_id[:8]


def test_months_that_are_loaded_as_they_lie_there_are_in_order(ticks: CompletenessTicks) -> None:
    assert ticks.look() == "Each of the 0 delivered month(s) is loaded as it was delivered."
    load(ticks, JANUARY, FEBRUARY)
    assert ticks.look() == "Each of the 2 delivered month(s) is loaded as it was delivered."


def test_a_failed_month_a_waiting_one_and_a_gap_are_named(ticks: CompletenessTicks) -> None:
    load(ticks, FEBRUARY, status=FAILURE)
    load(ticks, JANUARY)
    ticks.ticks.deliver(APRIL)
    assert ticks.look() == "failed: 2016-02; delivered, not loaded: 2016-04; not delivered: 2016-03."


def test_the_result_is_a_warning_on_record_with_the_months_in_a_table(ticks: CompletenessTicks) -> None:
    load(ticks, JANUARY, status=FAILURE)
    failed = last_run(ticks)
    ticks.ticks.deliver("i94_mar16_sub.csv")
    ticks.look()
    (record,) = ticks.recorded
    assert record.status == AssetCheckExecutionRecordStatus.FAILED
    evaluation = record.event.dagster_event.asset_check_evaluation_data
    assert evaluation.severity == dg.AssetCheckSeverity.WARN
    assert [evaluation.metadata[name].value for name in ("failed", "delivered, not loaded", "not delivered")] == [1] * 3
    assert evaluation.metadata["months"].value.splitlines()[2:] == [
        f"| 2016-01 | failed | run {failed} |",
        "| 2016-02 | not delivered | ask for i94_feb16_sub |",
        "| 2016-03 | delivered, not loaded | i94_mar16_sub.csv |",
    ]


def test_what_has_not_changed_is_not_put_on_record_again_and_what_is_mended_is(ticks: CompletenessTicks) -> None:
    ticks.ticks.deliver(JANUARY)
    for _ in range(3):
        ticks.look()
    assert [record.status.value for record in ticks.recorded] == ["FAILED"]
    assert (ticks.tick().skip_message or "").startswith("As before. delivered, not loaded: 2016-01.")
    load(ticks, JANUARY)
    ticks.look()
    assert [record.status.value for record in ticks.recorded] == ["SUCCEEDED", "FAILED"]


@pytest.mark.parametrize("status", [STARTED, NOT_STARTED])
def test_a_running_month_is_reported_and_no_fault(ticks: CompletenessTicks, status: dg.DagsterRunStatus) -> None:
    load(ticks, JANUARY, status=status)
    assert ticks.look() == "under way: 2016-01."
    assert [record.status.value for record in ticks.recorded] == ["SUCCEEDED"]


def test_a_month_delivered_anew_waits_and_so_do_all_where_a_code_list_changed(ticks: CompletenessTicks) -> None:
    load(ticks, JANUARY, FEBRUARY)
    ticks.ticks.deliver(FEBRUARY, b"corrected")
    assert ticks.look() == "delivered, not loaded: 2016-02."
    ticks.ticks.commit_code_lists("2")
    assert ticks.look() == "delivered, not loaded: 2016-01, 2016-02."


def test_a_month_that_failed_with_its_newest_content_is_not_mended_by_a_part_of_a_run(ticks: CompletenessTicks) -> None:
    load(ticks, JANUARY, status=FAILURE)
    ticks.ticks.record_run(MONTH_JOB, {"dagster/partition": "2016-01"})
    assert ticks.look() == "failed: 2016-01."


def test_a_month_of_which_only_a_part_was_run_waits(ticks: CompletenessTicks) -> None:
    ticks.ticks.deliver(JANUARY)
    ticks.ticks.record_run(MONTH_JOB, {"dagster/partition": "2016-01"})
    assert ticks.look() == "delivered, not loaded: 2016-01."


def test_a_delivery_that_is_cleared_away_after_its_load_is_no_gap(ticks: CompletenessTicks) -> None:
    load(ticks, JANUARY, FEBRUARY, "i94_mar16_sub.csv")
    ticks.ticks.raw.delete([FEBRUARY])
    assert ticks.look() == "Each of the 2 delivered month(s) is loaded as it was delivered."


def test_months_out_of_range_and_long_lists_are_cut(ticks: CompletenessTicks) -> None:
    for year in (15, 16, 17):
        for month in ("jan", "feb", "mar", "apr", "may", "jun", "jul"):
            ticks.ticks.deliver(f"i94_{month}{year}_sub.csv")
    said = ticks.look()
    assert "2015" not in said
    assert said.startswith("delivered, not loaded: 2016-01, 2016-02, ")
    assert ", 2017-05 and 2 more; not delivered: 2016-08, " in said


def test_the_check_can_be_executed_and_is_part_of_no_months_run(loaded_deployment: Deployment, tmp_path: Path) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    found = deployment.run_check("warehouse/immigration", CHECK_KEY.name)
    assert not found.passed
    assert found.description == "delivered, not loaded: 2016-01, 2016-02."
    outcome = deployment.run_month("2016-01")
    assert outcome.succeeded
    assert f"warehouse/immigration {CHECK_KEY.name}" not in deployment.read_check_evaluations(outcome.run_id)
