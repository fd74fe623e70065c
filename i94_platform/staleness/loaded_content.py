"""Compare deliveries with what is loaded, by whatever means: a run by hand, a backfill, the command line, a sensor.

Dagster's record of a month answers first, because the warehouse may be paused or busy. Its ledger is read only about
months that the Dagster instance has no record of.
"""

from __future__ import annotations

import dagster as dg

from i94_platform.contracts import DIMENSIONS, LOOKUPS, REFERENCES, immigration
from i94_platform.errors import PermanentError, TransientError
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.store import Store
from i94_platform.pipeline.code_lists import LABELS
from i94_platform.pipeline.data_versions import (
    LedgerVersions,
    combine_versions,
    compute_month_version,
    ledger_versions,
)
from i94_platform.sources.delivery import Delivery
from i94_platform.sources.listing import DeliveryListing
from i94_platform.sources.registry import REFERENCES as SOURCES
from i94_platform.warehouse.base import Warehouse

DATA_VERSION_TAG = "dagster/data_version"

_FACT = dg.AssetKey(["warehouse", immigration.name])


def is_month_loaded(
    month: str, delivery: Delivery, raw: Store, lake: Lake, warehouse: Warehouse, instance: dg.DagsterInstance
) -> bool:
    """Whether the warehouse holds a month in its delivered content, encoded with the lake's code lists.

    The files of the delivery are read for it, where the raw store is a local folder.
    """
    if _read_recorded_version(month, instance) is not None:
        return is_recorded(month, delivery, raw, lake, instance)
    version = _read_ledger_versions(warehouse).get((immigration.name, month))
    return version is not None and version == compute_month_version(delivery, raw, lake)


def is_recorded(month: str, delivery: Delivery, raw: Store, lake: Lake, instance: dg.DagsterInstance) -> bool:
    """Whether the Dagster instance has a record of a month's load in its delivered content, whatever run loaded it."""
    version = _read_recorded_version(month, instance)
    return version is not None and version == compute_month_version(delivery, raw, lake)


def _read_recorded_version(month: str, instance: dg.DagsterInstance) -> str | None:
    """Read the data version of a month's newest load from the Dagster instance; None if it has no record."""
    filter_ = dg.AssetRecordsFilter(_FACT, asset_partitions=[month])
    for record in instance.fetch_materializations(filter_, limit=1).records:
        materialization = record.asset_materialization
        return (materialization.tags or {}).get(DATA_VERSION_TAG) if materialization else None
    return None


def are_references_loaded(listing: DeliveryListing, raw: Store, lake: Lake, warehouse: Warehouse) -> bool:
    """Whether lake and warehouse hold every delivered reference file, and every table that is made from them."""
    if not has_current_code_lists(listing, raw, lake):
        return False
    versions = _read_ledger_versions(warehouse)
    if any((contract.name, "") not in versions for contract in (*LOOKUPS, *REFERENCES, *DIMENSIONS)):
        return False
    return all(
        versions[contract.name, ""] == combine_versions(delivery.fingerprint(raw))
        for name, delivery in listing.references.items()
        if name != LABELS
        for contract in SOURCES[name].contracts
    )


def has_current_code_lists(listing: DeliveryListing, raw: Store, lake: Lake) -> bool:
    """Whether the lake's code lists are those of the delivered label file."""
    delivery = listing.references.get(LABELS)
    if delivery is None:
        return False
    version = delivery.fingerprint(raw)
    manifests = (lake.read_manifest(Dataset(f"lookup/{contract.name}")) for contract in LOOKUPS)
    return all(manifest is not None and manifest.fingerprint == version for manifest in manifests)


def _read_ledger_versions(warehouse: Warehouse) -> LedgerVersions:
    """Read the data versions in the ledger; none if the warehouse does not answer, so that its content is loaded."""
    try:
        return ledger_versions(warehouse.read_ledger())
    except (PermanentError, TransientError):
        return {}
