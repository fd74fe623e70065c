"""A contract as an Arrow schema, and small tables of pandas in that schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Table

from i94_platform.contracts.rendering.types import type_names

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def arrow_schema(contract: Table) -> pa.Schema:
    """The schema of the staged Parquet files: names, order and types; all nullable, as both engines write it."""
    import pyarrow as pa

    alias: Any = pa.type_for_alias  # the stubs know each name as an overload of its own
    return pa.schema([pa.field(c.name, alias(type_names(c).arrow)) for c in contract.columns])


def to_arrow(frame: pd.DataFrame, contract: Table) -> pa.Table:
    """Convert a frame to the contract's columns, order and types; other columns go."""
    import pyarrow as pa

    schema = arrow_schema(contract)
    return pa.Table.from_pandas(frame[schema.names], schema=schema, preserve_index=False).replace_schema_metadata(None)
