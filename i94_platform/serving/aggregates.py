"""Groups of rows and their aggregates, as each caller may see them.

A sum of counts is exact until it is rounded, last of all. Whatever else is computed for a caller without exact access
is computed from the rows and values that this caller sees, so that it tells nothing that those do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Double, FromClause, Select, Table, case, cast, func, select
from sqlalchemy.types import TypeEngine

from i94_platform.contracts.disclosure import MIN_BASE, find_cell, is_count
from i94_platform.serving.disclosure import DisclosureControl
from i94_platform.serving.filters import Columns, Filter

FUNCTIONS = ("sum", "min", "max", "avg", "count")


@dataclass(frozen=True)
class Aggregate:
    """A function of a column of all rows of a group, or the number of these rows."""

    function: str
    column: str = ""
    """Empty to count rows."""

    @property
    def name(self) -> str:
        """The name of the column that holds it."""
        return f"{self.column}_{self.function}" if self.column else self.function

    def get_type(self, contract: Table) -> TypeEngine[Any]:
        """Return the type of its values."""
        match self.function:
            case "count":
                return BigInteger()
            case "avg":
                return Double()
            case "sum":
                return Double() if isinstance(contract.c[self.column].type, Double) else BigInteger()
        return contract.c[self.column].type


def select_groups(
    contract: Table,
    columns: Sequence[str],
    aggregates: Sequence[Aggregate],
    filters: Sequence[Filter],
    disclosure: DisclosureControl,
) -> Select[Any]:
    """Select one row for each group that the caller sees.

    Args:
        contract: the table.
        columns: what the groups are made by, none for one group of all rows.
        aggregates: what is computed of each group.
        filters: conditions on the rows.
        disclosure: what the caller may see.
    """
    rows = disclosure.get_summable_rows(contract)
    public = disclosure.get_public_columns(rows, contract)
    cell = None if disclosure.is_exact else find_cell(contract, rows)
    conditions = [f.condition(public) for f in filters]
    if cell is not None and any(f.column in contract.c and contract.c[f.column].info["statistic"] for f in filters):
        conditions.append(disclosure.render_count(cell) > 0)  # as where rows are listed
    values = [_render(a, rows, public, contract, disclosure, cell).label(a.name) for a in aggregates]
    groups = [rows.c[name] for name in columns]
    statement = select(*groups, *values).where(*conditions).group_by(*groups)
    return statement if cell is None else statement.having(disclosure.render_count(_sum_counts(cell)) > 0)


def describe_withheld_aggregates(
    contract: Table, aggregates: Sequence[Aggregate], disclosure: DisclosureControl
) -> dict[str, str]:
    """Describe for each aggregate that may be withheld from a caller, why it is."""
    withheld = disclosure.describe_withheld(contract)
    reasons = {a.name: withheld[a.column] for a in aggregates if a.column in withheld and a.function != "count"}
    if disclosure.is_exact or find_cell(contract, contract) is None:
        return reasons
    return reasons | {a.name: f"null below {MIN_BASE} arrivals" for a in aggregates if a.function == "avg"}


def _render(
    aggregate: Aggregate,
    rows: FromClause,
    public: Columns,
    contract: Table,
    disclosure: DisclosureControl,
    cell: ColumnElement[Any] | None,
) -> ColumnElement[Any]:
    name = aggregate.column
    if aggregate.function == "sum" and is_count(contract.c[name]):
        return disclosure.render_summed(contract.c[name], _sum_counts, rows)
    argument = [public[name]] if name else []
    value: Any = getattr(func, aggregate.function)(*argument)
    if cell is not None:
        value = value.filter(disclosure.render_count(cell) > 0)
        if aggregate.function == "avg":
            value = case((_sum_counts(cell) >= MIN_BASE, value))
    return cast(value, aggregate.get_type(contract))


def _sum_counts(count: ColumnElement[Any]) -> ColumnElement[Any]:
    return cast(func.coalesce(func.sum(count), 0), BigInteger)
