"""The names that the package imports from Dagster's private modules, each with the reason.

Importing it takes a quarter of a second, so modules of the definitions import it inside functions. No other module
may import private names. `uv.lock` pins Dagster, so that a name can't change unnoticed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# Runs a job in this process over a persistent instance and yields its events while it runs. `execute_in_process`
# returns after the end, so it can show no progress.
from dagster._core.definitions.job_base import InMemoryJob

# The error of a step that Ctrl-C stopped, which the events name by its class only.
from dagster._core.errors import DagsterExecutionInterruptedError

# The data of the event that ends a failed run; it holds the error of a run that failed outside any step.
from dagster._core.events import JobFailureData
from dagster._core.execution.api import create_execution_plan, execute_run_iterator

# Opens an instance from a folder with parts of its configuration replaced.
from dagster._core.instance.ref import InstanceRef

# The statuses of a check execution that has ended. Without them, a planned execution hides the newest result.
from dagster._core.storage.asset_check_execution_record import (
    COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES as COMPLETED_CHECK_STATUSES,
)

# The tables of the default storage, so that `operations.dagster_storage` creates them without Dagster's migrations.
from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata

# The parts of the default storage, of which `operations.dagster_storage` derives one that keeps its files open.
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.runs.schema import RunStorageSqlMetadata
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.schedules.schema import ScheduleStorageSqlMetadata
from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import SqliteScheduleStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS, create_db_conn_string
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage


def replace_webserver(module: str) -> None:
    """Have `dagster dev`, in this process, start a module for `dagster_webserver`; it has no option for that."""
    from dagster._cli import dev

    start = vars(dev)["open_ipc_subprocess"]

    def start_other(command: Sequence[str], **options: Any) -> Any:
        return start([module if part == "dagster_webserver" else part for part in command], **options)

    vars(dev)["open_ipc_subprocess"] = start_other


__all__ = [
    "COMPLETED_CHECK_STATUSES",
    "SQLITE_BUSY_TIMEOUT_SECONDS",
    "DagsterExecutionInterruptedError",
    "DagsterSqliteStorage",
    "InMemoryJob",
    "InstanceRef",
    "JobFailureData",
    "RunStorageSqlMetadata",
    "ScheduleStorageSqlMetadata",
    "SqlEventLogStorageMetadata",
    "SqliteEventLogStorage",
    "SqliteRunStorage",
    "SqliteScheduleStorage",
    "create_db_conn_string",
    "create_execution_plan",
    "execute_run_iterator",
    "replace_webserver",
]
