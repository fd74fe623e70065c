"""The processes of `i94 dev`: the lineage UI with the daemon, and a local Spark Connect server where one is needed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from i94_platform.defs.execution import STAGING_POOL
from i94_platform.engine import connect
from i94_platform.engine.spark import LOCAL_CONFIG, s3_config
from i94_platform.lake.s3_client import aws_region
from i94_platform.operations.dagster_instance import persistent_instance, set_pool_limit, take_over_launches
from i94_platform.settings import Settings


def serve_ui(settings: Settings, port: int, notify: Callable[[str], None]) -> int:
    """Serve the UI until Ctrl-C or SIGTERM, and return the exit code.

    Without a Connect server to start, this process becomes Dagster's and does not return.

    Raises:
        PermanentError: the Spark Connect server did not start.
    """
    with persistent_instance(settings.dagster_home) as instance:
        set_pool_limit(instance, STAGING_POOL, settings.staging_concurrency)
        take_over_launches(instance, settings.dagster_home)  # Dagster's program keeps the id of this process
    os.environ.update(
        DAGSTER_HOME=str(settings.dagster_home),
        I94_FREEZE_DEFINITIONS="1",
        I94_HOME=settings.home,
        I94_LAKE=settings.lake,
        I94_RAW=settings.raw,
        I94_SPARK_JARS=settings.spark_jars,
        I94_WAREHOUSE=settings.warehouse,
    )
    os.environ.setdefault("I94_UI_URL", f"http://127.0.0.1:{port}")
    # "dagster dev" warns that "dg dev" supersedes it, which the base installation lacks
    os.environ.setdefault("PYTHONWARNINGS", "ignore:Function")
    program = str(Path(sys.executable).parent / "dagster")
    command = [program, "dev", "-m", "i94_platform.definitions", "-h", "127.0.0.1", "-p", str(port)]
    if not connect.is_local(settings.engine) or connect.is_listening(settings.engine):
        os.execv(program, command)
    s3_options = s3_config(settings.spark_jars, settings.s3_endpoint, aws_region()) if settings.uses_s3 else {}
    log = Path(settings.home) / "spark" / "connect.log"
    notify(f"Starting a Spark Connect server at {settings.engine}; its log is {log}")
    return run_beside(connect.connect_server(settings.engine, log, LOCAL_CONFIG | s3_options), command)


def run_beside(server: AbstractContextManager[None], command: Sequence[str]) -> int:
    """Run a command while a server runs, and return its exit code. Ctrl-C and SIGTERM stop both."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with server, subprocess.Popen(command) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:  # the command received it, too
            return process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
