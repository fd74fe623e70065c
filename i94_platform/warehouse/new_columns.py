"""The tables and columns that a warehouse lacks because it is older than the contracts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from sqlalchemy import Table

from i94_platform.contracts.model import column_names
from i94_platform.contracts.rendering.ddl import render_add_columns
from i94_platform.errors import PermanentError

Columns = Mapping[str, Sequence[str]]
"""By schema and name of each table that exists, its columns."""


def find_missing_tables(contracts: Iterable[Table], existing: Columns) -> list[str]:
    """Return the names of the contracts that have no table, sorted."""
    return sorted({contract.fullname for contract in contracts} - existing.keys())


def render_new_columns(contracts: Iterable[Table], existing: Columns, dialect: str) -> Iterator[str]:
    """Render the statements that add to existing tables the columns of their contracts that they lack.

    Raises:
        PermanentError: a new column may not be null, or comes before an old one.
    """
    for contract in contracts:
        names = column_names(contract)
        new = [name for name in names if name not in existing.get(contract.fullname, names)]
        if required := [name for name in new if not contract.c[name].nullable]:
            raise PermanentError(
                f"{contract.fullname} has no column {', '.join(required)}, and no value of it for its rows: declare it "
                f"nullable, or drop the table (DROP TABLE {contract.fullname} CASCADE), run 'i94 create-tables' and "
                "'i94 run'."
            )
        if new and names[-len(new) :] != new:  # Redshift adds a column as the last, and fills columns by position
            raise PermanentError(
                f"{contract.fullname} has no column {', '.join(new)}, which must be the last of its contract: put it "
                "behind the columns that the table has."
            )
        yield from render_add_columns(contract, new, dialect)


def require_current(contracts: Sequence[Table], existing: Columns, dialect: str, address: str) -> None:
    """Require every table and column of some contracts.

    Raises:
        PermanentError: some are missing.
    """
    if missing := find_missing_tables(contracts, existing):
        raise PermanentError(f"{address} has no table {', '.join(missing)}; run 'i94 create-tables' first.")
    if statements := list(render_new_columns(contracts, existing, dialect)):
        raise PermanentError(
            f"{address} has tables that lack new columns; run 'i94 create-tables' as their owner, which runs: "
            f"{'; '.join(statements)}."
        )
