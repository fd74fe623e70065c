"""What a run does while a pool has no free slot: it names who holds the slots, and frees those of dead runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from i94_platform.defs.run_results import run_name
from i94_platform.operations.dagster_instance import fail_orphaned_runs, find_pool_holders, is_embedded
from i94_platform.progress import FIELDS, logger
from i94_platform.staleness.run_inputs import PARTITION_TAG

CHECK_SECONDS = 5.0


class PoolWait:
    """The wait of one run for a slot."""

    def __init__(self, instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
        self._instance, self._run = instance, run
        self._ended = threading.Event()
        self._watcher: threading.Thread | None = None

    def update(self, event: dg.DagsterEvent) -> None:
        """Begin to wait if an event says that a pool is full; end the wait with the next event."""
        self.end()
        pool = event.engine_event_data.metadata.get("pool") if event.is_engine_event else None
        if pool is not None:
            self._ended = threading.Event()
            self._watcher = threading.Thread(target=self._watch, args=(str(pool.value), self._ended), daemon=True)
            self._watcher.start()

    def end(self) -> None:
        """End the wait, if there is one."""
        self._ended.set()
        if self._watcher:
            self._watcher.join()
            self._watcher = None

    def _watch(self, pool: str, ended: threading.Event) -> None:
        message = ""
        while not ended.is_set():
            runs = [run for run in find_pool_holders(self._instance, pool) if run.run_id != self._run.run_id]
            holders = ", ".join(f"run {run.run_id[:8]} ({_run_name(run)})" for run in runs)
            if holders and holders != message:
                message = holders
                fields = {"event": "waiting", "pool": pool, "held_by": [run.run_id for run in runs]}
                logger.info(
                    "%s waits for pool %s, held by %s", _run_name(self._run), pool, holders, extra={FIELDS: fields}
                )
            ended.wait(CHECK_SECONDS)
            if is_embedded(Path(self._instance.root_directory)):
                fail_orphaned_runs(self._instance)


@contextmanager
def watch_pool_waits(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Iterator[PoolWait]:
    """Give the wait of a run, and end it with the context."""
    wait = PoolWait(instance, run)
    try:
        yield wait
    finally:
        wait.end()


def _run_name(run: dg.DagsterRun) -> str:
    return run_name(run.job_name, run.tags.get(PARTITION_TAG, ""))
