"""Parquet footers: whether a file has the columns of a contract, and what it tells of a column without its rows.

Here: one comparison, that a commit makes when a file is written and a load makes again before it is copied, and the
span of each column. Not here: which files are looked at, and the rows in them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, BinaryIO

from sqlalchemy import Table

from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.errors import PermanentError
from i94_platform.sql.rules import ColumnStats


def verify_footer(content: BinaryIO, name: str, contract: Table) -> int:
    """The rows of a Parquet file that matches a contract; `name` is what the file is called in a message.

    Raises:
        PermanentFailure: its columns differ from the contract in name, order or type, or it is no Parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    expected = arrow_schema(contract)
    try:
        footer = pq.ParquetFile(content)
    except pa.ArrowInvalid as error:
        raise PermanentError(f"{name} can't be read as Parquet ({error}); materialize it again.") from error
    found, rows = footer.schema_arrow, footer.metadata.num_rows
    differences = [
        f"column {i + 1} is {f.name} {f.type}, expected {e.name} {e.type}"
        for i, (f, e) in enumerate(zip(found, expected, strict=False))
        if (f.name, f.type) != (e.name, e.type)
    ]
    if len(found) != len(expected):
        differences.append(f"{len(found)} columns, expected {len(expected)}")
    if differences:
        raise PermanentError(f"{name} does not match the contract of {contract.name}: {'; '.join(differences)}.")
    return int(rows)


def read_column_stats(contents: Iterable[BinaryIO]) -> dict[str, ColumnStats]:
    """The span of each column over Parquet files of one schema; a column of which a footer says nothing is left out.

    Its ends are values of the files but for texts, which a writer may shorten, and floats, where NaN is not counted.
    """
    import pyarrow.parquet as pq

    found: dict[str, list[Any]] = {}
    for content in contents:
        footer = pq.ParquetFile(content).metadata
        for group in filter(lambda group: group.num_rows, map(footer.row_group, range(footer.num_row_groups))):
            for chunk in map(group.column, range(group.num_columns)):
                found.setdefault(chunk.path_in_schema, []).append((chunk.num_values, chunk.statistics))
    told = {name: chunks for name, chunks in found.items() if all(_tells(*chunk) for chunk in chunks)}
    return {name: _span([statistics for _, statistics in chunks]) for name, chunks in told.items()}


def _tells(values: int, statistics: Any) -> bool:
    if statistics is None or not statistics.has_null_count:
        return False
    return bool(statistics.has_min_max or statistics.null_count == values)


def _span(chunks: list[Any]) -> ColumnStats:
    lows, highs = ([getattr(c, end) for c in chunks if c.has_min_max] for end in ("min", "max"))
    return ColumnStats(sum(c.null_count for c in chunks), min(lows, default=None), max(highs, default=None))
