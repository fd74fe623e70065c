"""The state of each asset and month: the data version it would have now, the version it holds, and why they differ.

Command line, sensors, schedules, status page and completeness check all ask this module.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

import dagster as dg
from sqlalchemy import Table

from i94_platform.contracts import (
    DIMENSIONS,
    LOOKUPS,
    MONTHLY_MARTS,
    REFERENCES,
    STAGED_MONTH,
    correlations,
    immigration,
)
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.releases import read_current_release
from i94_platform.lake.store import Store
from i94_platform.marts.rendering import DIMENSION_SOURCES
from i94_platform.partitions import Month
from i94_platform.pipeline.code_lists import LABELS
from i94_platform.pipeline.data_versions import (
    combine_month_version,
    combine_versions,
    compute_correlations_version,
    compute_mart_version,
    ledger_versions,
    read_code_list_versions,
    split_version,
)
from i94_platform.sources.delivery import Delivery
from i94_platform.sources.listing import DeliveryListing
from i94_platform.sources.registry import REFERENCES as REFERENCE_SOURCES
from i94_platform.staleness.held_versions import HeldVersion, HeldVersions, index_ledger
from i94_platform.warehouse.ledger import LedgerEntry


class Reason(StrEnum):
    """Why an asset is stale."""

    NEVER_LOADED = "never loaded"
    DELIVERY_CHANGED = "the delivery changed"
    CODE_LISTS_CHANGED = "the code lists changed"
    FACT_CHANGED = "the fact changed"
    REFERENCES_CHANGED = "a reference table changed"
    MARTS_CHANGED = "a mart changed"
    TABLES_CHANGED = "a table changed"
    SQL_CHANGED = "the SQL changed"
    DATASET_DAMAGED = "the dataset is damaged"
    RUN_FAILED = "the last run failed"


_REFERENCE_PARTS = (Reason.DELIVERY_CHANGED, Reason.SQL_CHANGED)
_MONTH_PARTS = (Reason.DELIVERY_CHANGED, Reason.CODE_LISTS_CHANGED, Reason.SQL_CHANGED)
_MART_PARTS = (Reason.FACT_CHANGED, Reason.REFERENCES_CHANGED, Reason.SQL_CHANGED)
_CORRELATIONS_PARTS = (Reason.MARTS_CHANGED, Reason.SQL_CHANGED)
"""What it means that a part of a version differs, by the parts' order; see `pipeline.data_versions`."""


@dataclass(frozen=True)
class AssetState:
    """The state of an asset, or of a month of it."""

    asset: str
    """Such as `warehouse/immigration`."""
    month: str
    """Such as `2016-04`; empty for an asset without months."""
    current_version: str
    """The version that it would have now; empty if nothing is there to make it from, or to compare it with."""
    held: HeldVersion | None
    """What it holds; None if it was never loaded."""
    reason: Reason | None
    """Why it is stale; None if it is not."""
    failed_run: str = ""
    """The run that failed since the last load, or that failed after it had loaded the month; empty if none did."""


@dataclass(frozen=True)
class AssetStates:
    """Compares the deliveries of a listing with what is loaded."""

    listing: DeliveryListing
    raw: Store
    lake: Lake
    held: HeldVersions
    failed_runs: Mapping[str, dg.RunRecord] = field(default_factory=dict)
    """The last failed run of each month; none if failures do not matter."""
    reads_files: bool = False
    """Whether to hash delivered files that the listing shows unchanged, and to look for the files of the lake."""

    def find_month(self, month: Month) -> AssetState:
        """Find the state of the fact in a month. A loaded month whose delivery was removed is not stale."""
        delivery = self.listing.months.get(month)
        # of a month that was never loaded no file is read
        needs_version = self.held.has(immigration.name, month.key)
        version = self._compute_month_version(month, delivery) if delivery and needs_version else ""
        held = self.held.find(immigration.name, month.key, version)
        datasets = [Dataset(f"staged/{contract.name}", month.key) for contract in STAGED_MONTH] if delivery else []
        reason = self._find_reason(version, held, _MONTH_PARTS, datasets)
        failed_run = self._find_failed_run(month, held)
        reason = reason or (Reason.RUN_FAILED if failed_run else None)
        return AssetState(f"warehouse/{immigration.name}", month.key, version, held, reason, failed_run)

    def _compute_month_version(self, month: Month, delivery: Delivery) -> str:
        """Compute the version of a month; read no file that Dagster's record of the load lists as it is listed now."""
        record = None if self.reads_files else self.held.find_record(immigration.name, month.key)
        if record is not None and record.listing == delivery.listing_fingerprint(self.raw):
            _, *others = split_version(combine_month_version("", self._code_lists))
            return "-".join([split_version(record.version)[0], *others])
        return combine_month_version(delivery.fingerprint(self.raw), self._code_lists)

    @cached_property
    def _code_lists(self) -> tuple[str, ...]:
        return read_code_list_versions(self.lake)

    def _find_failed_run(self, month: Month, held: HeldVersion | None) -> str:
        """Return the failed run of a month, unless a later run has loaded the month."""
        failed = self.failed_runs.get(month.key)
        run_id = failed.dagster_run.run_id if failed else ""
        if failed is None or held is None or held.run_id == run_id:
            return run_id
        loads = self.held.instance.get_run_records(dg.RunsFilter(run_ids=[held.run_id]), limit=1)
        if loads:
            return "" if loads[0].storage_id > failed.storage_id else run_id
        return "" if held.loaded_at >= int(failed.create_timestamp.timestamp()) else run_id  # of another instance

    def find_references(self) -> list[AssetState]:
        """Find the state of the code lists in the lake, and of every table that is made from reference files."""
        code_lists = self.find_code_lists()
        versions = {state.asset.removeprefix("lookup/"): state.current_version for state in code_lists}
        versions |= self._compute_reference_versions()
        built: dict[Table, tuple[str, ...]] = {contract: (contract.name,) for contract in LOOKUPS}
        built |= {contract: DIMENSION_SOURCES.get(contract.name, ()) for contract in DIMENSIONS}
        current = {c.name: combine_versions(c, *map(versions.__getitem__, sources)) for c, sources in built.items()}
        return [
            *code_lists,
            *(self._find_reference(Dataset(f"warehouse/{table}"), version) for table, version in current.items()),
            *(self._find_reference(Dataset(f"staged/{c.name}"), versions[c.name]) for c in REFERENCES),
        ]

    def find_code_lists(self) -> list[AssetState]:
        """Find the state of each code list in the lake, which comes from the label file."""
        delivery = self.listing.references.get(LABELS)
        delivered = delivery.fingerprint(self.raw) if delivery else ""
        states = []
        for dataset in (Dataset(f"lookup/{contract.name}") for contract in LOOKUPS):
            manifest = self.lake.read_manifest(dataset)
            held = HeldVersion(manifest.fingerprint, manifest.run_id) if manifest else None
            version = delivered or (held.version if held else "")
            reason = self._find_reason(version, held, _REFERENCE_PARTS, [dataset])
            states.append(AssetState(str(dataset), "", version, held, reason))
        return states

    def _compute_reference_versions(self) -> dict[str, str]:
        """Compute the version of each staged reference; that of the lake if its file was removed."""
        versions = {}
        for name, source in REFERENCE_SOURCES.items():
            for contract in source.contracts if name != LABELS else ():
                delivery = self.listing.references.get(name)
                manifest = None if delivery else self.lake.read_manifest(Dataset(f"staged/{contract.name}"))
                removed = manifest.fingerprint if manifest else ""
                delivered = combine_versions(contract, delivery.fingerprint(self.raw)) if delivery else ""
                versions[contract.name] = delivered or removed
        return versions

    def _find_reference(self, dataset: Dataset, version: str) -> AssetState:
        """Find the state of the table that is loaded from a dataset."""
        table = dataset.name.partition("/")[2]
        held = self.held.find(table, "", version)
        reason = self._find_reason(version, held, _REFERENCE_PARTS, [dataset])
        return AssetState(f"warehouse/{table}", "", version, held, reason)

    def _find_reason(
        self, version: str, held: HeldVersion | None, parts: Sequence[Reason], datasets: Sequence[Dataset]
    ) -> Reason | None:
        """Find why an asset is stale: its versions differ, or one of its datasets is damaged."""
        if reason := _compare(version, held, parts):
            return reason
        is_intact = not self.reads_files or all(map(self.lake.is_intact, datasets))
        return None if is_intact else Reason.DATASET_DAMAGED


def find_mart_states(ledger: Sequence[LedgerEntry]) -> Iterator[AssetState]:
    """Find the state of every monthly mart in each loaded month, in month order."""
    versions, held = ledger_versions(ledger), index_ledger(ledger)
    for month in sorted(month for table, month in versions if table == immigration.name):
        for mart in MONTHLY_MARTS:
            version, load = compute_mart_version(mart, month, versions), held.get((mart.name, month))
            yield AssetState(f"mart/{mart.name}", month, version, load, _compare(version, load, _MART_PARTS))


def find_correlations_state(ledger: Sequence[LedgerEntry], lake: Lake) -> AssetState:
    """Find the state of the correlations, which are made from the marts of every month; not stale without any."""
    dataset, held = Dataset(f"mart/{correlations.name}"), index_ledger(ledger).get((correlations.name, ""))
    version = compute_correlations_version(ledger_versions(ledger))
    reason = _compare(version, held, _CORRELATIONS_PARTS) if version or held else None
    if reason is None and held and not lake.is_intact(dataset):
        reason = Reason.DATASET_DAMAGED
    return AssetState(str(dataset), "", version, held, reason)


def find_release_state(ledger: Sequence[LedgerEntry], lake: Lake) -> AssetState:
    """Find the state of the release, whose version is the time of the newest load; not stale without any."""
    release = read_current_release(lake)
    held = HeldVersion(release.data_as_of) if release else None
    version = max((entry.loaded_at for entry in ledger), default="")
    return AssetState(
        "published", "", version, held, _compare(version, held, [Reason.TABLES_CHANGED]) if version else None
    )


def _compare(version: str, held: HeldVersion | None, parts: Sequence[Reason]) -> Reason | None:
    """Compare the version that an asset would have with the one it holds; return the reason of the first difference.

    What holds a version, and has nothing to be made from any more, is not stale.
    """
    if held is None:
        return Reason.NEVER_LOADED
    if not version or version == held.version:
        return None
    pairs = zip(split_version(version), split_version(held.version), parts, strict=False)
    return next((reason for new, old, reason in pairs if new != old), parts[-1])
