"""Delivered arrivals as Parquet that both engines read alike.

Here: the pre-flight comparison with the delivered contract, and the conversion of SAS and CSV files in chunks of
bounded memory. Facts: a SAS file holds blanks for missing texts; a CSV may carry an unnamed index column. Not here:
what the values mean; a text in a number's place is carried along as `unreadable`, for the transform to refuse.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Double

from i94_platform.contracts import delivered_immigration
from i94_platform.engine.base import FileGroup
from i94_platform.errors import PermanentError
from i94_platform.lake.store import Store, StoredFile
from i94_platform.partitions import parse_delivery_name
from i94_platform.sources.listing import Delivery

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

CHUNK_ROWS = 100_000
"""Rows that a conversion holds at a time: about 100 MB."""

NUMBER_COLUMNS = frozenset(c.name for c in delivered_immigration.columns if isinstance(c.type, Double))
DELIVERED_COLUMNS = tuple(c.name for c in delivered_immigration.columns)
UNREADABLE_COLUMN = "unreadable"
"""The column of converted files that holds texts from numbers' places; see `_columns`."""


@dataclass(frozen=True)
class PreparedDelivery:
    """A delivery that passed the pre-flight comparison: what to read, how many rows, which extra columns."""

    groups: tuple[FileGroup, ...]
    rows: int
    extra_columns: tuple[str, ...]


def prepare_arrivals(delivery: Delivery, raw: Store, lake: Store, folder: str) -> PreparedDelivery:
    """Make a delivery readable: Parquet where it lies, other formats converted into `folder` of the lake.

    Raises:
        PermanentFailure: a file can't be read, or a column of the contract is missing or of another type.
    """
    groups: dict[tuple[tuple[tuple[str, str], ...], bool], dict[str, str]] = defaultdict(dict)
    rows, extra = 0, set()
    for number, file in enumerate(delivery.files):
        store, path, ours = raw, file.path, _format(file) != "parquet"
        if ours:
            store, path = lake, f"{folder}/{number}.parquet"
            _convert(raw, file, lake, path)
        schema, file_rows = _footer(store, path, file.path)
        rows += file_rows
        # a delivered column that is called as ours is none of ours
        extra |= set(schema.names) - {*DELIVERED_COLUMNS, *([UNREADABLE_COLUMN] if ours else [])} - _INDEX_NAMES
        groups[_physical(schema, file.path), ours][store.uri(path)] = file.path
    return PreparedDelivery(
        tuple(FileGroup(files, _expressions(ours)) for (_, ours), files in groups.items()),
        rows,
        tuple(sorted(extra)),
    )


_INDEX_NAMES = frozenset({"", "Unnamed: 0", "__index_level_0__"})


def _format(file: StoredFile) -> str:
    delivered = parse_delivery_name(file.path)
    return delivered.format if delivered else "parquet"


def _footer(store: Store, path: str, source: str) -> tuple[pa.Schema, int]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with store.open(path) as content:
            footer = pq.ParquetFile(content)
            return footer.schema_arrow, footer.metadata.num_rows
    except (pa.ArrowInvalid, OSError) as error:
        raise PermanentError(
            f"{source} can't be read as Parquet ({error}); ask for it to be delivered again."
        ) from error


def _physical(schema: pa.Schema, source: str) -> tuple[tuple[str, str], ...]:
    """Every column's name and type, after comparing those of the contract."""
    kinds = {field.name: _kind(field.type) for field in schema}
    missing = [name for name in DELIVERED_COLUMNS if name not in kinds]
    if missing:
        raise PermanentError(f"{source} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}.")
    retyped = [
        f"{name} is {schema.field(name).type}, expected {'a number' if name in NUMBER_COLUMNS else 'text'}"
        for name in DELIVERED_COLUMNS
        if kinds[name] not in ("null", "number" if name in NUMBER_COLUMNS else "text")
    ]
    if retyped:
        raise PermanentError(f"{source} has columns of another type: {'; '.join(retyped)}.")
    return tuple((field.name, str(field.type)) for field in schema)


def _kind(type_: pa.DataType) -> str:
    import pyarrow.types as pt

    if pt.is_null(type_):
        return "null"
    if pt.is_floating(type_) or pt.is_integer(type_):
        return "number"
    return "text" if pt.is_string(type_) or pt.is_large_string(type_) else "other"


def _expressions(ours: bool) -> dict[str, str]:
    """Casts to the delivered contract's types, as both engines write them; no-ops for the usual file.

    Only a file that we have converted (`ours`) tells which texts stood in the place of numbers.
    """
    casts = {name: f"CAST({name} AS {'DOUBLE' if name in NUMBER_COLUMNS else 'STRING'})" for name in DELIVERED_COLUMNS}
    return casts | {UNREADABLE_COLUMN: UNREADABLE_COLUMN if ours else "CAST(NULL AS STRING)"}


def _convert(raw: Store, file: StoredFile, lake: Store, path: str) -> None:
    """Write a SAS or CSV file as one Parquet file whose rows keep their places."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    read: Callable[[Store, StoredFile], Iterator[pd.DataFrame]] = (
        _read_sas if _format(file) == "sas7bdat" else _read_csv
    )
    with lake.create(path) as target, ExitStack() as closing:
        writer: pq.ParquetWriter | None = None
        for frame in read(raw, file):
            columns = _columns(frame)
            if writer is None:
                schema = pa.schema(
                    [pa.field(name, pa.float64() if name in NUMBER_COLUMNS else pa.string()) for name in columns]
                )
                writer = closing.enter_context(pq.ParquetWriter(target, schema))
            writer.write_table(pa.table(columns, schema=schema))


def _columns(frame: pd.DataFrame) -> dict[str, Any]:
    """The delivered columns as Arrow arrays, texts in numbers' places moved to `unreadable`; extras as empty text."""
    import pandas as pd
    import pyarrow as pa

    columns: dict[str, Any] = {}
    unreadable = pd.Series([""] * len(frame), dtype="string")
    for name in frame.columns:
        values = frame[name].reset_index(drop=True)
        if name in NUMBER_COLUMNS:
            numbers = pd.to_numeric(values, errors="coerce").astype("float64")
            lost = numbers.isna() & values.notna()
            if lost.any():
                unreadable[lost] += name + "='" + values[lost].astype("string") + "'; "
            columns[name] = pa.array(numbers, type=pa.float64(), from_pandas=True)
        elif name in DELIVERED_COLUMNS:
            columns[name] = pa.array(values, type=pa.string(), from_pandas=True)
        else:
            columns[str(name)] = pa.nulls(len(frame), pa.string())
    columns[UNREADABLE_COLUMN] = pa.array(
        unreadable.str.removesuffix("; ").mask(lambda texts: texts == ""), type=pa.string(), from_pandas=True
    )
    return columns


def _read_sas(raw: Store, file: StoredFile) -> Iterator[pd.DataFrame]:
    """Chunks of a SAS file; dates stay the numbers that they are stored as."""
    with raw.local_copy(file.path) as path:
        yield from _read_local_sas(str(path), file)


def _read_local_sas(address: str, file: StoredFile) -> Iterator[pd.DataFrame]:
    import pyreadstat

    try:
        empty, meta = pyreadstat.read_sas7bdat(address, metadataonly=True)
        retyped = [
            f"{name} is {kind}, expected {'a number' if name in NUMBER_COLUMNS else 'text'}"
            for name, kind in meta.readstat_variable_types.items()
            if name in DELIVERED_COLUMNS and (kind == "string") == (name in NUMBER_COLUMNS)
        ]
        if retyped:
            raise PermanentError(f"{file.path} has columns of another type: {'; '.join(retyped)}.")
        chunks = pyreadstat.read_file_in_chunks(
            pyreadstat.read_sas7bdat, address, chunksize=CHUNK_ROWS, disable_datetime_conversion=True
        )
        if not meta.number_rows:
            yield empty
        for frame, _ in chunks:
            yield frame
    except pyreadstat.ReadstatError as error:
        raise PermanentError(
            f"{file.path} can't be read as SAS ({error}); ask for it to be delivered again."
        ) from error


def _read_csv(raw: Store, file: StoredFile) -> Iterator[pd.DataFrame]:
    """Chunks of a CSV file, every value as text, empty cells missing; an index column is left out."""
    import pandas as pd

    with raw.open(file.path) as content:
        try:
            options: dict[str, Any] = {"dtype": str, "keep_default_na": False, "na_values": [""]}
            for frame in pd.read_csv(content, chunksize=CHUNK_ROWS, encoding="utf-8-sig", **options):
                yield frame[[name for name in frame.columns if name not in _INDEX_NAMES]]
        except (ValueError, UnicodeDecodeError) as error:  # pandas' parser errors are ValueErrors
            raise PermanentError(
                f"{file.path} can't be read as CSV ({error}); ask for it to be delivered again."
            ) from error


COUNTED_BYTES = 100_000_000
"""A file that is longer is not read only to be counted."""


def count_rows(file: StoredFile, store: Store) -> int | None:
    """The rows of a delivered file, by its footer or header, or read through; None where it is too long for that.

    Raises:
        PermanentFailure: the file can't be read.
    """
    extension = file.path.rpartition(".")[2].lower()
    if extension == "parquet":
        return _footer(store, file.path, file.path)[1]
    if file.size > COUNTED_BYTES:
        return None
    if extension == "sas7bdat":
        return _sas_rows(store, file)
    return _csv_rows(store, file) if extension == "csv" else store.read(file.path).count(b"\n")


def _sas_rows(store: Store, file: StoredFile) -> int | None:
    import pyreadstat

    try:
        with store.local_copy(file.path) as path:
            return pyreadstat.read_sas7bdat(str(path), metadataonly=True)[1].number_rows
    except pyreadstat.ReadstatError as error:
        raise PermanentError(
            f"{file.path} can't be read as SAS ({error}); ask for it to be delivered again."
        ) from error


def _csv_rows(store: Store, file: StoredFile) -> int:
    import pyarrow as pa
    import pyarrow.csv as pc

    with store.open(file.path) as content:
        header = content.readline()
    parse = pc.ParseOptions(delimiter=max(",;", key=lambda d: header.count(d.encode())), newlines_in_values=True)
    # the first column only, as it is: nothing is converted to be counted
    read = pc.ReadOptions(autogenerate_column_names=True)
    convert = pc.ConvertOptions(include_columns=["f0"], column_types={"f0": pa.binary()})
    try:
        with store.open(file.path) as content, pc.open_csv(content, read, parse, convert) as batches:
            return sum(batch.num_rows for batch in batches) - 1
    except pa.ArrowInvalid as error:
        raise PermanentError(
            f"{file.path} can't be read as CSV ({error}); ask for it to be delivered again."
        ) from error


def prepare_text_file(
    delivery: Delivery, raw: Store, lake: Store, folder: str, headers: tuple[str, ...]
) -> PreparedDelivery:
    """Make one CSV file of any size readable, every value as text and empty ones null.

    Raises:
        PermanentFailure: the file can't be read, or lacks one of `headers`.
    """
    import pyarrow as pa
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    file, path, rows = delivery.files[0], f"{folder}/text.parquet", 0
    convert = pc.ConvertOptions(
        column_types=dict.fromkeys(headers, pa.string()), strings_can_be_null=True, null_values=[""]
    )
    try:
        with raw.open(file.path) as content, pc.open_csv(content, convert_options=convert) as batches:
            if missing := [name for name in headers if name not in batches.schema.names]:
                raise PermanentError(f"{file.path} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}.")
            schema = pa.schema([pa.field(name, pa.string()) for name in headers])
            with lake.create(path) as target, pq.ParquetWriter(target, schema) as writer:
                for batch in batches:
                    writer.write_batch(batch.select(list(headers)))
                    rows += batch.num_rows
            extra = tuple(name for name in batches.schema.names if name not in headers)
    except pa.ArrowInvalid as error:
        raise PermanentError(
            f"{file.path} can't be read as CSV ({error}); ask for it to be delivered again."
        ) from error
    columns = {name: f"CAST({name} AS STRING)" for name in headers}
    return PreparedDelivery((FileGroup({lake.uri(path): file.path}, columns),), rows, extra)
