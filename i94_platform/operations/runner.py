"""The runs of one command in their order: references, each month with its marts, correlations, release."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import dagster as dg

from i94_platform.contracts import country, i94cit_res
from i94_platform.defs.run_results import RunResult
from i94_platform.lake.datasets import Lake
from i94_platform.lake.store import Store
from i94_platform.operations.job_runs import run_job, subset_job, validate_selection
from i94_platform.operations.run_events import EventCallback
from i94_platform.partitions import Month
from i94_platform.pipeline.data_versions import read_code_list_versions
from i94_platform.sources.listing import list_deliveries
from i94_platform.staleness.asset_states import (
    AssetStates,
    find_correlations_state,
    find_mart_states,
    find_release_state,
)
from i94_platform.staleness.held_versions import HeldVersions
from i94_platform.staleness.job_names import CORRELATIONS_JOB, MARTS_JOB, MONTH_JOB, PUBLISH_JOB, REFERENCE_JOB
from i94_platform.staleness.plan import RunPlan
from i94_platform.staleness.run_inputs import input_tags
from i94_platform.warehouse.base import Warehouse


@dataclass
class Runner:
    """Runs the jobs of a plan one after the other in this process."""

    definitions: dg.Definitions
    instance: dg.DagsterInstance
    raw: Store
    lake: Lake
    warehouse: Warehouse
    on_event: EventCallback
    select: Sequence[str] = ()
    """Layers and assets that are run; empty for all."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of every run."""
    gate_config: Mapping[str, str] = field(default_factory=dict)
    """The fields of the gate by which a person accepts what it would block."""
    _all_succeeded: bool = field(default=True, init=False)

    def run(self, plan: RunPlan) -> Iterator[RunResult]:
        """Run a plan, and yield each result as soon as the run ends.

        Months need the code lists. After a failed reference run they go on with the loaded ones; without any, none is
        run. A failed month keeps its marts.

        Raises:
            PermanentError: the selection names something that is neither a layer nor an asset.
        """
        validate_selection(self.definitions, self.select)
        if plan.reference or self.select:
            yield from self._run(REFERENCE_JOB, reads_deliveries=True, is_accepted=not plan.requested)
            if not self.select and not all(read_code_list_versions(self.lake)):
                return
            yield from self._load_absent_countries()
            plan = self._without_current_months(plan)
        yield from self._run_months(plan)
        if self._all_succeeded and find_correlations_state(self.warehouse.read_ledger(), self.lake).reason:
            yield from self._run(CORRELATIONS_JOB)
        if self.select or find_release_state(self.warehouse.read_ledger(), self.lake).reason:
            yield from self._run(PUBLISH_JOB)

    def _load_absent_countries(self) -> list[RunResult]:
        """Load the dimension without climates if the first temperatures failed, because every month refers to it."""
        tables = {entry.table_name for entry in self.warehouse.read_ledger()}
        if self.select or country.name in tables or i94cit_res.name not in tables:
            return []
        return self._run(REFERENCE_JOB, select=[f"warehouse/{country.name}"])

    def _without_current_months(self, plan: RunPlan) -> RunPlan:
        """Leave out the months whose code lists the reference run has not changed."""
        listing = list_deliveries(self.raw)
        candidates = plan.depends_on_labels & set(listing.months)
        held = HeldVersions.from_ledger(self.warehouse.read_ledger(), self.instance)
        states = AssetStates(listing, self.raw, self.lake, held, reads_files=True)
        current = {month for month in candidates if not states.find_month(month).reason}
        return replace(plan, months=tuple(month for month in plan.months if month not in current))

    def _run_months(self, plan: RunPlan) -> Iterator[RunResult]:
        """Run each month and its marts, then the stale marts of other months."""
        handled = set()
        for month in plan.months:
            results = self._run(MONTH_JOB, month, reads_deliveries=True, is_accepted=month in plan.requested)
            yield from results
            succeeded = all(result.succeeded for result in results)
            if succeeded and (plan.requested or not self.select):
                yield from self._run(MARTS_JOB, month)
            if not succeeded or plan.requested or not self.select:
                handled.add(month)
        states = find_mart_states(self.warehouse.read_ledger())
        for month in dict.fromkeys(Month.parse(state.month) for state in states if state.reason):
            if month not in handled and (not plan.requested or month in plan.requested):
                yield from self._run(MARTS_JOB, month)

    def _run(
        self,
        job_name: str,
        month: Month | None = None,
        *,
        select: Sequence[str] = (),
        reads_deliveries: bool = False,
        is_accepted: bool = False,
    ) -> list[RunResult]:
        """Run a job, or of it `select`, and return its result; no result where the selection names nothing of it."""
        job, select = self.definitions.resolve_job_def(job_name), select or self.select
        selected = subset_job(job, select) if select else job
        if selected is None:
            return []
        # a subset does not read all inputs, so that its run must not say it did
        inputs = reads_deliveries and selected is job
        tags = input_tags(month, list_deliveries(self.raw), self.raw, self.lake) if inputs else {}
        result = run_job(
            selected,
            self.instance,
            month=month,
            tags={**self.tags, **tags},
            resources={"gate": {"config": self.gate_config}} if is_accepted and self.gate_config else {},
            on_event=self.on_event,
        )
        if job_name != REFERENCE_JOB:  # what is made of months does not wait for a reference file
            self._all_succeeded = self._all_succeeded and result.succeeded
        return [result]
