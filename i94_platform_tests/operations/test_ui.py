"""Pins when `i94 dev` starts a Spark Connect server beside the UI, and that it is stopped however the UI ends."""

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
from i94_platform.settings import PROJECT
from i94_platform_tests.support.command import run_command_in_process
from i94_platform_tests.support.processes import wait_for


class Replaced(Exception):
    """This process would be another program by now."""


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of Spark Connect servers, in order, instead of starting any."""
    asked: list[str] = []

    @contextmanager
    def server(address: str, log: Path, options: Mapping[str, str]) -> Iterator[None]:
        asked.append(f"start {address}")
        try:
            yield
        finally:
            asked.append("stop")

    def replaced(program: str, command: Any) -> None:
        raise Replaced

    monkeypatch.setattr(connect, "connect_server", server)
    monkeypatch.setattr(os, "execv", replaced)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.chdir(PROJECT)
    return asked


def test_a_server_runs_as_long_as_the_ui_where_nothing_listens(
    servers: list[str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def popen(command: list[str]) -> Any:
        servers.append(" ".join(command[1:2]))
        return started([sys.executable, "-c", "raise SystemExit(3)"])

    started = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", popen)
    ended = run_command_in_process({"I94_HOME": str(home), "I94_ENGINE": "sc://localhost:9"}, "dev")
    assert ended.exit_code == 3
    assert servers == ["start sc://localhost:9", "dev", "stop"]
    assert f"Starting a Spark Connect server at sc://localhost:9; its log is {home}/spark/connect.log" in ended.output


def test_no_server_is_started_beside_one_that_listens_nor_for_another_machine(servers: list[str], home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        for engine in ("duckdb", f"sc://127.0.0.1:{port}/;user_id=me", "sc://spark.example:9", "spark://localhost:9"):
            with pytest.raises(Replaced):
                run_command_in_process({"I94_HOME": str(home), "I94_ENGINE": engine}, "dev")
    assert servers == []


def test_the_ui_starts_with_the_limit_of_months_that_are_staged_at_a_time(servers: list[str], home: Path) -> None:
    for most in ("", "3"):
        with pytest.raises(Replaced):
            run_command_in_process({"I94_HOME": str(home), "I94_STAGING_CONCURRENCY": most}, "dev", "--port", "3094")
        with persistent_instance(home / "dagster") as opened:
            limits = {pool.name: pool.limit for pool in opened.event_log_storage.get_pool_limits()}
            assert limits[STAGING_POOL] == int(most or 2)
    assert os.environ["I94_UI_URL"] == "http://127.0.0.1:3094", "alerts link to the UI that runs"


INTERRUPTED = """
import sys
from contextlib import contextmanager
from i94_platform.operations import ui
from i94_platform.engine import connect
from i94_platform.settings import Settings

@contextmanager
def server(*_):
    try:
        yield
    finally:
        print("stopped", flush=True)

connect.connect_server = server
child = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
sys.exit(ui.beside_connect_server(Settings(), child, print))
"""


@pytest.mark.parametrize(("sign", "to_all"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_a_ctrl_c_or_a_request_to_end_stops_the_ui_and_the_server(
    home: Path, tmp_path: Path, sign: signal.Signals, to_all: bool
) -> None:
    environment = {**os.environ, "I94_HOME": str(home), "I94_ENGINE": "sc://localhost:9"}
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", INTERRUPTED], env=environment, stdout=output, stderr=output, start_new_session=True
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
