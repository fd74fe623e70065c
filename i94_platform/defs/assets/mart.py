"""The mart layer: the monthly marts, computed in the warehouse, and the correlations over all months."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from sqlalchemy import Table

from i94_platform.contracts import MONTHLY_MARTS
from i94_platform.contracts import correlations as correlations_contract
from i94_platform.contracts.model import column_names
from i94_platform.defs.attributes import code_references
from i94_platform.defs.automation import CORRELATIONS, MONTHLY_MART
from i94_platform.defs.execution import WAREHOUSE_POOL, raise_dagster_failures, run_folder
from i94_platform.defs.keys import to_key
from i94_platform.defs.metadata import (
    PREVIEW_ROWS,
    loaded_table_result,
    table_location,
    table_result,
    to_table_metadata,
)
from i94_platform.defs.partitions import monthly_partitions
from i94_platform.lake.datasets import Lake
from i94_platform.marts.correlations import SOURCES
from i94_platform.marts.rendering import source_tables
from i94_platform.partitions import Month
from i94_platform.pipeline.marts import load_correlations, refresh_marts
from i94_platform.warehouse.base import Warehouse
from i94_platform.warehouse.loading import month_condition
from i94_platform.warehouse.transaction import Transaction


@dg.multi_asset(
    name="monthly_marts",
    partitions_def=monthly_partitions,
    can_subset=True,
    pool=WAREHOUSE_POOL,
    specs=[
        dg.AssetSpec(
            to_key(f"mart/{mart.name}"),
            deps=[to_key(f"warehouse/{name}") for name in source_tables(mart)],
            description=mart.comment,
            kinds={"table", "sql"},
            metadata=code_references(f"marts/{mart.name}.sql", "marts/rendering.py"),
            automation_condition=MONTHLY_MART,
        )
        for mart in MONTHLY_MARTS
    ],
)
def monthly_marts(
    context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[Warehouse]
) -> Iterator[dg.MaterializeResult[Any]]:
    """Refresh the selected marts of one month in one step, because they read the same fact."""
    month = Month.parse(context.partition_key)
    selected = [mart for mart in MONTHLY_MARTS if to_key(f"mart/{mart.name}") in context.selected_asset_keys]
    with raise_dagster_failures():
        refreshed_marts = refresh_marts(selected, month, warehouse, context.run.run_id)
        with warehouse.transaction(purpose="preview", read_only=True) as transaction:
            previews = [_preview_largest(mart, month, transaction) for mart in selected]
    for refreshed, preview in zip(refreshed_marts, previews, strict=True):
        yield table_result(
            to_key(f"mart/{refreshed.mart.name}"),
            refreshed.version,
            refreshed.rows,
            refreshed.seconds,
            partitioned=True,
            extra={**table_location(refreshed.mart, warehouse), "preview": preview},
        )


def _preview_largest(mart: Table, month: Month, transaction: Transaction) -> dg.TableMetadataValue:
    """Return the rows of a month with the most visitors."""
    where, values = month_condition(month)
    columns = column_names(mart)
    rows = transaction.execute(
        f"SELECT {', '.join(columns)} FROM {mart.fullname} WHERE {where} ORDER BY visitors DESC LIMIT {PREVIEW_ROWS}",
        values,
    )
    return to_table_metadata(rows.to_pylist(), columns)


@dg.asset(
    key=to_key("mart/correlations"),
    deps=[to_key(f"mart/{mart.name}") for mart in SOURCES.values()],
    description=correlations_contract.comment,
    kinds={"table", "sql"},
    metadata=code_references(
        *(f"marts/correlations/{m}.py" for m in ("questions", "variables", "observations", "exclusions", "measures")),
        *(f"marts/correlations/{name}.sql" for name in SOURCES),
    ),
    pool=WAREHOUSE_POOL,
    automation_condition=CORRELATIONS,
)
def correlations(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], warehouse: dg.ResourceParam[Warehouse]
) -> dg.MaterializeResult[Any]:
    """Compute the correlations over every month that has its marts."""
    with raise_dagster_failures() as seconds:
        manifest = load_correlations(lake, warehouse, run_id=context.run.run_id, run_folder=run_folder(context))
        return loaded_table_result(context.asset_key, correlations_contract, manifest, lake, warehouse, seconds())
