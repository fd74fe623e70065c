"""Small tables between pandas, Arrow, Markdown and Dagster.

Here: the conversions that several assets and checks share. Not here: anything of the size of a month.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg
from sqlalchemy import Table

from i94_platform.contracts.render import arrow_schema

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def to_arrow(frame: pd.DataFrame, contract: Table) -> pa.Table:
    """A frame in the contract's columns, order and types."""
    import pyarrow as pa

    schema = arrow_schema(contract)
    return pa.Table.from_pandas(frame[schema.names], schema=schema, preserve_index=False).replace_schema_metadata(None)


def render_markdown_table(rows: Iterable[Mapping[str, Any]], most: int = 10) -> str:
    """Rows as a Markdown table, nulls as empty cells; a sentence where there are none."""
    shown = list(rows)[:most]
    if not shown:
        return "No rows."
    names = list(shown[0])
    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    lines += [
        "| " + " | ".join("" if row[n] is None else str(row[n]).replace("|", "\\|") for n in names) + " |"
        for row in shown
    ]
    return "\n".join(lines)


def to_table_metadata(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> dg.TableMetadataValue:
    """Rows as a table of the UI, which knows texts, numbers and booleans; all others (dates) are written as text."""
    schema = dg.TableSchema([dg.TableColumn(name) for name in columns])
    records = [dg.TableRecord({name: _cell(row[name]) for name in columns}) for row in rows]
    return dg.MetadataValue.table(records, schema)


def _cell(value: Any) -> str | int | float | bool | None:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | int | float) else str(value)
