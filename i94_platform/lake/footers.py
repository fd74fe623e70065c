"""Parquet footers: whether a file has the columns of a contract, and the statistics of its columns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, BinaryIO

from sqlalchemy import Table

from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.errors import PermanentError
from i94_platform.sql.rules import ColumnStats


def verify_footer(content: BinaryIO, name: str, contract: Table, *, may_be_older: bool = False) -> int:
    """Check a Parquet file against a contract and return its rows.

    Args:
        content: The file.
        name: What messages call it.
        contract: The contract.
        may_be_older: Whether the last columns of the contract may be missing, if they may be null.

    Raises:
        PermanentError: its columns differ from the contract in name, order or type, or it is not Parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    expected = arrow_schema(contract)
    try:
        footer = pq.ParquetFile(content)
    except pa.ArrowInvalid as error:
        raise PermanentError(f"{name} can't be read as Parquet; materialize it again.") from error
    schema = footer.schema_arrow
    differences = [
        f"column {number} is {field.name} {field.type}, expected {wanted.name} {wanted.type}"
        for number, (field, wanted) in enumerate(zip(schema, expected, strict=False), 1)
        if (field.name, field.type) != (wanted.name, wanted.type)
    ]
    missing = list(contract.columns)[len(schema) :]
    is_older = may_be_older and bool(missing) and all(col.nullable for col in missing)
    if len(schema) != len(expected) and not is_older:
        differences.append(f"{len(schema)} columns, expected {len(expected)}")
    if differences:
        raise PermanentError(f"{name} does not match the contract of {contract.name}: {'; '.join(differences)}.")
    return int(footer.metadata.num_rows)


def read_column_stats(contents: Iterable[BinaryIO]) -> dict[str, ColumnStats]:
    """Combine the statistics of each column over Parquet files of one schema.

    A column is left out if any row group lacks them. The ends are values of the column, with two exceptions: a writer
    may shorten texts, and the ends of floats ignore NaN.
    """
    import pyarrow.parquet as pq

    chunks: dict[str, list[Any]] = defaultdict(list)
    for content in contents:
        footer = pq.ParquetFile(content).metadata
        for group in map(footer.row_group, range(footer.num_row_groups)):
            if group.num_rows:
                for chunk in map(group.column, range(group.num_columns)):
                    chunks[chunk.path_in_schema].append(chunk)
    return {name: _combine(group) for name, group in chunks.items() if all(map(_has_stats, group))}


def _has_stats(chunk: Any) -> bool:
    stats = chunk.statistics
    if stats is None or not stats.has_null_count:
        return False
    return bool(stats.has_min_max or stats.null_count == chunk.num_values)


def _combine(chunks: list[Any]) -> ColumnStats:
    stats = [chunk.statistics for chunk in chunks]
    bounded = [chunk for chunk in stats if chunk.has_min_max]
    low, high = min((s.min for s in bounded), default=None), max((s.max for s in bounded), default=None)
    return ColumnStats(sum(s.null_count for s in stats), low, high)
