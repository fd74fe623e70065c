"""Runs of jobs in this process, recorded in the Dagster instance, and the subset of a job that a selection names."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg

from i94_platform.defs.run_results import RunResult
from i94_platform.errors import PermanentError
from i94_platform.operations.dagster_instance import PROCESS_TAG
from i94_platform.operations.pool_waits import watch_pool_waits
from i94_platform.operations.processes import ProcessIdentity
from i94_platform.partitions import Month
from i94_platform.staleness.run_inputs import PARTITION_TAG

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run_job(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    *,
    month: Month | None = None,
    tags: Mapping[str, str] | None = None,
    resources: Mapping[str, Any] | None = None,
    on_step: Callable[[str, int, int], None] = lambda step, done, total: None,
) -> RunResult:
    """Run a job in this process and record it.

    Args:
        resources: the run config of resources, by name; left out where no step of the job uses the resource.
        on_step: called as each step starts and ends with the step (empty at its end), the steps done, and all steps.

    Raises:
        KeyboardInterrupt: Ctrl-C ended the run. Dagster itself would end the run and go on.
    """
    from i94_platform.defs.dagster_internals import InMemoryJob, create_execution_plan, execute_run_iterator

    started = time.monotonic()
    used = job.get_required_resource_defs()
    config = {**_QUIET, "resources": {name: value for name, value in (resources or {}).items() if name in used}}
    run = instance.create_run_for_job(
        job,
        run_config=config,
        tags={
            **({PARTITION_TAG: month.key} if month else {}),
            **(tags or {}),
            PROCESS_TAG: str(ProcessIdentity.of_this_process()),
        },
        asset_selection=job.asset_selection,
    )
    result = RunResult(job.name, month.key if month else "", run.run_id)
    total, done = len(create_execution_plan(InMemoryJob(job), run_config=config).step_keys_to_execute), 0
    with watch_pool_waits(instance, run) as wait:
        for event in execute_run_iterator(InMemoryJob(job), run, instance):
            wait.update(event)
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
    """Require that every name of a selection is a layer or an asset.

    Raises:
        PermanentError: a name is neither; the message lists the valid names.
    """
    keys = definitions.resolve_asset_graph().executable_asset_keys
    valid = {"/".join(key.path) for key in keys} | {key.path[0] for key in keys}
    if unknown := sorted(set(selection) - valid):
        raise PermanentError(
            f"Neither a layer nor an asset: {', '.join(unknown)}. Valid are: {', '.join(sorted(valid))}."
        )


def subset_job(job: dg.JobDefinition, selection: Sequence[str]) -> dg.JobDefinition | None:
    """Return the part of a job that a selection of layers and assets names, or None where it names nothing of it."""
    keys = job.asset_layer.executable_asset_keys
    selected = {key for key in keys if key.path[0] in selection or "/".join(key.path) in selection}
    if not selected:
        return None
    # assets of one step can't run apart
    graph = job.asset_layer.asset_graph
    assets = dg.AssetSelection.assets(*selected).required_multi_asset_neighbors().resolve(graph)
    # without a selection of checks Dagster adds every check of an asset, also those of other jobs
    checks = {check for check in graph.asset_check_keys if check.asset_key in assets}
    return job.get_subset(asset_selection=assets, asset_check_selection=checks)
