"""Delivered Parquet files: what an engine can read as it is, and the conversion of what it can't."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from i94_platform.contracts.immigration import NUMBER_COLUMNS
from i94_platform.errors import PermanentError
from i94_platform.lake.store import Store
from i94_platform.progress import advance_progress
from i94_platform.sources.column_names import list_extra_columns, match_columns
from i94_platform.sources.hive_partitions import parse_partition_values
from i94_platform.sources.immigration import DELIVERED_COLUMNS, ColumnKind, check_columns
from i94_platform.sources.spellings import read_numbers

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 100_000


@dataclass(frozen=True)
class ParquetLayout:
    """What the footer and the path of a month's file say."""

    schema: tuple[tuple[str, str], ...]
    """The name and the type of each column."""
    rows: int
    names: dict[str, str]
    """The file's name of each delivered column that it holds, by the contract's name."""
    partition_values: dict[str, float | str | None]
    """The values that the path gives to the other columns."""
    extra_columns: tuple[str, ...]
    is_readable_by_engines: bool
    """Whether both engines read the file as it is."""


def read_footer(store: Store, path: str, delivered_path: str) -> tuple[pa.Schema, int]:
    """Read the schema and the number of rows; messages call the file by the path under which it was delivered.

    Raises:
        PermanentError: the file can't be read.
    """
    import pyarrow.parquet as pq

    with _translate_damage(delivered_path), store.open(path) as content:
        footer = pq.ParquetFile(content)
        return footer.schema_arrow, footer.metadata.num_rows


def read_layout(store: Store, path: str, delivered_path: str) -> ParquetLayout:
    """Read the footer of a month's file, and compare its columns with the contract.

    Raises:
        PermanentError: the file can't be read, or a column is missing, of another kind or there twice.
    """
    schema, rows = read_footer(store, path, delivered_path)
    values = parse_partition_values(delivered_path, DELIVERED_COLUMNS, schema.names)
    match_columns(delivered_path, [*schema.names, *values], DELIVERED_COLUMNS)
    types = {field.name: _value_type(field.type) for field in schema}
    columns = {name: (column_kind(type_), str(type_)) for name, type_ in types.items()}
    null: tuple[ColumnKind, str] = ("null", "null")
    names = check_columns(delivered_path, columns | dict.fromkeys(values, null))
    names = {column: name for column, name in names.items() if column not in values}
    return ParquetLayout(
        tuple((field.name, str(field.type)) for field in schema),
        rows,
        names,
        {column: _parse_value(delivered_path, column, value) for column, value in values.items()},
        tuple(list_extra_columns(schema.names, DELIVERED_COLUMNS)),
        not values and _is_readable_by_engines(schema, set(names.values())),
    )


def column_kind(type_: pa.DataType) -> ColumnKind:
    """What a column of this type holds."""
    import pyarrow.types as pt

    if pt.is_null(type_):
        return "null"
    if pt.is_float64(type_) or pt.is_integer(type_) or pt.is_decimal(type_):
        return "number"
    if pt.is_float32(type_):
        return "short number"
    return "text" if _is_string(type_) or pt.is_binary(type_) or pt.is_large_binary(type_) else "other"


def convert_parquet(store: Store, path: str, delivered_path: str, layout: ParquetLayout, target: BinaryIO) -> None:
    """Write a file again with the contract's columns, names and types; the rows keep their order.

    Raises:
        PermanentError: the file can't be read, or bytes in a text column are no UTF-8.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = converted_schema()
    with (
        _translate_damage(delivered_path),
        store.open(path) as content,
        pq.ParquetWriter(target, schema) as writer,
    ):
        for batch in pq.ParquetFile(content).iter_batches(BATCH_ROWS, columns=list(layout.names.values())):
            arrays = [
                _convert_column(delivered_path, field, batch[layout.names[field.name]])
                if field.name in layout.names
                else pa.array([layout.partition_values[field.name]] * batch.num_rows, field.type)
                for field in schema
            ]
            writer.write_table(pa.table(arrays, schema=schema))
            advance_progress(batch.num_rows)


def check_pages(store: Store, path: str, delivered_path: str) -> None:
    """Read a file through.

    Raises:
        PermanentError: a page can't be read.
    """
    import pyarrow.parquet as pq

    with _translate_damage(delivered_path), store.open(path) as content:
        for _ in pq.ParquetFile(content).iter_batches(BATCH_ROWS):
            pass


@contextmanager
def _translate_damage(path: str) -> Iterator[None]:
    """Raise what Arrow raises of a damaged file as a PermanentError; errors of the operating system pass."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise PermanentError(
            f"{path} can't be read as Parquet, because it is damaged or incomplete; ask for it to be delivered again."
        ) from error


def converted_schema() -> pa.Schema:
    """The delivered contract's columns as converted files hold them."""
    import pyarrow as pa

    types = {name: pa.float64() if name in NUMBER_COLUMNS else pa.string() for name in DELIVERED_COLUMNS}
    return pa.schema(list(types.items()))


def _convert_column(path: str, field: pa.Field[Any], values: pa.Array[Any]) -> pa.Array[Any]:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as pt

    if pt.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    try:
        return pc.cast(values, field.type, safe=field.name not in NUMBER_COLUMNS)
    except pa.ArrowInvalid as error:
        raise PermanentError(
            f"{path} has bytes in the column {field.name} that are no UTF-8; deliver it as text."
        ) from error


def _parse_value(path: str, column: str, text: str | None) -> float | str | None:
    """Read the value that a path gives to a column, with the rules of a CSV file."""
    import pyarrow as pa

    if text is None or column not in NUMBER_COLUMNS:
        return text
    numbers = read_numbers(pa.array([text]), has_decimal_comma=False)
    if numbers.is_unreadable is not None:
        raise PermanentError(
            f"{path} names {column}={text!r} in its path, expected a number; correct the folder's name."
        )
    value: float | None = numbers.numbers[0].as_py()
    return value


def _value_type(type_: pa.DataType) -> pa.DataType:
    """The type of a column's values, which a dictionary may hold."""
    import pyarrow.types as pt

    return type_.value_type if pt.is_dictionary(type_) else type_


def _is_string(type_: pa.DataType) -> bool:
    import pyarrow.types as pt

    return bool(pt.is_string(type_) or pt.is_large_string(type_) or pt.is_string_view(type_))


def _is_readable_by_engines(schema: pa.Schema, names: set[str]) -> bool:
    """Whether both engines read all columns: Spark fails on a foreign one, even where nobody asks for it."""
    import pyarrow.types as pt

    folded = Counter(name.lower() for name in schema.names)
    if folded.most_common(1)[0][1] > 1 or any(name != name.strip() for name in schema.names):
        return False
    return all(
        _is_common_type(field.type)
        and not (field.name in names and (pt.is_binary(field.type) or pt.is_large_binary(field.type)))
        for field in schema
    )


def _is_common_type(type_: pa.DataType) -> bool:
    """Whether both engines know a type."""
    import pyarrow.types as pt

    if pt.is_dictionary(type_):
        return _is_string(_value_type(type_))
    is_timestamp = pt.is_timestamp(type_) and type_.unit in ("ms", "us")
    is_common = (
        pt.is_null, pt.is_boolean, pt.is_integer, pt.is_float32, pt.is_float64, pt.is_decimal128, pt.is_date32,
        _is_string, pt.is_binary, pt.is_large_binary,
    )  # fmt: skip
    return is_timestamp or any(test(type_) for test in is_common)
