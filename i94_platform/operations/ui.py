"""The lineage UI and the daemon, and beside them a Spark Connect server where the engine is one on this machine.

Here: the processes, their environment and their end. Not here: what the UI shows, and the web API (`serving`).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from i94_platform.defs.execution import STAGING_POOL
from i94_platform.engine import connect
from i94_platform.engine.spark import LOCAL_CONFIG, s3_config
from i94_platform.lake.s3_client import aws_region
from i94_platform.operations import dagster_instance as history
from i94_platform.settings import Settings


def serve_ui(settings: Settings, port: int, told: Callable[[str], None]) -> int:
    """Serve until Ctrl-C or a request to end; the exit code. Without a Connect server this process becomes Dagster's.

    Raises:
        PermanentFailure: the Spark Connect server did not start.
    """
    with history.persistent_instance(settings.dagster_home) as opened:
        history.set_pool_limit(opened, STAGING_POOL, settings.staging_concurrency)
        history.take_over_launches(opened, settings.dagster_home)  # Dagster's program keeps the number of this process
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
    # "dagster dev" calls itself superseded by a command that is no part of the base installation
    os.environ.setdefault("PYTHONWARNINGS", "ignore:Function")
    program = str(Path(sys.executable).parent / "dagster")
    command = [program, "dev", "-m", "i94_platform.definitions", "-h", "127.0.0.1", "-p", str(port)]
    if connect.is_local(settings.engine) and not connect.is_listening(settings.engine):
        return run_with_connect_server(settings, command, told)
    os.execv(program, command)


def run_with_connect_server(settings: Settings, command: Sequence[str], told: Callable[[str], None]) -> int:
    """Run a command while a Spark Connect server listens at the engine's address; the command's exit code."""
    buckets = s3_config(settings.spark_jars, settings.s3_endpoint, aws_region()) if settings.uses_s3 else {}
    log = Path(settings.home) / "spark" / "connect.log"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the server is stopped then too
    told(f"Starting a Spark Connect server at {settings.engine}; its log is {log}")
    with connect.connect_server(settings.engine, log, LOCAL_CONFIG | buckets), subprocess.Popen(command) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:  # the command has heard it too
            return process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
