"""The checks of reference files that warn: months with older code lists, rejected rows."""

import dagster as dg
from sqlalchemy import Table

from i94_platform.contracts import REFERENCES
from i94_platform.defs.execution import month_key, raise_dagster_failures
from i94_platform.defs.keys import to_key
from i94_platform.defs.metadata import render_markdown_table
from i94_platform.defs.partitions import monthly_partitions
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.store import Store
from i94_platform.pipeline.code_lists import LABELS
from i94_platform.pipeline.data_versions import CODE_LIST_DATASETS
from i94_platform.sources.listing import list_deliveries


@dg.asset_check(
    asset=to_key("staged/immigration"),
    name="newest_code_lists",
    partitions_def=monthly_partitions,
    description="Warns if the delivered label file is not the one that the code lists were loaded from.",
)
def newest_code_lists(
    context: dg.AssetCheckExecutionContext, raw: dg.ResourceParam[Store], lake: dg.ResourceParam[Lake]
) -> dg.AssetCheckResult:
    """Compare the delivered label file with the one of the code lists that encode the month."""
    with raise_dagster_failures():
        delivery = list_deliveries(raw).references.get(LABELS)
        version = delivery.fingerprint(raw) if delivery else ""
        manifests = [lake.require_manifest(dataset) for dataset in CODE_LIST_DATASETS]
    older = [manifest for manifest in manifests if delivery and manifest.fingerprint != version]
    month = month_key(context)
    message = (
        f"The delivered label file is not loaded: {month} is encoded with "
        f"{', '.join(f'{manifest.dataset} of {manifest.created_at}' for manifest in older)}. "
        f"See the last reference run, then run: i94 run."
    )
    return dg.AssetCheckResult(
        passed=not older,
        severity=dg.AssetCheckSeverity.WARN,
        description=message if older else "The code lists are those of the delivered label file.",
        metadata={"older_code_lists": len(older), "bound": "0"},
    )


def _check_rejected_rows(contract: Table) -> dg.AssetChecksDefinition:
    asset_key = to_key(f"staged/{contract.name}")

    @dg.asset_check(
        asset=asset_key,
        name="no_rejected_rows",
        description="Warns if rows of the file were rejected, because the contract can't hold them.",
    )
    def check(context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake]) -> dg.AssetCheckResult:
        """Name the rows that staging rejected."""
        with raise_dagster_failures():
            issues = lake.require_newest(Dataset("/".join(asset_key.path))).stats.get("rejected", [])
        rows = sum(issue["rows"] for issue in issues)
        problems = "; ".join(f"{issue['problem']}: {issue['rows']:,} ({issue['sample']})" for issue in issues)
        return dg.AssetCheckResult(
            passed=not issues,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"Rows rejected: {rows:,}. {problems}." if issues else "No row is rejected.",
            metadata={"rows": rows, "bound": "0", "sample": dg.MetadataValue.md(render_markdown_table(issues, 100))},
        )

    return check


reference_rows = [_check_rejected_rows(contract) for contract in REFERENCES]
