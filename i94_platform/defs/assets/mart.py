"""The marts: each month of the seven computed in the warehouse, and the correlations over all of them.

Here: one step for the seven, whose SQL reads one fact, and one for the correlations, which are committed to the lake
and loaded like every table that is made here. Not here: the SQL (`marts`), and the protocol of a load (`warehouse`).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg
from sqlalchemy import Table

from i94_platform.contracts import MONTHLY_MARTS, correlations, immigration
from i94_platform.contracts.model import column_names
from i94_platform.contracts.rendering.arrow import to_arrow
from i94_platform.defs.assets.warehouse import POOL
from i94_platform.defs.metadata import (
    PREVIEW_ROWS,
    combine_versions,
    dataset_result,
    layer_key,
    raise_dagster_failures,
    table_result,
    write_id,
)
from i94_platform.defs.table_metadata import to_table_metadata
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.marts import correlations as correlating
from i94_platform.marts import rendering as marts
from i94_platform.partitions import Month
from i94_platform.warehouse.base import Warehouse
from i94_platform.warehouse.ledger import LedgerEntry
from i94_platform.warehouse.loading import month_condition

if TYPE_CHECKING:
    import pandas as pd

LAYER = "mart"

Versions = dict[tuple[str, str], str]
"""Data versions by table and month, from the ledger."""


def mart_assets(partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """The mart layer."""
    return [_monthly(partitions), _correlations()]


def ledger_versions(ledger: Sequence[LedgerEntry]) -> Versions:
    """What a ledger says of the versions of all tables and months."""
    return {(line.table_name, line.partition_key): line.fingerprint for line in ledger}


def compute_mart_version(mart: Table, month: str, loaded: Versions) -> str:
    """The data version that a month of a mart would have now: its SQL and what it reads; empty without a fact."""
    names = marts.upstream_tables(mart)
    sources = [loaded.get((name, month if name == immigration.name else ""), "") for name in names]
    if (immigration.name, month) not in loaded:
        return ""
    return combine_versions(marts.render_sql(mart), *sources)


def compute_correlations_version(loaded: Versions) -> str:
    """The data version that the correlations would have now; empty while no month has its marts."""
    lines = sorted(
        f"{name} {month} {version}"
        for (name, month), version in loaded.items()
        if name in {mart.name for mart in correlating.SOURCES.values()}
    )
    return combine_versions(*lines) if lines else ""


def _monthly(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="monthly_marts",
        specs=[
            dg.AssetSpec(
                layer_key(LAYER, mart.name),
                deps=[layer_key("warehouse", name) for name in marts.source_tables(mart)],
                description=mart.comment,
            )
            for mart in MONTHLY_MARTS
        ],
        partitions_def=partitions,
        can_subset=True,
        pool=POOL,
    )
    def monthly(
        context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        month = Month.parse(context.partition_key)
        with raise_dagster_failures():
            loaded = ledger_versions(warehouse.read_ledger())
        for mart in MONTHLY_MARTS:
            asset_key = layer_key(LAYER, mart.name)
            if asset_key in context.selected_asset_keys:
                with raise_dagster_failures() as seconds:
                    yield _refreshed(asset_key, mart, month, loaded, warehouse, context.run.run_id, seconds)

    return monthly


def _refreshed(
    asset_key: dg.AssetKey,
    mart: Table,
    month: Month,
    loaded: Versions,
    warehouse: Warehouse,
    run_id: str,
    seconds: Callable[[], float],
) -> dg.MaterializeResult[Any]:
    # before the transaction: should the fact change meanwhile, the mart is due again
    version = compute_mart_version(mart, month.key, loaded)
    if not version:
        raise PermanentError(f"{month.key} is not loaded, so that it has no marts; run: i94 run --month {month.key}")
    query = marts.render_month_query(mart, warehouse.dialect)
    rows = warehouse.refresh_mart(mart, month, query, version, run_id)
    more = {
        "dagster/table_name": mart.fullname,
        "warehouse": warehouse.address,
        "preview": _largest(mart, month, warehouse),
    }
    return table_result(asset_key, mart, version, rows, seconds(), partitioned=True, more=more)


def _largest(mart: Table, month: Month, warehouse: Warehouse) -> dg.TableMetadataValue:
    """The rows of a month with the most visitors."""
    where, values = month_condition(month)
    columns = column_names(mart)
    rows = warehouse.query(
        f"SELECT {', '.join(columns)} FROM {mart.fullname} WHERE {where} ORDER BY visitors DESC LIMIT {PREVIEW_ROWS}",
        values,
    )
    return to_table_metadata(rows.to_pylist(), columns)


def _correlations() -> dg.AssetsDefinition:
    asset_key = layer_key(LAYER, correlations.name)

    @dg.asset(
        key=asset_key,
        deps=[layer_key(LAYER, mart.name) for mart in correlating.SOURCES.values()],
        description=correlations.comment,
        pool=POOL,
    )
    def correlated(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], warehouse: dg.ResourceParam[Warehouse]
    ) -> dg.MaterializeResult[Any]:
        with raise_dagster_failures() as seconds:
            dataset = Dataset(f"{LAYER}/{correlations.name}")
            with lake.write_lock(dataset):
                frame, version = _correlate(warehouse)
                rows = to_arrow(frame, correlations)
                manifest = lake.write_table(dataset, write_id(context), correlations, rows, fingerprint=version)
                warehouse.replace(correlations, manifest, context.run.run_id)
            more = {"dagster/table_name": correlations.fullname, "warehouse": warehouse.address}
            return dataset_result(asset_key, correlations, manifest, lake, seconds(), more)

    return correlated


def _correlate(warehouse: Warehouse) -> tuple["pd.DataFrame", str]:
    """The correlations over every month that has its marts, and their data version."""
    import pandas as pd

    loaded = ledger_versions(warehouse.read_ledger())
    months = _months(loaded)
    frames = {
        name: warehouse.query(correlating.render_query(name, warehouse.dialect)).to_pandas()
        for name in correlating.SOURCES
    }
    return pd.DataFrame(list(correlating.compute_correlations(**frames, months=months))), compute_correlations_version(
        loaded
    )


def _months(loaded: Versions) -> list[str]:
    """The months that are in each of the marts that are correlated."""
    held = {m.name: {month for name, month in loaded if name == m.name} for m in correlating.SOURCES.values()}
    months = sorted(set().union(*held.values()))
    if not months:
        raise PermanentError("No month has its marts yet, so that nothing can be correlated; run: i94 run")
    lacks = {name: ", ".join(sorted(set(months) - has)) for name, has in held.items()}
    if lacking := [f"{name} lacks {those}" for name, those in lacks.items() if those]:
        raise PermanentError(f"The marts differ in their months ({'; '.join(lacking)}); run: i94 run")
    return months
