"""Test that sensors and the completeness check know what is loaded, by whatever means.

The incident: a person loaded a month in the UI, and the sensor loaded it again; `dagster dev` with a history of its own
loaded everything again.
"""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from i94_platform.defs.keys import to_key
from i94_platform.operations.job_runs import run_job
from i94_platform.partitions import Month
from i94_platform.staleness.completeness import find_month_issues
from i94_platform.staleness.job_names import MONTH_JOB, REFERENCE_JOB
from i94_platform.staleness.run_inputs import PARTITION_TAG
from i94_platform_tests.support.daemon_simulator import REFERENCES_SENSOR, SETTLE_SECONDS, STARTED, DaemonSimulator
from i94_platform_tests.support.deployment import Deployment, rewrite_delivery

LOADED, NEW = "2016-01", "2016-02"
FEBRUARY = "i94_feb16_sub.parquet"


@pytest.fixture
def deployment(loaded_deployment: Deployment, tmp_path: Path) -> Deployment:
    """A loaded deployment whose Dagster instance is new, and a second month that is not loaded."""
    return loaded_deployment.copy(tmp_path)


@pytest.fixture
def ticks(deployment: Deployment) -> DaemonSimulator:
    return DaemonSimulator(deployment.raw_store, deployment.lake, deployment.warehouse, instance=deployment.instance)


def references_are_requested(ticks: DaemonSimulator) -> bool:
    """Tick the sensor on references twice, so that new files settle in between."""
    results = [ticks.evaluate_sensor(REFERENCES_SENSOR, SETTLE_SECONDS)]
    ticks.cursors[REFERENCES_SENSOR] = results[0].cursor
    results.append(ticks.evaluate_sensor(REFERENCES_SENSOR, SETTLE_SECONDS))
    ticks.cursors[REFERENCES_SENSOR] = results[1].cursor
    return any(result.run_requests for result in results)


def replace_february(deployment: Deployment) -> bytes:
    """Deliver February again with other content, and return the content that it had."""
    path = deployment.raw / FEBRUARY
    content = path.read_bytes()
    rewrite_delivery(path, lambda rows: rows.slice(1))
    return content


def test_a_new_instance_loads_only_what_the_warehouse_lacks(ticks: DaemonSimulator) -> None:
    assert not references_are_requested(ticks)
    assert ticks.months_after_settling() == [NEW]


def test_a_month_that_was_loaded_by_hand_is_requested_only_with_other_content(
    deployment: Deployment, ticks: DaemonSimulator
) -> None:
    assert deployment.run_month(NEW).succeeded
    assert ticks.months_after_settling() == []
    issues = list(find_month_issues(ticks.states, deployment.instance))
    assert [issue.month for issue in issues] == [LOADED], "this instance has no record of it"
    replace_february(deployment)
    assert ticks.months_after_settling() == [NEW]


def test_a_backfill_of_the_fact_alone_counts_as_loaded(deployment: Deployment, ticks: DaemonSimulator) -> None:
    assert deployment.run_step("warehouse/immigration", NEW).succeeded
    assert ticks.months_after_settling() == []


def test_a_month_waits_for_the_run_that_a_person_started(ticks: DaemonSimulator) -> None:
    run_id = ticks.record_run(MONTH_JOB, {PARTITION_TAG: NEW}, STARTED)
    assert ticks.months_after_settling() == []
    run = ticks.instance.get_run_by_id(run_id)
    assert run is not None
    ticks.instance.report_run_canceled(run)
    assert ticks.requested_months() == [NEW]


def test_a_month_does_not_wait_for_its_marts(ticks: DaemonSimulator) -> None:
    marts = frozenset({to_key("mart/origin_climate"), to_key("mart/visitors_by_origin")})
    tags = {PARTITION_TAG: NEW}
    ticks.instance.add_run(dg.DagsterRun(job_name="__ASSET_JOB", tags=tags, asset_selection=marts, status=STARTED))
    assert ticks.months_after_settling() == [NEW]


def test_content_that_returns_after_a_load_by_hand_is_requested(deployment: Deployment, ticks: DaemonSimulator) -> None:
    ticks.requested_months()
    (request,) = ticks.evaluate_sensor(after=SETTLE_SECONDS).run_requests or ()
    job = deployment.definitions.resolve_job_def(MONTH_JOB)
    assert run_job(job, deployment.instance, month=Month.parse(NEW), tags=request.tags).succeeded
    content = replace_february(deployment)
    assert deployment.run_month(NEW).succeeded
    assert ticks.months_after_settling() == []
    (deployment.raw / FEBRUARY).write_bytes(content)
    assert ticks.months_after_settling() == [NEW]


def test_references_that_were_loaded_by_hand_are_requested_only_with_other_content(
    deployment: Deployment, ticks: DaemonSimulator
) -> None:
    path = deployment.raw / "us-cities-demographics.csv"
    content = path.read_bytes()
    path.write_bytes(content.rstrip(b"\n").rpartition(b"\n")[0] + b"\n")
    assert references_are_requested(ticks)
    assert deployment.run_reference().succeeded
    assert not references_are_requested(ticks)
    path.write_bytes(content)
    assert references_are_requested(ticks)


def test_references_wait_for_the_run_that_a_person_started(deployment: Deployment, ticks: DaemonSimulator) -> None:
    path = deployment.raw / "us-cities-demographics.csv"
    path.write_bytes(path.read_bytes().rstrip(b"\n").rpartition(b"\n")[0] + b"\n")
    run_id = ticks.record_run(REFERENCE_JOB, {}, STARTED)
    assert not references_are_requested(ticks)
    run = ticks.instance.get_run_by_id(run_id)
    assert run is not None
    ticks.instance.report_run_canceled(run)
    assert references_are_requested(ticks)
