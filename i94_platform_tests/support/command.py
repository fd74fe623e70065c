"""The command line as its own process: started, watched, killed.

Here: what the tests of faults and of whole runs need of a process. Not here: what commands print (`test_cli`).
"""

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
"""Seconds that a process may take; only a fault lets it take so long."""


@dataclass(frozen=True)
class CommandResult:
    """What became of a process."""

    exit_code: int
    output: str
    """Standard output and standard error, in the order of their lines."""
    peak_bytes: int = 0
    """The most memory that it and its children held at a time."""


@contextlib.contextmanager
def start_command(
    environment: Mapping[str, str], *arguments: str, output: IO[str] | int = subprocess.PIPE
) -> Iterator[subprocess.Popen[str]]:
    """A process in a group of its own; whatever is left of the group at the end is killed."""
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
    """SIGKILL to the whole group, as an operator would; not to one that ended, whose number may be another's by now."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def run_command(environment: Mapping[str, str], *arguments: str) -> CommandResult:
    """Run a command to its end."""
    with start_command(environment, *arguments) as process:
        output, _ = process.communicate(timeout=TIMEOUT_SECONDS)
        return CommandResult(process.returncode, output)


def run_command_in_process(environment: Mapping[str, str], *arguments: str) -> CommandResult:
    """Run a command in this process, which saves the start of another; output as it is printed to both streams."""
    from i94_platform.cli.main import app

    done = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200", **environment}, catch_exceptions=False)
    return CommandResult(done.exit_code, done.output)


def run_command_measuring_memory(environment: Mapping[str, str], *arguments: str) -> CommandResult:
    """Run a command to its end, and watch the memory of the process and its children."""
    import threading

    with start_command(environment, *arguments) as process:
        peaks = [0]
        watcher = threading.Thread(target=_watch, args=(process, peaks))
        watcher.start()
        output, _ = process.communicate(timeout=TIMEOUT_SECONDS)
        watcher.join()
        return CommandResult(process.returncode, output, peaks[0])


def _watch(process: subprocess.Popen[str], peaks: list[int]) -> None:
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(process.pid)
        while process.poll() is None:
            held = 0
            for one in (parent, *parent.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    held += one.memory_info().rss
            peaks[0] = max(peaks[0], held)
            time.sleep(0.05)


def kill_when(process: subprocess.Popen[str], condition: Callable[[], bool], delay: float = 0.0) -> bool:
    """Kill a process as soon as a condition holds, and a little later; False where it ended before."""
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
