"""Columns whose values stand in the folders of a path: `i94port=LOS/part-0.parquet`, as Hive and Spark write them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import unquote

from i94_platform.sources.column_names import normalize_name

_NULL = "__HIVE_DEFAULT_PARTITION__"


def parse_partition_values(path: str, columns: Sequence[str], names: Iterable[str]) -> dict[str, str | None]:
    """Parse the values that the folders of a path give to those of `columns` that are not among the file's `names`.

    A value is None where the writer had none.
    """
    in_file = set(map(normalize_name, names))
    wanted = {name: column for column in columns if (name := normalize_name(column)) not in in_file}
    values: dict[str, str | None] = {}
    for folder in path.split("/")[:-1]:
        name, is_pair, value = folder.partition("=")
        if is_pair and (column := wanted.get(normalize_name(unquote(name)))):
            values[column] = None if value == _NULL else unquote(value)
    return values
