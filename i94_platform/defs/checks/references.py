"""The checks of code lists and reference tables in the lake: contract, gate, drift, rejected rows, older code lists."""

from collections.abc import Iterator

import dagster as dg
from sqlalchemy import Table

from i94_platform.contracts import LOOKUPS, REFERENCES
from i94_platform.defs.checks.contract import ROW_RULES, build_specs, build_subjects, check_in_lake
from i94_platform.defs.checks.gate import build_gate_specs, report_gate
from i94_platform.defs.checks.plausibility import DRIFT_SPECS, compare_with_reviewed
from i94_platform.defs.execution import month_key, raise_dagster_failures
from i94_platform.defs.keys import to_key
from i94_platform.defs.metadata import render_markdown_table
from i94_platform.defs.partitions import monthly_partitions
from i94_platform.engine.base import Engine
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


_LISTS = build_subjects("lookup", LOOKUPS, ROW_RULES)


@dg.multi_asset_check(
    name="lookup_checks",
    specs=[
        *build_specs(_LISTS, None),
        *(spec for contract in LOOKUPS for spec in build_gate_specs("lookup", contract)),
        *DRIFT_SPECS,
    ],
    can_subset=True,
)
def lookup_checks(
    context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake], engine: dg.ResourceParam[Engine]
) -> Iterator[dg.AssetCheckResult]:
    """Check the code lists in one step, because they come from one file."""
    yield from check_in_lake(context, _LISTS, lake, engine)
    for subject in _LISTS:
        yield from report_gate(context, subject.asset_key, lake)
    yield from compare_with_reviewed(context, lake)


def _build_checks(contract: Table) -> dg.AssetChecksDefinition:
    """Build the checks of one table, in one step: a file that fails must not hold back another one's table."""
    asset_key, subjects = to_key(f"staged/{contract.name}"), build_subjects("staged", [contract], ROW_RULES)
    row_spec = dg.AssetCheckSpec(
        "no_rejected_rows",
        asset=asset_key,
        description="Warns if rows of the file were rejected, because the contract can't hold them.",
    )

    @dg.multi_asset_check(
        name=f"staged_{contract.name}_checks",
        specs=[*build_specs(subjects, None), *build_gate_specs("staged", contract), row_spec],
        can_subset=True,
    )
    def check(
        context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake], engine: dg.ResourceParam[Engine]
    ) -> Iterator[dg.AssetCheckResult]:
        """Check the contract, report what the gate found, and name the rows that staging rejected."""
        yield from check_in_lake(context, subjects, lake, engine)
        yield from report_gate(context, asset_key, lake)
        if row_spec.key not in context.selected_asset_check_keys:
            return
        with raise_dagster_failures():
            issues = lake.require_newest(Dataset("/".join(asset_key.path))).stats.get("rejected", [])
        rows = sum(issue["rows"] for issue in issues)
        problems = "; ".join(f"{issue['problem']}: {issue['rows']:,} ({issue['sample']})" for issue in issues)
        yield dg.AssetCheckResult(
            asset_key=asset_key,
            check_name=row_spec.name,
            passed=not issues,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"Rows rejected: {rows:,}. {problems}." if issues else "No row is rejected.",
            metadata={"rows": rows, "bound": "0", "sample": dg.MetadataValue.md(render_markdown_table(issues, 100))},
        )

    return check


reference_tables = [_build_checks(contract) for contract in REFERENCES]
