"""Processes that run one function, for tests of what happens between processes; waiting, killing, free ports.

A fork server that has imported the heavy modules forks each process, which then starts in some hundredths of a second
and inherits no thread or lock of the tests. Functions must be importable, and arguments picklable.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

FORKSERVER = multiprocessing.get_context("forkserver")
# not duckdb: a process that ends with it loaded tells of leaks in its bindings
FORKSERVER.set_forkserver_preload(
    ["pyarrow.parquet", "boto3", "s3transfer", "psycopg2", "i94_platform_tests.support.warehouses", __name__]
)

TIMEOUT_SECONDS = 60.0
"""The limit for waiting on another process, which only a fault reaches."""


@contextlib.contextmanager
def start_process(function: Callable[..., None], *arguments: Any) -> Iterator[ForkServerProcess]:
    """Run a function in another process, and kill the process if it still runs at the end."""
    process = FORKSERVER.Process(target=function, args=arguments, daemon=True)
    process.start()
    try:
        yield process
    finally:
        if process.is_alive():
            process.kill()
        process.join(TIMEOUT_SECONDS)


def join_process(process: ForkServerProcess) -> int | None:
    """Wait for a process and return its exit code: negative for a signal, None if it does not end."""
    process.join(TIMEOUT_SECONDS)
    return process.exitcode


def wait_for(
    condition: Callable[[], Any], what: str, timeout: float = TIMEOUT_SECONDS, interval: float = 0.005
) -> None:
    """Poll until a condition holds, every `interval` seconds.

    Raises:
        AssertionError: The condition does not hold after `timeout` seconds; the message names `what`.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout:.0f} s in vain for {what}"
        time.sleep(interval)


def kill_process_tree(process: subprocess.Popen[Any]) -> None:
    """Kill a process and all that it has started, and wait until they have ended."""
    import psutil

    members: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        members = [psutil.Process(process.pid)]
        members += members[0].children(recursive=True)
    for member in members:
        with contextlib.suppress(psutil.NoSuchProcess):  # some end with their parents
            member.kill()
    process.wait(TIMEOUT_SECONDS)
    psutil.wait_procs(members[1:], TIMEOUT_SECONDS)


def start_and_end_process() -> int:
    """Return the id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def find_free_port() -> int:
    """Find a port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def log_warnings_to(path: Path) -> None:
    """Write every warning of this process to a file."""
    logging.basicConfig(filename=path, level=logging.WARNING, format="%(message)s", force=True)


def read_log(path: Path) -> str:
    """Read what another process has logged so far."""
    return path.read_text() if path.exists() else ""
