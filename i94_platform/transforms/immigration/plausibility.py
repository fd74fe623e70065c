"""The staged values that are typed but can't be meant, and the queries that count them.

They read the relation `staged`, the accepted rows of a month.
"""

from __future__ import annotations

from i94_platform.contracts import immigration
from i94_platform.contracts.codes import ENCODERS
from i94_platform.sql.expressions import render_literal, render_none_of
from i94_platform.sql.query import Query
from i94_platform.sql.templates import load_template

COUNTRY_COLUMNS = tuple(e.column for e in ENCODERS.values() if e.policy == "keep")
"""The columns that keep codes outside their list."""

IMPLAUSIBLE = {
    "depdate": "stay_days < 0",
    "dtaddto": "dtaddto IS NOT NULL AND admitted_until IS NULL AND NOT duration_of_status",
    **{e.column: f"{e.column} = {render_literal(e.unknown)}" for e in ENCODERS.values() if e.policy == "replace"},
    **{c.name: render_none_of(c.name, c.info["allowed"]) for c in immigration.columns if c.info["allowed"]},
}
"""By column: the condition of a departure before the arrival, of an admission that is no date, of the code for unknown
ones, and of a value outside the contract's."""


def render_value_counts() -> Query:
    """Render how many values each column of `IMPLAUSIBLE` has, and how many are implausible: one row.

    Its columns are `values_<column>` and `implausible_<column>`.
    """
    counts = (
        f"count(`{name}`) AS `values_{name}`, count(CASE WHEN {condition} THEN 1 END) AS `implausible_{name}`"
        for name, condition in IMPLAUSIBLE.items()
    )
    return Query(f"SELECT {', '.join(counts)} FROM staged", is_portable=True)


def render_country_codes() -> Query:
    """Render how many rows carry each country code: `column_name` of `COUNTRY_COLUMNS`, `code`, `arrivals`."""
    return Query(load_template(__package__, "country_codes").template, is_portable=True)
