"""The embedded Dagster instance under `I94_HOME`: its configuration, how it is opened, and its orphaned runs.

An instance of production has a `dagster.yaml` of its own, which this module leaves as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_shared.yaml_utils import load_yaml_from_path

from i94_platform.defs.dagster_internals import InstanceRef
from i94_platform.lake.local import LocalStore
from i94_platform.operations.dagster_storage import PooledSqliteStorage
from i94_platform.processes import ProcessIdentity, is_running

PROCESS_TAG = ".dagster/i94_process"
"""The process that executes a run of the command line. A run whose process is gone was killed. The UI hides the tag."""

CODE_LOCATION = "i94_platform.definitions"
"""The name under which Dagster knows the definitions: that of their module."""

REPOSITORY_TAG, REPOSITORY = ".dagster/repository", f"__repository__@{CODE_LOCATION}"
"""The tag by which the page of a job finds its runs."""

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

# The log of a run shows what the platform warns of, such as who holds the file that a load waits for.
python_logs:
  managed_python_loggers: [i94_platform]
  python_log_level: INFO  # of the lines that steps write, too

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

# Days before ticks are deleted. I94_RETENTION_DAYS is the number for runs.
retention:
  schedule: {{ purge_after_days: 90 }}
  sensor:
    purge_after_days: {{ skipped: 7, failure: 30, success: 90 }}
  auto_materialize:
    purge_after_days: {{ skipped: 7, failure: 30, success: 90 }}
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
        if is_embedded(home):
            fail_orphaned_runs(instance)
    with instance:
        yield instance


def open_instance(home: Path) -> dg.DagsterInstance:
    """Open the instance in a folder that has its `dagster.yaml`, and change nothing."""
    storage = {"storage": {"custom": {**_STORAGE, "config": {"base_dir": str(home)}}}} if is_embedded(home) else {}
    return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home), overrides={**_NO_COMPUTE_LOGS, **storage}))


def set_pool_limit(instance: dg.DagsterInstance, pool: str, limit: int) -> None:
    """Set how many steps of a pool may run at a time over all runs; the instance remembers it."""
    instance.event_log_storage.set_concurrency_slots(pool, limit)


def fail_unstarted_runs(instance: dg.DagsterInstance, home: Path) -> None:
    """Fail the runs that an ended UI launched and that never began: no process of theirs can be looked for.

    Only for the one process that launches runs of the instance.
    """
    if not is_embedded(home):
        return
    for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTING])):
        instance.report_run_failed(run, message="The process that was to start this run was ended from outside.")


def is_embedded(home: Path) -> bool:
    """Whether an instance keeps runs and events in its own folder, so that all their processes are on this machine."""
    if not (home / "dagster.yaml").exists():
        return False
    config: Any = load_yaml_from_path(str(home / "dagster.yaml")) or {}
    custom = (config.get("storage") or {}).get("custom", {})
    return not {"storage", "event_log_storage"} & set(config) or custom.get("class") == _STORAGE["class"]


def fail_orphaned_runs(instance: dg.DagsterInstance) -> None:
    """Fail the runs whose process was killed, and free the slots of pools that ended runs hold.

    Such a run would look started, and hold its slots, for hours.
    """
    unfinished = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.NOT_STARTED]
    for run in instance.get_runs(dg.RunsFilter(statuses=unfinished)):
        if _is_orphaned(instance, run):
            instance.report_run_failed(run, message="The process that ran this was ended from outside.")
    for run_id in {
        holder for pool in instance.event_log_storage.get_pool_limits() for holder in _slots(instance, pool.name)
    }:
        holder = instance.get_run_by_id(run_id)
        if holder is None or holder.is_finished:
            instance.event_log_storage.free_concurrency_slots_for_run(run_id)


def find_pool_holders(instance: dg.DagsterInstance, pool: str) -> list[dg.DagsterRun]:
    """Find the runs that hold the slots of a pool."""
    return [run for run_id in sorted(_slots(instance, pool)) if (run := instance.get_run_by_id(run_id))]


def _slots(instance: dg.DagsterInstance, pool: str) -> set[str]:
    """Return the ids of the runs that hold or are assigned slots of a pool."""
    info = instance.event_log_storage.get_concurrency_info(pool)
    return info.active_run_ids | info.assigned_run_ids


def _is_orphaned(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether the process of a run is gone: the one that the run records as it starts, before that the one of its tag.

    A re-execution copies the tag of its first run, whose process it does not have.
    """
    process = ProcessIdentity.parse(run.tags[PROCESS_TAG]) if PROCESS_TAG in run.tags else None
    for record in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_START):
        pid = record.get_dagster_event().pid
        if pid is not None and (process is None or process.pid != pid):
            return not is_running(pid, since=record.timestamp)
    return process is not None and run.parent_run_id is None and not process.is_alive()
