"""Refresh the marts in the warehouse: one month of one mart, and the correlations over all months."""

from __future__ import annotations

from collections.abc import Sequence
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
from i94_platform.warehouse.loading import MartQuery, RefreshedMart

if TYPE_CHECKING:
    import pandas as pd


def refresh_marts(marts: Sequence[Table], month: Month, warehouse: Warehouse, run_id: str) -> list[RefreshedMart]:
    """Compute a month of some marts from the star schema, all or none of them.

    The ledger is read before: if the fact changes in between, the marts are stale again.

    Raises:
        PermanentError: the month is not loaded, or the visitors do not add up to the arrivals.
    """
    versions = ledger_versions(warehouse.read_ledger())
    queries = []
    for mart in marts:
        version = compute_mart_version(mart, month.key, versions)
        if not version:
            raise PermanentError(f"{month.key} is not loaded, so it has no marts; run: i94 run --month {month.key}")
        queries.append(MartQuery(mart, rendering.render_month_query(mart, warehouse.dialect), version))
    return warehouse.refresh_marts(month, queries, run_id)


def load_correlations(lake: Lake, warehouse: Warehouse, *, run_id: str, run_folder: str) -> Manifest:
    """Compute the correlations over every month that has its marts, commit them to the lake, and load them.

    Raises:
        PermanentError: no mart is computed, or the marts have different months.
    """
    dataset = Dataset(f"mart/{contract.name}")
    with lake.write_lock(dataset):
        frame, version = _compute_correlations(warehouse)
        manifest = lake.write_table(dataset, run_folder, contract, to_arrow(frame, contract), fingerprint=version)
        warehouse.replace(contract, manifest, run_id)
    return manifest


def _compute_correlations(warehouse: Warehouse) -> tuple[pd.DataFrame, str]:
    """Compute the correlations; return them as a frame, with their data version."""
    import pandas as pd

    versions = ledger_versions(warehouse.read_ledger())
    months = _require_common_months(versions)
    frames = {
        name: warehouse.query(correlations.render_query(name, warehouse.dialect)).to_pandas()
        for name in correlations.SOURCES
    }
    rows = correlations.compute_correlations(months, **frames)
    return pd.DataFrame(list(rows)), compute_correlations_version(versions)


def _require_common_months(versions: LedgerVersions) -> list[str]:
    """Return the months of the correlated marts.

    Raises:
        PermanentError: there is none, or the marts have different months.
    """
    marts = [mart.name for mart in correlations.SOURCES.values()]
    months_by_mart = {mart: {month for name, month in versions if name == mart} for mart in marts}
    months = set().union(*months_by_mart.values())
    if not months:
        raise PermanentError("No month has its marts yet, so there is nothing to correlate; run: i94 run")
    gaps = {mart: ", ".join(sorted(months - present)) for mart, present in months_by_mart.items()}
    if problems := [f"{mart} lacks {missing}" for mart, missing in gaps.items() if missing]:
        raise PermanentError(f"The marts have different months ({'; '.join(problems)}); run: i94 run")
    return sorted(months)
