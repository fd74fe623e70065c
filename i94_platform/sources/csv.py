"""Delivered CSV files of any size, read in chunks of bounded memory with every value as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from i94_platform.errors import PermanentError
from i94_platform.lake.store import Store, StoredFile
from i94_platform.sources.read_errors import translate_read_errors

if TYPE_CHECKING:
    import pandas as pd

INDEX_NAMES = frozenset({"", "Unnamed: 0", "__index_level_0__"})
"""What pandas calls an index that was written as a column."""


def read_csv_chunks(store: Store, file: StoredFile, chunk_rows: int) -> Iterator[pd.DataFrame]:
    """Read the rows in chunks. Empty cells are missing, and an index column is left out.

    Raises:
        PermanentError: the file can't be read.
    """
    import pandas as pd

    # pandas' parser errors and errors of decoding are ValueErrors
    with store.open(file.path) as content, translate_read_errors(file.path, "CSV", ValueError):
        for frame in pd.read_csv(
            content, chunksize=chunk_rows, encoding="utf-8-sig", dtype=str, keep_default_na=False, na_values=[""]
        ):
            yield frame[[name for name in frame.columns if name not in INDEX_NAMES]]


def count_csv_rows(store: Store, file: StoredFile) -> int:
    """Count the rows below the header, by reading the file through.

    Raises:
        PermanentError: the file can't be read.
    """
    import pyarrow as pa
    import pyarrow.csv as pc

    with store.open(file.path) as content:
        header = content.readline()
    parse = pc.ParseOptions(delimiter=max(",;", key=lambda d: header.count(d.encode())), newlines_in_values=True)
    # the first column only, as it is: nothing is converted to be counted
    read = pc.ReadOptions(autogenerate_column_names=True)
    convert = pc.ConvertOptions(include_columns=["f0"], column_types={"f0": pa.binary()})
    with (
        store.open(file.path) as content,
        translate_read_errors(file.path, "CSV", pa.ArrowInvalid),
        pc.open_csv(content, read, parse, convert) as batches,
    ):
        return sum(batch.num_rows for batch in batches) - 1


def convert_csv(
    store: Store, file: StoredFile, columns: tuple[str, ...], target: BinaryIO
) -> tuple[int, tuple[str, ...]]:
    """Write these columns of a file as Parquet, all text, with empty cells null.

    Returns:
        The number of rows, and the names of the columns that were left out.

    Raises:
        PermanentError: the file can't be read, or lacks a column.
    """
    import pyarrow as pa
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    convert = pc.ConvertOptions(
        column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=True, null_values=[""]
    )
    with (
        store.open(file.path) as content,
        translate_read_errors(file.path, "CSV", pa.ArrowInvalid),
        pc.open_csv(content, convert_options=convert) as batches,
    ):
        names = batches.schema.names
        if missing := [name for name in columns if name not in names]:
            raise PermanentError(f"{file.path} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}.")
        schema, rows = pa.schema([pa.field(name, pa.string()) for name in columns]), 0
        with pq.ParquetWriter(target, schema) as writer:
            for batch in batches:
                writer.write_batch(batch.select(list(columns)))
                rows += batch.num_rows
    return rows, tuple(name for name in names if name not in columns)
