"""Find the months that failed, that are delivered but not loaded, or that are missing in between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg

from i94_platform.staleness.asset_states import AssetStates
from i94_platform.staleness.job_names import MONTH_JOB
from i94_platform.staleness.run_inputs import PARTITION_TAG, find_unfinished_runs

FAILED, NOT_LOADED, MISSING, RUNNING = "failed", "delivered, not loaded", "not delivered", "in progress"
DEFECTS = (FAILED, NOT_LOADED, MISSING)
"""The states that need action."""


@dataclass(frozen=True)
class MonthIssue:
    """A month that is not loaded in its newest content: its state, why it is stale, and the run or file in question."""

    month: str
    state: str
    reason: str
    about: str


def find_month_issues(states: AssetStates, instance: dg.DagsterInstance) -> Iterator[MonthIssue]:
    """Yield each month, from the first delivered one to the last, that is not loaded in its newest content."""
    delivered = sorted(states.listing.months)
    running = {run.tags.get(PARTITION_TAG): run for run in find_unfinished_runs(instance, MONTH_JOB)}
    for month in delivered[0].through(delivered[-1]) if delivered else []:
        state = states.find_month(month)
        reason = state.reason.value if state.reason else ""
        if month.key in running:
            yield MonthIssue(month.key, RUNNING, reason, f"run {running[month.key].run_id[:8]}")
        elif state.failed_run:
            yield MonthIssue(month.key, FAILED, reason, f"run {state.failed_run[:8]}")
        elif month not in states.listing.months and state.held is None:
            yield MonthIssue(month.key, MISSING, reason, f"ask for {month.file_stem}")
        elif state.reason:
            yield MonthIssue(month.key, NOT_LOADED, reason, states.listing.months[month].files[0].path)
