"""Load tables into the warehouse: staged ones, and small ones that are built from the lake."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlalchemy import Table

from i94_platform.engine.base import Engine
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.manifest import Manifest
from i94_platform.pipeline.data_versions import combine_versions
from i94_platform.progress import report_progress
from i94_platform.warehouse.base import Warehouse

if TYPE_CHECKING:
    import pyarrow as pa

BuildRows = Callable[[Lake, Engine], tuple["pa.Table", list[str]]]
"""Builds the rows of a table from the lake; returns them with the data versions of its inputs."""


def load_staged(contract: Table, month: str, lake: Lake, warehouse: Warehouse, run_id: str) -> Manifest:
    """Load the dataset `staged/<contract>`, or one month of it; `month` is empty for tables without months.

    Raises:
        PermanentError: nothing is staged, or the warehouse can't hold the rows. The table then stays as it was.
    """
    dataset = Dataset(f"staged/{contract.name}", month)
    with lake.write_lock(dataset):  # another run would sweep the files while they are loaded
        manifest = lake.require_manifest(dataset)
        lake.require_unaltered(manifest)
        with report_progress(month or contract.name) as progress:
            progress.start("loading", manifest.rows)
            warehouse.replace(contract, manifest, run_id)
    return manifest


def load_built(
    contract: Table,
    build: BuildRows,
    lake: Lake,
    engine: Engine,
    warehouse: Warehouse,
    *,
    run_id: str,
    run_folder: str,
) -> Manifest:
    """Build a small table, commit it to the lake as `warehouse/<contract>`, and load it.

    The files go to `run_folder`, which is new for each retry; the ledger records `run_id`.

    Raises:
        PermanentError: an input is missing, or the rows break the contract. The table then stays as it was.
    """
    dataset = Dataset(f"warehouse/{contract.name}")
    with lake.write_lock(dataset):
        rows, versions = build(lake, engine)
        manifest = lake.write_table(
            dataset, run_folder, contract, rows, fingerprint=combine_versions(contract, *versions)
        )
        warehouse.replace(contract, manifest, run_id)
    return manifest
