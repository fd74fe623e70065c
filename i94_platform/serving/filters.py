"""Conditions of a query, in SQL: each on one column, or on the month, or on all texts; every value is bound."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, String, and_, false, or_
from sqlalchemy.sql.base import ReadOnlyColumnCollection

Columns = Mapping[str, ColumnElement[Any]] | ReadOnlyColumnCollection[str, Any]
"""Columns by their names."""

MONTH, ANY_TEXT = "month", "any text"
"""What stands in the place of a column: the number of the month (year * 12 + month), and every column with texts."""


def _matches_pattern(column: ColumnElement[Any], pattern: str) -> ColumnElement[bool]:
    """Whether a text matches a pattern, in which `*` stands for any characters and `%` too, as in SQL."""
    escaped = pattern.replace("/", "//").replace("_", "/_").replace("*", "%")
    return column.ilike(escaped, escape="/")


OPERATORS: dict[str, Callable[[ColumnElement[Any], Any], ColumnElement[bool]]] = {
    "": lambda column, values: column.in_(values),
    "ne": lambda column, values: or_(column.not_in(values), column.is_(None)),
    "ge": operator.ge,
    "gt": operator.gt,
    "le": operator.le,
    "lt": operator.lt,
    "null": lambda column, value: column.is_(None) if value else column.is_not(None),
    "like": _matches_pattern,
}
"""What follows `__` in the name of a filter, and its condition."""

REPEATABLE = ("", "ne")
"""Operators that take several values."""


@dataclass(frozen=True)
class Filter:
    """A condition on one column, `MONTH` or `ANY_TEXT`."""

    column: str
    operator: str
    value: Any
    """A sorted tuple for the operators of `REPEATABLE`; one value for every other operator."""

    def condition(self, columns: Columns) -> ColumnElement[bool]:
        """Return the condition in SQL."""
        if self.column == ANY_TEXT:
            texts = (column for column in columns.values() if isinstance(column.type, String))
            return or_(false(), *(text.icontains(self.value, autoescape=True) for text in texts))
        condition = OPERATORS[self.operator]
        if self.column != MONTH:
            return condition(columns[self.column], self.value)
        year, month = columns["i94yr"], columns["i94mon"]
        # the year alone, because the database skips blocks of rows only by a column as it is
        return and_(condition(year, (self.value - 1) // 12), condition(year * 12 + month, self.value))
