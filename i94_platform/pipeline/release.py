"""Publish a release: export every published table as of one moment, and commit the files together."""

from __future__ import annotations

from collections.abc import Mapping

from i94_platform.contracts import PUBLISHED
from i94_platform.lake.datasets import Lake
from i94_platform.lake.releases import (
    RELEASE,
    CheckState,
    Release,
    ReleasedTable,
    commit_release,
    prepare_release,
    read_released_months,
)
from i94_platform.warehouse.base import Warehouse


def publish_release(lake: Lake, warehouse: Warehouse, run_id: str, states: Mapping[str, CheckState]) -> Release:
    """Export every published table into a new run folder, and commit the files as the release.

    A month that has not changed is not exported; the release has the files that are published already. The embedded
    warehouse also puts the release into one DuckDB file. That comes before the commit: if a run is killed between both,
    the release is stale, and the next run publishes again.

    Args:
        states: The state of the checks, by table name.

    Raises:
        PermanentError: a table is not loaded, or the files hold another number of rows than the table.
    """
    with lake.write_lock(RELEASE):
        folders = [(contract, lake.run_folder(RELEASE, f"{run_id}/{contract.name}")) for contract in PUBLISHED]
        exports, ledger = warehouse.export_tables(folders, read_released_months(lake))
        tables = {
            name: ReleasedTable(table.rows, table.months, states.get(name, CheckState()), table.versions)
            for name, table in exports.items()
        }
        unchanged = [entry for table in exports.values() for entry in table.unchanged]
        data_as_of = max((entry.loaded_at for entry in ledger), default="")
        release = prepare_release(lake, run_id, PUBLISHED, tables, data_as_of, unchanged)
        warehouse.replace_release_database(release, lake)
        return commit_release(lake, release)
