"""`i94 dev`: one for a home and a port, with a Spark Connect server if it needs one; all its processes end with it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psutil
import pytest

from i94_platform.defs.execution import STAGING_POOL
from i94_platform.engine import connect
from i94_platform.errors import PermanentError
from i94_platform.operations import ui
from i94_platform.operations.dagster_instance import persistent_instance
from i94_platform_tests.support.command import COMMAND, run_command_in_process
from i94_platform_tests.support.processes import find_free_port, wait_for


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The Spark Connect servers and commands that are started and stopped, in order; none of them really is."""
    calls: list[str] = []

    @contextmanager
    def run_connect_server(address: str, log: Path, options: Mapping[str, str]) -> Iterator[None]:
        calls.append(f"start {address}")
        try:
            yield
        finally:
            calls.append("stop")

    def run_with_children(command: list[str], server: AbstractContextManager[None]) -> int:
        with server:
            calls.append(" ".join(command[3:4]))
        return 3

    monkeypatch.setattr(connect, "run_connect_server", run_connect_server)
    monkeypatch.setattr(ui, "run_with_children", run_with_children)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    return calls


def run_dev(home: Path, *options: str, **environment: str) -> tuple[int, str]:
    """Run `i94 dev` on a free port."""
    options = options or ("--port", "0")
    result = run_command_in_process({"I94_HOME": str(home), **environment}, "dev", *options)
    return result.exit_code, result.output


def test_a_server_runs_as_long_as_the_ui_if_nothing_listens(calls: list[str], home: Path) -> None:
    exit_code, output = run_dev(home, I94_ENGINE="sc://localhost:9")
    assert exit_code == 3
    assert calls == ["start sc://localhost:9", "dev", "stop"]
    assert f"{home}/spark/connect.log" in output


def test_no_server_is_started_beside_one_that_listens_nor_for_another_machine(calls: list[str], home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        for engine in ("duckdb", f"sc://127.0.0.1:{port}/;user_id=me", "sc://spark.example:9", "spark://localhost:9"):
            run_dev(home, I94_ENGINE=engine)
    assert set(calls) == {"dev"}


def test_the_ui_starts_with_its_url_and_the_staging_concurrency(calls: list[str], home: Path) -> None:
    port = find_free_port()
    for limit in ("", "3"):
        run_dev(home, "--port", str(port), I94_STAGING_CONCURRENCY=limit)
        with persistent_instance(home / "dagster") as instance:
            limits = {pool.name: pool.limit for pool in instance.event_log_storage.get_pool_limits()}
            assert limits[STAGING_POOL] == int(limit or 2)
    assert os.environ["I94_UI_URL"] == f"http://127.0.0.1:{port}", "alerts link to the UI that runs"


@pytest.mark.parametrize("port", ["99999", "65536", "-1", "http"])
def test_a_port_that_is_none_is_refused(calls: list[str], home: Path, port: str) -> None:
    exit_code, output = run_dev(home, "--port", port)
    assert exit_code == 2
    assert "--port" in output
    assert calls == []


def test_a_port_in_use_is_refused_by_its_number(calls: list[str], home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(PermanentError, match=rf"port {port} .*in use"):
            run_dev(home, "--port", str(port))
    assert calls == []


def test_a_second_ui_of_a_home_is_refused_and_the_first_one_named(
    calls: list[str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = find_free_port()

    def run_another(command: list[str], server: AbstractContextManager[None]) -> int:
        named = rf"process {os.getpid()} .*127.0.0.1:{port}.* kill {os.getpid()}"
        with socket.create_server(("127.0.0.1", port)), pytest.raises(PermanentError, match=named):
            run_dev(home, "--port", str(port))  # its home tells more than its port
        assert run_dev(home.with_name("another"))[0] == 3
        (home / "dagster" / "dev.txt").write_text("")
        with pytest.raises(PermanentError, match="process unknown already serves"):
            run_dev(home)
        return 0

    serve_another = vars(ui)["run_with_children"]
    answers = iter([run_another, serve_another])

    def run_next(command: list[str], server: AbstractContextManager[None]) -> int:
        return int(next(answers)(command, server))

    monkeypatch.setattr(ui, "run_with_children", run_next)
    assert run_dev(home, "--port", str(port))[0] == 0


RUN_WITH_CHILDREN = """
import sys
from contextlib import contextmanager
from i94_platform.operations.supervisor import run_with_children

@contextmanager
def server():
    try:
        yield
    finally:
        print("stopped", flush=True)

grandchild = "from signal import *; import time; signal(SIGINT, SIG_IGN); print('up', flush=True); time.sleep(60)"
child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {grandchild!r}])"
sys.exit(run_with_children([sys.executable, "-c", child], server()))
"""


@pytest.mark.parametrize(
    ("number", "is_background_job"),
    [(signal.SIGINT, False), (signal.SIGINT, True), (signal.SIGTERM, True), (signal.SIGHUP, False)],
)
def test_each_signal_to_end_stops_the_command_its_children_and_the_server(
    tmp_path: Path, number: signal.Signals, is_background_job: bool
) -> None:
    log = tmp_path / "log"
    # as a shell without job control starts a job in the background
    ignore = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n" if is_background_job else ""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", ignore + RUN_WITH_CHILDREN], stdout=output, stderr=output, start_new_session=True
        )
    descendants: list[psutil.Process] = []
    try:
        wait_for(lambda: "up" in log.read_text(), "the grandchild to start")
        descendants = psutil.Process(process.pid).children(recursive=True)
        os.kill(process.pid, number)
        process.wait(20)
        assert len(descendants) == 2
        assert not psutil.wait_procs(descendants, 10)[1]
        assert log.read_text().rstrip().endswith("stopped")
    finally:
        for one in (*descendants, process):
            if isinstance(one, psutil.Process) and one.is_running():
                one.kill()
        process.wait(20)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_process_of_a_ui_that_a_script_started_is_left(home: Path, tmp_path: Path, number: signal.Signals) -> None:
    """The shell of the script ignores SIGINT in the background job, and is killed itself before the job ends."""
    port, log = find_free_port(), tmp_path / "log"
    script = f"{' '.join(COMMAND)} dev --port {port} & wait"
    environment = {**os.environ, "I94_HOME": str(home), "I94_RAW": str(tmp_path)}
    with log.open("wb") as output:
        shell = psutil.Popen(
            ["sh", "-c", script], env=environment, stdout=output, stderr=output, start_new_session=True
        )
    processes: list[psutil.Process] = []
    try:
        wait_for(lambda: f"Serving dagster-webserver on http://127.0.0.1:{port}" in log.read_text(), "the UI", 90, 0.1)
        processes = shell.children(recursive=True)
        command = processes[0]
        shell.kill()
        command.send_signal(number)
        assert len(processes) >= 5, processes
        assert not psutil.wait_procs(processes, 60)[1]
        assert "nanobind" not in log.read_text()
    finally:
        for one in (*processes, shell):
            if one.is_running():
                one.kill()
        shell.wait(20)
