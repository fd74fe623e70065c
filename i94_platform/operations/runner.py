"""The runs of one command, in their order: the references, each month with its marts, the correlations, the release.

Here: what follows what, and what a failure holds back. Not here: what is due (`due`), one run (`runs`), and printing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg

from i94_platform.defs.run_results import RunResult, run_name
from i94_platform.lake.datasets import Lake
from i94_platform.lake.store import Store
from i94_platform.operations.job_runs import run_job, subset_job, validate_selection
from i94_platform.partitions import Month
from i94_platform.sources.listing import list_deliveries
from i94_platform.staleness.job_names import CORRELATIONS_JOB, MARTS_JOB, MONTH_JOB, PUBLISH_JOB, REFERENCE_JOB
from i94_platform.staleness.plan import RunPlan, are_correlations_stale, find_stale_marts, is_release_stale
from i94_platform.staleness.run_inputs import input_tags
from i94_platform.warehouse.base import Warehouse

StepCallback = Callable[[str, str, int, int], None]
"""Hears a run's name, the step that starts (empty where one ends), how many steps are done, and of how many."""


@dataclass(frozen=True)
class Runner:
    """The jobs of a deployment, run one after the other in this process."""

    definitions: dg.Definitions
    history: dg.DagsterInstance
    raw: Store
    lake: Lake
    warehouse: Warehouse
    on_step: StepCallback
    select: Sequence[str] = ()
    """Layers and assets to which every run is narrowed; none for all."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """What every run carries."""
    label: Callable[[str], str] = str
    """What a run is called as it goes on, from its name."""

    def run(self, due: RunPlan) -> Iterator[RunResult]:
        """Run what is due; each outcome as soon as it is there.

        Raises:
            PermanentFailure: what is selected is neither a layer nor an asset.
        """
        validate_selection(self.definitions, self.select)
        reference = self._run(REFERENCE_JOB, reads_deliveries=True) if due.reference or self.select else []
        yield from reference
        if not _good(reference):
            return  # the months would be encoded with lists that failed
        clean, settled = True, set()
        for month in due.months:
            yield from (loaded := self._run(MONTH_JOB, month, reads_deliveries=True))
            clean = clean and _good(loaded)
            if not _good(loaded):
                settled.add(month)  # its marts stay those of the rows that stay
            elif due.requested or not self.select:
                settled.add(month)
                yield from (made := self._run(MARTS_JOB, month))
                clean = clean and _good(made)
        for month in find_stale_marts(self.warehouse.read_ledger()):
            if month not in settled and (not due.requested or month in due.requested):
                yield from (made := self._run(MARTS_JOB, month))
                clean = clean and _good(made)
        yield from self._over_all_months(clean)

    def _over_all_months(self, clean: bool) -> Iterator[RunResult]:
        if clean and are_correlations_stale(self.warehouse.read_ledger()):
            yield from self._run(CORRELATIONS_JOB)
        if self.select or is_release_stale(self.warehouse, self.lake):
            yield from self._run(PUBLISH_JOB)

    def _run(self, name: str, month: Month | None = None, *, reads_deliveries: bool = False) -> list[RunResult]:
        """The outcome of one run; none where nothing of it is selected."""
        job = self.definitions.resolve_job_def(name)
        part = subset_job(job, self.select) if self.select else job
        if part is None:
            return []
        # a part of a run has not read, or not loaded, all there is
        whole = reads_deliveries and not self.select
        read = input_tags(month, list_deliveries(self.raw.list()), self.raw, self.lake) if whole else {}
        label = self.label(run_name(name, month.key if month else ""))
        return [
            run_job(
                part,
                self.history,
                month=month,
                tags={**self.tags, **read},
                on_step=lambda step, done, total: self.on_step(label, step, done, total),
            )
        ]


def _good(outcomes: Sequence[RunResult]) -> bool:
    return all(outcome.succeeded for outcome in outcomes)
