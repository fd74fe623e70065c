"""Spark for tests: whether this machine can run it, a Spark Connect server, and a cluster of processes."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from i94_platform.engine import connect
from i94_platform.engine.spark import driver_config, list_jars
from i94_platform.settings import PROJECT
from i94_platform_tests.support.processes import find_free_port, wait_for

SHORT_LIVED_JAVA_OPTIONS = (
    "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-DontCompileHugeMethods "
    # the light compiler alone gets 48 MB, which a dozen months fill; then the JVM interprets everything
    "-XX:ReservedCodeCacheSize=240m "
    # verifying Spark's classes takes a tenth of a short life
    "-XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote"
)
"""Java options for a short life: compile lightly and at once, which halves the time of a few months."""

_SHORT_LIVED_DRIVER = {"spark.driver.extraJavaOptions": SHORT_LIVED_JAVA_OPTIONS}

JARS = str(PROJECT / ".jars")


def spark_skip_reason() -> str | None:
    """Say what this machine lacks to run Spark; None if it lacks nothing."""
    if importlib.util.find_spec("pyspark") is None:
        return "Spark is not installed: pip install 'i94-platform[spark]'"
    home = os.environ.get("JAVA_HOME")
    if not (Path(home, "bin", "java").exists() if home else shutil.which("java")):
        return "Spark needs Java 17 or 21, and there is none"
    return None


def s3_spark_skip_reason() -> str | None:
    """Say what this machine lacks to run Spark on S3; None if it lacks nothing."""
    return spark_skip_reason() or (
        None if list_jars(JARS) else "Spark lacks the jars for S3, which `make jars` could not fetch"
    )


@contextmanager
def start_connect_server(folder: Path, options: Mapping[str, str] = _SHORT_LIVED_DRIVER) -> Iterator[str]:
    """Run a Spark Connect server as long as the context, with its log in `folder`, and give its address."""
    address = f"sc://127.0.0.1:{find_free_port()}"
    with connect.run_connect_server(address, folder / "connect.log", driver_config("local[*]") | dict(options)):
        yield address


@dataclass(frozen=True)
class Cluster:
    """A standalone cluster on loopback."""

    address: str
    status_page: str

    def fetch_status(self) -> dict[str, Any]:
        """Fetch what the master says of its workers and applications."""
        with urllib.request.urlopen(self.status_page, timeout=5) as answer:
            status: dict[str, Any] = json.load(answer)
        return status

    def is_ready(self) -> bool:
        """Whether the master listens and its status page answers."""
        with contextlib.suppress(OSError, ValueError):
            return bool(self.fetch_status()) and connect.is_listening(self.address)
        return False


@contextmanager
def start_cluster(folder: Path, environment: Mapping[str, str]) -> Iterator[Cluster]:
    """Run a master and two workers of one core and 512 MB as long as the context, with logs in `folder`."""
    port, page = find_free_port(), find_free_port()
    cluster = Cluster(f"spark://127.0.0.1:{port}", f"http://127.0.0.1:{page}/json/")
    master = ["deploy.master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", str(page)]
    worker = ["deploy.worker.Worker", "--host", "127.0.0.1", "--cores", "1", "--memory", "512m", "--webui-port", "0"]
    with ExitStack() as processes:
        processes.enter_context(_daemon(master, folder / "master", environment))
        wait_for(cluster.is_ready, "the master to answer", connect.START_SECONDS)
        for number in (1, 2):
            work = folder / f"worker{number}"
            command = [*worker, "--work-dir", str(work), cluster.address]
            processes.enter_context(_daemon(command, work, environment))
        what = "two workers to register"
        wait_for(lambda: cluster.fetch_status()["aliveworkers"] == 2, what, connect.START_SECONDS)
        yield cluster


@contextmanager
def _daemon(command: list[str], folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    folder.mkdir()
    variables = {
        "SPARK_DAEMON_MEMORY": "200m",
        "SPARK_DAEMON_JAVA_OPTS": SHORT_LIVED_JAVA_OPTIONS,
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    spark_class, (name, *words) = connect.find_program("spark-class"), command
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [spark_class, f"org.apache.spark.{name}", *words],
            env={**os.environ, **variables, **environment},
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield
    finally:
        # a worker's executors are in its group
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
