"""Columns whose values stand in the folders of a path: `i94port=LOS/part-0.parquet`, as Hive and Spark write them."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote

from i94_platform.sources.column_names import normalize_name

_NULL = "__HIVE_DEFAULT_PARTITION__"


def parse_partition_values(path: str, columns: Sequence[str]) -> dict[str, str | None]:
    """Parse the values of `columns` that the folders of a path name; null where the writer had no value."""
    wanted = {normalize_name(column): column for column in columns}
    values: dict[str, str | None] = {}
    for folder in path.split("/")[:-1]:
        name, is_pair, value = folder.partition("=")
        if is_pair and (column := wanted.get(normalize_name(unquote(name)))):
            values[column] = None if value == _NULL else unquote(value)
    return values
