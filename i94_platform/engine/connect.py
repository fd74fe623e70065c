"""Spark Connect: sessions on a server, and a server on this machine, which is started, waited for and stopped."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from i94_platform.engine.spark_version import SPARK_NOT_INSTALLED, require_compatible
from i94_platform.errors import PermanentError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PORT = 15002
"""The default port of a Spark Connect server."""
START_SECONDS, STOP_SECONDS = 120.0, 20.0

_SERVER = "org.apache.spark.sql.connect.service.SparkConnectServer"
_LOOPBACK = ("localhost", "127.0.0.1")


def parse_host_port(address: str) -> tuple[str, int]:
    """Parse the host and port of a `sc://` or `spark://` address; of several masters, the first."""
    parts = urlsplit(address.partition(",")[0])
    return parts.hostname or "", parts.port or PORT


def is_local(address: str) -> bool:
    """Whether the address names a Spark Connect server on this machine."""
    return address.startswith("sc://") and parse_host_port(address)[0] in _LOOPBACK


def is_listening(address: str) -> bool:
    """Whether something listens at the address."""
    with contextlib.suppress(OSError), socket.create_connection(parse_host_port(address), timeout=3):
        return True
    return False


def open_session(address: str, options: Mapping[str, str]) -> SparkSession:
    """Open a session on the server at an address.

    Raises:
        PermanentError: Spark is not installed, or its version and the server's don't fit.
    """
    try:
        from pyspark.sql import SparkSession
    except ModuleNotFoundError as error:
        raise PermanentError(SPARK_NOT_INSTALLED) from error
    session = SparkSession.builder.remote(address).getOrCreate()
    require_compatible(session.version, address)
    for name, value in options.items():
        session.conf.set(name, value)
    return session


def find_program(name: str) -> str:
    """Find the path of a program that comes with PySpark.

    Raises:
        PermanentError: the spark extra is not installed.
    """
    spec = importlib.util.find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise PermanentError(SPARK_NOT_INSTALLED)
    program = Path(spec.origin).parent / "bin" / name
    if not program.exists():  # the client of Spark Connect has no programs
        raise PermanentError("Spark can't be started here; run: pip install 'i94-platform[spark]'.")
    return str(program)


@contextmanager
def run_connect_server(address: str, log: Path, options: Mapping[str, str]) -> Iterator[None]:
    """Run a server at an address of this machine as long as the context.

    Raises:
        PermanentError: it did not start; the message names its log.
    """
    _, port = parse_host_port(address)
    binding = {"spark.connect.grpc.binding.address": "127.0.0.1", "spark.connect.grpc.binding.port": str(port)}
    settings = [word for name, value in {**options, **binding}.items() for word in ("--conf", f"{name}={value}")]
    command = [find_program("spark-submit"), "--class", _SERVER, "--master", "local[*]", *settings, "spark-internal"]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        # in its own process group, so that a Ctrl-C reaches the client only and the server outlives the last query
        server = subprocess.Popen(
            command, cwd=log.parent, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        _wait(server, address, log)
        yield
    finally:
        _stop(server)


def _wait(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        if is_listening(address):
            return
        time.sleep(0.2)
    raise PermanentError(f"The Spark Connect server at {address} did not start; its log is {log}.")


def _stop(server: subprocess.Popen[bytes]) -> None:
    """Stop the server's whole process group."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(STOP_SECONDS)
            return
