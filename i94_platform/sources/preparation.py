"""The preparation of a delivery for an engine: Parquet stays where it lies, other formats are converted.

A conversion takes memory for one chunk of rows. It does not judge values: a text in a number's place is put into the
column `unreadable`, and the transform rejects the row. Facts: a SAS file holds blanks for missing texts; a CSV file may
have an index column without a name.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from i94_platform.engine.base import FileGroup
from i94_platform.lake.store import Store, StoredFile
from i94_platform.partitions import parse_delivery_name
from i94_platform.sources.csv import INDEX_NAMES, convert_csv, read_csv_chunks
from i94_platform.sources.delivery import Delivery
from i94_platform.sources.immigration import DELIVERED_COLUMNS, NUMBER_COLUMNS, check_columns
from i94_platform.sources.parquet import column_kind, read_footer
from i94_platform.sources.sas import read_sas_chunks

if TYPE_CHECKING:
    import pandas as pd

CHUNK_ROWS = 100_000
"""Rows that a conversion holds at a time: about 100 MB."""

UNREADABLE_COLUMN = "unreadable"
"""The column of converted files that holds texts from numbers' places; see `_to_arrow`."""


@dataclass(frozen=True)
class PreparedDelivery:
    """A delivery that an engine can read: its files in groups of one schema, its rows, its columns without contract."""

    groups: tuple[FileGroup, ...]
    rows: int
    extra_columns: tuple[str, ...]


def prepare_arrivals(delivery: Delivery, raw: Store, lake: Store, folder: str) -> PreparedDelivery:
    """Prepare a month; what is not Parquet is converted into `folder` of the lake.

    Raises:
        PermanentError: a file can't be read, or a column of the contract is missing or of another kind.
    """
    groups: dict[tuple[tuple[tuple[str, str], ...], bool], dict[str, str]] = defaultdict(dict)
    rows, extra = 0, set()
    for number, file in enumerate(delivery.files):
        store, path, is_converted = raw, file.path, _format(file) != "parquet"
        if is_converted:
            store, path = lake, f"{folder}/{number}.parquet"
            _convert(raw, file, lake, path)
        schema, file_rows = read_footer(store, path, file.path)
        check_columns(file.path, {field.name: (column_kind(field.type), str(field.type)) for field in schema})
        rows += file_rows
        # only converted files have a column `unreadable` of ours; a delivered one of this name is an extra column
        known = {*DELIVERED_COLUMNS, *INDEX_NAMES, *([UNREADABLE_COLUMN] if is_converted else [])}
        extra |= set(schema.names) - known
        physical_schema = tuple((field.name, str(field.type)) for field in schema)
        groups[physical_schema, is_converted][store.uri(path)] = file.path
    return PreparedDelivery(
        tuple(FileGroup(files, _render_casts(is_converted)) for (_, is_converted), files in groups.items()),
        rows,
        tuple(sorted(extra)),
    )


def prepare_text_file(
    delivery: Delivery, raw: Store, lake: Store, folder: str, columns: tuple[str, ...]
) -> PreparedDelivery:
    """Prepare these columns of one CSV file of any size, all text; empty cells are null.

    Raises:
        PermanentError: the file can't be read, or lacks a column.
    """
    file, path = delivery.files[0], f"{folder}/text.parquet"
    with lake.create(path) as target:
        rows, extra = convert_csv(raw, file, columns, target)
    casts = {name: f"CAST({name} AS STRING)" for name in columns}
    return PreparedDelivery((FileGroup({lake.uri(path): file.path}, casts),), rows, extra)


def _format(file: StoredFile) -> str:
    delivered = parse_delivery_name(file.path)
    return delivered.format if delivered else "parquet"


def _render_casts(is_converted: bool) -> dict[str, str]:
    """The casts to the delivered contract's types, which change nothing in the usual file."""
    casts = {name: f"CAST({name} AS {'DOUBLE' if name in NUMBER_COLUMNS else 'STRING'})" for name in DELIVERED_COLUMNS}
    return casts | {UNREADABLE_COLUMN: UNREADABLE_COLUMN if is_converted else "CAST(NULL AS STRING)"}


def _convert(raw: Store, file: StoredFile, lake: Store, path: str) -> None:
    """Write a SAS or CSV file as one Parquet file whose rows keep their order."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    read_chunks = read_sas_chunks if _format(file) == "sas7bdat" else read_csv_chunks
    with lake.create(path) as target, ExitStack() as open_writer:
        writer: pq.ParquetWriter | None = None
        for frame in read_chunks(raw, file, CHUNK_ROWS):
            columns = _to_arrow(frame)
            if writer is None:
                schema = pa.schema([(name, array.type) for name, array in columns.items()])
                writer = open_writer.enter_context(pq.ParquetWriter(target, schema))
            writer.write_table(pa.table(columns, schema=schema))


def _to_arrow(frame: pd.DataFrame) -> dict[str, Any]:
    """Convert the delivered columns to Arrow arrays of the contract's types; extra columns become empty text.

    `unreadable` is text such as `i94bir='forty one'; arrdate='2016-04-05'`, null where every number could be read.
    """
    import pandas as pd
    import pyarrow as pa

    columns: dict[str, Any] = {}
    unreadable = pd.Series([""] * len(frame), dtype="string")
    for name in frame.columns:
        values = frame[name].reset_index(drop=True)
        if name in NUMBER_COLUMNS:
            numbers = pd.to_numeric(values, errors="coerce").astype("float64")
            is_text = numbers.isna() & values.notna()
            if is_text.any():
                unreadable[is_text] += name + "='" + values[is_text].astype("string") + "'; "
            columns[name] = pa.array(numbers, type=pa.float64(), from_pandas=True)
        elif name in DELIVERED_COLUMNS:
            columns[name] = pa.array(values, type=pa.string(), from_pandas=True)
        else:
            columns[str(name)] = pa.nulls(len(frame), pa.string())
    columns[UNREADABLE_COLUMN] = pa.array(
        unreadable.str.removesuffix("; ").mask(lambda texts: texts == ""), type=pa.string(), from_pandas=True
    )
    return columns
