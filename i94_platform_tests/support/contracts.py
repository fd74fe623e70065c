"""What tests ask of a contract."""

from __future__ import annotations

from sqlalchemy import Table


def required_columns(contract: Table) -> list[str]:
    """The names of the columns that are never null."""
    return [c.name for c in contract.columns if not c.nullable]
