"""The checks that row counts agree: delivered = staged + quarantined, staged = loaded, visitors = arrivals."""

from collections.abc import Iterator, Sequence

import dagster as dg
from sqlalchemy import Table

from i94_platform.contracts import DIMENSIONS, LOOKUPS, MONTHLY_MARTS, REFERENCES, STAGED_MONTH
from i94_platform.defs.execution import month_key, raise_dagster_failures
from i94_platform.defs.keys import to_key
from i94_platform.defs.partitions import monthly_partitions
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.manifest import Manifest
from i94_platform.partitions import Month
from i94_platform.warehouse.base import Warehouse
from i94_platform.warehouse.inferred_members import count_delivered_rows
from i94_platform.warehouse.loading import count_visitors_and_arrivals, month_condition
from i94_platform.warehouse.transaction import Transaction

_STAGED = to_key("staged/immigration")
_FACT = to_key("warehouse/immigration")

_DATASET_LAYERS = {c.name: ("staged" if c in REFERENCES else "warehouse") for c in (*LOOKUPS, *REFERENCES, *DIMENSIONS)}
"""The layer of the dataset that each table without months is loaded from."""


@dg.multi_asset_check(
    name="staged_immigration_reconciliation",
    can_subset=True,
    specs=[
        dg.AssetCheckSpec(
            "delivered_equals_staged_plus_quarantined",
            asset=_STAGED,
            blocking=True,
            partitions_def=monthly_partitions,
            description="Every delivered row is staged or quarantined, exactly once.",
        ),
        dg.AssetCheckSpec(
            "files_complete",
            asset=_STAGED,
            blocking=True,
            partitions_def=monthly_partitions,
            description="Every file of the three manifests exists with its length.",
        ),
    ],
)
def staged_immigration_reconciliation(
    context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake]
) -> Iterator[dg.AssetCheckResult]:
    """Compare the counts of a staged month, and look for its files."""
    month = month_key(context)
    with raise_dagster_failures():
        manifests = [_read_manifest(lake, Dataset(f"staged/{c.name}", month)) for c in STAGED_MONTH]
        problems = [problem for manifest in manifests for problem in lake.find_missing_files(manifest)]
    staged, quarantine, _ = manifests
    files = sum(len(manifest.entries) for manifest in manifests)
    complete = dg.AssetCheckResult(
        asset_key=_STAGED,
        check_name="files_complete",
        passed=not problems,
        description="; ".join(problems) or f"All {files} files exist.",
        metadata={"files": files, "bytes": staged.size, "problems": len(problems), "bound": "0"},
    )
    selected = {check.name for check in context.selected_asset_check_keys}
    results = (_build_balance_result(staged, quarantine), complete)
    yield from (result for result in results if result.check_name in selected)


def _read_manifest(lake: Lake, dataset: Dataset) -> Manifest:
    """Read a manifest even if a file of it is missing, because the check reports that itself."""
    return lake.read_newest(dataset) or lake.require_manifest(dataset)


def _build_balance_result(staged: Manifest, quarantine: Manifest) -> dg.AssetCheckResult:
    delivered = int(staged.stats["delivered_rows"])
    is_same_run = staged.run_id == quarantine.run_id
    difference = delivered - staged.rows - quarantine.rows
    return dg.AssetCheckResult(
        asset_key=_STAGED,
        check_name="delivered_equals_staged_plus_quarantined",
        passed=difference == 0 and is_same_run,
        description=f"{delivered:,} delivered, {staged.rows:,} staged, {quarantine.rows:,} quarantined, "
        f"difference {difference:,}"
        + ("." if is_same_run else "; the two come from different runs. Stage the month again."),
        metadata={
            "delivered": delivered,
            "staged": staged.rows,
            "quarantined": quarantine.rows,
            "difference": difference,
            "bound": "0",
        },
    )


@dg.asset_check(
    asset=_FACT,
    name="staged_equals_loaded",
    blocking=True,
    partitions_def=monthly_partitions,
    description="The month in the warehouse has as many rows as the staged one.",
)
def staged_equals_loaded(
    context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake], warehouse: dg.ResourceParam[Warehouse]
) -> dg.AssetCheckResult:
    """Compare the rows of a month in the warehouse with the staged ones."""
    month = Month.parse(month_key(context))
    with raise_dagster_failures():
        staged = lake.require_manifest(Dataset("staged/immigration", month.key)).rows
        where, values = month_condition(month)
        count = warehouse.query(f"SELECT count(*) AS n FROM i94.immigration WHERE {where}", values)
    return _build_equality_result(_FACT, staged, count.column("n")[0].as_py())


def build_row_count_specs(contracts: Sequence[Table]) -> list[dg.AssetCheckSpec]:
    """Build the specs of the row counts of tables without months."""
    return [
        dg.AssetCheckSpec(
            "staged_equals_loaded",
            asset=to_key(f"warehouse/{contract.name}"),
            blocking=True,
            description="The table has as many rows as its dataset, not counting inferred members.",
        )
        for contract in contracts
    ]


def compare_row_counts(
    context: dg.AssetCheckExecutionContext, contracts: Sequence[Table], lake: Lake, transaction: Transaction
) -> Iterator[dg.AssetCheckResult]:
    """Compare the rows of each selected table with those of its dataset."""
    for contract in contracts:
        name = contract.name
        key = dg.AssetCheckKey(to_key(f"warehouse/{name}"), "staged_equals_loaded")
        if key in context.selected_asset_check_keys:
            staged = lake.require_manifest(Dataset(f"{_DATASET_LAYERS[name]}/{name}")).rows
            in_warehouse = transaction.fetch_int(count_delivered_rows(contract))
            yield _build_equality_result(key.asset_key, staged, in_warehouse)


@dg.multi_asset_check(
    name="mart_reconciliation",
    can_subset=True,
    specs=[
        dg.AssetCheckSpec(
            "visitors_equal_arrivals",
            asset=to_key(f"mart/{mart.name}"),
            blocking=True,
            partitions_def=monthly_partitions,
            description="The month's visitors add up to all its arrivals, those with unknown values included.",
        )
        for mart in MONTHLY_MARTS
    ],
)
def mart_reconciliation(
    context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
) -> Iterator[dg.AssetCheckResult]:
    """Compare the visitors of each selected mart with the arrivals of the month."""
    month = Month.parse(month_key(context))
    selected = {check.asset_key for check in context.selected_asset_check_keys}
    with raise_dagster_failures(), warehouse.transaction(purpose="check", read_only=True) as transaction:
        for mart in MONTHLY_MARTS:
            asset_key = to_key(f"mart/{mart.name}")
            if asset_key not in selected:
                continue
            visitors, arrivals = count_visitors_and_arrivals(transaction, mart, month)
            yield dg.AssetCheckResult(
                asset_key=asset_key,
                check_name="visitors_equal_arrivals",
                passed=visitors == arrivals,
                description=f"{visitors:,} visitors in the mart, {arrivals:,} arrivals in the fact.",
                metadata={
                    "visitors": visitors,
                    "arrivals": arrivals,
                    "difference": visitors - arrivals,
                    "bound": "0",
                },
            )


def _build_equality_result(asset_key: dg.AssetKey, staged: int, in_warehouse: int) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=asset_key,
        check_name="staged_equals_loaded",
        passed=staged == in_warehouse,
        description=f"{staged:,} rows staged, {in_warehouse:,} loaded.",
        metadata={"staged": staged, "loaded": in_warehouse, "difference": staged - in_warehouse, "bound": "0"},
    )
