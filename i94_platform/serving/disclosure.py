"""Disclosure control per caller: exact figures for the inner circle, rounded ones for everybody else.

Every query of a release and every figure of the dashboard passes through it, last of all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, FromClause, Table

from i94_platform.contracts.disclosure import (
    ROUNDING,
    describe_withheld,
    has_statistics,
    is_count,
    render_rounded_count,
    render_rounded_sum,
    select_rounded,
    select_summable,
)

HEADER = "X-Disclosure-Control"
"""The header that says of each response whether its figures are exact."""


@dataclass(frozen=True)
class DisclosureControl:
    """What one caller may see."""

    is_exact: bool

    @property
    def name(self) -> str:
        """The value of the header."""
        return "exact" if self.is_exact else f"rounded-{ROUNDING}"

    def get_rows(self, contract: Table) -> FromClause:
        """Return the rows of a table as the caller sees them; filters, order and pages work on these."""
        return contract if self.is_exact else select_rounded(contract).subquery(contract.name)

    def get_summable_rows(self, contract: Table) -> FromClause:
        """Return the rows of a table with exact counts, for sums that are rounded afterwards."""
        return select_summable(contract).subquery(contract.name) if self.describe_withheld(contract) else contract

    def get_public_columns(self, rows: FromClause, contract: Table) -> dict[str, ColumnElement[Any]]:
        """Return the columns of summable rows with the values that the caller sees."""
        return {
            c.name: self.render_summed(c, lambda count: count, rows) if is_count(c) else rows.c[c.name]
            for c in contract.columns
        }

    def render_count(self, count: ColumnElement[Any]) -> ColumnElement[Any]:
        """Render a count in SQL as the caller sees it."""
        return count if self.is_exact else render_rounded_count(count)

    def render_summed(
        self, column: Column[Any], render_sum: Callable[[ColumnElement[Any]], ColumnElement[Any]], rows: FromClause
    ) -> ColumnElement[Any]:
        """Render a count or sum of summable rows as the caller sees it.

        Args:
            column: the column of the contract.
            render_sum: adds up a column of the rows, or returns it for the figure of each row.
            rows: the rows.
        """
        total, statistic = render_sum(rows.c[column.name]), column.info["statistic"]
        if statistic.kind == "sum" and not self.is_exact:
            return render_rounded_sum(total, render_sum(rows.c[statistic.base]))
        return self.render_count(total)

    def withholds_figures(self, contract: Table) -> bool:
        """Whether the caller gets other figures of a table than it has."""
        return not self.is_exact and has_statistics(contract)

    def describe_withheld(self, contract: Table) -> dict[str, str]:
        """Describe for each column of a table, why values of it may be withheld from the caller."""
        return {} if self.is_exact else describe_withheld(contract)


EXACT, ROUNDED = DisclosureControl(is_exact=True), DisclosureControl(is_exact=False)
