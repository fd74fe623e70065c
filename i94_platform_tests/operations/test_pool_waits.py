"""A run that waits for a pool says who holds it, and goes on when the holder dies."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from pathlib import Path

import dagster as dg
import pytest

from i94_platform.defs.run_results import run_name
from i94_platform.operations import pool_waits
from i94_platform.operations.dagster_instance import PROCESS_TAG, persistent_instance, set_pool_limit
from i94_platform.operations.job_runs import run_job
from i94_platform.progress import logger
from i94_platform.staleness.run_inputs import PARTITION_TAG
from i94_platform_tests.support.processes import wait_for


@dg.op(pool="warehouse")
def load() -> None:
    """Need the pool."""


@dg.job(executor_def=dg.in_process_executor)
def marts() -> None:
    """Need the pool in one step."""
    load()


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the command line would show."""
    messages: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    monkeypatch.setattr(logger, "handlers", [Collector()])
    monkeypatch.setattr(logger, "level", logging.INFO)
    monkeypatch.setattr(pool_waits, "CHECK_SECONDS", 0.05)
    return messages


def test_a_waiting_run_names_the_holder_and_goes_on_when_that_is_killed(tmp_path: Path, messages: list[str]) -> None:
    holder_process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    holder = dg.DagsterRun(
        job_name="month",
        status=dg.DagsterRunStatus.STARTED,
        tags={PROCESS_TAG: str(holder_process.pid), PARTITION_TAG: "2016-03"},
    )
    with persistent_instance(tmp_path) as instance:
        set_pool_limit(instance, "warehouse", 1)
        instance.add_run(holder)
        assert instance.event_log_storage.claim_concurrency_slot("warehouse", holder.run_id, "load").is_claimed

        def kill_holder() -> None:
            wait_for(lambda: messages, "the waiting run to say so")
            holder_process.kill()
            holder_process.wait()

        killer = threading.Thread(target=kill_holder)
        killer.start()
        result = run_job(marts, instance)
        killer.join()
        recorded = instance.get_run_by_id(holder.run_id)
    assert result.succeeded
    assert messages == [f"marts waits for pool warehouse, held by run {holder.run_id[:8]} (2016-03)"]
    assert recorded is not None
    assert recorded.status == dg.DagsterRunStatus.FAILURE


def test_a_run_of_the_automation_has_the_name_of_its_month() -> None:
    assert run_name("__ASSET_JOB", "2016-04") == "2016-04 assets"
