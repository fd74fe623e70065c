"""Plan the runs of a command: find the stale references, months, marts, correlations and release.

The plan compares the deliveries with the warehouse's ledger, and with what past runs have read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import dagster as dg

from i94_platform.contracts import (
    DIMENSIONS,
    LOOKUPS,
    MONTHLY_MARTS,
    REFERENCES,
    STAGED_MONTH,
    correlations,
    immigration,
)
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.releases import read_current_release
from i94_platform.lake.store import Store
from i94_platform.partitions import Month
from i94_platform.pipeline.code_lists import LABELS
from i94_platform.pipeline.data_versions import (
    LedgerVersions,
    compute_correlations_version,
    compute_mart_version,
    compute_month_version,
    ledger_versions,
)
from i94_platform.sources.listing import DeliveryListing, list_deliveries
from i94_platform.staleness.job_names import MONTH_JOB, REFERENCE_JOB
from i94_platform.staleness.run_inputs import (
    INPUTS_TAG,
    compute_reference_versions,
    find_last_run,
    read_code_list_versions,
)
from i94_platform.warehouse.base import Warehouse
from i94_platform.warehouse.ledger import LedgerEntry


@dataclass(frozen=True)
class RunPlan:
    """The stale parts of a deployment, as far as they are known before anything runs.

    Marts come later: after the months have run, see `find_stale_marts` and `has_stale_correlations`.
    """

    reference: bool
    """Whether the reference job has to run."""
    months: tuple[Month, ...]
    """The months to load."""
    notes: tuple[str, ...] = ()
    """What the plan ignores, and why."""
    requested: tuple[Month, ...] = ()
    """The months that the user named; empty for all months."""
    undelivered: tuple[tuple[Month, str], ...] = ()
    """Requested months without a delivery, each with the names of the expected files."""
    depends_on_labels: frozenset[Month] = frozenset()
    """The months that are stale only if the reference run loads the changed label file."""
    problem: str = ""
    """Why nothing that was delivered can be used; empty if something can, or if the user named months."""


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
    """Plan the runs of a command.

    Args:
        requested: the months to run; without any, each delivered month that is not loaded in its newest content.
        only_stale: run a requested month only if it is delivered and either stale or failed in its last run.

    Raises:
        PermanentError: a requested month is outside the range of months.
    """
    requested = _require_in_range(requested, first_month, last_month)
    listing = list_deliveries(raw)
    versions = ledger_versions(warehouse.read_ledger())
    stale_references = find_stale_references(listing, raw, lake, instance, {name for name, _ in versions})
    if requested and not only_stale:
        return RunPlan(bool(stale_references), requested, _list_notes(listing, requested), requested)
    undelivered = [month for month in requested if month not in listing.months]
    if requested:
        delivered = [month for month in requested if month in listing.months]
    else:
        delivered = [month for month in listing.months if first_month <= month <= last_month]
    stale = find_stale_months(delivered, listing, raw, lake, versions)
    stale |= {month for month in requested if month in delivered and _has_failed(month, instance)}
    # the label file has the code lists, which encode every month
    on_labels = frozenset(delivered) - stale if LABELS in stale_references else frozenset()
    months = tuple(month for month in delivered if month in stale | on_labels)
    outside = () if requested else _ignored_months(listing, first_month, last_month)
    return RunPlan(
        bool(stale_references),
        months,
        (*_list_notes(listing, months), *outside),
        requested,
        tuple((month, listing.missing_month_message(month, raw.root)) for month in undelivered),
        on_labels,
        "" if requested else _describe_unusable(listing, raw),
    )


def find_stale_months(
    months: Iterable[Month], listing: DeliveryListing, raw: Store, lake: Lake, versions: LedgerVersions
) -> frozenset[Month]:
    """Find the delivered months that are not loaded in their newest content, encoded with the lake's code lists."""
    if not all(read_code_list_versions(lake)):
        return frozenset(months)

    def is_stale(month: Month) -> bool:
        loaded_version = versions.get((immigration.name, month.key))
        if loaded_version is None or not _is_staged(month, lake):
            return True
        return loaded_version != compute_month_version(listing.months[month], raw, lake)

    return frozenset(filter(is_stale, months))


def _is_staged(month: Month, lake: Lake) -> bool:
    """Whether the lake has every dataset of a month, and they are intact."""
    return all(lake.is_intact(Dataset(f"staged/{contract.name}", month.key)) for contract in STAGED_MONTH)


def _require_in_range(requested: Sequence[Month], first: Month, last: Month) -> tuple[Month, ...]:
    """Return the requested months without duplicates."""
    for month in requested:
        if not first <= month <= last:
            raise PermanentError(f"{month.key} is not a month that can be run; the range is {first.key} to {last.key}.")
    return tuple(dict.fromkeys(requested))


def _list_notes(listing: DeliveryListing, months: Sequence[Month]) -> tuple[str, ...]:
    """List what is ignored; why one of `months` is refused is what its run fails with, and is not said twice."""
    names = ", ".join(listing.unknown)
    own = {listing.months[month].problem for month in months if month in listing.months}
    notes = (note for note in listing.notes if note not in own)
    return (*((f"Ignored, because the names are no deliveries: {names}",) if names else ()), *notes)


def _describe_unusable(listing: DeliveryListing, raw: Store) -> str:
    """Say that files were delivered, but none as a month; empty otherwise."""
    if listing.months or not (listing.unknown or listing.problems):
        return ""
    count = len(listing.unknown) + len(listing.problems)
    return (
        f"Nothing that was delivered under {raw.root} can be used as a month ({count} file(s) or folder(s), named "
        "above); expected names such as i94_apr16_sub.sas7bdat, .parquet or .csv."
    )


def _ignored_months(listing: DeliveryListing, first: Month, last: Month) -> tuple[str, ...]:
    outside = [month for month in listing.months if not first <= month <= last]
    return tuple(f"Ignored {m.key}, because it is outside {first.key} to {last.key}" for m in outside)


def _has_failed(month: Month, instance: dg.DagsterInstance) -> bool:
    run = find_last_run(instance, MONTH_JOB, month.key)
    return run is not None and run.is_finished and not run.is_success


def is_release_stale(warehouse: Warehouse, lake: Lake) -> bool:
    """Whether a table was loaded after the current release, or before there is any release."""
    release, ledger = read_current_release(lake), warehouse.read_ledger()
    return bool(ledger) and (release is None or release.data_as_of != max(entry.loaded_at for entry in ledger))


def find_stale_references(
    listing: DeliveryListing, raw: Store, lake: Lake, instance: dg.DagsterInstance, loaded_tables: set[str]
) -> frozenset[str]:
    """Find the reference files that have changed since the last successful reference run.

    If a table or dataset of the reference part is missing, all of them are stale.
    """
    versions = compute_reference_versions(listing, raw)
    tables = {c.name for c in (*LOOKUPS, *REFERENCES, *DIMENSIONS)}
    datasets = [*(f"lookup/{c.name}" for c in LOOKUPS), *(f"staged/{c.name}" for c in REFERENCES)]
    datasets += [f"warehouse/{c.name}" for c in (*LOOKUPS, *DIMENSIONS)]
    if tables - loaded_tables or not all(lake.is_intact(Dataset(name)) for name in datasets):
        return frozenset(versions) | {LABELS}
    filter_ = dg.RunsFilter(job_name=REFERENCE_JOB, statuses=[dg.DagsterRunStatus.SUCCESS])
    runs = instance.get_runs(filter_, limit=20)
    inputs: dict[str, str] = next((json.loads(run.tags[INPUTS_TAG]) for run in runs if INPUTS_TAG in run.tags), {})
    return frozenset(name for name, version in versions.items() if inputs.get(name) != version)


def count_fresh_marts(ledger: Sequence[LedgerEntry]) -> dict[str, int]:
    """Count the fresh marts of each loaded month: those computed from the current tables by the current SQL."""
    versions = ledger_versions(ledger)
    return {
        month: sum(
            versions.get((mart.name, month)) == compute_mart_version(mart, month, versions) for mart in MONTHLY_MARTS
        )
        for name, month in versions
        if name == immigration.name
    }


def find_stale_marts(ledger: Sequence[LedgerEntry]) -> tuple[Month, ...]:
    """Find the loaded months that have a stale mart."""
    fresh = count_fresh_marts(ledger)
    return tuple(Month.parse(month) for month in sorted(fresh) if fresh[month] < len(MONTHLY_MARTS))


def has_stale_correlations(ledger: Sequence[LedgerEntry], lake: Lake) -> bool:
    """Whether the marts have changed since the correlations were computed, or their dataset is damaged."""
    versions = ledger_versions(ledger)
    if (correlations.name, "") in versions and not lake.is_intact(Dataset(f"mart/{correlations.name}")):
        return True
    return versions.get((correlations.name, ""), "") != compute_correlations_version(versions)
