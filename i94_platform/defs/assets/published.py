"""The published layer: marts and dimensions as one release of Parquet files, which dashboard and API read.

Here: one step that exports all of them as of one moment, with the state of their checks. Not here: what a release is
(`lake.releases`), and how a warehouse exports (`warehouse`).
"""

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Any

import dagster as dg
from dagster._core.storage.asset_check_execution_record import COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES
from sqlalchemy import Table

from i94_platform.contracts import PUBLISHED, mart_metadata
from i94_platform.defs.metadata import layer_key, raise_dagster_failures, table_result, write_id
from i94_platform.lake.datasets import Lake
from i94_platform.lake.releases import RELEASE, CheckState, FailedCheck, Release, ReleasedTable, commit_release
from i94_platform.warehouse.base import Warehouse

TIMEZONE = "America/New_York"
"""Where the analysts are."""

FRESH = dg.FreshnessPolicy.cron(deadline_cron="0 7 * * *", lower_bound_delta=dt.timedelta(hours=2), timezone=TIMEZONE)
"""The dashboard is opened at seven."""

_EVALUATIONS = 200
"""Results of one check that are looked through for the newest of each month."""
_TOLD = 500
"""The most that is kept of what a check said."""


def published_assets(checks: Iterable[dg.AssetCheckKey]) -> list[dg.AssetsDefinition]:
    """The published layer; the state of these checks is published too."""
    known = tuple(checks)

    @dg.multi_asset(
        name="published",
        specs=[
            dg.AssetSpec(
                layer_key("published", contract.name),
                deps=[source_key(contract)],
                description=f"{contract.comment} As published: Parquet in the lake, in one release with the others.",
                freshness_policy=FRESH,
            )
            for contract in PUBLISHED
        ],
    )
    def published(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], warehouse: dg.ResourceParam[Warehouse]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        states = {c.name: collect_check_state(context.instance, known, source_key(c)) for c in PUBLISHED}
        with raise_dagster_failures() as seconds:
            release = publish_release(lake, warehouse, write_id(context), states)
        for contract in PUBLISHED:
            table = release.tables[contract.name]
            yield table_result(
                layer_key("published", contract.name),
                contract,
                release.version,
                table.rows,
                seconds(),
                partitioned=False,
                more={
                    "files": len(release.urls(contract.name)),
                    "manifest": dg.MetadataValue.path(release.manifest.address),
                    "dagster/uri": release.manifest.address,
                    "checks": table.checks.state,
                },
            )

    return [published]


def source_key(contract: Table) -> dg.AssetKey:
    """The asset that a published one is a copy of."""
    return layer_key("mart" if contract.schema == mart_metadata.schema else "warehouse", contract.name)


def publish_release(lake: Lake, warehouse: Warehouse, run_id: str, states: dict[str, CheckState]) -> Release:
    """Export every published table into a fresh run folder and make that the release.

    Raises:
        PermanentFailure: a table is not in the warehouse, or its extract is not what the warehouse holds.
    """
    with lake.write_lock(RELEASE):
        folders = [(c, lake.run_folder(RELEASE, f"{run_id}/{c.name}")) for c in PUBLISHED]
        exported, ledger = warehouse.export_tables(folders)
        tables = {
            name: ReleasedTable(found.rows, found.months, states.get(name, CheckState()))
            for name, found in exported.items()
        }
        data_as_of = max((line.loaded_at for line in ledger), default="")
        return commit_release(lake, run_id, PUBLISHED, tables, data_as_of)


def collect_check_state(
    history: dg.DagsterInstance, checks: Iterable[dg.AssetCheckKey], asset_key: dg.AssetKey
) -> CheckState:
    """What the checks of an asset said last, each for each month that it was made for."""
    newest: dict[tuple[str, str], Any] = {}
    for check in checks:
        if check.asset_key == asset_key:
            for record in history.event_log_storage.get_asset_check_execution_history(
                check, _EVALUATIONS, status=set(COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES)
            ):
                newest.setdefault((check.name, record.partition or ""), record.evaluation)
    complaints = tuple(
        FailedCheck(name, month, found.severity is dg.AssetCheckSeverity.ERROR, (found.description or "")[:_TOLD])
        for (name, month), found in sorted(newest.items())
        if not found.passed
    )
    return CheckState(len(newest) - len(complaints), complaints)
