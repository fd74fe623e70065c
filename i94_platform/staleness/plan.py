"""What is due: which references, months, marts, correlations and release are older than what they are made from.

Here: comparing what is delivered, loaded and recorded. Not here: running any of it (`sequence`), and printing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from i94_platform.contracts import DIMENSIONS, LOOKUPS, MONTHLY_MARTS, REFERENCES, correlations, immigration
from i94_platform.defs.assets.mart import compute_correlations_version, compute_mart_version, ledger_versions
from i94_platform.defs.assets.staged import compute_month_version
from i94_platform.defs.jobs import MONTH_JOB, REFERENCE_JOB
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.releases import read_current_release
from i94_platform.lake.store import Store
from i94_platform.partitions import Month
from i94_platform.sources.listing import Delivery, DeliveryListing, list_deliveries
from i94_platform.staleness.run_inputs import INPUTS_TAG, last_run, reference_versions
from i94_platform.warehouse.base import Warehouse
from i94_platform.warehouse.ledger import LedgerEntry

_LABELS = "i94_labels"


@dataclass(frozen=True)
class RunPlan:
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


def plan_runs(
    raw: Store,
    lake: Lake,
    warehouse: Warehouse,
    history: dg.DagsterInstance,
    *,
    first_month: Month,
    last_month: Month,
    asked: Sequence[Month] = (),
    only_due: bool = False,
) -> RunPlan:
    """Which runs are due; without `asked` months, those delivered whose newest content is not loaded.

    `only_due` leaves out asked months that are loaded, unless their last run failed, and those that are not delivered.

    Raises:
        PermanentFailure: an asked month is outside the range of months.
    """
    found = list_deliveries(raw.list())
    loaded = ledger_versions(warehouse.read_ledger())
    stale = find_stale_references(found, raw, lake, history, {name for name, _ in loaded})
    for month in asked:
        if not first_month <= month <= last_month:
            raise PermanentError(
                f"{month.key} is not a month that can be run; the range is {first_month.key} to {last_month.key}."
            )
    notes = [f"Not a delivery by name, left alone: {', '.join(found.unknown)}"] if found.unknown else []
    asked = tuple(dict.fromkeys(asked))
    if asked and not only_due:
        return RunPlan(bool(stale), asked, tuple(notes), asked)
    recode = _LABELS in stale  # every month is encoded with the lists of the label file

    def due(month: Month, delivery: Delivery) -> bool:
        return recode or loaded.get(("immigration", month.key)) != compute_month_version(delivery, raw, lake)

    if asked:
        there = [month for month in asked if month in found.months]
        return RunPlan(
            bool(stale),
            tuple(month for month in there if _failed(month, history) or due(month, found.months[month])),
            tuple(notes),
            asked,
            tuple(
                (month, found.missing_month_message(month, raw.root)) for month in asked if month not in found.months
            ),
        )
    in_range = {month: delivery for month, delivery in found.months.items() if first_month <= month <= last_month}
    span = f"{first_month.key} to {last_month.key}"
    notes += [f"{m.key} is delivered but outside {span}, left alone" for m in found.months if m not in in_range]
    return RunPlan(bool(stale), tuple(month for month in in_range if due(month, in_range[month])), tuple(notes))


def _failed(month: Month, history: dg.DagsterInstance) -> bool:
    run = last_run(history, MONTH_JOB, month.key)
    return run is not None and run.is_finished and not run.is_success


def is_release_stale(warehouse: Warehouse, lake: Lake) -> bool:
    """Whether anything was loaded since the release, or there is none of what is loaded."""
    release, ledger = read_current_release(lake), warehouse.read_ledger()
    return bool(ledger) and (release is None or release.data_as_of != max(line.loaded_at for line in ledger))


def find_stale_references(
    found: DeliveryListing, raw: Store, lake: Lake, history: dg.DagsterInstance, loaded: set[str]
) -> frozenset[str]:
    """The delivered references that the last successful reference run did not read as they are now.

    All of them where a table or dataset of the reference part is missing.
    """
    versions = reference_versions(found, raw)
    tables = {c.name for c in (*LOOKUPS, *REFERENCES, *DIMENSIONS)}
    datasets = [*(f"lookup/{c.name}" for c in LOOKUPS), *(f"staged/{c.name}" for c in REFERENCES)]
    if tables - loaded or any(lake.read_manifest(Dataset(name)) is None for name in datasets):
        return frozenset(versions) | {_LABELS}
    runs = history.get_runs(dg.RunsFilter(job_name=REFERENCE_JOB, statuses=[dg.DagsterRunStatus.SUCCESS]), limit=20)
    read: dict[str, str] = next((json.loads(run.tags[INPUTS_TAG]) for run in runs if INPUTS_TAG in run.tags), {})
    return frozenset(name for name, version in versions.items() if read.get(name) != version)


def count_fresh_marts(ledger: Sequence[LedgerEntry]) -> dict[str, int]:
    """Of every loaded month, how many of its marts are made from what is loaded now, by the SQL that is here now."""
    loaded = ledger_versions(ledger)
    return {
        month: sum(
            loaded.get((mart.name, month)) == compute_mart_version(mart, month, loaded) for mart in MONTHLY_MARTS
        )
        for name, month in loaded
        if name == immigration.name
    }


def find_stale_marts(ledger: Sequence[LedgerEntry]) -> tuple[Month, ...]:
    """The loaded months whose marts are due."""
    fresh = count_fresh_marts(ledger)
    return tuple(Month.parse(month) for month in sorted(fresh) if fresh[month] < len(MONTHLY_MARTS))


def are_correlations_stale(ledger: Sequence[LedgerEntry]) -> bool:
    """Whether the marts have changed since they were correlated."""
    loaded = ledger_versions(ledger)
    return loaded.get((correlations.name, ""), "") != compute_correlations_version(loaded)
