"""Groups of rows and their aggregates, as each caller may see them.

A sum of counts is exact until it is rounded, last of all. Whatever else is computed for a caller without exact access
is computed from the rows and values that this caller sees, so that it tells nothing that those do not.

A hundred pairs of sets that differ by one value would tell its exact count by the differences of their sums. So where
such a caller chooses several values of a column, the sum of a group is that of its parts by this column, each rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Double,
    FromClause,
    Select,
    Table,
    case,
    cast,
    func,
    select,
)
from sqlalchemy.types import TypeEngine

from i94_platform.contracts.disclosure import MIN_BASE, find_cell, is_count
from i94_platform.contracts.model import key_columns
from i94_platform.serving.disclosure import DisclosureControl
from i94_platform.serving.filters import ANY_TEXT, MONTH, Columns, Filter

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
    source = _Source(contract, rows, public, disclosure, cell)
    conditions = [f.condition(public) for f in filters]
    if cell is not None and any(f.column in contract.c and contract.c[f.column].info["statistic"] for f in filters):
        conditions.append(disclosure.render_count(cell) > 0)  # as where rows are listed
    if cell is not None and (parts := _find_parts(contract, filters) - {*columns}):
        return _select_from_parts(source, columns, sorted(parts), aggregates, conditions)
    values = [source.render(a).label(a.name) for a in aggregates]
    groups = [rows.c[name] for name in columns]
    statement = select(*groups, *values).where(*conditions).group_by(*groups)
    return statement if cell is None else statement.having(source.render_arrivals() > 0)


@dataclass(frozen=True)
class _Source:
    """The rows of a table, and what a caller may see of them."""

    contract: Table
    rows: FromClause
    public: Columns
    disclosure: DisclosureControl
    cell: ColumnElement[Any] | None

    def render(self, aggregate: Aggregate) -> ColumnElement[Any]:
        """Render an aggregate of a group."""
        name = aggregate.column
        if aggregate.function == "sum" and is_count(self.contract.c[name]):
            return self.disclosure.render_summed(self.contract.c[name], _sum_counts, self.rows)
        value = self.render_visible(aggregate.function, name)
        if self.cell is not None and aggregate.function == "avg":
            value = case((_sum_counts(self.cell) >= MIN_BASE, value))
        return cast(value, aggregate.get_type(self.contract))

    def render_visible(self, function: str, name: str) -> ColumnElement[Any]:
        """Render a function of the rows and values that the caller sees."""
        value: Any = getattr(func, function)(*([self.public[name]] if name else []))
        visible: ColumnElement[Any] = value
        return visible if self.cell is None else value.filter(self.disclosure.render_count(self.cell) > 0)

    def render_arrivals(self) -> ColumnElement[Any]:
        """Render the arrivals of a group."""
        assert self.cell is not None
        return self.disclosure.render_count(_sum_counts(self.cell))


_ARRIVALS = "arrivals of the part"


def _find_parts(contract: Table, filters: Sequence[Filter]) -> set[str]:
    """Find the columns of which filters choose several values. Months are none: they have few sets."""
    parts = set[str]()
    for f in filters:
        if f.column == ANY_TEXT or (f.column != MONTH and contract.c[f.column].info["statistic"]):
            parts.update(key_columns(contract))
        elif f.column != MONTH and (f.operator or len(f.value) > 1):
            parts.add(f.column)
    return parts


def _select_from_parts(
    source: _Source,
    columns: Sequence[str],
    parts: Sequence[str],
    aggregates: Sequence[Aggregate],
    conditions: Sequence[ColumnElement[bool]],
) -> Select[Any]:
    """Select groups whose figures are computed from those of their parts, as the caller sees them."""
    inner = [source.render_arrivals().label(_ARRIVALS)]
    for a in aggregates:
        if a.function == "avg":
            inner += [source.render_visible(f, a.column).label(f"{a.name} {f}") for f in ("sum", "count")]
        else:
            inner.append(source.render(a).label(a.name))
    by = [source.rows.c[name] for name in (*columns, *parts)]
    statement = select(*by, *inner).where(*conditions).group_by(*by).having(source.render_arrivals() > 0)
    figures = statement.subquery("parts").c
    values = [
        cast(_combine(a, source.contract, figures), a.get_type(source.contract)).label(a.name) for a in aggregates
    ]
    groups = [figures[name] for name in columns]
    return select(*groups, *values).group_by(*groups).having(func.sum(figures[_ARRIVALS]) > 0)


def _combine(aggregate: Aggregate, contract: Table, figures: Columns) -> ColumnElement[Any]:
    """Render an aggregate of a group from the figures of its parts."""
    if aggregate.function == "avg":
        total, number = (func.sum(figures[f"{aggregate.name} {f}"]) for f in ("sum", "count"))
        return case((func.sum(figures[_ARRIVALS]) >= MIN_BASE, cast(total, Double) / number))
    figure = figures[aggregate.name]
    if aggregate.function in ("min", "max"):
        smallest_or_largest: ColumnElement[Any] = getattr(func, aggregate.function)(figure)
        return smallest_or_largest
    if aggregate.function == "sum" and is_count(contract.c[aggregate.column]):
        return case((func.count(figure) == func.count(), func.sum(figure)))  # null where that of a part is withheld
    return func.sum(figure)


def describe_withheld_aggregates(
    contract: Table, aggregates: Sequence[Aggregate], disclosure: DisclosureControl
) -> dict[str, str]:
    """Describe for each aggregate that may be withheld from a caller, why it is."""
    withheld = disclosure.describe_withheld(contract)
    reasons = {a.name: withheld[a.column] for a in aggregates if a.column in withheld and a.function != "count"}
    if disclosure.is_exact or find_cell(contract, contract) is None:
        return reasons
    return reasons | {a.name: f"null below {MIN_BASE} arrivals" for a in aggregates if a.function == "avg"}


def _sum_counts(count: ColumnElement[Any]) -> ColumnElement[Any]:
    return cast(func.coalesce(func.sum(count), 0), BigInteger)
