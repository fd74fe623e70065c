"""The staged values that are typed but can't be meant, and the queries that count them.

They read the relation `staged`, the accepted rows of a month.
"""

from __future__ import annotations

from i94_platform.contracts import immigration
from i94_platform.contracts.codes import ENCODERS
from i94_platform.sql.expressions import render_literal, render_none_of
from i94_platform.sql.query import Query

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
    """Render how many values each column of `IMPLAUSIBLE` has, and how many are implausible, by both country codes.

    The columns are those of `COUNTRY_COLUMNS`, `arrivals`, `values_<column>` and `implausible_<column>`.
    """
    counts = (
        f"count(`{name}`) AS `values_{name}`, count(CASE WHEN {condition} THEN 1 END) AS `implausible_{name}`"
        for name, condition in IMPLAUSIBLE.items()
    )
    countries = ", ".join(f"`{name}`" for name in COUNTRY_COLUMNS)
    figures = ", ".join([countries, "count(*) AS arrivals", *counts])
    return Query(f"SELECT {figures} FROM staged GROUP BY {countries}", is_portable=True)
