"""Old runs are deleted with events, tags and output; what sensors and status need of the history stays."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from i94_platform.defs.run_retention import delete_run, retention_job
from i94_platform.lake.datasets import Lake
from i94_platform.lake.local import LocalStore
from i94_platform.operations.dagster_instance import persistent_instance
from i94_platform.settings import Settings
from i94_platform.staleness.expired_runs import find_expired_runs
from i94_platform.staleness.job_names import MARTS_JOB, MONTH_JOB, REFERENCE_JOB
from i94_platform.staleness.run_inputs import PARTITION_TAG
from i94_platform_tests.support.daemon_simulator import (
    FAILURE,
    NOT_STARTED,
    REFERENCES_SENSOR,
    STARTED,
    SUCCESS,
    DaemonSimulator,
)

APRIL = "i94_apr16_sub.sas7bdat"
AT_APRIL = {PARTITION_TAG: "2016-04"}
LATER = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
"""After all runs of these tests."""


@pytest.fixture
def ticks(tmp_path: Path) -> Iterator[DaemonSimulator]:
    """A deployment whose history is on disk: April was delivered and loaded four times, the references once."""
    with persistent_instance(tmp_path / "dagster") as instance:
        ticks = DaemonSimulator(LocalStore(tmp_path / "raw"), Lake(LocalStore(tmp_path / "lake")), instance=instance)
        ticks.deliver_references()
        for number in range(4):
            ticks.deliver(APRIL, f"{number}".encode())
            assert ticks.months_after_settling() == ["2016-04"]
        yield ticks


def list_runs(instance: dg.DagsterInstance, job: str) -> list[str]:
    """The ids of the runs of a job, newest first."""
    return [run.run_id for run in instance.get_runs(dg.RunsFilter(job_name=job))]


def test_the_runs_that_were_replaced_expire_and_the_one_that_is_loaded_stays(ticks: DaemonSimulator) -> None:
    _newest, *replaced = list_runs(ticks.instance, MONTH_JOB)
    assert len(replaced) == 3
    assert find_expired_runs(ticks.instance, LATER) == replaced
    assert find_expired_runs(ticks.instance, dt.datetime.now(dt.UTC) - dt.timedelta(days=90)) == []


def test_sensors_request_the_same_before_and_after_a_deletion(ticks: DaemonSimulator) -> None:
    for run_id in find_expired_runs(ticks.instance, LATER):
        delete_run(ticks.instance, run_id)
    ticks.cursors.clear()
    assert not ticks.tick(REFERENCES_SENSOR).run_requests
    assert ticks.months_after_settling() == []
    ticks.deliver(APRIL, b"0")
    assert ticks.months_after_settling() == ["2016-04"], "content that returns is requested again"
    assert [len(list_runs(ticks.instance, job)) for job in (REFERENCE_JOB, MONTH_JOB)] == [1, 2]


def test_failed_unfinished_requested_and_loading_runs_stay(ticks: DaemonSimulator) -> None:
    (loading_run, *_) = list_runs(ticks.instance, MONTH_JOB)
    old_failure, failure = (ticks.record_run(MONTH_JOB, AT_APRIL, FAILURE) for _ in range(2))
    by_hand = [ticks.record_run(MONTH_JOB, AT_APRIL, SUCCESS) for _ in range(2)]
    unfinished = [ticks.record_run(MONTH_JOB, AT_APRIL, status) for status in (STARTED, STARTED, NOT_STARTED)]
    marts = [ticks.record_run(MARTS_JOB, AT_APRIL) for _ in range(2)]
    ticks.materialize("mart/visitors_by_airline", "2016-04", "1", marts[0])
    observed = [ticks.record_run("observation", {}) for _ in range(2)]
    event = dg.AssetObservation(dg.AssetKey(["raw", "i94_labels"]))
    ticks.instance.report_runless_asset_event(event)
    expired = set(find_expired_runs(ticks.instance, LATER))
    assert {old_failure, by_hand[0], observed[0]} <= expired
    assert not expired & {loading_run, failure, by_hand[1], *unfinished, *marts, observed[1]}


def test_nothing_of_a_deleted_run_stays_in_the_home(ticks: DaemonSimulator, tmp_path: Path) -> None:
    home, (expired, *_) = tmp_path / "dagster", find_expired_runs(ticks.instance, LATER)
    ticks.instance.report_engine_event("an event", ticks.instance.get_run_by_id(expired))
    assert list(home.rglob(f"{expired}*"))
    delete_run(ticks.instance, expired)
    assert list(home.rglob(f"{expired}*")) == []
    with sqlite3.connect(home / "history" / "runs.db") as connection:
        tags = connection.execute("SELECT count(*) FROM run_tags WHERE run_id = ?", [expired]).fetchone()
    assert tags == (0,)
    assert ticks.instance.all_logs(expired) == []


def test_the_output_of_a_deleted_run_is_deleted(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        run = instance.add_run(dg.DagsterRun(job_name=MONTH_JOB))
        output = tmp_path / "storage" / run.run_id / "compute_logs" / "step.out"
        output.parent.mkdir(parents=True)
        output.write_text("rows")
        delete_run(instance, run.run_id)
    assert not output.parent.parent.exists()


@pytest.mark.parametrize(("days_ago", "remaining"), [(89, 4), (91, 1)])
def test_the_job_deletes_what_is_older_than_the_setting(
    ticks: DaemonSimulator, tmp_path: Path, days_ago: int, remaining: int
) -> None:
    seconds = (dt.datetime.now(dt.UTC) - dt.timedelta(days=days_ago)).timestamp()
    with sqlite3.connect(tmp_path / "dagster" / "history" / "runs.db") as connection:
        connection.execute("UPDATE runs SET update_timestamp = datetime(?, 'unixepoch')", [seconds])
    result = retention_job.execute_in_process(instance=ticks.instance, resources={"settings": Settings()})
    assert result.success
    assert len(list_runs(ticks.instance, MONTH_JOB)) == remaining
