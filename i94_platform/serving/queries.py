"""Queries of one published table, as SQLAlchemy statements: columns from the contract, every value bound."""

from __future__ import annotations

import base64
import hashlib
import json
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, FromClause, Select, Table, and_, cast, false, func, or_, select

from i94_platform.serving.disclosure import DisclosureControl

DEFAULT_LIMIT = 1_000

Order = tuple[tuple[str, bool], ...]
"""Columns, each with whether it descends."""

OPERATORS: dict[str, Callable[[ColumnElement[Any], Any], ColumnElement[bool]]] = {
    "": lambda column, values: column.in_(values),
    "ne": lambda column, values: or_(column.not_in(values), column.is_(None)),
    "ge": operator.ge,
    "gt": operator.gt,
    "le": operator.le,
    "lt": operator.lt,
    "null": lambda column, value: column.is_(None) if value else column.is_not(None),
}
"""What follows `__` in the name of a filter, and its condition."""


@dataclass(frozen=True)
class Filter:
    """A condition on one column, or on the number of the `month` (year * 12 + month)."""

    column: str
    operator: str
    value: Any
    """A sorted tuple for equality and `ne`; one value for every other operator."""

    def condition(self, rows: FromClause) -> ColumnElement[bool]:
        """Return the condition in SQL."""
        month = self.column == "month"
        column = rows.c.i94yr * 12 + rows.c.i94mon if month else rows.c[self.column]
        return OPERATORS[self.operator](column, self.value)


@dataclass(frozen=True)
class Query:
    """One page of a table."""

    contract: Table
    filters: tuple[Filter, ...] = ()
    order: Order = ()
    """Ends with the columns of the key, so that it is total."""
    limit: int = DEFAULT_LIMIT
    format: str = "json"
    keep_formulas: bool = False
    """In CSV, leave texts as they are that a spreadsheet would run."""
    version: str = ""
    """The release that a cursor belongs to; empty for the newest."""
    after: tuple[Any, ...] = ()
    """The last row of the page before, in the columns of the order."""

    @cached_property
    def digest(self) -> str:
        """A hash of what selects and orders the rows; a cursor belongs to it."""
        filters = [[f.column, f.operator, f.value] for f in self.filters]
        return _hash([self.contract.name, filters, self.order])

    @cached_property
    def key(self) -> str:
        """A hash of all that the response depends on apart from the release."""
        return _hash([self.digest, self.limit, self.format, self.keep_formulas, self.after])

    def encode_cursor(self, version: str, last_row: Sequence[Any]) -> str:
        """Return the cursor of the page after a row."""
        text = json.dumps([version, self.digest, *last_row], default=str, separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def statement(self, disclosure: DisclosureControl) -> Select[Any]:
        """Return the statement, which selects one row more than the page has."""
        rows = disclosure.get_rows(self.contract)
        columns = rows.c
        statement = select(*columns).where(*(f.condition(rows) for f in self.filters))
        if self.after:
            statement = statement.where(self._follows_last_row(rows))
        order = [columns[name].desc() if descends else columns[name].asc() for name, descends in self.order]
        return statement.order_by(*(column.nulls_last() for column in order)).limit(self.limit + 1)

    def _follows_last_row(self, rows: FromClause) -> ColumnElement[bool]:
        """Rows that are beyond the last one in a column, and equal in all columns before it. Nulls come last."""
        beyond, equal = list[ColumnElement[bool]](), list[ColumnElement[bool]]()
        for (name, descends), value in zip(self.order, self.after, strict=True):
            column = rows.c[name]
            if value is not None:
                further = column < value if descends else column > value
                beyond.append(and_(*equal, or_(further, column.is_(None))))
            equal.append(column.is_(None) if value is None else column == value)
        return or_(false(), *beyond)


@dataclass(frozen=True)
class Totals:
    """The exact visitors of a mart, summed by some of its columns, largest first as the caller sees them."""

    contract: Table
    group_by: tuple[str, ...]
    labels: tuple[str, ...] = ()
    """Columns that depend on the group, such as its name; if months differ, the alphabetically last value."""
    filters: tuple[Filter, ...] = ()

    def statement(self, disclosure: DisclosureControl) -> Select[Any]:
        """Return the statement. Its visitors are not yet as the caller may see them."""
        rows = disclosure.get_summable_rows(self.contract)
        columns = rows.c
        groups = [columns[name] for name in self.group_by]
        labels = [func.max(columns[name]).label(name) for name in self.labels]
        visitors = cast(func.sum(columns.visitors), BigInteger)
        return (
            select(*groups, *labels, visitors.label("visitors"))
            .where(*(f.condition(rows) for f in self.filters))
            .group_by(*groups)
            .order_by(disclosure.render_count(visitors).desc(), *groups)
        )


def _hash(value: Any) -> str:
    return hashlib.blake2b(json.dumps(value, default=str).encode(), digest_size=12).hexdigest()
