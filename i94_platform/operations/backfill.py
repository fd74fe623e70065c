"""A backfill from the command line: the tag of its runs, its progress and its messages.

The UI's own backfills are Dagster's.
"""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from i94_platform.defs.run_results import RunResult
from i94_platform.partitions import Month
from i94_platform.staleness.job_names import MONTH_JOB, REFERENCE_JOB
from i94_platform.staleness.plan import RunPlan

BACKFILL_TAG = "i94/backfill"
"""The tag that the runs of one backfill share in the UI.

Not `dagster/backfill`: the UI hides runs with that tag behind a backfill of the daemon.
"""


@dataclass
class BackfillProgress:
    """The progress of one backfill: the months of its range, the plan, and the results so far."""

    months: Sequence[Month]
    plan: RunPlan
    backfill_id: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    started: float = field(default_factory=time.monotonic)
    results: list[RunResult] = field(default_factory=list)

    @property
    def tags(self) -> Mapping[str, str]:
        """The tags of every run."""
        return {BACKFILL_TAG: self.backfill_id}

    @property
    def total(self) -> int:
        """How many runs are planned, without those of the marts that follow them."""
        return len(self.plan.months) + self.plan.reference

    @property
    def done(self) -> int:
        """How many of the planned runs have ended."""
        return sum(result.job in (MONTH_JOB, REFERENCE_JOB) for result in self.results)

    @property
    def has_succeeded(self) -> bool:
        """Whether every month of the range is loaded."""
        all_ran = self.done == self.total and not self.plan.undelivered
        return all_ran and all(result.succeeded for result in self.results)

    def plan_message(self) -> str:
        """Say what will run, and which months are left out."""
        undelivered = len(self.plan.undelivered)
        loaded_months = len(self.months) - len(self.plan.months) - undelivered
        left_out = [f"{n} {reason}" for n, reason in ((loaded_months, "loaded"), (undelivered, "not delivered")) if n]
        months = f"{self.months[0].key} to {self.months[-1].key}"
        message = f"Backfill of {months}: {len(self.plan.months)} of {len(self.months)} month(s) to run"
        message += f" ({', '.join(left_out)})" if left_out else ""
        return f"{message}, tagged {BACKFILL_TAG}={self.backfill_id} in the UI." if self.total else f"{message}."

    def label(self, run: str) -> str:
        """Return a run's name with its place in the backfill."""
        return f"{run} ({min(self.done + 1, self.total)} of {self.total})"

    def add(self, result: RunResult) -> str:
        """Add the result of a run, and say how far the backfill is."""
        self.results.append(result)
        done, failed = self.done, sum(not result.succeeded for result in self.results)
        message = f"{result.name} {'done' if result.succeeded else 'failed'}, {done} of {self.total} done"
        message += f", {failed} failed" if failed else ""
        left = math.ceil((time.monotonic() - self.started) / max(done, 1) * (self.total - done))
        return f"{message}, about {left // 60}:{left % 60:02} left" if left else message

    def skipped_months(self) -> Iterator[str]:
        """Name each month of the range that was not run, with the reason and what to do."""
        for month, expected in self.plan.undelivered:
            yield f"{month.key}: {expected} When it is there: i94 run --month {month.key}"
        tried = {result.month for result in self.results}
        untried = [month.key for month in self.plan.months if month.key not in tried]
        if untried:
            yield f"{', '.join(untried)}: the reference run failed, and months are encoded with its code lists."
