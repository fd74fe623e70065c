"""The processes of `i94 dev`: the lineage UI with the daemon, and a local Spark Connect server where one is needed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from i94_platform.defs.execution import STAGING_POOL
from i94_platform.engine import connect
from i94_platform.engine.spark import driver_config, s3_config
from i94_platform.errors import PermanentError
from i94_platform.lake.s3_client import aws_region
from i94_platform.listening import find_port
from i94_platform.operations.dagster_environment import build_environment
from i94_platform.operations.dagster_instance import (
    CODE_LOCATION,
    fail_unstarted_runs,
    persistent_instance,
    set_pool_limit,
)
from i94_platform.operations.supervisor import run_with_children
from i94_platform.settings import Settings

_HOST = "127.0.0.1"


def serve_ui(settings: Settings, port: int, notify: Callable[[str], None]) -> int:
    """Serve the UI until Ctrl-C or SIGTERM, and return the exit code.

    Args:
        port: 0 for a free one.

    Raises:
        PermanentError: the port is in use, another process serves the UI of this home, or the Spark Connect server did
            not start.
    """
    with _lock_home(settings.dagster_home) as note:
        port = find_port(_HOST, port)
        note.write_text(f"{os.getpid()} http://{_HOST}:{port}\n")
        with persistent_instance(settings.dagster_home) as instance:
            set_pool_limit(instance, STAGING_POOL, settings.staging_concurrency)
            fail_unstarted_runs(instance, settings.dagster_home)
        os.environ.update(build_environment(settings), I94_FREEZE_DEFINITIONS="1")
        os.environ.setdefault("I94_UI_URL", f"http://{_HOST}:{port}")
        # "dagster dev" warns that "dg dev" supersedes it, which the base installation lacks
        os.environ.setdefault("PYTHONWARNINGS", "ignore:Function")
        arguments = ["dev", "-m", CODE_LOCATION, "-h", _HOST, "-p", str(port)]
        command = [sys.executable, "-m", "i94_platform.operations.dagster_dev", *arguments]
        return run_with_children(command, _connect_server(settings, notify))


@contextmanager
def _lock_home(home: Path) -> Iterator[Path]:
    """Be the only process that serves the UI of a home, and yield the file that names it to others.

    Two daemons would each start every run.

    Raises:
        PermanentError: another process is it; the message names it.
    """
    from filelock import FileLock, Timeout

    note = home / "dev.txt"
    (home / ".locks").mkdir(parents=True, exist_ok=True)
    lock = FileLock(home / ".locks" / "dev", blocking=False)
    try:
        lock.acquire()
    except Timeout:
        # the note is empty for a moment, and where the disk was full
        pid, url = (note.exists() and note.read_text().split()) or ("unknown", "an unknown URL")
        raise PermanentError(
            f"The process {pid} already serves the UI of {home} at {url}; use it, or stop it first: kill {pid}"
        ) from None
    try:
        yield note
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def _connect_server(settings: Settings, notify: Callable[[str], None]) -> AbstractContextManager[None]:
    """Return the context of a Spark Connect server on this machine, or an empty one where none has to be started."""
    if not connect.is_local(settings.engine) or connect.is_listening(settings.engine):
        return nullcontext()
    s3_options = s3_config(settings.spark_jars, settings.s3_endpoint, aws_region()) if settings.uses_s3 else {}
    log = Path(settings.home) / "spark" / "connect.log"
    notify(f"Starting a Spark Connect server at {settings.engine}; its log is {log}")
    return connect.run_connect_server(
        settings.engine, log, driver_config("local[*]") | s3_options | settings.spark_options_by_name
    )
