"""One run of a job in this process, recorded in the Dagster instance; and the selection of a part of a job."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence

import dagster as dg

from i94_platform.defs.run_results import RunResult
from i94_platform.errors import PermanentError
from i94_platform.operations.dagster_instance import PID_TAG
from i94_platform.partitions import Month

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run_job(
    job: dg.JobDefinition,
    history: dg.DagsterInstance,
    *,
    month: Month | None = None,
    tags: Mapping[str, str] | None = None,
    on_step: Callable[[str, int, int], None] = lambda step, done, total: None,
) -> RunResult:
    """Run a job in this process and record it; `on_step` hears of each step that starts, with steps done and total.

    Raises:
        KeyboardInterrupt: somebody stopped it; Dagster itself would only end the run.
    """
    from i94_platform.defs.dagster_internals import InMemoryJob, create_execution_plan, execute_run_iterator

    result, started = RunResult(job.name, month.key if month else ""), time.monotonic()
    partition = {"dagster/partition": month.key} if month else {}
    run = history.create_run_for_job(
        job,
        run_config=_QUIET,
        tags={**partition, **(tags or {}), PID_TAG: str(os.getpid())},
        asset_selection=job.asset_selection,
    )
    result.run_id = run.run_id
    total, done = len(create_execution_plan(InMemoryJob(job), run_config=_QUIET).step_keys_to_execute), 0
    for event in execute_run_iterator(InMemoryJob(job), run, history):
        if event.event_type == dg.DagsterEventType.STEP_START:
            on_step(str(event.step_key), done, total)
        elif event.is_step_success or event.is_step_failure or event.is_step_skipped:
            done += 1
            on_step("", done, total)
        result.record(event)
    result.seconds = time.monotonic() - started
    if result.interrupted:
        raise KeyboardInterrupt
    return result


def validate_selection(definitions: dg.Definitions, selection: Sequence[str]) -> None:
    """Every name of a selection must be a layer's or an asset's.

    Raises:
        PermanentFailure: one is not; it lists those that are.
    """
    keys = definitions.resolve_asset_graph().executable_asset_keys
    known = {"/".join(key.path) for key in keys} | {key.path[0] for key in keys}
    if unknown := sorted(set(selection) - known):
        raise PermanentError(
            f"Neither a layer nor an asset: {', '.join(unknown)}. Valid are: {', '.join(sorted(known))}."
        )


def subset_job(job: dg.JobDefinition, selection: Sequence[str]) -> dg.JobDefinition | None:
    """The part of a job that a selection of layers and assets names; None where it names nothing of it."""
    keys = job.asset_layer.executable_asset_keys
    chosen = {k for k in keys if k.path[0] in selection or "/".join(k.path) in selection}
    if not chosen:
        return None
    # what one step makes together is run together
    graph = job.asset_layer.asset_graph
    whole = dg.AssetSelection.assets(*chosen).required_multi_asset_neighbors().resolve(graph)
    # only the job's own checks: unasked, Dagster takes every check of an asset
    checks = {check for check in graph.asset_check_keys if check.asset_key in whole}
    return job.get_subset(asset_selection=whole, asset_check_selection=checks)
