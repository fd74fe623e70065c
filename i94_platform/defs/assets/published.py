"""The published layer: one release of marts and dimensions as Parquet files, which dashboard and API read."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import dagster as dg

from i94_platform.contracts import PUBLISHED, correlations
from i94_platform.defs.attributes import code_references
from i94_platform.defs.automation import RELEASE
from i94_platform.defs.check_states import collect_check_state
from i94_platform.defs.checks.catalog import CHECK_KEYS
from i94_platform.defs.execution import raise_dagster_failures, record_result, run_folder
from i94_platform.defs.keys import source_key, to_key
from i94_platform.defs.metadata import table_result
from i94_platform.lake.datasets import Lake
from i94_platform.pipeline.release import publish_release
from i94_platform.warehouse.base import Warehouse

TIMEZONE = "America/New_York"
"""The time zone of the analysts."""

FRESHNESS = dg.FreshnessPolicy.cron(
    deadline_cron="0 7 * * *", lower_bound_delta=dt.timedelta(hours=2), timezone=TIMEZONE
)
"""A release has to be ready when analysts open the dashboard at seven."""


@dg.multi_asset(
    name="published",
    can_subset=True,
    specs=[
        dg.AssetSpec(
            to_key(f"published/{contract.name}"),
            deps=[source_key(contract)],
            description=f"{contract.comment} As published: Parquet in the lake, in one release with the others.",
            kinds={"parquet"},
            metadata=code_references("pipeline/release.py", "lake/releases.py"),
            freshness_policy=FRESHNESS,
            automation_condition=RELEASE if contract is correlations else None,
        )
        for contract in PUBLISHED
    ],
)
def release(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], warehouse: dg.ResourceParam[Warehouse]
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetMaterialization]:
    """Publish all tables in one step, as of one moment, with the state of their checks."""
    states = {c.name: collect_check_state(context.instance, CHECK_KEYS, source_key(c)) for c in PUBLISHED}
    with raise_dagster_failures() as seconds:
        release = publish_release(lake, warehouse, run_folder(context), states)
    for contract in PUBLISHED:
        table = release.tables[contract.name]
        result = table_result(
            to_key(f"published/{contract.name}"),
            release.version,
            table.rows,
            seconds(),
            partitioned=False,
            extra={
                "files": len(release.urls(contract.name)),
                "manifest": dg.MetadataValue.path(release.manifest.address),
                "dagster/uri": release.manifest.address,
                "checks": table.checks.state,
            },
        )
        yield record_result(context, result)
