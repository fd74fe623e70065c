"""Runs from the command line: what is due, and running it in this process with its history kept.

Here: the plan (which references, months and marts are stale), one run of a job, and what became of it. Runs are
recorded in the Dagster instance under `I94_HOME`, which the lineage UI shows. Not here: printing.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError

from i94_platform.assets.marts import correlations_version, data_versions, mart_version
from i94_platform.assets.staged import month_version
from i94_platform.automation.history import PID_TAG
from i94_platform.automation.jobs import CORRELATIONS_JOB, MARTS_JOB, MONTH_JOB, PUBLISH_JOB, REFERENCE_JOB
from i94_platform.automation.requests import INPUTS_TAG, last_run, reference_versions
from i94_platform.contracts import DIMENSIONS, LOOKUPS, MONTHLY_MARTS, REFERENCES, correlations, immigration
from i94_platform.failures import PermanentFailure
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.raw import Delivery, Landed, landed
from i94_platform.lake.releases import current_release
from i94_platform.lake.store import Store
from i94_platform.partitions import Month
from i94_platform.warehouse.base import Loaded, Warehouse

_LABELS = "i94_labels"
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class Outcome:
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
        return name_of(self.job, self.month)


def name_of(job: str, month: str) -> str:
    """A run, for people: its month where that tells enough."""
    return month if job == MONTH_JOB else f"{month} {job}".strip()


@dataclass(frozen=True)
class Plan:
    """What is due: whether the reference part is, which months, and what was left out and why.

    Which marts are due too shows when these have run: `stale_marts`, `stale_correlations`.
    """

    reference: bool
    months: tuple[Month, ...]
    notes: tuple[str, ...] = ()
    asked: tuple[Month, ...] = ()
    """The months that somebody named, where no other is meant."""
    undelivered: tuple[tuple[Month, str], ...] = ()
    """Asked months that are left out since nothing is there to load, each with what was looked for."""


def plan(
    raw: Store,
    lake: Lake,
    warehouse: Warehouse,
    history: dg.DagsterInstance,
    *,
    first_month: Month,
    last_month: Month,
    asked: Sequence[Month] = (),
    only_due: bool = False,
) -> Plan:
    """Which runs are due; without `asked` months, those delivered whose newest content is not loaded.

    `only_due` leaves out asked months that are loaded, unless their last run failed, and those that are not delivered.

    Raises:
        PermanentFailure: an asked month is outside the range of months.
    """
    found = landed(raw.list())
    loaded = data_versions(warehouse.ledger())
    stale = stale_references(found, raw, lake, history, {name for name, _ in loaded})
    for month in asked:
        if not first_month <= month <= last_month:
            raise PermanentFailure(
                f"{month.key} is not a month that can be run; the range is {first_month.key} to {last_month.key}."
            )
    notes = [f"Not a delivery by name, left alone: {', '.join(found.unknown)}"] if found.unknown else []
    asked = tuple(dict.fromkeys(asked))
    if asked and not only_due:
        return Plan(bool(stale), asked, tuple(notes), asked)
    recode = _LABELS in stale  # every month is encoded with the lists of the label file

    def due(month: Month, delivery: Delivery) -> bool:
        return recode or loaded.get(("immigration", month.key)) != month_version(delivery, raw, lake)

    if asked:
        there = [month for month in asked if month in found.months]
        return Plan(
            bool(stale),
            tuple(month for month in there if _failed(month, history) or due(month, found.months[month])),
            tuple(notes),
            asked,
            tuple((month, found.expected(month, raw.root)) for month in asked if month not in found.months),
        )
    in_range = {month: delivery for month, delivery in found.months.items() if first_month <= month <= last_month}
    span = f"{first_month.key} to {last_month.key}"
    notes += [f"{m.key} is delivered but outside {span}, left alone" for m in found.months if m not in in_range]
    return Plan(bool(stale), tuple(month for month in in_range if due(month, in_range[month])), tuple(notes))


def _failed(month: Month, history: dg.DagsterInstance) -> bool:
    run = last_run(history, MONTH_JOB, month.key)
    return run is not None and run.is_finished and not run.is_success


def release_due(warehouse: Warehouse, lake: Lake) -> bool:
    """Whether anything was loaded since the release, or there is none of what is loaded."""
    release, ledger = current_release(lake), warehouse.ledger()
    return bool(ledger) and (release is None or release.data_as_of != max(line.loaded_at for line in ledger))


def stale_references(
    found: Landed, raw: Store, lake: Lake, history: dg.DagsterInstance, loaded: set[str]
) -> frozenset[str]:
    """The delivered references that the last successful reference run did not read as they are now.

    All of them where a table or dataset of the reference part is missing.
    """
    versions = reference_versions(found, raw)
    tables = {c.name for c in (*LOOKUPS, *REFERENCES, *DIMENSIONS)}
    datasets = [*(f"lookup/{c.name}" for c in LOOKUPS), *(f"staged/{c.name}" for c in REFERENCES)]
    if tables - loaded or any(lake.manifest(Dataset(name)) is None for name in datasets):
        return frozenset(versions) | {_LABELS}
    runs = history.get_runs(dg.RunsFilter(job_name=REFERENCE_JOB, statuses=[dg.DagsterRunStatus.SUCCESS]), limit=20)
    read: dict[str, str] = next((json.loads(run.tags[INPUTS_TAG]) for run in runs if INPUTS_TAG in run.tags), {})
    return frozenset(name for name, version in versions.items() if read.get(name) != version)


def marts_up_to_date(ledger: Sequence[Loaded]) -> dict[str, int]:
    """Of every loaded month, how many of its marts are made from what is loaded now, by the SQL that is here now."""
    loaded = data_versions(ledger)
    return {
        month: sum(loaded.get((mart.name, month)) == mart_version(mart, month, loaded) for mart in MONTHLY_MARTS)
        for name, month in loaded
        if name == immigration.name
    }


def stale_marts(ledger: Sequence[Loaded]) -> tuple[Month, ...]:
    """The loaded months whose marts are due."""
    fresh = marts_up_to_date(ledger)
    return tuple(Month.parse(month) for month in sorted(fresh) if fresh[month] < len(MONTHLY_MARTS))


def stale_correlations(ledger: Sequence[Loaded]) -> bool:
    """Whether the marts have changed since they were correlated."""
    loaded = data_versions(ledger)
    return loaded.get((correlations.name, ""), "") != correlations_version(loaded)


def run_job(
    job: dg.JobDefinition,
    history: dg.DagsterInstance,
    *,
    month: Month | None = None,
    tags: Mapping[str, str] | None = None,
    on_step: Callable[[str, int, int], None] = lambda step, done, total: None,
) -> Outcome:
    """Run a job in this process and record it; `on_step` hears of each step that starts, with steps done and total.

    Raises:
        KeyboardInterrupt: somebody stopped it; Dagster itself would only end the run.
    """
    from dagster._core.definitions.job_base import InMemoryJob
    from dagster._core.execution.api import create_execution_plan, execute_run_iterator

    outcome, started = Outcome(job.name, month.key if month else ""), time.monotonic()
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


def outcome_of(run: dg.DagsterRun, history: dg.DagsterInstance) -> Outcome:
    """What the history tells of a run that somebody else has run."""
    outcome = Outcome(run.job_name, run.tags.get("dagster/partition", ""), run.run_id)
    for entry in history.all_logs(run.run_id):
        if entry.is_dagster_event:
            _note(entry.get_dagster_event(), outcome)
    return outcome


def _note(event: dg.DagsterEvent, outcome: Outcome) -> None:
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
        told = data.user_failure_data.description if data.user_failure_data else deepest(data.error)
        if told and "blocking asset check" not in told:
            outcome.errors.append(f"{event.step_key}: {told}")


def deepest(error: Any) -> str:
    """The message of the failure at the bottom of a chain of them; empty for none."""
    while error is not None and error.cause is not None:
        error = error.cause
    return "" if error is None else str(error.message).strip()


def month_job(definitions: dg.Definitions) -> dg.JobDefinition:
    """The job of one month."""
    return definitions.resolve_job_def(MONTH_JOB)


def reference_job(definitions: dg.Definitions) -> dg.JobDefinition:
    """The job of the reference part."""
    return definitions.resolve_job_def(REFERENCE_JOB)


def publish_job(definitions: dg.Definitions) -> dg.JobDefinition:
    """The job of the release."""
    return definitions.resolve_job_def(PUBLISH_JOB)


def marts_job(definitions: dg.Definitions) -> dg.JobDefinition:
    """The job of one month's marts."""
    return definitions.resolve_job_def(MARTS_JOB)


def correlations_job(definitions: dg.Definitions) -> dg.JobDefinition:
    """The job of the correlations."""
    return definitions.resolve_job_def(CORRELATIONS_JOB)


def narrowed(job: dg.JobDefinition, selection: Sequence[str]) -> dg.JobDefinition | None:
    """The part of a job that a selection of layers and assets names; None where it names nothing of it.

    Raises:
        PermanentFailure: a name is neither a layer nor an asset.
    """
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
