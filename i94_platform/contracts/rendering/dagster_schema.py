"""A contract as Dagster's column schema, which the lineage UI shows: the one module below `defs` that names Dagster."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Table

from i94_platform.contracts.model import key_columns, text_limit
from i94_platform.contracts.rendering.types import sql_type

if TYPE_CHECKING:
    import dagster as dg


def dagster_schema(contract: Table, notes: Mapping[str, str] = MappingProxyType({})) -> dg.TableSchema:
    """The column schema with descriptions, units and constraints.

    Args:
        contract: The table.
        notes: By column, a sentence that follows its description.
    """
    import dagster as dg

    return dg.TableSchema(
        columns=[_render_column(contract, c, notes.get(c.name, "")) for c in contract.columns],
        constraints=dg.TableConstraints(other=[contract.info["grain"]]),
    )


def _render_column(contract: Table, col: Column[Any], note: str) -> dg.TableColumn:
    import dagster as dg

    limit = text_limit(col)
    return dg.TableColumn(
        name=col.name,
        type=sql_type(col).lower() if limit is None else f"varchar({limit})",
        description=f"{col.comment} {note}".strip(),
        constraints=dg.TableColumnConstraints(nullable=bool(col.nullable), unique=key_columns(contract) == [col.name]),
        tags={name: col.info[name] for name in ("source", "unit") if col.info[name] and _is_tag_value(col.info[name])},
    )


def _is_tag_value(value: str) -> bool:
    return len(value) <= 63 and all(ch.isalnum() or ch in "-_." for ch in value)
