"""Pins what follows a load by itself: a month's marts once for each content, and the correlations after the last marts.

Kept away here: a run asked for again and again because it fails, marts made while the month is being loaded, and twelve
runs of the correlations for twelve months.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.sensor_definition import SensorExecutionData

from i94_platform.contracts import MONTHLY_MARTS
from i94_platform.defs.sensors.mart_sensors import stale_correlations, stale_marts
from i94_platform.settings import Settings
from i94_platform.staleness.job_names import CORRELATIONS_JOB, MARTS_JOB, MONTH_JOB, REFERENCE_JOB
from i94_platform_tests.support.daemon_simulator import FAILURE, STARTED, SUCCESS, build_repository
from i94_platform_tests.support.deployment import SAMPLE_MONTH, Deployment

MARTS, CORRELATED = stale_marts.name, stale_correlations.name
REFERENCE_TABLES = ("i94cit_res", "world_temperature", "i94addr", "us_cities_demographics", "i94visa")


@pytest.fixture
def history() -> Iterator[dg.DagsterInstance]:
    """A history in which the reference tables are loaded."""
    with dg.DagsterInstance.ephemeral() as instance:
        for name in REFERENCE_TABLES:
            made(instance, f"warehouse/{name}")
        yield instance


def made(history: dg.DagsterInstance, asset: str, month: str | None = None) -> None:
    """Record a materialization."""
    history.report_runless_asset_event(dg.AssetMaterialization(dg.AssetKey(asset.split("/")), partition=month))


def marts_made(history: dg.DagsterInstance, month: str) -> None:
    for mart in MONTHLY_MARTS:
        made(history, f"mart/{mart.name}", month)


def running(history: dg.DagsterInstance, job: str, month: str = "", status: dg.DagsterRunStatus = STARTED) -> None:
    tags = {"dagster/partition": month} if month else {}
    history.add_run(dg.DagsterRun(job_name=job, tags=tags, status=status))


def tick(history: dg.DagsterInstance, name: str = MARTS, most: int = 12) -> SensorExecutionData:
    sensor = stale_marts if name == MARTS else stale_correlations
    resources = {"settings": Settings(sensor_max_requests=most)}
    with dg.build_sensor_context(
        history, repository_def=build_repository(), sensor_name=name, resources=resources
    ) as context:
        return sensor.evaluate_tick(context)


def asked(history: dg.DagsterInstance, **options: Any) -> list[str]:
    """The months that the sensor asks for."""
    return [str(request.partition_key) for request in tick(history, **options).run_requests or ()]


def test_a_loaded_month_asks_for_its_marts_until_they_are_made(history: dg.DagsterInstance) -> None:
    assert tick(history).skip_message == "The marts of every loaded month are up to date."
    made(history, "warehouse/immigration", "2016-04")
    assert asked(history) == ["2016-04"]
    marts_made(history, "2016-04")
    assert asked(history) == []
    assert tick(history).skip_message == "The marts of every loaded month are up to date."


def test_what_fails_is_asked_for_under_the_same_name_until_something_new_is_loaded(history: dg.DagsterInstance) -> None:
    made(history, "warehouse/immigration", "2016-04")
    (first,) = tick(history).run_requests or ()
    running(history, MARTS_JOB, "2016-04", FAILURE)
    (second,) = tick(history).run_requests or ()
    assert first.run_key == second.run_key, "Dagster runs one key once"
    made(history, "warehouse/immigration", "2016-04")
    (third,) = tick(history).run_requests or ()
    assert third.run_key != first.run_key


@pytest.mark.parametrize("mart", [mart.name for mart in MONTHLY_MARTS])
def test_one_mart_that_is_older_than_the_fact_is_enough(history: dg.DagsterInstance, mart: str) -> None:
    made(history, f"mart/{mart}", "2016-04")
    made(history, "warehouse/immigration", "2016-04")
    for other in MONTHLY_MARTS:
        if other.name != mart:
            made(history, f"mart/{other.name}", "2016-04")
    assert asked(history) == ["2016-04"]


@pytest.mark.parametrize("table", REFERENCE_TABLES)
def test_a_reference_table_that_is_loaded_again_makes_every_month_due(history: dg.DagsterInstance, table: str) -> None:
    for month in ("2016-04", "2016-05"):
        made(history, "warehouse/immigration", month)
        marts_made(history, month)
    made(history, "warehouse/calendar")
    made(history, "warehouse/country")  # every month makes it anew
    assert asked(history) == []
    made(history, f"warehouse/{table}")
    assert asked(history) == ["2016-04", "2016-05"]


@pytest.mark.parametrize("job", [MONTH_JOB, MARTS_JOB])
def test_a_month_that_is_being_worked_on_waits_and_others_do_not(history: dg.DagsterInstance, job: str) -> None:
    made(history, "warehouse/immigration", "2016-04")
    running(history, job, "2016-04")
    assert tick(history).skip_message == "Under way: 2016-04."
    made(history, "warehouse/immigration", "2016-05")
    assert asked(history) == ["2016-05"]


def test_every_month_waits_for_the_reference_run(history: dg.DagsterInstance) -> None:
    made(history, "warehouse/immigration", "2016-04")
    running(history, REFERENCE_JOB)
    assert "The reference run is under way" in (tick(history).skip_message or "")


def test_a_tick_asks_for_so_many_months_and_for_none_out_of_range(history: dg.DagsterInstance) -> None:
    for number in range(1, 7):
        made(history, "warehouse/immigration", f"2016-{number:02d}")
    assert asked(history, most=2) == ["2016-01", "2016-02"]


def test_the_correlations_follow_the_last_marts_once(history: dg.DagsterInstance) -> None:
    assert tick(history, CORRELATED).skip_message == "No mart has changed since the correlations."
    for month in ("2016-04", "2016-05"):
        marts_made(history, month)
    running(history, MARTS_JOB, "2016-06")
    assert tick(history, CORRELATED).skip_message == "Marts or correlations are under way."
    history.report_run_canceled(history.get_runs(dg.RunsFilter(job_name=MARTS_JOB))[0])
    (request,) = tick(history, CORRELATED).run_requests or ()
    (same,) = tick(history, CORRELATED).run_requests or ()
    assert same.run_key == request.run_key
    made(history, "mart/correlations")
    assert tick(history, CORRELATED).skip_message == "No mart has changed since the correlations."
    marts_made(history, "2016-04")
    (again,) = tick(history, CORRELATED).run_requests or ()
    assert again.run_key != request.run_key


def test_what_the_command_line_has_made_no_sensor_asks_for(loaded_deployment: Deployment) -> None:
    assert {run.job_name for run in loaded_deployment.instance.get_runs()} == {
        REFERENCE_JOB,
        MONTH_JOB,
        MARTS_JOB,
        CORRELATIONS_JOB,
    }
    assert all(run.status is SUCCESS for run in loaded_deployment.instance.get_runs(dg.RunsFilter(job_name=MARTS_JOB)))
    assert tick(loaded_deployment.instance).skip_message == "The marts of every loaded month are up to date."
    assert tick(loaded_deployment.instance, CORRELATED).skip_message == "No mart has changed since the correlations."
    assert loaded_deployment.instance.get_materialized_partitions(dg.AssetKey(["mart", "origin_climate"])) == {
        SAMPLE_MONTH
    }
