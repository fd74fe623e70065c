"""Disclosure control: what leaves the inner circle, so that no figure tells of a single person.

Counts are rounded to the nearest 5, so 0 to 2 become 0, and rows of such a count are left out. Averages and texts are
withheld where few stand behind them. Rounding is deterministic, and comes after all sums.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Double,
    FromClause,
    Select,
    Table,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
)

from i94_platform.contracts.model import Statistic

ROUNDING = 5
SUM_ROUNDING = 100
"""Sums of a quantity, such as days, are rounded to the nearest multiple of it, so that the difference of two sums hides
the quantity of the one arrival by which they differ."""

MIN_BASE = 23
"""The fewest arrivals or observations that an average, a share or a text may stand on."""

WITHHELD = "withheld"
"""Stands in the place of a text that holds exact counts."""


def round_count(value: int) -> int:
    """Round a count to the nearest multiple of `ROUNDING`."""
    return (value + ROUNDING // 2) // ROUNDING * ROUNDING


def render_rounded_count(count: ColumnElement[Any]) -> ColumnElement[Any]:
    """Render `round_count` in SQL. Of all ways to round, DuckDB and Redshift share this one."""
    return _render_rounded(count, ROUNDING)


def render_rounded_sum(total: ColumnElement[Any], base: ColumnElement[Any]) -> ColumnElement[Any]:
    """Render a sum of a quantity over so many arrivals: rounded, and null where they are few."""
    is_shown = base >= literal_column(str(MIN_BASE))
    return cast(case((is_shown, _render_rounded(total, SUM_ROUNDING))), total.type)


def _render_rounded(value: ColumnElement[Any], multiple: int) -> ColumnElement[Any]:
    raised = value + literal_column(str(multiple // 2))
    return cast(raised - func.mod(raised, literal_column(str(multiple))), value.type)


def select_rounded(contract: Table) -> Select[Any]:
    """Select the rows and columns of a table as a caller without exact access gets them."""
    return _select(contract, round_counts=True)


def select_summable(contract: Table) -> Select[Any]:
    """Select all rows, with exact counts and sums to be summed and then rounded; others are as in `select_rounded`."""
    return _select(contract, round_counts=False)


def select_unprotected(contract: Table, rows: FromClause) -> Select[Any]:
    """Count the rows that show what they must not: the rules once more, without what renders `select_rounded`.

    Args:
        contract: The table.
        rows: Its rows as callers without exact access get them.
    """
    broken = [func.mod(rows.c[c.name], ROUNDING) != 0 for c in contract.columns if c.info["unit"] == "arrivals"]
    for col in contract.columns:
        value, statistic = rows.c[col.name], col.info["statistic"]
        if statistic == Statistic("cell"):
            broken.append(value < ROUNDING)
        elif statistic and statistic.kind in ("count", "sum"):
            broken.append(func.mod(value, SUM_ROUNDING if statistic.kind == "sum" else ROUNDING) != 0)
        elif statistic == Statistic("text"):
            broken.append(value != WITHHELD)
        if statistic and statistic.base:
            broken.append(and_(value.is_not(None), func.coalesce(rows.c[statistic.base], 0) < MIN_BASE))
    return select(func.count().label("n")).select_from(rows).where(or_(false(), *broken))


def has_statistics(contract: Table) -> bool:
    """Whether any column of a table is computed from arrivals."""
    return any(c.info["statistic"] for c in contract.columns)


def is_count(col: Column[Any]) -> bool:
    """Whether a column is a count or a sum of arrivals, which can be added up and rounded."""
    statistic: Statistic | None = col.info["statistic"]
    return statistic is not None and statistic.kind in ("cell", "count", "sum")


def find_cell(contract: Table, rows: FromClause) -> ColumnElement[Any] | None:
    """Return the column with the arrivals of each row; None where a row has no arrivals of its own."""
    cells = [rows.c[c.name] for c in contract.columns if c.info["statistic"] == Statistic("cell")]
    return cells[0] if cells else None


def describe_control(col: Column[Any]) -> str:
    """Describe what becomes of a column's values for callers without exact access; empty where nothing does."""
    statistic: Statistic | None = col.info["statistic"]
    if statistic is None:
        return ""
    if statistic.base:
        rounding = f"rounded to {SUM_ROUNDING}, " if statistic.kind == "sum" else ""
        return f"{rounding}null where {statistic.base} is below {MIN_BASE}"
    if statistic.kind == "text":
        return f"{WITHHELD}, because it holds exact counts"
    return f"rounded to {ROUNDING}"


def describe_withheld(contract: Table) -> dict[str, str]:
    """Describe for each column that may be withheld, why it is."""
    statistics = {c: c.info["statistic"] for c in contract.columns if c.info["statistic"]}
    return {c.name: describe_control(c) for c, s in statistics.items() if s.base or s.kind == "text"}


def _select(contract: Table, round_counts: bool) -> Select[Any]:
    columns = [_protect(c, contract, round_counts).label(c.name) for c in contract.columns]
    cell = find_cell(contract, contract) if round_counts else None
    visible = [] if cell is None else [render_rounded_count(cell) > literal_column("0")]
    return select(*columns).where(*visible)


def _protect(col: Column[Any], contract: Table, round_counts: bool) -> ColumnElement[Any]:
    statistic: Statistic | None = col.info["statistic"]
    if statistic is None:
        return col
    value: ColumnElement[Any] = col
    if statistic.kind == "sum":
        return render_rounded_sum(col, contract.c[statistic.base]) if round_counts else col
    if is_count(col):
        value = render_rounded_count(col) if round_counts else col
    elif statistic.kind == "average":
        scale: ColumnElement[float] = literal_column(f"1{'0' * statistic.digits}.0", Double())
        value = func.round(col * scale) / scale
    elif not statistic.base:
        return literal(WITHHELD)
    if not statistic.base:
        return value
    return cast(case((contract.c[statistic.base] >= literal_column(str(MIN_BASE)), value)), col.type)
