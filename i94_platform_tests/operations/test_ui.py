"""`i94 dev` starts a Spark Connect server if it needs one, and stops it however the UI ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from i94_platform.defs.execution import STAGING_POOL
from i94_platform.engine import connect
from i94_platform.operations.dagster_instance import persistent_instance
from i94_platform_tests.support.command import run_command_in_process
from i94_platform_tests.support.processes import wait_for


class ProcessReplaced(Exception):
    """Stands for `os.execv`, which does not return."""


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The Spark Connect servers and commands that are started and stopped, in order; none of them really is."""
    calls: list[str] = []

    @contextmanager
    def connect_server(address: str, log: Path, options: Mapping[str, str]) -> Iterator[None]:
        calls.append(f"start {address}")
        try:
            yield
        finally:
            calls.append("stop")

    def execv(program: str, command: Any) -> None:
        raise ProcessReplaced

    monkeypatch.setattr(connect, "connect_server", connect_server)
    monkeypatch.setattr(os, "execv", execv)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    return calls


def test_a_server_runs_as_long_as_the_ui_if_nothing_listens(
    calls: list[str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    popen = subprocess.Popen

    def record_command(command: list[str]) -> Any:
        calls.append(command[1])
        return popen([sys.executable, "-c", "raise SystemExit(3)"])

    monkeypatch.setattr(subprocess, "Popen", record_command)
    result = run_command_in_process({"I94_HOME": str(home), "I94_ENGINE": "sc://localhost:9"}, "dev")
    assert result.exit_code == 3
    assert calls == ["start sc://localhost:9", "dev", "stop"]
    assert f"{home}/spark/connect.log" in result.output


def test_no_server_is_started_beside_one_that_listens_nor_for_another_machine(calls: list[str], home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        for engine in ("duckdb", f"sc://127.0.0.1:{port}/;user_id=me", "sc://spark.example:9", "spark://localhost:9"):
            with pytest.raises(ProcessReplaced):
                run_command_in_process({"I94_HOME": str(home), "I94_ENGINE": engine}, "dev")
    assert calls == []


def test_the_ui_starts_with_its_url_and_the_staging_concurrency(calls: list[str], home: Path) -> None:
    for limit in ("", "3"):
        with pytest.raises(ProcessReplaced):
            run_command_in_process({"I94_HOME": str(home), "I94_STAGING_CONCURRENCY": limit}, "dev", "--port", "3094")
        with persistent_instance(home / "dagster") as instance:
            limits = {pool.name: pool.limit for pool in instance.event_log_storage.get_pool_limits()}
            assert limits[STAGING_POOL] == int(limit or 2)
    assert os.environ["I94_UI_URL"] == "http://127.0.0.1:3094", "alerts link to the UI that runs"


RUN_BESIDE_SERVER = """
import sys
from contextlib import contextmanager
from i94_platform.operations.ui import run_beside

@contextmanager
def server():
    try:
        yield
    finally:
        print("stopped", flush=True)

command = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
sys.exit(run_beside(server(), command))
"""


@pytest.mark.parametrize(("sign", "to_all"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_ctrl_c_and_sigterm_stop_the_ui_and_the_server(tmp_path: Path, sign: signal.Signals, to_all: bool) -> None:
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", RUN_BESIDE_SERVER], stdout=output, stderr=output, start_new_session=True
        )
    try:
        wait_for(lambda: "up" in log.read_text(), "the child to start")
        (os.killpg if to_all else os.kill)(process.pid, sign)
        process.wait(20)
        assert log.read_text().rstrip().endswith("stopped")
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
