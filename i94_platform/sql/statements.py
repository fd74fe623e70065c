"""Statements of SQLAlchemy, and SQL with named markers, compiled for the driver of a warehouse."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from i94_platform.contracts.rendering.ddl import load_dialect

if TYPE_CHECKING:
    from sqlalchemy import Executable

_TOKEN = re.compile(r"\$(?P<marker>[A-Za-z_]\w*)|'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/|::", re.DOTALL)
"""DuckDB's own markers; and texts, quoted names, comments and casts, in which nothing is a marker."""


def compile_statement(
    statement: str | Executable, dialect: str, values: Mapping[str, Any] | None = None
) -> tuple[str, Mapping[str, Any] | Sequence[Any] | None]:
    """Compile a statement for the driver of a dialect.

    Args:
        statement: A statement of SQLAlchemy, or SQL of the dialect with named markers (`:name`, or DuckDB's `$name`).
        dialect: `duckdb` (a list for `$1`) or `redshift` (a mapping for psycopg2's `%(name)s`).
        values: By name, what is bound to the markers of SQL; a SQL text without values is sent as it is.

    Returns:
        The SQL, and the values to bind to it; None for SQL that is sent as it is.

    Raises:
        ValueError: a marker has no value, or a value has no marker.
    """
    if isinstance(statement, str):
        if not values:
            return statement, None
        escaped = text(_TOKEN.sub(_escape, statement))
        markers = escaped.compile().params.keys()
        if unmatched := markers ^ values.keys():
            raise ValueError(f"The markers and the values of a statement differ in {', '.join(sorted(unmatched))}.")
        statement = escaped.bindparams(**values)
    options = {"render_postcompile": True}
    compiled: Any = statement.compile(dialect=load_dialect(dialect), compile_kwargs=options)  # type: ignore[attr-defined]
    if compiled.positional:
        return str(compiled), [compiled.params[name] for name in compiled.positiontup]
    return str(compiled), compiled.params


def _escape(token: re.Match[str]) -> str:
    """Write a token as SQLAlchemy's `text` reads it."""
    return f":{token['marker']}" if token["marker"] else token[0].replace(":", "\\:")
