"""Rows and values as bytes: JSON, CSV, Parquet, and gzip.

Nulls are `null` in JSON. In CSV a null is an empty field, and an empty text is two quotes.
"""

from __future__ import annotations

import gzip
import io
from typing import TYPE_CHECKING, Any

from sqlalchemy import Table

from i94_platform.contracts.rendering.arrow import arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa

MEDIA_TYPES = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8; header=present",
    "parquet": "application/vnd.apache.parquet",
}

_GZIP_LEVEL = 5


def to_json(value: Any) -> bytes:
    """Serialize a value as JSON, dates as ISO 8601."""
    import orjson

    return orjson.dumps(value)


def serialize_rows(format_: str, rows: pa.Table, contract: Table) -> bytes:
    """Serialize rows as `csv` or `parquet`, with the columns and types of the contract."""
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    target, typed = io.BytesIO(), rows.cast(arrow_schema(contract))
    if format_ == "csv":
        pc.write_csv(typed, target)
    else:
        pq.write_table(typed, target)
    return target.getvalue()


def compress(body: bytes) -> bytes:
    """Compress a body with gzip; equal bodies give equal bytes."""
    return gzip.compress(body, _GZIP_LEVEL, mtime=0)
