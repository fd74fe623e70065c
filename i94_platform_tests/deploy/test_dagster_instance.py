"""Pins production's Dagster instance on a real PostgreSQL: what a run leaves is found again by another instance."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import boto3
import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.storage.compute_log_manager import ComputeIOType

from i94_platform.defs.execution import WAREHOUSE_POOL
from i94_platform.operations.dagster_instance import PID_TAG, persistent_instance
from i94_platform_tests.deploy.conftest import PASSWORD
from i94_platform_tests.support.command import run_command_in_process


def test_a_run_of_the_command_line_is_found_by_the_services(
    production: Path, sample: Path, services: dg.DagsterInstance
) -> None:
    """`i94` opens `<I94_HOME>/dagster`, which is where the services' DAGSTER_HOME is."""
    environment = {"I94_HOME": str(production.parent), "I94_RAW": str(sample)}
    done = run_command_in_process(environment, "run", "--select", "lookup")
    assert done.exit_code == 0, done.output
    assert PASSWORD not in done.output
    (run,) = services.get_runs(dg.RunsFilter(job_name="reference"))
    assert run.status == dg.DagsterRunStatus.SUCCESS
    event = services.get_latest_materialization_event(dg.AssetKey(["lookup", "i94port"]))
    assert event is not None
    assert event.run_id == run.run_id
    assert services.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    assert not [path.name for path in production.rglob("*.db")], "nothing is kept beside PostgreSQL"


def test_the_output_of_a_run_is_stored_on_s3(production: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # it waits there to be copied
    with dg.DagsterInstance.from_config(str(production)) as services:
        key = ["some-run", "compute_logs", "some-step"]
        with services.compute_log_manager.open_log_stream(key, ComputeIOType.STDOUT) as stream:
            assert stream is not None
            stream.write("printed by a step\n")  # type: ignore[call-overload]  # Dagster opens it as text
    name = "logs/dagster/storage/some-run/compute_logs/some-step.out"
    stored = boto3.client("s3").get_object(Bucket=os.environ["I94_LOGS_BUCKET"], Key=name)
    assert stored["Body"].read() == b"printed by a step\n"


def test_a_run_of_another_machine_is_left_to_run_monitoring(production: Path, services: dg.DagsterInstance) -> None:
    """Its process has a number there that means nothing here; closing it would fail a run that works."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    run = dg.DagsterRun(job_name="month", status=dg.DagsterRunStatus.STARTED, tags={PID_TAG: str(process.pid)})
    services.add_run(run)
    with persistent_instance(production) as instance:
        found = instance.get_run_by_id(run.run_id)
    assert found is not None
    assert found.status == dg.DagsterRunStatus.STARTED


def test_loads_take_turns(services: dg.DagsterInstance) -> None:
    storage = services.event_log_storage
    assert storage.initialize_concurrency_limit_to_default(WAREHOUSE_POOL)
    assert storage.claim_concurrency_slot(WAREHOUSE_POOL, "first", "load").is_claimed
    assert not storage.claim_concurrency_slot(WAREHOUSE_POOL, "second", "load").is_claimed
    queue = services.get_concurrency_config().run_queue_config
    assert queue is not None
    assert queue.max_concurrent_runs == 2


def test_only_a_run_whose_process_was_lost_runs_again(services: dg.DagsterInstance) -> None:
    """A step has retried by then what may pass; a wrong file would only fail again."""
    assert services.run_retries_enabled
    assert services.run_retries_max_retries == 2
    assert not services.run_retries_retry_on_asset_or_op_failure


def test_a_run_that_hangs_is_ended_and_nothing_is_reported_home(services: dg.DagsterInstance) -> None:
    assert services.run_monitoring_enabled
    assert services.run_monitoring_max_runtime_seconds == 7200
    assert not services.telemetry_enabled
    assert not services.nux_enabled


def test_ticks_are_cleared_away(services: dg.DagsterInstance) -> None:
    days_by_status = services.get_tick_retention_settings(InstigatorType.SENSOR)
    assert {status.value: days for status, days in days_by_status.items()} == {
        "STARTED": -1,
        "SKIPPED": 7,
        "FAILURE": 30,
        "SUCCESS": 90,
    }


def test_a_wrong_password_is_refused(production: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise no test here would show that the password is used."""
    monkeypatch.setenv("I94_HISTORY_PASSWORD", "wrong")
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with pytest.raises(Exception, match=r"password|connection") as failure:
        dg.DagsterInstance.from_config(str(production))
    assert PASSWORD not in str(failure.value)


def test_the_password_is_not_in_what_the_instance_tells_of_itself(services: dg.DagsterInstance) -> None:
    assert PASSWORD not in services.info_str()
    assert PASSWORD not in repr(services)
