"""What psycopg2 returns and raises, in the platform's terms: rows as Arrow, retryable errors, error messages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg2
    import pyarrow as pa
    from psycopg2.extensions import cursor as Cursor

_DATA_ERRORS = ("22", "23")
"""The classes of SQLSTATE of values that don't fit, and of broken constraints."""

_RETRYABLE_CODES = {"40001", "40P01", "53300", "57P01", "57P02", "57P03"}
"""Serialization, deadlock, too many connections, a restart; beside them class 08, a lost connection."""

NEEDS_SHA256 = "authentication method 13 not supported"
"""What PostgreSQL's client says about a user whose password Redshift keeps as SHA-256."""

_RETRYABLE_TEXT = re.compile(
    r"^\s*(error:\s*)?10(18|23)\b|serializable isolation violation|conflict with concurrent transaction"
    r"|could not open relation with oid|dropped by concurrent transaction"
    r"|connection refused|connection (already )?closed|closed the connection|connection (has been )?(closed|reset)"
    r"|connection timed out|timeout expired|no route to host|network is unreachable|temporary failure in name"
    r"|could not receive data|could not send data|eof detected|starting up|shutting down|terminating connection"
    r"|too many (clients|connections)|connection limit|SlowDown|reduce your request rate",
    re.IGNORECASE,
)

_DETAIL_CONTEXT = re.compile(r"context:\s+(\S.*?)\s+query:", re.DOTALL)
"""What a detail of Redshift says between the numbers and places of its own code."""


def fetch_arrow(cursor: Cursor) -> pa.Table:
    """Fetch the rows of a statement, in the types of its columns; no columns where it returns nothing."""
    import pyarrow as pa

    if cursor.description is None:
        return pa.table({})
    rows = cursor.fetchall()
    columns: list[Any] = [
        pa.array([row[i] for row in rows], type=arrow_type(column)) for i, column in enumerate(cursor.description)
    ]
    return pa.Table.from_arrays(columns, names=[column.name for column in cursor.description])


def arrow_type(column: Any) -> Any:
    """Return the Arrow type of a result's column by its type's OID; None where Arrow infers it from the values."""
    import pyarrow as pa

    if column.type_code == 1700:  # numeric; a sum's has no precision of its own
        bounded = column.precision is not None and 0 < column.precision <= 38
        return pa.decimal128(column.precision, column.scale or 0) if bounded else None
    return {
        16: pa.bool_(),
        20: pa.int64(),
        21: pa.int16(),
        23: pa.int32(),
        700: pa.float32(),
        701: pa.float64(),
        19: pa.string(),
        25: pa.string(),
        1042: pa.string(),
        1043: pa.string(),
        1082: pa.date32(),
        1114: pa.timestamp("us"),
        1184: pa.timestamp("us", "UTC"),
    }.get(column.type_code)


def is_retryable(error: psycopg2.Error) -> bool:
    """Whether the same transaction may succeed later: a conflict with another, or a server that went away."""
    import psycopg2

    code = error.pgcode or ""
    if code in _RETRYABLE_CODES or code.startswith("08"):
        return True
    # an error about data may quote any text
    from_server = isinstance(error, psycopg2.OperationalError | psycopg2.InternalError | psycopg2.InterfaceError)
    return from_server and any(_RETRYABLE_TEXT.search(line) for line in str(error).splitlines() or [""])


def error_message(error: psycopg2.Error) -> str:
    """The message of server or client, in one line, without the statement and without values.

    Errors about data quote values. Of those it says the kind, and the column if the server names it.
    """
    if (error.pgcode or "").startswith(_DATA_ERRORS):
        column = f" of column {error.diag.column_name}" if error.diag.column_name else ""
        return f"a value{column} does not fit its type, its column or a rule of its table ({type(error).__name__})"
    detail = error.diag.message_detail or ""
    if match := _DETAIL_CONTEXT.search(detail):
        detail = match[1]
    parts = [error.diag.message_primary, detail] if error.pgcode else [str(error)]
    return "; ".join(" ".join(part.split()).rstrip(".") for part in parts if part) or type(error).__name__
