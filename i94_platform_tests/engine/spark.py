"""Spark for tests: whether this machine can run it, and a Spark Connect server as a process of its own.

Here: starting and stopping. Not here: sessions, which the platform makes itself.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from i94_platform.engine.spark import LOCAL_CONFIG

START_SECONDS, STOP_SECONDS = 120, 20
QUICK_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseParallelGC -XX:-DontCompileHugeMethods"
"""Java options for a short life: compile at once and lightly, which halves the time of small months."""

_SERVER = "org.apache.spark.sql.connect.service.SparkConnectServer"


def lacking() -> str | None:
    """What this machine lacks to run Spark, as a sentence; None where it lacks nothing."""
    if importlib.util.find_spec("pyspark") is None:
        return "Spark is not installed: pip install 'i94-platform[spark]'"
    home = os.environ.get("JAVA_HOME")
    if not (Path(home, "bin", "java").exists() if home else shutil.which("java")):
        return "Spark needs Java 17 or 21, and there is none"
    return None


@contextmanager
def connect_server(folder: Path) -> Iterator[str]:
    """The address of a Spark Connect server that runs as long as the context; its log is in `folder`."""
    port, log = _free_port(), folder / "connect.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            _command(port), cwd=folder, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        _wait(server, port, log)
        yield f"sc://127.0.0.1:{port}"
    finally:
        _stop(server)


def _command(port: int) -> list[str]:
    import pyspark

    options = LOCAL_CONFIG | {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        "spark.driver.extraJavaOptions": QUICK_JAVA,
    }
    settings = [word for name, value in options.items() for word in ("--conf", f"{name}={value}")]
    submit = Path(pyspark.__file__).parent / "bin" / "spark-submit"
    return [str(submit), "--class", _SERVER, "--master", "local[*]", *settings, "spark-internal"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.2)
    raise AssertionError(f"The Spark Connect server did not start:\n{log.read_text('utf-8', 'replace')[-4000:]}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    """End the server and whatever it started: it leads a process group of its own."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(STOP_SECONDS)
            return
