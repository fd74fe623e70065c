"""Test the mart sensors: a loaded month's marts are requested once, then the correlations, then the release.

Incidents that these tests prevent: a failing run that is requested again and again, marts that are refreshed while
their month is being loaded, and twelve runs of the correlations for twelve months.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.sensor_definition import SensorExecutionData

from i94_platform.contracts import MONTHLY_MARTS, PUBLISHED
from i94_platform.defs.sensors.mart_sensors import stale_correlations, stale_marts, stale_release
from i94_platform.settings import Settings
from i94_platform.staleness.job_names import CORRELATIONS_JOB, MARTS_JOB, MONTH_JOB, PUBLISH_JOB, REFERENCE_JOB
from i94_platform_tests.support.daemon_simulator import FAILURE, STARTED, SUCCESS, build_repository
from i94_platform_tests.support.deployment import SAMPLE_MONTH, Deployment

MARTS, CORRELATIONS, RELEASE = stale_marts.name, stale_correlations.name, stale_release.name
SENSORS = {sensor.name: sensor for sensor in (stale_marts, stale_correlations, stale_release)}
REFERENCE_TABLES = ("i94cit_res", "world_temperature", "i94addr", "us_cities_demographics", "i94visa")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance in which the reference tables are materialized."""
    with dg.DagsterInstance.ephemeral() as instance:
        for name in REFERENCE_TABLES:
            materialize(instance, f"warehouse/{name}")
        yield instance


def materialize(instance: dg.DagsterInstance, asset: str, month: str | None = None) -> None:
    """Record a materialization."""
    instance.report_runless_asset_event(dg.AssetMaterialization(dg.AssetKey(asset.split("/")), partition=month))


def materialize_marts(instance: dg.DagsterInstance, month: str) -> None:
    for mart in MONTHLY_MARTS:
        materialize(instance, f"mart/{mart.name}", month)


def record_run(instance: dg.DagsterInstance, job: str, month: str = "", status: dg.DagsterRunStatus = STARTED) -> None:
    tags = {"dagster/partition": month} if month else {}
    instance.add_run(dg.DagsterRun(job_name=job, tags=tags, status=status))


def tick(instance: dg.DagsterInstance, name: str = MARTS, max_requests: int = 12) -> SensorExecutionData:
    resources = {"settings": Settings(sensor_max_requests=max_requests)}
    with dg.build_sensor_context(
        instance, repository_def=build_repository(), sensor_name=name, resources=resources
    ) as context:
        return SENSORS[name].evaluate_tick(context)


def requested_months(instance: dg.DagsterInstance, **options: Any) -> list[str]:
    """The months that the next tick requests."""
    return [str(request.partition_key) for request in tick(instance, **options).run_requests or ()]


def test_the_marts_of_a_loaded_month_are_requested_until_they_exist(instance: dg.DagsterInstance) -> None:
    assert tick(instance).skip_message == "The marts of every loaded month are up to date."
    materialize(instance, "warehouse/immigration", "2016-04")
    assert requested_months(instance) == ["2016-04"]
    materialize_marts(instance, "2016-04")
    assert requested_months(instance) == []
    assert tick(instance).skip_message == "The marts of every loaded month are up to date."


def test_a_failed_run_keeps_its_run_key_until_the_month_is_loaded_again(instance: dg.DagsterInstance) -> None:
    materialize(instance, "warehouse/immigration", "2016-04")
    (first,) = tick(instance).run_requests or ()
    record_run(instance, MARTS_JOB, "2016-04", FAILURE)
    (second,) = tick(instance).run_requests or ()
    assert first.run_key == second.run_key, "Dagster runs a key only once"
    materialize(instance, "warehouse/immigration", "2016-04")
    (third,) = tick(instance).run_requests or ()
    assert third.run_key != first.run_key


@pytest.mark.parametrize("mart", [mart.name for mart in MONTHLY_MARTS])
def test_one_mart_that_is_older_than_the_fact_causes_a_request(instance: dg.DagsterInstance, mart: str) -> None:
    materialize(instance, f"mart/{mart}", "2016-04")
    materialize(instance, "warehouse/immigration", "2016-04")
    for other in MONTHLY_MARTS:
        if other.name != mart:
            materialize(instance, f"mart/{other.name}", "2016-04")
    assert requested_months(instance) == ["2016-04"]


@pytest.mark.parametrize("table", REFERENCE_TABLES)
def test_a_reloaded_reference_table_makes_every_month_stale(instance: dg.DagsterInstance, table: str) -> None:
    for month in ("2016-04", "2016-05"):
        materialize(instance, "warehouse/immigration", month)
        materialize_marts(instance, month)
    materialize(instance, "warehouse/calendar")
    materialize(instance, "warehouse/country")  # every month loads it
    assert requested_months(instance) == []
    materialize(instance, f"warehouse/{table}")
    assert requested_months(instance) == ["2016-04", "2016-05"]


@pytest.mark.parametrize("job", [MONTH_JOB, MARTS_JOB])
def test_a_month_with_a_run_in_progress_waits_and_others_do_not(instance: dg.DagsterInstance, job: str) -> None:
    materialize(instance, "warehouse/immigration", "2016-04")
    record_run(instance, job, "2016-04")
    assert tick(instance).skip_message == "Runs in progress: 2016-04."
    materialize(instance, "warehouse/immigration", "2016-05")
    assert requested_months(instance) == ["2016-05"]


def test_every_month_waits_for_the_reference_run(instance: dg.DagsterInstance) -> None:
    materialize(instance, "warehouse/immigration", "2016-04")
    record_run(instance, REFERENCE_JOB)
    assert "The reference run is in progress" in (tick(instance).skip_message or "")


def test_a_tick_requests_a_limited_number_of_months(instance: dg.DagsterInstance) -> None:
    for number in range(1, 7):
        materialize(instance, "warehouse/immigration", f"2016-{number:02d}")
    assert requested_months(instance, max_requests=2) == ["2016-01", "2016-02"]


def test_the_correlations_follow_the_last_marts_once(instance: dg.DagsterInstance) -> None:
    assert tick(instance, CORRELATIONS).skip_message == "No mart has changed since the correlations were computed."
    for month in ("2016-04", "2016-05"):
        materialize_marts(instance, month)
    record_run(instance, MARTS_JOB, "2016-06")
    assert tick(instance, CORRELATIONS).skip_message == "Runs of marts or correlations are in progress."
    instance.report_run_canceled(instance.get_runs(dg.RunsFilter(job_name=MARTS_JOB))[0])
    (request,) = tick(instance, CORRELATIONS).run_requests or ()
    (repeated_request,) = tick(instance, CORRELATIONS).run_requests or ()
    assert repeated_request.run_key == request.run_key
    materialize(instance, "mart/correlations")
    assert tick(instance, CORRELATIONS).skip_message == "No mart has changed since the correlations were computed."
    materialize_marts(instance, "2016-04")
    (new_request,) = tick(instance, CORRELATIONS).run_requests or ()
    assert new_request.run_key != request.run_key


def test_marts_of_the_command_line_are_not_requested(loaded_deployment: Deployment) -> None:
    assert {run.job_name for run in loaded_deployment.instance.get_runs()} >= {
        REFERENCE_JOB,
        MONTH_JOB,
        MARTS_JOB,
        CORRELATIONS_JOB,
    }
    assert all(run.status is SUCCESS for run in loaded_deployment.instance.get_runs(dg.RunsFilter(job_name=MARTS_JOB)))
    assert tick(loaded_deployment.instance).skip_message == "The marts of every loaded month are up to date."
    assert (
        tick(loaded_deployment.instance, CORRELATIONS).skip_message
        == "No mart has changed since the correlations were computed."
    )
    assert loaded_deployment.instance.get_materialized_partitions(dg.AssetKey(["mart", "origin_climate"])) == {
        SAMPLE_MONTH
    }


def complete_marts(instance: dg.DagsterInstance, month: str) -> None:
    """Record a loaded month with its marts, and the correlations after them."""
    materialize(instance, "warehouse/immigration", month)
    materialize_marts(instance, month)
    materialize(instance, "mart/correlations")


def test_the_release_follows_the_first_marts_once(instance: dg.DagsterInstance) -> None:
    assert "mart/correlations" in (tick(instance, RELEASE).skip_message or "")
    complete_marts(instance, "2016-04")
    (request,) = tick(instance, RELEASE).run_requests or ()
    (repeated_request,) = tick(instance, RELEASE).run_requests or ()
    assert repeated_request.run_key == request.run_key, "a failed release is not requested again and again"
    for contract in PUBLISHED:
        materialize(instance, f"published/{contract.name}")
    assert not tick(instance, RELEASE).run_requests
    materialize(instance, "warehouse/world_temperature")
    assert "2016-04" in (tick(instance, RELEASE).skip_message or ""), "the marts that read the table come first"
    complete_marts(instance, "2016-04")
    assert tick(instance, RELEASE).run_requests


@pytest.mark.parametrize("job", [REFERENCE_JOB, MONTH_JOB, MARTS_JOB, CORRELATIONS_JOB, PUBLISH_JOB])
def test_the_release_waits_for_runs_in_progress(instance: dg.DagsterInstance, job: str) -> None:
    complete_marts(instance, "2016-04")
    record_run(instance, job)
    assert "in progress" in (tick(instance, RELEASE).skip_message or "")


def test_the_release_waits_for_stale_marts_and_correlations(instance: dg.DagsterInstance) -> None:
    complete_marts(instance, "2016-04")
    materialize(instance, "warehouse/immigration", "2016-05")
    assert "2016-05" in (tick(instance, RELEASE).skip_message or "")
    materialize_marts(instance, "2016-05")
    assert "correlations" in (tick(instance, RELEASE).skip_message or "")
