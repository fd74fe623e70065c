"""The result of a run, collected from its events: materialized assets, failed checks, errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from i94_platform.staleness.job_names import MONTH_JOB
from i94_platform.staleness.run_inputs import PARTITION_TAG

_COUNTED_ASSETS = {
    "staged": "staged/immigration",
    "quarantined": "staged/immigration_quarantine",
    "loaded": "warehouse/immigration",
}


@dataclass
class RunResult:
    """How one run ended."""

    job: str
    month: str
    """Empty for a job without months."""
    run_id: str = ""
    succeeded: bool = False
    seconds: float = 0.0
    rows: dict[str, int] = field(default_factory=dict)
    """Rows by asset, such as `staged/immigration`."""
    failed_checks: list[str] = field(default_factory=list)
    """Checks that failed as errors, as `asset check: description`."""
    warnings: list[str] = field(default_factory=list)
    """Checks that failed as warnings, in the same form."""
    errors: list[str] = field(default_factory=list)
    """Errors of steps, as `step: reason`."""
    failed_steps: list[str] = field(default_factory=list)
    interrupted: bool = False
    """Whether a person stopped the run, with Ctrl-C or in the UI."""

    @property
    def name(self) -> str:
        """The name of the run in messages."""
        return run_name(self.job, self.month)

    @property
    def counts(self) -> dict[str, int | None]:
        """The rows of the month that were staged, quarantined and loaded; None for what the run did not write."""
        return {name: self.rows.get(asset) for name, asset in _COUNTED_ASSETS.items()}

    def record(self, event: dg.DagsterEvent) -> None:
        """Record one event of the run."""
        if event.event_type == dg.DagsterEventType.RUN_SUCCESS:
            self.succeeded = True
        elif event.event_type == dg.DagsterEventType.RUN_CANCELED:
            self.interrupted = True
        elif event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION:
            self._record_rows(event.step_materialization_data.materialization)
        elif event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            self._record_check(event.asset_check_evaluation_data)
        elif event.is_step_failure:
            self._record_failure(event)

    def _record_rows(self, materialization: dg.AssetMaterialization) -> None:
        if materialization.asset_key.path[0] == "raw":
            return  # the arrival of a delivery: no run writes it
        values = [materialization.metadata.get(f"dagster/{name}row_count") for name in ("partition_", "")]
        counts = [value.value for value in values if isinstance(value, dg.IntMetadataValue) and value.value]
        self.rows[materialization.asset_key.to_user_string()] = counts[0] if counts else 0

    def _record_check(self, evaluation: dg.AssetCheckEvaluation) -> None:
        if not evaluation.passed:
            is_error = evaluation.severity == dg.AssetCheckSeverity.ERROR
            name = f"{evaluation.asset_key.to_user_string()} {evaluation.check_name}"
            (self.failed_checks if is_error else self.warnings).append(f"{name}: {evaluation.description}")

    def _record_failure(self, event: dg.DagsterEvent) -> None:
        from i94_platform.defs.dagster_internals import DagsterExecutionInterruptedError

        data = event.step_failure_data
        self.failed_steps.append(str(event.step_key))
        if data.error is not None and data.error.cls_name == DagsterExecutionInterruptedError.__name__:
            self.interrupted = True
        reason = data.user_failure_data.description if data.user_failure_data else root_cause(data.error)
        if reason and "blocking asset check" not in reason:
            self.errors.append(f"{event.step_key}: {reason}")


def run_name(job: str, month: str) -> str:
    """Return the name of a run in messages: its month, its job, or both."""
    job = "assets" if job.startswith("__") else job  # Dagster's job of runs that name assets
    return month if job == MONTH_JOB else f"{month} {job}".strip()


def collect_result(run: dg.DagsterRun, instance: dg.DagsterInstance) -> RunResult:
    """Collect the result of a run from the instance."""
    result = RunResult(run.job_name, run.tags.get(PARTITION_TAG, ""), run.run_id)
    for entry in instance.all_logs(run.run_id):
        if entry.is_dagster_event:
            result.record(entry.get_dagster_event())
    return result


def root_cause(error: Any) -> str:
    """Return the message of the first cause of an error; empty if there is no error."""
    while error is not None and error.cause is not None:
        error = error.cause
    return "" if error is None else str(error.message).strip()
