"""The loads that the warehouse's ledger knows and Dagster's records don't, as after the loss of the run history.

Loading asks the ledger by itself. The automation knows Dagster's records only: without them no mart of a new month and
no release would follow.
"""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg

from i94_platform.contracts import MARTS, PUBLISHED, WAREHOUSE
from i94_platform.defs.keys import to_key
from i94_platform.lake.datasets import Lake
from i94_platform.staleness.asset_states import find_release_state
from i94_platform.staleness.held_versions import DATA_VERSION_TAG, HeldVersions
from i94_platform.warehouse.ledger import LedgerEntry

_MARTS = {mart.name for mart in MARTS}
_RANKS = {contract.name: rank for rank, contract in enumerate((*WAREHOUSE, *MARTS))}
"""The tables in an order in which each comes after what it is made from."""


def find_unrecorded_loads(
    ledger: Iterable[LedgerEntry], lake: Lake, instance: dg.DagsterInstance
) -> list[dg.AssetMaterialization]:
    """Build a materialization of each load without a record, in their order, and of the release if it is current."""
    # the ledger has whole seconds, and a mart before its fact would be refreshed again
    entries = sorted(ledger, key=lambda entry: (entry.loaded_at, _RANKS.get(entry.table_name, len(_RANKS))))
    records = HeldVersions.from_records(instance)
    loads = [
        _build_materialization(entry)
        for entry in entries
        if records.find_record(entry.table_name, entry.partition_key) is None
    ]
    if loads and not find_release_state(entries, lake).reason:
        loads += [dg.AssetMaterialization(to_key(f"published/{contract.name}")) for contract in PUBLISHED]
    return loads


def _build_materialization(entry: LedgerEntry) -> dg.AssetMaterialization:
    layer = "mart" if entry.table_name in _MARTS else "warehouse"
    return dg.AssetMaterialization(
        to_key(f"{layer}/{entry.table_name}"),
        description="Found in the warehouse's ledger.",
        partition=entry.partition_key or None,
        tags={DATA_VERSION_TAG: entry.fingerprint},
    )
