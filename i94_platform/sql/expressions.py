"""SQL expressions that several queries share, rendered as Spark SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Table

from i94_platform.contracts.rendering.types import sql_type


def render_final_casts(contract: Table, expressions: Mapping[str, str], default: str) -> str:
    """Render the select list of a contract: `CAST(expression AS type) AS name`, in contract order.

    A column without an entry in `expressions` is taken by its name from the relation `default`.
    """
    return ",\n  ".join(
        f"CAST({expressions.get(c.name, f'{default}.`{c.name}`')} AS {sql_type(c)}) AS `{c.name}`"
        for c in contract.columns
    )


def render_date(text: str, *, year: int, month: int, day: int) -> str:
    """Render a DATE from a text of eight digits; `year`, `month` and `day` say where each part starts, from 1.

    The result is null for any other text and for a day that does not exist. The digits are tested because engines
    differ in what else they read as a date, the year because Python has no year 0. On both engines this is the
    cheapest way.
    """
    parts = [f"substr({text}, {start}, {size})" for start, size in ((year, 4), (month, 2), (day, 2))]
    # the length too, since Java lets the end of a pattern be before a newline
    digits = f"length({text}) = 8 AND {text} RLIKE '^[0-9]{{8}}$' AND {parts[0]} <> '0000'"
    return f"CASE WHEN {digits} THEN try_cast(concat_ws('-', {', '.join(parts)}) AS DATE) END"


def render_any(conditions: Iterable[str]) -> str:
    """Render a test that is true where a condition is true, and false otherwise: it is never null."""
    return "coalesce(" + "\n    OR ".join(f"({condition})" for condition in conditions) + ", false)"


def render_literal(value: str | int | None) -> str:
    """Render a value of ours, which holds no quote, as a literal."""
    # chr, since engines differ in what a backslash in a literal is
    return "'" + value.replace("\\", "' || chr(92) || '") + "'" if isinstance(value, str) else str(value)


def render_none_of(name: str, allowed: Iterable[str | int]) -> str:
    """Render a test that is true where a column has a value that is not allowed.

    DuckDB takes four times as long for `NOT IN` and a list of texts.
    """
    return " AND ".join(f"`{name}` <> {render_literal(value)}" for value in allowed)
