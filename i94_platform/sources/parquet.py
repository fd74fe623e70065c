"""Delivered Parquet files, of which only the footers are read here: the rows are for an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from i94_platform.lake.store import Store
from i94_platform.sources.immigration import ColumnKind
from i94_platform.sources.read_errors import translate_read_errors

if TYPE_CHECKING:
    import pyarrow as pa


def read_footer(store: Store, path: str, delivered_path: str) -> tuple[pa.Schema, int]:
    """Read the schema and the number of rows; messages call the file by the path under which it was delivered.

    Raises:
        PermanentError: the file can't be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with translate_read_errors(delivered_path, "Parquet", pa.ArrowInvalid, OSError), store.open(path) as content:
        footer = pq.ParquetFile(content)
        return footer.schema_arrow, footer.metadata.num_rows


def column_kind(type_: pa.DataType) -> ColumnKind:
    """What a column of this type holds."""
    import pyarrow.types as pt

    if pt.is_null(type_):
        return "null"
    if pt.is_floating(type_) or pt.is_integer(type_):
        return "number"
    return "text" if pt.is_string(type_) or pt.is_large_string(type_) else "other"
