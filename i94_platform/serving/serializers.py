"""Rows as the bytes of an answer: JSON, CSV, Parquet, and any of it compressed.

Here: pure functions. Nulls are `null` in JSON, nothing between two commas in CSV (an empty text is two quotes). Not
here: which rows (`queries`).
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
GZIP_BYTES = 1_024
"""Below that, compressing gains nothing."""


def as_json(value: Any) -> bytes:
    """Any value in JSON; dates as ISO 8601."""
    import orjson

    return orjson.dumps(value)


def rows_as(format_: str, rows: pa.Table, contract: Table) -> bytes:
    """Rows as CSV or Parquet, in the contract's columns and types."""
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    target, typed = io.BytesIO(), rows.cast(arrow_schema(contract))
    if format_ == "csv":
        pc.write_csv(typed, target)
    else:
        pq.write_table(typed, target)
    return target.getvalue()


def compressed(body: bytes) -> bytes:
    """The body as gzip; equal for equal bodies."""
    return gzip.compress(body, _GZIP_LEVEL, mtime=0)
