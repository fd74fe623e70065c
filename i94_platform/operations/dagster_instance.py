"""The persistent Dagster instance of a deployment: where runs, events and checks are remembered.

Here: making the embedded one, opening any, and closing what killed processes left open. Not here: how the embedded one
keeps its files (`storage`), launching runs, and the instances of production, which their own `dagster.yaml` describes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from dagster_shared.yaml_utils import load_yaml_from_path

from i94_platform.lake.local import LocalStore
from i94_platform.operations.sqlite_storage import FILES, PooledStorage

PID_TAG = "i94/pid"
"""The process that executes a run of the command line; its absence tells a killed run from a running one."""

_CONFIG = f"""# The embedded instance: history in SQLite files beside this one.
storage:
  custom:
    module: {PooledStorage.__module__}
    class: {PooledStorage.__name__}
    config:
      base_dir:
        env: DAGSTER_HOME
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  runs:
    max_concurrent_runs: 2  # a month takes two cores and up to four gigabytes
  pools:
    default_limit: 1  # loads of the warehouse take turns; I94_STAGING_CONCURRENCY limits the staging of months
    granularity: op

# Who launches a run watches for its start: the queue is looked at each second, and two runs start side by side.
run_coordinator:
  module: dagster
  class: QueuedRunCoordinator
  config:
    dequeue_interval_seconds: 1
    dequeue_use_threads: true
    dequeue_num_workers: 2

# A process that was killed can't say so. A month takes minutes: one that is busy after two hours is none.
run_monitoring:
  enabled: true
  start_timeout_seconds: 180
  cancel_timeout_seconds: 180
  max_runtime_seconds: 7200
  free_slots_after_run_end_seconds: 300

# Steps retry by themselves what may pass; a run is only started again where its process was lost.
run_retries:
  enabled: true
  max_retries: 2
  retry_on_asset_or_op_failure: false
"""

_OWN_OUTPUT = {
    "compute_logs": {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
}
"""The command line prints for itself: its output is not captured by two processes a run, as under the UI."""


def prepare_home(home: Path) -> None:
    """Make the instance's folder with its configuration, unless it is there."""
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        (home / "dagster.yaml").write_text(_CONFIG)


@contextmanager
def persistent_instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """The instance in a folder, made on first use.

    Runs that a killed process left are closed as failed, unless the history is kept elsewhere: then they may be another
    machine's, whose processes can't be seen from here, and Dagster's run monitoring closes them.
    """
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "1000")  # how it asks for `store_event_batch`
    with ExitStack() as held:
        # Dagster makes its files without regard to another process that does the same
        with LocalStore(home).lock("history", "Waiting for another process that is opening the history …"):
            prepare_home(home)
            held.callback(FILES.close, home)
            opened = held.enter_context(open_instance(home))
            if _storage(home):
                _close_orphans(opened)
        yield opened


def open_instance(home: Path) -> dg.DagsterInstance:
    """The instance in a folder that has its configuration, as it stands: nothing is closed, nobody waits."""
    return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home), overrides={**_OWN_OUTPUT, **_storage(home)}))


def set_pool_limit(opened: dg.DagsterInstance, pool: str, at_once: int) -> None:
    """Set how many steps of a pool may run at a time, over all runs; the history remembers it."""
    opened.event_log_storage.set_concurrency_slots(pool, at_once)


def _storage(home: Path) -> dict[str, Any]:
    """Where events go, unless the instance's own configuration names another place."""
    configured: Any = load_yaml_from_path(str(home / "dagster.yaml")) or {}
    custom = (configured.get("storage") or {}).get("custom", {})
    if {"storage", "event_log_storage"} & set(configured) and custom.get("class") != PooledStorage.__name__:
        return {}
    where = {"module": PooledStorage.__module__, "class": PooledStorage.__name__, "config": {"base_dir": str(home)}}
    return {"storage": {"custom": where}}


def _close_orphans(opened: dg.DagsterInstance) -> None:
    """Runs whose process was killed would stand as running, and hold what they have of a pool, for hours."""
    unfinished = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.NOT_STARTED]
    for run in opened.get_runs(dg.RunsFilter(statuses=unfinished)):
        pid = _pid(opened, run)
        if pid and not _alive(pid):
            opened.report_run_failed(run, message="The process that ran this was ended from outside.")
            opened.event_log_storage.free_concurrency_slots_for_run(run.run_id)


def take_over_launches(opened: dg.DagsterInstance, home: Path) -> None:
    """Have this process launch runs from now on; what the one before it launched and did not begin is closed.

    Such a run has no process that could be looked for. Where the one before is still there, nothing is closed.
    """
    note = home / "launches.pid"
    before = int(note.read_text()) if note.exists() else None
    if not _storage(home) or (before is not None and before != os.getpid() and _alive(before)):
        return
    for run in opened.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTING])):
        opened.report_run_failed(run, message="The process that was to start this was ended from outside.")
    LocalStore(home).put(note.name, str(os.getpid()).encode())


def _pid(opened: dg.DagsterInstance, run: dg.DagsterRun) -> int | None:
    """The process of a run: the command line says it on the run, those of the UI and the daemon as they start."""
    if PID_TAG in run.tags:
        return int(run.tags[PID_TAG])
    events = opened.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_START)
    return events[0].get_dagster_event().pid if events else None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _defunct(pid)


def _defunct(pid: int) -> bool:
    """Whether a process has ended and nobody has asked for its exit code, which the first one of a container may never.

    Only Linux tells; the state follows the command's name, which is in brackets and may hold any character.
    """
    try:
        status = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] in ("Z", "X")
