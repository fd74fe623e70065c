"""Counts that must agree: nothing lost, nothing doubled.

Here: delivered = staged + quarantined, staged = loaded, the manifest's files, and every breakdown = all arrivals. Not
here: what single rows hold.
"""

from collections.abc import Iterator

import dagster as dg

from i94_platform.contracts import DIMENSIONS, LOOKUPS, MONTHLY_MARTS, REFERENCES
from i94_platform.defs.metadata import layer_key, raise_dagster_failures, run_month
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.manifest import Manifest
from i94_platform.partitions import Month
from i94_platform.warehouse.base import Warehouse
from i94_platform.warehouse.loading import count_visitors_and_arrivals, month_condition

_STAGED = layer_key("staged", "immigration")


def reconciliation_checks(partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetChecksDefinition]:
    """The reconciliation of every month and of every table."""
    return [_staged(partitions), _loaded_month(partitions), _loaded_tables(), _marts(partitions)]


def _staged(partitions: dg.PartitionsDefinition[str]) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(
        name="staged_immigration_reconciliation",
        specs=[
            dg.AssetCheckSpec(
                "delivered_equals_staged_plus_quarantined",
                asset=_STAGED,
                blocking=True,
                partitions_def=partitions,
                description="Every delivered row is staged or quarantined, exactly once.",
            ),
            dg.AssetCheckSpec(
                "files_complete",
                asset=_STAGED,
                blocking=True,
                partitions_def=partitions,
                description="Every file of both manifests is there with its length.",
            ),
        ],
    )
    def checked(context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake]) -> Iterator[dg.AssetCheckResult]:
        month = run_month(context)
        with raise_dagster_failures():
            staged, refused = (
                _manifest(lake, Dataset(name, month))
                for name in ("staged/immigration", "staged/immigration_quarantine")
            )
            problems = [*lake.find_missing_files(staged), *lake.find_missing_files(refused)]
        yield _balance(staged, refused)
        yield dg.AssetCheckResult(
            asset_key=_STAGED,
            check_name="files_complete",
            passed=not problems,
            description="; ".join(problems) or f"{len(staged.entries) + len(refused.entries)} files are there.",
            metadata={
                "files": len(staged.entries) + len(refused.entries),
                "bytes": staged.size,
                "problems": len(problems),
                "bound": 0,
            },
        )

    return checked


def _manifest(lake: Lake, dataset: Dataset) -> Manifest:
    """What is committed, without the look at its files that fails first where one is gone."""
    return lake.read_manifest(dataset) or lake.require_manifest(dataset)


def _balance(staged: Manifest, refused: Manifest) -> dg.AssetCheckResult:
    delivered = int(staged.stats["delivered_rows"])
    same_run = staged.run_id == refused.run_id
    difference = delivered - staged.rows - refused.rows
    return dg.AssetCheckResult(
        asset_key=_STAGED,
        check_name="delivered_equals_staged_plus_quarantined",
        passed=difference == 0 and same_run,
        description=f"{delivered:,} delivered, {staged.rows:,} staged, {refused.rows:,} quarantined, "
        f"difference {difference:,}"
        + ("." if same_run else "; the two come from different runs, stage the month again."),
        metadata={
            "delivered": delivered,
            "staged": staged.rows,
            "quarantined": refused.rows,
            "difference": difference,
            "bound": 0,
        },
    )


def _loaded_month(partitions: dg.PartitionsDefinition[str]) -> dg.AssetChecksDefinition:
    asset_key = layer_key("warehouse", "immigration")

    @dg.asset_check(
        asset=asset_key,
        name="staged_equals_loaded",
        blocking=True,
        partitions_def=partitions,
        description="The warehouse's month holds as many rows as the staged one.",
    )
    def staged_equals_loaded(
        context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake], warehouse: dg.ResourceParam[Warehouse]
    ) -> dg.AssetCheckResult:
        month = Month.parse(run_month(context))
        with raise_dagster_failures():
            staged = lake.require_manifest(Dataset("staged/immigration", month.key)).rows
            where, values = month_condition(month)
            counted = warehouse.query(f"SELECT count(*) AS n FROM i94.immigration WHERE {where}", values)
        return _equal(asset_key, staged, counted.column("n")[0].as_py())

    return staged_equals_loaded


def _loaded_tables() -> dg.AssetChecksDefinition:
    source = {c.name: ("staged" if c in REFERENCES else "warehouse") for c in (*LOOKUPS, *REFERENCES, *DIMENSIONS)}

    @dg.multi_asset_check(
        name="warehouse_reconciliation",
        can_subset=True,
        specs=[
            dg.AssetCheckSpec(
                "staged_equals_loaded",
                asset=layer_key("warehouse", name),
                blocking=True,
                description="The table holds as many rows as the dataset that it was loaded from.",
            )
            for name in source
        ],
    )
    def checked(
        context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake], warehouse: dg.ResourceParam[Warehouse]
    ) -> Iterator[dg.AssetCheckResult]:
        with raise_dagster_failures(), warehouse.transaction(purpose="check", read_only=True) as transaction:
            for check in sorted(context.selected_asset_check_keys):
                name = check.asset_key.path[-1]
                staged = lake.require_manifest(Dataset(f"{source[name]}/{name}")).rows
                counted = transaction.execute(f"SELECT count(*) AS n FROM i94.{name}")
                yield _equal(check.asset_key, staged, counted.column("n")[0].as_py())

    return checked


def _marts(partitions: dg.PartitionsDefinition[str]) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(
        name="mart_reconciliation",
        can_subset=True,
        specs=[
            dg.AssetCheckSpec(
                "visitors_equal_arrivals",
                asset=layer_key("mart", mart.name),
                blocking=True,
                partitions_def=partitions,
                description="The month's visitors add up to all its arrivals: what is unknown is a row, not a loss.",
            )
            for mart in MONTHLY_MARTS
        ],
    )
    def checked(
        context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> Iterator[dg.AssetCheckResult]:
        month = Month.parse(run_month(context))
        asked = {check.asset_key for check in context.selected_asset_check_keys}
        with raise_dagster_failures(), warehouse.transaction(purpose="check", read_only=True) as transaction:
            for mart in MONTHLY_MARTS:
                if (asset_key := layer_key("mart", mart.name)) in asked:
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
                            "bound": 0,
                        },
                    )

    return checked


def _equal(asset_key: dg.AssetKey, staged: int, loaded: int) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=asset_key,
        check_name="staged_equals_loaded",
        passed=staged == loaded,
        description=f"{staged:,} rows staged, {loaded:,} loaded.",
        metadata={"staged": staged, "loaded": loaded, "difference": staged - loaded, "bound": 0},
    )
