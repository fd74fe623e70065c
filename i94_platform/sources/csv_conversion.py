"""The conversion of a month's CSV file to Parquet with the columns and types of `delivered_immigration`.

`unreadable` holds the texts that stand in a number's place, such as `i94bir='forty one'; arrdate='2016-04-05'`, and is
null where every number could be read. A backslash comes before each quote, equals sign and backslash of such a text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

from i94_platform.contracts.immigration import NUMBER_COLUMNS
from i94_platform.progress import advance_progress
from i94_platform.sources.csv import CsvFile
from i94_platform.sources.csv_layout import CsvLayout
from i94_platform.sources.immigration import DELIVERED_COLUMNS
from i94_platform.sources.parquet import converted_schema
from i94_platform.sources.spellings import null_empty, read_numbers, trim_texts

if TYPE_CHECKING:
    import pyarrow as pa

UNREADABLE_COLUMN = "unreadable"


def convert_arrivals(content: CsvFile, target: BinaryIO) -> frozenset[str]:
    """Write a file as Parquet whose rows keep their order.

    Returns:
        How the file's number columns spell missing values.

    Raises:
        PermanentError: a line is no row; see `CsvFile.read_batches`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = converted_schema().append(pa.field(UNREADABLE_COLUMN, pa.string()))
    spellings: frozenset[str] = frozenset()
    with pq.ParquetWriter(target, schema) as writer:
        for batch in content.read_batches():
            columns, batch_spellings = _convert_batch(batch, content.layout)
            spellings |= batch_spellings
            writer.write_table(pa.table([columns[name] for name in schema.names], schema=schema))
            advance_progress(batch.num_rows)
    return spellings


def _convert_batch(batch: pa.RecordBatch, layout: CsvLayout) -> tuple[dict[str, pa.Array[Any]], frozenset[str]]:
    columns: dict[str, pa.Array[Any]] = {}
    unreadable: list[pa.Array[Any]] = []
    spellings: frozenset[str] = frozenset()
    for name in DELIVERED_COLUMNS:
        texts: Any = batch[name]
        if name in NUMBER_COLUMNS:
            columns[name], is_unreadable, column_spellings = read_numbers(
                texts, has_decimal_comma=layout.delimiter != ","
            )
            spellings |= column_spellings
            if is_unreadable is not None:
                unreadable.append(_render_unreadable(name, texts, is_unreadable))
        else:
            columns[name] = trim_texts(texts) if layout.is_padded else null_empty(texts)
    columns[UNREADABLE_COLUMN] = _join_unreadable(unreadable, batch.num_rows)
    return columns, spellings


def _join_unreadable(columns: list[pa.Array[Any]], rows: int) -> pa.Array[Any]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not columns:
        return pa.nulls(rows, pa.string())
    joined: Any = pc.replace_substring_regex(_join(*columns), "; $", "")
    return null_empty(joined)


def _render_unreadable(name: str, texts: Any, is_unreadable: Any) -> pa.Array[Any]:
    """Render `name='text'; ` where a text is unreadable, and nothing elsewhere."""
    import pyarrow.compute as pc

    escaped = pc.replace_substring_regex(pc.ascii_trim_whitespace(texts), r"(['=\\])", r"\\\1")
    assignments: Any = pc.if_else(is_unreadable, _join(f"{name}='", escaped, "'; "), "")
    nothing: Any = ""
    filled: pa.Array[Any] = pc.fill_null(assignments, nothing)
    return filled


def _join(*texts: Any) -> pa.Array[Any]:
    import pyarrow.compute as pc

    joined: pa.Array[Any] = pc.binary_join_element_wise(*texts, "")
    return joined
