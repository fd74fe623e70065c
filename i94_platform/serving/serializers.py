"""Rows and values as bytes: JSON, CSV, Parquet, and gzip.

Nulls are `null` in JSON. In CSV a null is an empty field, and an empty text is two quotes.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Mapping
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

_FORMULA = r"\A([=+\-@\t\r\n＝＋－＠])"  # noqa: RUF001
"""Spreadsheets also take the wide characters of East Asian keyboards."""


def to_json(value: Any) -> bytes:
    """Serialize a value as JSON, dates as ISO 8601."""
    import orjson

    return orjson.dumps(value)


def serialize_rows(
    format_: str,
    rows: pa.Table,
    contract: Table,
    *,
    keep_formulas: bool = False,
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """Serialize rows as `csv` or `parquet`, with the columns and types of the contract.

    Args:
        format_: the format.
        rows: the rows.
        contract: the table that they are of.
        keep_formulas: in CSV, leave texts as they are that a spreadsheet would run as a formula.
        metadata: in Parquet, metadata of the schema.
    """
    import pyarrow.parquet as pq

    if format_ == "csv":
        return serialize_csv(rows, contract, keep_formulas=keep_formulas)
    target = io.BytesIO()
    pq.write_table(rows.cast(arrow_schema(contract)).replace_schema_metadata(dict(metadata or {})), target)
    return target.getvalue()


def serialize_csv(rows: pa.Table, contract: Table, *, keep_formulas: bool, has_header: bool = True) -> bytes:
    """Serialize rows as CSV, with or without its header."""
    import pyarrow.csv as pc

    target, typed = io.BytesIO(), rows.cast(arrow_schema(contract))
    options = pc.WriteOptions(include_header=has_header)
    pc.write_csv(typed if keep_formulas else escape_formulas(typed), target, options)
    return target.getvalue()


def escape_formulas(rows: pa.Table) -> pa.Table:
    """Put `'` before each text that begins as a formula does."""
    import pyarrow as pa
    from pyarrow import compute

    for number, field in enumerate(rows.schema):
        if pa.types.is_string(field.type) or pa.types.is_dictionary(field.type):  # DuckDB's ENUM
            texts = rows.column(number).cast(pa.string())
            rows = rows.set_column(number, field.name, compute.replace_substring_regex(texts, _FORMULA, r"'\1"))
    return rows


def compress(body: bytes) -> bytes:
    """Compress a body with gzip; equal bodies give equal bytes."""
    return gzip.compress(body, _GZIP_LEVEL, mtime=0)
