"""Queries of one published table, as SQLAlchemy statements: columns from the contract, every value bound."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    FromClause,
    MetaData,
    Select,
    Table,
    and_,
    false,
    func,
    or_,
    select,
)

from i94_platform.serving.aggregates import Aggregate, describe_withheld_aggregates, select_groups
from i94_platform.serving.disclosure import DisclosureControl
from i94_platform.serving.filters import Filter

DEFAULT_LIMIT = 1_000

Order = tuple[tuple[str, bool], ...]
"""Columns, each with whether it descends."""


@dataclass(frozen=True)
class Query:
    """One page of the rows of a table, or of its groups."""

    contract: Table
    filters: tuple[Filter, ...] = ()
    order: Order = ()
    """Ends with the columns of the key or of the group, so that it is total."""
    limit: int = DEFAULT_LIMIT
    format: str = "json"
    keep_formulas: bool = False
    """In CSV, leave texts as they are that a spreadsheet would run."""
    columns: tuple[str, ...] = ()
    """The columns to return, all unless given; of groups those that they are made by."""
    is_grouped: bool = False
    aggregates: tuple[Aggregate, ...] = ()
    """What to compute of each group."""
    having: tuple[Filter, ...] = ()
    """Conditions on the aggregates as the caller sees them."""
    counts_rows: bool = False
    """Whether to count the rows of all pages."""
    version: str = ""
    """The release that a cursor belongs to; empty for the newest."""
    after: tuple[Any, ...] = ()
    """The last row of the page before, in the columns of the order."""

    @cached_property
    def digest(self) -> str:
        """A hash of what selects and orders the rows; a cursor belongs to it."""
        conditions = [[[f.column, f.operator, f.value] for f in filters] for filters in (self.filters, self.having)]
        names = [a.name for a in self.aggregates]
        return _hash([self.contract.name, conditions, self.order, self.columns, self.is_grouped, names])

    @cached_property
    def key(self) -> str:
        """A hash of all that the response depends on apart from the release."""
        return _hash([self.digest, self.limit, self.format, self.keep_formulas, self.counts_rows, self.after])

    @cached_property
    def result(self) -> Table:
        """The columns and types of the rows that it returns."""
        if not self.columns and not self.is_grouped:
            return self.contract
        columns = [self.contract.c[name] for name in self.columns]
        return Table(
            self.contract.name,
            MetaData(),
            *(Column(c.name, c.type, nullable=c.nullable) for c in columns),
            *(Column(a.name, a.get_type(self.contract)) for a in self.aggregates),
        )

    def find_column(self, name: str) -> Column[Any]:
        """Return a column that the order names."""
        return self.result.c[name] if name in self.result.c else self.contract.c[name]

    def describe_withheld(self, disclosure: DisclosureControl) -> dict[str, str]:
        """Describe for each column of the result, why values of it may be withheld from a caller."""
        withheld = disclosure.describe_withheld(self.contract)
        if not self.is_grouped:
            return {name: why for name, why in withheld.items() if name in self.result.c}
        return describe_withheld_aggregates(self.contract, self.aggregates, disclosure)

    def encode_cursor(self, version: str, last_row: Sequence[Any]) -> str:
        """Return the cursor of the page after a row."""
        text = json.dumps([version, self.digest, *last_row], default=str, separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def statement(self, disclosure: DisclosureControl) -> Select[Any]:
        """Return the statement of the page, and of one row more. Columns of the order come last."""
        rows = self._select_all(disclosure).subquery("result")
        statement = select(rows)
        if self.after:
            statement = statement.where(self._follows_last_row(rows))
        order = [rows.c[name].desc() if descends else rows.c[name].asc() for name, descends in self.order]
        return statement.order_by(*(column.nulls_last() for column in order)).limit(self.limit + 1)

    def count_statement(self, disclosure: DisclosureControl) -> Select[Any]:
        """Return the statement that counts the rows of all pages."""
        return select(func.count().label("total")).select_from(self._select_all(disclosure).subquery("result"))

    def _select_all(self, disclosure: DisclosureControl) -> Select[Any]:
        if not self.is_grouped:
            rows = disclosure.get_rows(self.contract)
            names = dict.fromkeys((*self.result.c.keys(), *(name for name, _ in self.order)))
            return select(*(rows.c[name] for name in names)).where(*(f.condition(rows.c) for f in self.filters))
        groups = select_groups(self.contract, self.columns, self.aggregates, self.filters, disclosure)
        if not self.having:
            return groups
        rows = groups.subquery("groups")
        return select(rows).where(*(f.condition(rows.c) for f in self.having))

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


def _hash(value: Any) -> str:
    return hashlib.blake2b(json.dumps(value, default=str).encode(), digest_size=12).hexdigest()
