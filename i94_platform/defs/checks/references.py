"""The checks of reference files that warn: months with older code lists, rejected rows, implausible rows."""

from collections.abc import Iterator
from typing import Any

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
    message = (
        f"The delivered label file is not loaded: {month_key(context)} is encoded with "
        f"{', '.join(f'{manifest.dataset} of {manifest.created_at}' for manifest in older)}. "
        f"See the last reference run, then run: i94 run."
    )
    return dg.AssetCheckResult(
        passed=not older,
        severity=dg.AssetCheckSeverity.WARN,
        description=message if older else "The code lists are those of the delivered label file.",
        metadata={"older_code_lists": len(older), "bound": "0"},
    )


_ROW_CHECKS = {
    "no_rejected_rows": ("rejected", "Warns if rows of the file were rejected, because the contract can't hold them."),
    "plausible_rows": ("implausible", "Warns if rows were loaded whose values can hardly be true."),
}
"""The checks of the rows of a reference file: the statistic of the manifest that each reads, and its description."""


def _check_rows(contract: Table) -> dg.AssetChecksDefinition:
    asset_key = to_key(f"staged/{contract.name}")

    @dg.multi_asset_check(
        name=f"staged_{contract.name}_rows",
        specs=[dg.AssetCheckSpec(name, asset=asset_key, description=text) for name, (_, text) in _ROW_CHECKS.items()],
    )
    def check(context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake]) -> Iterator[dg.AssetCheckResult]:
        """Name the rows that staging rejected, and those that it found implausible."""
        with raise_dagster_failures():
            stats = lake.require_newest(Dataset("/".join(asset_key.path))).stats
        for name, (statistic, _) in _ROW_CHECKS.items():
            yield _build_row_result(asset_key, name, statistic, stats.get(statistic, []))

    return check


def _build_row_result(
    asset_key: dg.AssetKey, name: str, statistic: str, issues: list[dict[str, Any]]
) -> dg.AssetCheckResult:
    rows = sum(issue["rows"] for issue in issues)
    problems = "; ".join(f"{issue['problem']}: {issue['rows']:,} rows ({issue['sample']})" for issue in issues)
    return dg.AssetCheckResult(
        asset_key=asset_key,
        check_name=name,
        passed=not issues,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{rows:,} {statistic} rows. {problems}." if issues else f"No row is {statistic}.",
        metadata={"rows": rows, "bound": "0", "sample": dg.MetadataValue.md(render_markdown_table(issues, 100))},
    )


reference_rows = [_check_rows(contract) for contract in REFERENCES]
