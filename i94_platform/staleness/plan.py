"""Plan the runs of a command: whether the reference job has to run, and for which months the month's job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Lake
from i94_platform.lake.store import Store
from i94_platform.partitions import Month
from i94_platform.sources.listing import DeliveryListing, list_deliveries
from i94_platform.staleness.asset_states import AssetState, AssetStates, Reason
from i94_platform.staleness.held_versions import HeldVersions
from i94_platform.staleness.run_inputs import find_failed_runs
from i94_platform.warehouse.base import Warehouse


@dataclass(frozen=True)
class RunPlan:
    """The stale parts of a deployment, as far as they are known before anything runs.

    Marts, correlations and release come later, when the months have run; see `asset_states`.
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
        requested: The months to run; without any, each delivered month that is not loaded in its newest content.
        only_stale: Run a requested month only if it is delivered and either stale or failed in its last run.

    Raises:
        PermanentError: a requested month is outside the range of months.
    """
    requested = _require_in_range(requested, first_month, last_month)
    listing = list_deliveries(raw)
    held = HeldVersions.from_ledger(warehouse.read_ledger(), instance)
    states = AssetStates(listing, raw, lake, held, find_failed_runs(instance), reads_files=True)
    references = [state for state in states.find_references() if state.reason]
    if requested and not only_stale:
        return RunPlan(bool(references), requested, _list_notes(listing, requested), requested)
    reasons = {m: states.find_month(m).reason for m in _delivered_months(listing, requested, first_month, last_month)}
    on_labels = _find_label_months(reasons, references)
    months = tuple(month for month, reason in reasons.items() if reason or month in on_labels)
    outside = () if requested else _ignored_months(listing, first_month, last_month)
    return RunPlan(
        bool(references),
        months,
        (*_list_notes(listing, months), *outside),
        requested,
        tuple((m, listing.missing_month_message(m, raw.root)) for m in requested if m not in listing.months),
        on_labels,
        "" if requested else _describe_unusable(listing, raw),
    )


def _delivered_months(
    listing: DeliveryListing, requested: Sequence[Month], first: Month, last: Month
) -> Iterator[Month]:
    """Yield the requested months that are delivered; without any, those of the range."""
    yield from (m for m in requested or listing.months if m in listing.months and first <= m <= last)


def _find_label_months(reasons: Mapping[Month, Reason | None], references: Sequence[AssetState]) -> frozenset[Month]:
    """Find the months that only a changed label file makes stale: its code lists encode every month."""
    if not any(state.asset.startswith("lookup/") for state in references):
        return frozenset()
    return frozenset(month for month, reason in reasons.items() if reason in (None, Reason.CODE_LISTS_CHANGED))


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
