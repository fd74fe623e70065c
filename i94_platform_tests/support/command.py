"""Commands of `i94` for tests: in this process, or in one of their own that a test watches and kills."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO

from typer.testing import CliRunner

COMMAND = (sys.executable, "-m", "i94_platform.cli.main")
TIMEOUT_SECONDS = 300.0
"""The limit for a process, which only a fault reaches."""


@dataclass(frozen=True)
class CommandResult:
    """The exit code and the output of a command."""

    exit_code: int
    output: str
    """Standard output and standard error, in the order of their lines."""
    peak_bytes: int = 0
    """The most memory that the command and its children held at a time."""


@contextlib.contextmanager
def start_command(
    environment: Mapping[str, str], *arguments: str, output: IO[str] | int = subprocess.PIPE
) -> Iterator[subprocess.Popen[str]]:
    """Run a command in a process group of its own, and kill what is left of the group at the end."""
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        env={**os.environ, "COLUMNS": "200", **environment},
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        kill_process_group(process)
        process.communicate()


def kill_process_group(process: subprocess.Popen[str]) -> None:
    """Send SIGKILL to the whole group, unless its leader has ended: another group may have its number by now."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def run_command(environment: Mapping[str, str], *arguments: str) -> CommandResult:
    """Run a command to its end in a process of its own."""
    with start_command(environment, *arguments) as process:
        output, _ = process.communicate(timeout=TIMEOUT_SECONDS)
        return CommandResult(process.returncode, output)


def run_command_in_process(environment: Mapping[str, str], *arguments: str) -> CommandResult:
    """Run a command in this process, under the umask of the commands, which saves the start of another one."""
    from i94_platform.cli.main import app

    before = os.umask(0o077)
    try:
        result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200", **environment}, catch_exceptions=False)
    finally:
        os.umask(before)
    return CommandResult(result.exit_code, result.output)


def run_command_measuring_memory(environment: Mapping[str, str], *arguments: str) -> CommandResult:
    """Run a command to its end in a process of its own, and measure its memory and that of its children."""
    import threading

    with start_command(environment, *arguments) as process:
        peaks = [0]
        watcher = threading.Thread(target=_measure_memory, args=(process, peaks))
        watcher.start()
        output, _ = process.communicate(timeout=TIMEOUT_SECONDS)
        watcher.join()
        return CommandResult(process.returncode, output, peaks[0])


def _measure_memory(process: subprocess.Popen[str], peaks: list[int]) -> None:
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(process.pid)
        while process.poll() is None:
            total = 0
            for one in (parent, *parent.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    total += one.memory_info().rss
            peaks[0] = max(peaks[0], total)
            time.sleep(0.05)


def kill_when(process: subprocess.Popen[str], condition: Callable[[], bool], delay: float = 0.0) -> bool:
    """Kill a process `delay` seconds after a condition holds; False if the process ended before."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        if process.poll() is not None:
            return False
        assert time.monotonic() < deadline, "the state to kill at was never reached"
        time.sleep(0.003)
    time.sleep(delay)
    alive = process.poll() is None
    kill_process_group(process)
    process.wait(TIMEOUT_SECONDS)
    return alive
