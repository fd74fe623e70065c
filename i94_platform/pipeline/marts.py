"""Refresh the marts in the warehouse: one month of one mart, and the correlations over all months."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Table

from i94_platform.contracts import correlations as contract
from i94_platform.contracts.rendering.arrow import to_arrow
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.manifest import Manifest
from i94_platform.marts import correlations, rendering
from i94_platform.partitions import Month
from i94_platform.pipeline.data_versions import (
    LedgerVersions,
    compute_correlations_version,
    compute_mart_version,
    ledger_versions,
)
from i94_platform.warehouse.base import Warehouse

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class RefreshedMart:
    """A month of a mart after its refresh."""

    version: str
    rows: int


def refresh_mart(
    mart: Table, month: Month, versions: LedgerVersions, warehouse: Warehouse, run_id: str
) -> RefreshedMart:
    """Compute a month of a mart from the star schema.

    `versions` is read before the transaction: if the fact changes meanwhile, the mart is stale again.

    Raises:
        PermanentError: the month is not loaded, or the visitors do not add up to the arrivals.
    """
    version = compute_mart_version(mart, month.key, versions)
    if not version:
        raise PermanentError(f"{month.key} is not loaded, so it has no marts; run: i94 run --month {month.key}")
    query = rendering.render_month_query(mart, warehouse.dialect)
    return RefreshedMart(version, warehouse.refresh_mart(mart, month, query, version, run_id))


def load_correlations(lake: Lake, warehouse: Warehouse, *, run_id: str, run_folder: str) -> Manifest:
    """Compute the correlations over every month that has its marts, commit them to the lake, and load them.

    Raises:
        PermanentError: no month has its marts, or the marts differ in their months.
    """
    dataset = Dataset(f"mart/{contract.name}")
    with lake.write_lock(dataset):
        frame, version = _correlate(warehouse)
        manifest = lake.write_table(dataset, run_folder, contract, to_arrow(frame, contract), fingerprint=version)
        warehouse.replace(contract, manifest, run_id)
    return manifest


def _correlate(warehouse: Warehouse) -> tuple[pd.DataFrame, str]:
    """The correlations as a frame, and their data version."""
    import pandas as pd

    versions = ledger_versions(warehouse.read_ledger())
    months = _require_common_months(versions)
    frames = {
        name: warehouse.query(correlations.render_query(name, warehouse.dialect)).to_pandas()
        for name in correlations.SOURCES
    }
    rows = correlations.compute_correlations(**frames, months=months)
    return pd.DataFrame(list(rows)), compute_correlations_version(versions)


def _require_common_months(versions: LedgerVersions) -> list[str]:
    """The months that each of the correlated marts holds.

    Raises:
        PermanentError: there is none, or the marts differ in their months.
    """
    held = {m.name: {month for name, month in versions if name == m.name} for m in correlations.SOURCES.values()}
    months = sorted(set().union(*held.values()))
    if not months:
        raise PermanentError("No month has its marts yet, so nothing can be correlated; run: i94 run")
    missing = {name: ", ".join(sorted(set(months) - own)) for name, own in held.items()}
    if gaps := [f"{name} lacks {those}" for name, those in missing.items() if those]:
        raise PermanentError(f"The marts differ in their months ({'; '.join(gaps)}); run: i94 run")
    return months
