"""Runs of jobs in this process, recorded in the Dagster instance, and the subset of a job that a selection names."""

from __future__ import annotations

import difflib
import logging
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import dagster as dg

from i94_platform.defs.run_results import RunResult
from i94_platform.errors import PermanentError
from i94_platform.operations.dagster_instance import PROCESS_TAG, REPOSITORY, REPOSITORY_TAG
from i94_platform.operations.pool_waits import watch_pool_waits
from i94_platform.operations.run_events import (
    CheckFailure,
    EventCallback,
    LogLine,
    RunEnd,
    RunEvent,
    RunStart,
    StepEnd,
    StepStart,
)
from i94_platform.partitions import Month
from i94_platform.processes import ProcessIdentity
from i94_platform.staleness.run_inputs import PARTITION_TAG

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run_job(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    *,
    month: Month | None = None,
    tags: Mapping[str, str] | None = None,
    resources: Mapping[str, Any] | None = None,
    on_event: EventCallback = lambda event: None,
) -> RunResult:
    """Run a job in this process and record it.

    Args:
        resources: The run config of resources, by name; left out where no step of the job uses the resource.
        on_event: Receives what happens in the run.

    Raises:
        KeyboardInterrupt: Ctrl-C ended the run. Dagster itself would end the run and go on.
    """
    from i94_platform.defs.dagster_internals import InMemoryJob, create_execution_plan, execute_run_iterator

    started = time.monotonic()
    used = job.get_required_resource_defs()
    config = {**_QUIET, "resources": {name: value for name, value in (resources or {}).items() if name in used}}
    run = _create_run(job, instance, config, {**({PARTITION_TAG: month.key} if month else {}), **(tags or {})})
    result = RunResult(job.name, month.key if month else "", run.run_id)
    steps = len(create_execution_plan(InMemoryJob(job), run_config=config).step_keys_to_execute)
    on_event(RunStart(result.name, job.name, result.month, run.run_id, steps))
    instance.add_event_listener(run.run_id, partial(_report_log_line, result.name, on_event))
    with watch_pool_waits(instance, run) as wait:
        steps_of_run = _StepEvents(result.name, steps)
        for event in execute_run_iterator(InMemoryJob(job), run, instance):
            wait.update(event)
            result.record(event)
            if reported := steps_of_run.convert(event):
                on_event(reported)
    result.seconds = time.monotonic() - started
    on_event(RunEnd(result.name, result))
    if result.interrupted:
        raise KeyboardInterrupt
    return result


def _create_run(
    job: dg.JobDefinition, instance: dg.DagsterInstance, config: Mapping[str, Any], tags: Mapping[str, str]
) -> dg.DagsterRun:
    """Record a run of this process that has not started yet."""
    own_tags = {REPOSITORY_TAG: REPOSITORY, PROCESS_TAG: str(ProcessIdentity.of_this_process())}
    return instance.create_run_for_job(
        job, run_config=config, tags={**tags, **own_tags}, asset_selection=job.asset_selection
    )


def _report_log_line(run: str, on_event: EventCallback, entry: dg.EventLogEntry) -> None:
    """Report what a step writes to the log; Dagster's own events are reported otherwise."""
    if not entry.is_dagster_event:
        level = entry.level if isinstance(entry.level, str) else logging.getLevelName(entry.level)
        on_event(LogLine(run, entry.step_key or "", level, entry.user_message))


class _StepEvents:
    """Converts Dagster's events of one run."""

    def __init__(self, run: str, steps: int) -> None:
        self._run, self._steps, self._done = run, steps, 0
        self._started: dict[str, float] = {}

    def convert(self, event: dg.DagsterEvent) -> RunEvent | None:
        """Return the event that commands show; None for one of no interest."""
        step = str(event.step_key)
        if event.event_type == dg.DagsterEventType.STEP_START:
            self._started[step] = time.monotonic()
            return StepStart(self._run, step, self._done, self._steps)
        if event.is_step_success or event.is_step_failure or event.is_step_skipped:
            self._done += 1
            status = "success" if event.is_step_success else "failure" if event.is_step_failure else "skipped"
            seconds = time.monotonic() - self._started[step] if step in self._started else 0.0
            return StepEnd(self._run, step, self._done, self._steps, status, round(seconds, 3))
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.asset_check_evaluation_data
            if not check.passed:
                asset, severity = check.asset_key.to_user_string(), check.severity.value
                return CheckFailure(self._run, asset, check.check_name, severity, check.description or "")
        return None


def validate_selection(definitions: dg.Definitions, selection: Sequence[str]) -> None:
    """Require that every name of a selection is a layer or an asset.

    Raises:
        PermanentError: a name is neither; the message has the nearest names, or the layers.
    """
    keys = definitions.resolve_asset_graph().executable_asset_keys
    valid = {key.to_user_string() for key in keys} | {key.path[0] for key in keys}
    if unknown := sorted(set(selection) - valid):
        names = [name.rpartition("/")[2] for name in unknown]
        nearest = [n for n in sorted(valid) if difflib.get_close_matches(n.rpartition("/")[2], names, cutoff=0.75)]
        layers = ", ".join(sorted(name for name in valid if "/" not in name))
        valid_names = (
            f"Nearest: {', '.join(nearest)}" if nearest else f"Valid are the layers {layers}, and their assets"
        )
        raise PermanentError(f"Neither a layer nor an asset: {', '.join(unknown)}. {valid_names}.")


def subset_job(job: dg.JobDefinition, selection: Sequence[str]) -> dg.JobDefinition | None:
    """Return the part of a job that a selection of layers and assets names, or None where it names nothing of it."""
    keys = job.asset_layer.executable_asset_keys
    selected = {key for key in keys if key.path[0] in selection or key.to_user_string() in selection}
    if not selected:
        return None
    # assets of one step can't run apart
    graph = job.asset_layer.asset_graph
    assets = dg.AssetSelection.assets(*selected).required_multi_asset_neighbors().resolve(graph)
    if assets >= set(keys):
        return job  # a run of a subset executes every check of its assets, also the one of all months
    # without a selection of checks Dagster adds every check of an asset, also those of other jobs
    checks = {check for check in graph.asset_check_keys if check.asset_key in assets}
    return job.get_subset(asset_selection=assets, asset_check_selection=checks)
