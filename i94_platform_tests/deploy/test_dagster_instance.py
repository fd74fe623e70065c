"""Test the Dagster instance of production on PostgreSQL: an instance finds what another instance has stored."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import boto3
import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.storage.compute_log_manager import ComputeIOType

from i94_platform.defs.execution import WAREHOUSE_POOL
from i94_platform.operations.dagster_instance import PROCESS_TAG, persistent_instance
from i94_platform_tests.deploy.conftest import PASSWORD
from i94_platform_tests.support.command import run_command_in_process

HISTORY = "127.0.0.94"
"""An address of this machine for a server that stands in the place of PostgreSQL."""


@pytest.mark.slow
def test_the_services_find_a_run_of_the_command_line(
    production_home: Path, sample: Path, production_instance: dg.DagsterInstance
) -> None:
    """`i94` opens `<I94_HOME>/dagster`, and the services have the same folder as DAGSTER_HOME."""
    environment = {"I94_HOME": str(production_home.parent), "I94_RAW": str(sample)}
    result = run_command_in_process(environment, "run", "--select", "lookup")
    assert result.exit_code == 0, result.output
    assert PASSWORD not in result.output
    (run,) = production_instance.get_runs(dg.RunsFilter(job_name="reference"))
    assert run.status == dg.DagsterRunStatus.SUCCESS
    event = production_instance.get_latest_materialization_event(dg.AssetKey(["lookup", "i94port"]))
    assert event is not None
    assert event.run_id == run.run_id
    assert production_instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    assert not [path.name for path in production_home.rglob("*.db")], "no storage beside PostgreSQL"


def test_the_output_of_a_run_is_stored_on_s3(
    production_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # Dagster writes the output there before it uploads it
    with dg.DagsterInstance.from_config(str(production_home)) as instance:
        key = ["some-run", "compute_logs", "some-step"]
        with instance.compute_log_manager.open_log_stream(key, ComputeIOType.STDOUT) as stream:
            assert stream is not None
            stream.write("printed by a step\n")  # type: ignore[call-overload]  # Dagster opens it as text
    name = "logs/dagster/storage/some-run/compute_logs/some-step.out"
    stored_object = boto3.client("s3").get_object(Bucket=os.environ["I94_LOGS_BUCKET"], Key=name)
    assert stored_object["Body"].read() == b"printed by a step\n"


def test_a_run_of_another_machine_stays_started(production_home: Path, production_instance: dg.DagsterInstance) -> None:
    """The number of its process means nothing on this machine, and to close the run would fail a run that works."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    run = dg.DagsterRun(job_name="month", status=dg.DagsterRunStatus.STARTED, tags={PROCESS_TAG: str(process.pid)})
    production_instance.add_run(run)
    with persistent_instance(production_home) as instance:
        stored_run = instance.get_run_by_id(run.run_id)
    assert stored_run is not None
    assert stored_run.status == dg.DagsterRunStatus.STARTED


def test_only_one_load_runs_at_a_time_and_two_runs_in_parallel(production_instance: dg.DagsterInstance) -> None:
    storage = production_instance.event_log_storage
    assert storage.initialize_concurrency_limit_to_default(WAREHOUSE_POOL)
    assert storage.claim_concurrency_slot(WAREHOUSE_POOL, "first", "load").is_claimed
    assert not storage.claim_concurrency_slot(WAREHOUSE_POOL, "second", "load").is_claimed
    queue = production_instance.get_concurrency_config().run_queue_config
    assert queue is not None
    assert queue.max_concurrent_runs == 2


def test_a_run_is_retried_only_if_its_process_was_lost(production_instance: dg.DagsterInstance) -> None:
    """A step retries temporary failures itself, and a wrong file would only fail again."""
    assert production_instance.run_retries_enabled
    assert production_instance.run_retries_max_retries == 2
    assert not production_instance.run_retries_retry_on_asset_or_op_failure


def test_a_run_that_hangs_is_ended_and_telemetry_is_off(production_instance: dg.DagsterInstance) -> None:
    assert production_instance.run_monitoring_enabled
    assert production_instance.run_monitoring_max_runtime_seconds == 7200
    assert not production_instance.telemetry_enabled
    assert not production_instance.nux_enabled


def test_old_ticks_are_deleted(production_instance: dg.DagsterInstance) -> None:
    days_by_status = production_instance.get_tick_retention_settings(InstigatorType.SENSOR)
    assert {status.value: days for status, days in days_by_status.items()} == {
        "STARTED": -1,
        "SKIPPED": 7,
        "FAILURE": 30,
        "SUCCESS": 90,
    }


def test_a_wrong_password_is_rejected(production_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without this test, none would show that PostgreSQL checks the password."""
    monkeypatch.setenv("I94_HISTORY_PASSWORD", "wrong")
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with pytest.raises(Exception, match=r"password|connection") as failure:
        dg.DagsterInstance.from_config(str(production_home))
    assert PASSWORD not in str(failure.value)


def test_no_password_is_sent_without_tls_where_it_is_required(
    production_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    received = list[bytes]()

    def refuse_tls(server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while connection := server.accept()[0]:
                with connection:
                    received.append(connection.recv(1024))
                    connection.sendall(b"N")  # "no TLS", as a server says, or who stands before it
                    received.append(connection.recv(1024))

    with socket.create_server((HISTORY, 5432)) as server:
        threading.Thread(target=refuse_tls, args=(server,), daemon=True).start()
        for name, value in {"I94_HISTORY_HOST": HISTORY, "PGHOST": "", "PGSSLMODE": "verify-full"}.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(Exception, match="connection"):
            dg.DagsterInstance.from_config(str(production_home))
        server.shutdown(socket.SHUT_RDWR)
    assert received[0].endswith(b"\x04\xd2\x16\x2f"), "a request for TLS"
    assert {*received[1::2]} == {b""}


def test_the_password_is_not_in_the_description_of_the_instance(production_instance: dg.DagsterInstance) -> None:
    assert PASSWORD not in production_instance.info_str()
    assert PASSWORD not in repr(production_instance)
