"""Test the completeness check: the fact's page shows the months that failed, wait or are missing, and no others.

The incident: a month failed on a Friday, and nobody noticed until the dashboard lacked it.
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
from i94_platform.lake.store import StoredFile
from i94_platform.staleness.job_names import MONTH_JOB
from i94_platform_tests.support.daemon_simulator import (
    FAILURE,
    MONTHS_SENSOR,
    NOT_STARTED,
    REFERENCES_SENSOR,
    STARTED,
    DaemonSimulator,
    build_repository,
)
from i94_platform_tests.support.deployment import Deployment

JANUARY, FEBRUARY, APRIL = (f"i94_{month}16_sub.sas7bdat" for month in ("jan", "feb", "apr"))


@dataclass
class CompletenessTicks:
    """The completeness sensor on one deployment, with the results that it has recorded."""

    ticks: DaemonSimulator
    cursor: str | None = None

    def tick(self) -> str:
        """Evaluate the next tick and record its events, as the daemon does; return the description of the result."""
        data = self.evaluate()
        for event in data.asset_events:
            self.ticks.instance.report_runless_asset_event(event)
        self.cursor = data.cursor
        return (data.skip_message or "").removeprefix("Unchanged. ")

    def evaluate(self, after: float = 60.0) -> SensorExecutionData:
        """Evaluate the next tick without recording anything."""
        self.ticks.now += after
        context = dg.build_sensor_context(
            self.ticks.instance,
            self.cursor,
            repository_def=build_repository(),
            sensor_name=completeness_of_months.name,
            resources=self.ticks.resources,
        )
        return completeness_of_months.evaluate_tick(context)

    @property
    def recorded(self) -> list[Any]:
        """Every recorded evaluation, newest first."""
        storage = self.ticks.instance.event_log_storage
        return list(storage.get_asset_check_execution_history(CHECK_KEY, limit=100))


@pytest.fixture
def ticks(tmp_path: Path) -> Iterator[CompletenessTicks]:
    """A deployment with loaded reference files."""
    with dg.DagsterInstance.ephemeral() as instance:
        ticks = DaemonSimulator(LocalStore(tmp_path / "raw"), Lake(LocalStore(tmp_path / "lake")), instance=instance)
        ticks.deliver_references()
        yield CompletenessTicks(ticks)


def load(ticks: CompletenessTicks, *names: str, status: dg.DagsterRunStatus = dg.DagsterRunStatus.SUCCESS) -> None:
    """Deliver files and let the sensor request their runs."""
    for name in names:
        ticks.ticks.deliver(name)
    assert len(ticks.ticks.months_after_settling(status)) == len(names)


def last_run_id(ticks: CompletenessTicks) -> str:
    return ticks.ticks.instance.get_runs(dg.RunsFilter(job_name=MONTH_JOB), limit=1)[0].run_id[:8]


def test_the_check_passes_if_every_month_is_loaded_in_its_newest_content(ticks: CompletenessTicks) -> None:
    assert ticks.tick() == "All 0 delivered month(s) are loaded in their newest content."
    load(ticks, JANUARY, FEBRUARY)
    assert ticks.tick() == "All 2 delivered month(s) are loaded in their newest content."


def test_a_failed_a_waiting_and_a_missing_month_are_named(ticks: CompletenessTicks) -> None:
    load(ticks, FEBRUARY, status=FAILURE)
    load(ticks, JANUARY)
    ticks.ticks.deliver(APRIL)
    assert ticks.tick() == "failed: 2016-02; delivered, not loaded: 2016-04; not delivered: 2016-03."


def test_the_result_is_recorded_as_a_warning_with_a_table_of_the_months(ticks: CompletenessTicks) -> None:
    load(ticks, JANUARY, status=FAILURE)
    failed = last_run_id(ticks)
    ticks.ticks.deliver("i94_mar16_sub.csv")
    ticks.tick()
    (record,) = ticks.recorded
    assert record.status == AssetCheckExecutionRecordStatus.FAILED
    evaluation = record.event.dagster_event.asset_check_evaluation_data
    assert evaluation.severity == dg.AssetCheckSeverity.WARN
    assert [evaluation.metadata[name].value for name in ("failed", "delivered, not loaded", "not delivered")] == [1] * 3
    assert evaluation.metadata["months"].value.splitlines()[2:] == [
        f"| 2016-01 | failed | never loaded | run {failed} |",
        "| 2016-02 | not delivered | never loaded | ask for i94_feb16_sub |",
        "| 2016-03 | delivered, not loaded | never loaded | i94_mar16_sub.csv |",
    ]


def test_a_result_is_recorded_only_when_it_changes(ticks: CompletenessTicks) -> None:
    ticks.ticks.deliver(JANUARY)
    for _ in range(3):
        ticks.tick()
    assert [record.status.value for record in ticks.recorded] == ["FAILED"]
    assert (ticks.evaluate().skip_message or "").startswith("Unchanged. delivered, not loaded: 2016-01.")
    load(ticks, JANUARY)
    ticks.tick()
    assert [record.status.value for record in ticks.recorded] == ["SUCCEEDED", "FAILED"]


@pytest.mark.parametrize("status", [STARTED, NOT_STARTED])
def test_a_month_in_progress_is_reported_and_passes(ticks: CompletenessTicks, status: dg.DagsterRunStatus) -> None:
    load(ticks, JANUARY, status=status)
    assert ticks.tick() == "in progress: 2016-01."
    assert [record.status.value for record in ticks.recorded] == ["SUCCEEDED"]


def test_a_changed_month_waits_and_a_changed_code_list_makes_all_months_wait(ticks: CompletenessTicks) -> None:
    load(ticks, JANUARY, FEBRUARY)
    ticks.ticks.deliver(FEBRUARY, b"corrected")
    assert ticks.tick() == "delivered, not loaded: 2016-02."
    ticks.ticks.commit_code_lists("2")
    assert ticks.tick() == "delivered, not loaded: 2016-01, 2016-02."


def test_a_failed_month_stays_failed_after_a_run_without_input_tags(ticks: CompletenessTicks) -> None:
    load(ticks, JANUARY, status=FAILURE)
    ticks.ticks.record_run(MONTH_JOB, {"dagster/partition": "2016-01"})
    assert ticks.tick() == "failed: 2016-01."


def test_a_month_with_only_a_run_without_input_tags_waits(ticks: CompletenessTicks) -> None:
    ticks.ticks.deliver(JANUARY)
    ticks.ticks.record_run(MONTH_JOB, {"dagster/partition": "2016-01"})
    assert ticks.tick() == "delivered, not loaded: 2016-01."


def test_a_loaded_month_whose_delivery_was_removed_is_not_missing(ticks: CompletenessTicks) -> None:
    load(ticks, JANUARY, FEBRUARY, "i94_mar16_sub.csv")
    ticks.ticks.raw.delete([FEBRUARY])
    assert ticks.tick() == "All 2 delivered month(s) are loaded in their newest content."


def test_months_out_of_range_are_left_out_and_long_lists_are_cut(ticks: CompletenessTicks) -> None:
    for year in (15, 16, 17):
        for month in ("jan", "feb", "mar", "apr", "may", "jun", "jul"):
            ticks.ticks.deliver(f"i94_{month}{year}_sub.csv")
    summary = ticks.tick()
    assert "2015" not in summary
    assert summary.startswith("delivered, not loaded: 2016-01, 2016-02, ")
    assert ", 2017-05 and 2 more; not delivered: 2016-08, " in summary


def test_the_check_can_be_executed_alone_and_is_not_part_of_a_month(
    loaded_deployment: Deployment, tmp_path: Path
) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    evaluation = deployment.run_check("warehouse/immigration", CHECK_KEY.name)
    assert not evaluation.passed
    assert evaluation.description == "delivered, not loaded: 2016-02.", "the ledger knows January"
    run_result = deployment.run_month("2016-01")
    assert run_result.succeeded
    assert f"warehouse/immigration {CHECK_KEY.name}" not in deployment.read_check_evaluations(run_result.run_id)


def test_sensors_that_tick_together_list_the_raw_store_once(
    ticks: CompletenessTicks, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon, listings = ticks.ticks, 0
    list_files = daemon.raw.list

    def count_and_list() -> Iterator[StoredFile]:
        nonlocal listings
        listings += 1
        return list_files()

    monkeypatch.setattr(daemon.raw, "list", count_and_list)
    daemon.evaluate_sensor(MONTHS_SENSOR)
    daemon.evaluate_sensor(REFERENCES_SENSOR, after=1)
    ticks.evaluate(after=1)
    assert listings == 1
