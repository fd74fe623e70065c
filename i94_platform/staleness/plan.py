"""The plan of a command: which references, months, marts, correlations and release are stale.

It compares what is delivered, what the warehouse's ledger holds, and what past runs have read.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from i94_platform.contracts import DIMENSIONS, LOOKUPS, MONTHLY_MARTS, REFERENCES, correlations, immigration
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.releases import read_current_release
from i94_platform.lake.store import Store
from i94_platform.partitions import Month
from i94_platform.pipeline.code_lists import LABELS
from i94_platform.pipeline.data_versions import (
    compute_correlations_version,
    compute_mart_version,
    compute_month_version,
    ledger_versions,
)
from i94_platform.sources.delivery import Delivery
from i94_platform.sources.listing import DeliveryListing, list_deliveries
from i94_platform.staleness.job_names import MONTH_JOB, REFERENCE_JOB
from i94_platform.staleness.run_inputs import INPUTS_TAG, last_run, reference_versions
from i94_platform.warehouse.base import Warehouse
from i94_platform.warehouse.ledger import LedgerEntry


@dataclass(frozen=True)
class RunPlan:
    """What is stale: whether the reference part is, which months, and what was left out and why.

    Stale marts show after the months have run: `find_stale_marts`, `are_correlations_stale`.
    """

    reference: bool
    months: tuple[Month, ...]
    notes: tuple[str, ...] = ()
    requested: tuple[Month, ...] = ()
    """The months that somebody named; then no other month is run."""
    undelivered: tuple[tuple[Month, str], ...] = ()
    """Requested months without a delivery, each with what was looked for."""


def plan_runs(
    raw: Store,
    lake: Lake,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    *,
    first_month: Month,
    last_month: Month,
    requested: Sequence[Month] = (),
    only_stale: bool = False,
) -> RunPlan:
    """Plan the runs; without `requested` months, every delivered month whose newest content is not loaded.

    `only_stale` leaves out requested months that are loaded, unless their last run failed, and undelivered ones.

    Raises:
        PermanentError: a requested month is outside the range of months.
    """
    listing = list_deliveries(raw.list())
    versions = ledger_versions(warehouse.read_ledger())
    stale = find_stale_references(listing, raw, lake, instance, {name for name, _ in versions})
    requested = _require_in_range(requested, first_month, last_month)
    notes = [f"Not a delivery by name, left alone: {', '.join(listing.unknown)}"] if listing.unknown else []
    if requested and not only_stale:
        return RunPlan(bool(stale), requested, tuple(notes), requested)
    reencode = LABELS in stale  # every month is encoded with the lists of the label file

    def is_stale(month: Month, delivery: Delivery) -> bool:
        return reencode or versions.get(("immigration", month.key)) != compute_month_version(delivery, raw, lake)

    if requested:
        delivered = [month for month in requested if month in listing.months]
        return RunPlan(
            bool(stale),
            tuple(m for m in delivered if _has_failed(m, instance) or is_stale(m, listing.months[m])),
            tuple(notes),
            requested,
            tuple((m, listing.missing_month_message(m, raw.root)) for m in requested if m not in listing.months),
        )
    in_range = {month: delivery for month, delivery in listing.months.items() if first_month <= month <= last_month}
    span = f"{first_month.key} to {last_month.key}"
    notes += [f"{m.key} is delivered but outside {span}, left alone" for m in listing.months if m not in in_range]
    return RunPlan(bool(stale), tuple(m for m, delivery in in_range.items() if is_stale(m, delivery)), tuple(notes))


def _require_in_range(requested: Sequence[Month], first: Month, last: Month) -> tuple[Month, ...]:
    """The requested months, each once."""
    for month in requested:
        if not first <= month <= last:
            raise PermanentError(f"{month.key} is not a month that can be run; the range is {first.key} to {last.key}.")
    return tuple(dict.fromkeys(requested))


def _has_failed(month: Month, instance: dg.DagsterInstance) -> bool:
    run = last_run(instance, MONTH_JOB, month.key)
    return run is not None and run.is_finished and not run.is_success


def is_release_stale(warehouse: Warehouse, lake: Lake) -> bool:
    """Whether anything was loaded since the release, or something is loaded and nothing released."""
    release, ledger = read_current_release(lake), warehouse.read_ledger()
    return bool(ledger) and (release is None or release.data_as_of != max(entry.loaded_at for entry in ledger))


def find_stale_references(
    listing: DeliveryListing, raw: Store, lake: Lake, instance: dg.DagsterInstance, loaded_tables: set[str]
) -> frozenset[str]:
    """The delivered reference files that the last successful reference run did not read as they are now.

    All of them, if a table or dataset of the reference part is missing.
    """
    versions = reference_versions(listing, raw)
    tables = {c.name for c in (*LOOKUPS, *REFERENCES, *DIMENSIONS)}
    datasets = [*(f"lookup/{c.name}" for c in LOOKUPS), *(f"staged/{c.name}" for c in REFERENCES)]
    if tables - loaded_tables or any(lake.read_manifest(Dataset(name)) is None for name in datasets):
        return frozenset(versions) | {LABELS}
    filter_ = dg.RunsFilter(job_name=REFERENCE_JOB, statuses=[dg.DagsterRunStatus.SUCCESS])
    runs = instance.get_runs(filter_, limit=20)
    inputs: dict[str, str] = next((json.loads(run.tags[INPUTS_TAG]) for run in runs if INPUTS_TAG in run.tags), {})
    return frozenset(name for name, version in versions.items() if inputs.get(name) != version)


def count_fresh_marts(ledger: Sequence[LedgerEntry]) -> dict[str, int]:
    """Count, for every loaded month, the marts that are made from what is loaded now by today's SQL."""
    versions = ledger_versions(ledger)
    return {
        month: sum(
            versions.get((mart.name, month)) == compute_mart_version(mart, month, versions) for mart in MONTHLY_MARTS
        )
        for name, month in versions
        if name == immigration.name
    }


def find_stale_marts(ledger: Sequence[LedgerEntry]) -> tuple[Month, ...]:
    """The loaded months with a stale mart."""
    fresh = count_fresh_marts(ledger)
    return tuple(Month.parse(month) for month in sorted(fresh) if fresh[month] < len(MONTHLY_MARTS))


def are_correlations_stale(ledger: Sequence[LedgerEntry]) -> bool:
    """Whether the marts have changed since the correlations were computed."""
    versions = ledger_versions(ledger)
    return versions.get((correlations.name, ""), "") != compute_correlations_version(versions)
