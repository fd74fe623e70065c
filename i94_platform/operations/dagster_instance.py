"""The embedded Dagster instance under `I94_HOME`: its configuration, how it is opened, and its orphaned runs.

An instance of production has a `dagster.yaml` of its own, which this module leaves as it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_shared.yaml_utils import load_yaml_from_path

from i94_platform.defs.dagster_internals import InstanceRef
from i94_platform.lake.local import LocalStore
from i94_platform.operations.dagster_storage import PooledSqliteStorage

PID_TAG = "i94/pid"
"""The process that executes a run of the command line. A run whose process is gone was killed."""

_STORAGE = {"module": PooledSqliteStorage.__module__, "class": PooledSqliteStorage.__name__}

_CONFIG = f"""# The embedded instance: runs and events in SQLite files beside this one.
storage:
  custom:
    module: {_STORAGE["module"]}
    class: {_STORAGE["class"]}
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

# People wait for a run that they launch: look at the queue each second, and start two runs side by side.
run_coordinator:
  module: dagster
  class: QueuedRunCoordinator
  config:
    dequeue_interval_seconds: 1
    dequeue_use_threads: true
    dequeue_num_workers: 2

# A killed process can't report its end. A month takes minutes, so a run of two hours hangs.
run_monitoring:
  enabled: true
  start_timeout_seconds: 180
  cancel_timeout_seconds: 180
  max_runtime_seconds: 7200
  free_slots_after_run_end_seconds: 300

# Steps retry retryable errors themselves. Only a run whose process was lost is started again.
run_retries:
  enabled: true
  max_retries: 2
  retry_on_asset_or_op_failure: false
"""

_NO_COMPUTE_LOGS = {
    "compute_logs": {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
}
"""The command line prints by itself. Dagster would start two processes a run to capture its output."""


def create_home(home: Path) -> None:
    """Create the instance's folder with its `dagster.yaml`, unless they exist."""
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        (home / "dagster.yaml").write_text(_CONFIG)


@contextmanager
def persistent_instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """Open the instance in a folder, create it on first use, and fail the runs that a killed process left.

    Runs stay as they are where `dagster.yaml` names a storage of its own: they may belong to another machine, whose
    processes can't be seen from here. Dagster's run monitoring ends them.
    """
    # Dagster does not expect another process to create the same files
    with LocalStore(home).lock("instance", "Waiting for another process that opens the run history …"):
        create_home(home)
        instance = open_instance(home)
        if _is_embedded(home):
            _fail_orphaned_runs(instance)
    with instance:
        yield instance


def open_instance(home: Path) -> dg.DagsterInstance:
    """Open the instance in a folder that has its `dagster.yaml`, and change nothing."""
    storage = {"storage": {"custom": {**_STORAGE, "config": {"base_dir": str(home)}}}} if _is_embedded(home) else {}
    return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home), overrides={**_NO_COMPUTE_LOGS, **storage}))


def set_pool_limit(instance: dg.DagsterInstance, pool: str, limit: int) -> None:
    """Set how many steps of a pool may run at a time over all runs; the instance remembers it."""
    instance.event_log_storage.set_concurrency_slots(pool, limit)


def take_over_launches(instance: dg.DagsterInstance, home: Path) -> None:
    """Let this process launch runs from now on, and fail the runs that an ended one launched and never began.

    Such a run has no process to look for. If the process that launched runs before is alive, nothing is changed.
    """
    note = home / "launches.pid"
    previous = int(note.read_text()) if note.exists() else None
    if not _is_embedded(home) or (previous is not None and previous != os.getpid() and _is_alive(previous)):
        return
    for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTING])):
        instance.report_run_failed(run, message="The process that was to start this run was ended from outside.")
    LocalStore(home).put(note.name, str(os.getpid()).encode())


def _is_embedded(home: Path) -> bool:
    """Whether runs and events are kept in the instance's own folder."""
    config: Any = load_yaml_from_path(str(home / "dagster.yaml")) or {}
    custom = (config.get("storage") or {}).get("custom", {})
    return not {"storage", "event_log_storage"} & set(config) or custom.get("class") == _STORAGE["class"]


def _fail_orphaned_runs(instance: dg.DagsterInstance) -> None:
    """Fail the runs whose process was killed: they would look started, and hold slots of a pool, for hours."""
    unfinished = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.NOT_STARTED]
    for run in instance.get_runs(dg.RunsFilter(statuses=unfinished)):
        pid = _find_pid(instance, run)
        if pid and not _is_alive(pid):
            instance.report_run_failed(run, message="The process that ran this was ended from outside.")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)


def _find_pid(instance: dg.DagsterInstance, run: dg.DagsterRun) -> int | None:
    """The process of a run: runs of the command line carry it as a tag, others record it as they start."""
    if PID_TAG in run.tags:
        return int(run.tags[PID_TAG])
    events = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_START)
    return events[0].get_dagster_event().pid if events else None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Whether a process has ended without its parent taking the exit code. In a container no one may ever take it.

    Only Linux can say. The state follows the command's name, which stands in brackets and may hold any character.
    """
    try:
        status = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] in ("Z", "X")
