"""One run in this process with its history kept, and what became of it.

Runs are recorded in the Dagster instance under `I94_HOME`, which the lineage UI shows. Not here: which runs are due
(`due`), in which order they follow (`sequence`), and printing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError

from i94_platform.defs.jobs import MONTH_JOB
from i94_platform.errors import PermanentError
from i94_platform.operations.dagster_instance import PID_TAG
from i94_platform.partitions import Month

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class RunResult:
    """What became of one run."""

    job: str
    month: str
    run_id: str = ""
    succeeded: bool = False
    seconds: float = 0.0
    rows: dict[str, int] = field(default_factory=dict)
    """Rows by asset, such as `staged/immigration`."""
    failed_checks: list[str] = field(default_factory=list)
    """Blocking and other errors, as `asset check: description`."""
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    failed_steps: list[str] = field(default_factory=list)
    interrupted: bool = False
    """Whether somebody stopped it, with Ctrl-C."""

    @property
    def name(self) -> str:
        """The run, for people."""
        return run_name(self.job, self.month)


def run_name(job: str, month: str) -> str:
    """A run, for people: its month where that tells enough."""
    return month if job == MONTH_JOB else f"{month} {job}".strip()


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
    from dagster._core.definitions.job_base import InMemoryJob
    from dagster._core.execution.api import create_execution_plan, execute_run_iterator

    outcome, started = RunResult(job.name, month.key if month else ""), time.monotonic()
    partition = {"dagster/partition": month.key} if month else {}
    run = history.create_run_for_job(
        job,
        run_config=_QUIET,
        tags={**partition, **(tags or {}), PID_TAG: str(os.getpid())},
        asset_selection=job.asset_selection,
    )
    outcome.run_id = run.run_id
    total, done = len(create_execution_plan(InMemoryJob(job), run_config=_QUIET).step_keys_to_execute), 0
    for event in execute_run_iterator(InMemoryJob(job), run, history):
        if event.event_type == dg.DagsterEventType.STEP_START:
            on_step(str(event.step_key), done, total)
        elif event.is_step_success or event.is_step_failure or event.is_step_skipped:
            done += 1
            on_step("", done, total)
        _note(event, outcome)
    outcome.seconds = time.monotonic() - started
    if outcome.interrupted:
        raise KeyboardInterrupt
    return outcome


def collect_result(run: dg.DagsterRun, history: dg.DagsterInstance) -> RunResult:
    """What the history tells of a run that somebody else has run."""
    outcome = RunResult(run.job_name, run.tags.get("dagster/partition", ""), run.run_id)
    for entry in history.all_logs(run.run_id):
        if entry.is_dagster_event:
            _note(entry.get_dagster_event(), outcome)
    return outcome


def _note(event: dg.DagsterEvent, outcome: RunResult) -> None:
    """What one event adds to the outcome."""
    if event.event_type == dg.DagsterEventType.RUN_SUCCESS:
        outcome.succeeded = True
    elif event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION:
        record = event.step_materialization_data.materialization
        counts = [record.metadata.get(f"dagster/{name}row_count") for name in ("partition_", "")]
        outcome.rows["/".join(record.asset_key.path)] = next(
            (c.value for c in counts if isinstance(c, dg.IntMetadataValue) and c.value), 0
        )
    elif event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
        evaluation = event.asset_check_evaluation_data
        if not evaluation.passed:
            shown = f"{'/'.join(evaluation.asset_key.path)} {evaluation.check_name}: {evaluation.description}"
            error = evaluation.severity == dg.AssetCheckSeverity.ERROR
            (outcome.failed_checks if error else outcome.warnings).append(shown)
    elif event.event_type == dg.DagsterEventType.RUN_CANCELED:
        outcome.interrupted = True
    elif event.is_step_failure:
        data = event.step_failure_data
        outcome.failed_steps.append(str(event.step_key))
        if data.error is not None and data.error.cls_name == DagsterExecutionInterruptedError.__name__:
            outcome.interrupted = True
        told = data.user_failure_data.description if data.user_failure_data else root_cause(data.error)
        if told and "blocking asset check" not in told:
            outcome.errors.append(f"{event.step_key}: {told}")


def root_cause(error: Any) -> str:
    """The message of the failure at the bottom of a chain of them; empty for none."""
    while error is not None and error.cause is not None:
        error = error.cause
    return "" if error is None else str(error.message).strip()


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
