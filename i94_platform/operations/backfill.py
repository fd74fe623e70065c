"""Backfills from the command line: a range of months, one run each, and how far it has come.

Here: what ties the runs of a backfill together, and its sentences. Backfills that the UI launches are Dagster's own.
Not here: what is due (`due`), running it (`sequence`), and printing.
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
"""Ties the runs of one backfill together in the UI's list of runs.

Not `dagster/backfill`: that names a backfill of the daemon's, and the UI hides its runs behind it.
"""


@dataclass
class BackfillProgress:
    """One backfill under way: what was asked for, what is due, and what became of it so far."""

    asked: Sequence[Month]
    due: RunPlan
    name: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    started: float = field(default_factory=time.monotonic)
    outcomes: list[RunResult] = field(default_factory=list)

    @property
    def tags(self) -> Mapping[str, str]:
        """What every run of the backfill carries."""
        return {BACKFILL_TAG: self.name}

    @property
    def total(self) -> int:
        """Runs of the whole backfill, without those of the marts, which follow them."""
        return len(self.due.months) + self.due.reference

    @property
    def done(self) -> int:
        """How many of them have ended."""
        return sum(outcome.job in (MONTH_JOB, REFERENCE_JOB) for outcome in self.outcomes)

    @property
    def succeeded(self) -> bool:
        """Whether every month that was asked for is loaded."""
        succeeded = self.done == self.total and all(outcome.succeeded for outcome in self.outcomes)
        return succeeded and not self.due.undelivered

    def intention(self) -> str:
        """What is about to happen."""
        undelivered = len(self.due.undelivered)
        loaded = len(self.asked) - len(self.due.months) - undelivered
        left_out = [f"{n} {why}" for n, why in ((loaded, "loaded"), (undelivered, "not delivered")) if n]
        span = f"{self.asked[0].key} to {self.asked[-1].key}"
        told = f"Backfill of {span}: {len(self.due.months)} of {len(self.asked)} month(s) to run"
        told += f" ({', '.join(left_out)})" if left_out else ""
        return f"{told}, tagged {BACKFILL_TAG}={self.name} in the UI." if self.total else f"{told}."

    def label(self, run: str) -> str:
        """The name of a run with its place in the backfill."""
        return f"{run} ({min(self.done + 1, self.total)} of {self.total})"

    def ended(self, outcome: RunResult) -> str:
        """Take note of a run that has ended; how far it all has come."""
        self.outcomes.append(outcome)
        done, failed = self.done, sum(not o.succeeded for o in self.outcomes)
        told = f"{outcome.name} {'done' if outcome.succeeded else 'failed'}, {done} of {self.total} done"
        told += f", {failed} failed" if failed else ""
        left = math.ceil((time.monotonic() - self.started) / max(done, 1) * (self.total - done))
        return f"{told}, about {left // 60}:{left % 60:02} left" if left else told

    def not_run(self) -> Iterator[str]:
        """The months that were asked for and not tried, with the reason and what to do."""
        for month, expected in self.due.undelivered:
            yield f"{month.key}: {expected} When it is there: i94 run --month {month.key}"
        tried = {outcome.month for outcome in self.outcomes}
        waiting = [month.key for month in self.due.months if month.key not in tried]
        if waiting:
            yield f"{', '.join(waiting)}: the reference run failed, and months are encoded with its code lists."
