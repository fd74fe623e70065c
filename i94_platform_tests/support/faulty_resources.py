"""Faulty resources for a deployment, so that its checks find something: an engine and a warehouse that corrupt rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Table

from i94_platform.engine.duckdb import DuckDBEngine
from i94_platform.lake.manifest import Manifest
from i94_platform.settings import Settings
from i94_platform.sql.query import Query
from i94_platform.warehouse.duckdb import DuckDBWarehouse

Change = Callable[[pa.Table], pa.Table]


class CorruptingEngine(DuckDBEngine):
    """Corrupts one dataset after writing it."""

    def __init__(self, settings: Settings, dataset: str, change: Change) -> None:
        super().__init__(settings.scratch)
        self._dataset, self._change = dataset, change

    def write(self, query: Query, folder: str) -> None:
        """Write, then corrupt the first file."""
        super().write(query, folder)
        if f"/{self._dataset}/" in folder and "/run=" in folder:
            path = min(Path(folder).glob("*.parquet"))
            table = pq.ParquetFile(path).read()
            pq.write_table(self._change(table).cast(table.schema), path)


class CorruptingWarehouse(DuckDBWarehouse):
    """Corrupts one table after loading it, by a statement."""

    def __init__(self, settings: Settings, table: str, statement: str) -> None:
        super().__init__(settings.warehouse_path, settings.scratch)
        self._table, self._statement = table, statement

    def replace(self, contract: Table, manifest: Manifest, run_id: str) -> int:
        """Load, then corrupt."""
        rows = super().replace(contract, manifest, run_id)
        if contract.name == self._table:
            with self.transaction(purpose="corrupt it for a test") as transaction:
                transaction.execute(self._statement)
        return rows


def override_resource(name: str, faulty: Any) -> Mapping[str, Any]:
    """Resource overrides that replace one resource."""
    return {name: dg.ResourceDefinition.hardcoded_resource(faulty)}


def replace_value(table: pa.Table, column: str, value: Any, rows: int = 1) -> pa.Table:
    """Replace the value of a column in the first rows."""
    field = table.schema.field(column)
    values = [value] * rows + table.column(column).slice(rows).to_pylist()
    return table.set_column(table.schema.get_field_index(column), field, pa.array(values, field.type))


def repeat_first_row(table: pa.Table) -> pa.Table:
    """Replace the last row by a second copy of the first, so that the number of rows stays."""
    return pa.concat_tables([table.slice(0, table.num_rows - 1), table.slice(0, 1)])
