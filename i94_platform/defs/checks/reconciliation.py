"""The checks that row counts agree: delivered = staged + quarantined, staged = loaded, visitors = arrivals."""

from collections.abc import Iterator, Sequence

import dagster as dg
from sqlalchemy import Table

from i94_platform.contracts import DIMENSIONS, LOOKUPS, MONTHLY_MARTS, REFERENCES, STAGED_MONTH, immigration
from i94_platform.defs.keys import to_key
from i94_platform.defs.partitions import monthly_partitions
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.manifest import Manifest
from i94_platform.partitions import Month
from i94_platform.warehouse.inferred_members import count_delivered_rows
from i94_platform.warehouse.loading import in_month, sum_fact, sum_mart
from i94_platform.warehouse.transaction import Transaction

_STAGED = to_key("staged/immigration")

_DATASET_LAYERS = {
    **{contract.name: "warehouse" for contract in (*LOOKUPS, *DIMENSIONS)},
    **{contract.name: "staged" for contract in (*REFERENCES, immigration)},
}
"""The layer of the dataset that each table is loaded from."""


MONTH_SPECS = (
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
)


def reconcile_month(context: dg.AssetCheckExecutionContext, lake: Lake, month: str) -> Iterator[dg.AssetCheckResult]:
    """Compare the counts of a staged month, and look for its files, where these checks are selected."""
    if not context.selected_asset_check_keys & {spec.key for spec in MONTH_SPECS}:
        return
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
    for spec, result in zip(MONTH_SPECS, (_build_balance_result(staged, quarantine), complete), strict=True):
        if spec.key in context.selected_asset_check_keys:
            yield result


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


def build_row_count_specs(
    contracts: Sequence[Table], partitions_def: dg.PartitionsDefinition[str] | None
) -> list[dg.AssetCheckSpec]:
    """Build the specs of the row counts of tables of the warehouse."""
    return [
        dg.AssetCheckSpec(
            "staged_equals_loaded",
            asset=to_key(f"warehouse/{contract.name}"),
            blocking=True,
            partitions_def=partitions_def,
            description="The table, or its month, has as many rows as its dataset, not counting inferred members.",
        )
        for contract in contracts
    ]


def compare_row_counts(
    context: dg.AssetCheckExecutionContext,
    contracts: Sequence[Table],
    lake: Lake,
    transaction: Transaction,
    month: Month | None,
) -> Iterator[dg.AssetCheckResult]:
    """Compare the rows of each selected table, or of a month of it, with those of its dataset."""
    for contract in contracts:
        key = dg.AssetCheckKey(to_key(f"warehouse/{contract.name}"), "staged_equals_loaded")
        if key in context.selected_asset_check_keys:
            dataset = Dataset(f"{_DATASET_LAYERS[contract.name]}/{contract.name}", month.key if month else "")
            staged = lake.require_manifest(dataset).rows
            query = count_delivered_rows(contract).where(*in_month(contract, month))
            yield _build_equality_result(key.asset_key, staged, transaction.fetch_int(query))


MART_SPECS = [
    dg.AssetCheckSpec(
        "visitors_equal_arrivals",
        asset=to_key(f"mart/{mart.name}"),
        blocking=True,
        partitions_def=monthly_partitions,
        description="The month's visitors add up to all its arrivals, those with unknown values included; so do stays.",
    )
    for mart in MONTHLY_MARTS
]


def compare_visitors(
    context: dg.AssetCheckExecutionContext, transaction: Transaction, month: Month
) -> Iterator[dg.AssetCheckResult]:
    """Compare the visitors and stays of each selected mart with those of the fact in the month."""
    selected = [s for s in zip(MART_SPECS, MONTHLY_MARTS, strict=True) if s[0].key in context.selected_asset_check_keys]
    expected = sum_fact(transaction, month) if selected else {}
    for spec, mart in selected:
        _, sums = sum_mart(transaction, mart, month)
        figures = [f"{n:,} {name} in the mart, {expected[name]:,} in the fact" for name, n in sums.items()]
        differences = [abs(n - expected[name]) for name, n in sums.items()]
        yield dg.AssetCheckResult(
            asset_key=spec.asset_key,
            check_name=spec.name,
            passed=not any(differences),
            description=f"{'; '.join(figures)}.",
            metadata={
                "visitors": sums["visitors"],
                "arrivals": expected["visitors"],
                "difference": sum(differences),
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
