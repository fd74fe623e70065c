"""Pins the history of the command line: a run whose process is gone is closed as failed, others are left alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from i94_platform.automation.history import PID_TAG, instance

GONE, HERE = "the process is gone", "the process runs"


def ended_process() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize(
    ("tags", "status"),
    [
        ({PID_TAG: GONE}, dg.DagsterRunStatus.FAILURE),
        ({PID_TAG: HERE}, dg.DagsterRunStatus.STARTED),
        ({}, dg.DagsterRunStatus.STARTED),
    ],
)
def test_only_a_run_whose_process_is_gone_is_closed(
    tmp_path: Path, tags: dict[str, str], status: dg.DagsterRunStatus
) -> None:
    pids = {GONE: str(ended_process()), HERE: str(os.getpid())}
    run = dg.DagsterRun(
        job_name="month", status=dg.DagsterRunStatus.STARTED, tags={k: pids[v] for k, v in tags.items()}
    )
    with instance(tmp_path) as opened:
        opened.add_run(run)
    with instance(tmp_path) as opened:
        found = opened.get_run_by_id(run.run_id)
    assert found is not None
    assert found.status == status


def test_a_history_that_is_there_keeps_its_configuration(tmp_path: Path) -> None:
    with instance(tmp_path):
        pass
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n# mine\n")
    with instance(tmp_path) as opened:
        assert not opened.telemetry_enabled
    assert "# mine" in (tmp_path / "dagster.yaml").read_text()
