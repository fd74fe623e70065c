"""The preparation of a delivery for an engine: Parquet that engines read stays where it lies, the rest is converted.

A conversion takes memory for one batch of rows. It does not judge values: a text in a number's place is put into the
column `unreadable`. The rows of each file are counted twice: by the reader, and by other means.
"""

from __future__ import annotations

import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from i94_platform.contracts.immigration import NUMBER_COLUMNS
from i94_platform.engine.base import FileGroup
from i94_platform.errors import PermanentError, PlatformError
from i94_platform.lake.store import Store, StoredFile
from i94_platform.progress import advance_progress
from i94_platform.sources import csv
from i94_platform.sources.column_names import match_columns
from i94_platform.sources.compression import COPY_BYTES, check_delivered, detect_compression, open_decompressed
from i94_platform.sources.conversion_processes import convert_in_order
from i94_platform.sources.csv_conversion import UNREADABLE_COLUMN, convert_arrivals
from i94_platform.sources.delivery import Delivery
from i94_platform.sources.immigration import DELIVERED_COLUMNS, is_arrival
from i94_platform.sources.parquet import check_pages, convert_parquet, converted_schema, read_footer, read_layout
from i94_platform.sources.sas import SasPart, SasReport, read_sas_part, split_sas
from i94_platform.sources.spellings import render_text_or_null

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK_ROWS = 100_000
"""Rows of a SAS file that each process of a conversion holds at a time: about 100 MB."""

_SCHEMA_OF_CONVERTED = (("converted", ""),)


@dataclass(frozen=True)
class PreparedDelivery:
    """A delivery that an engine can read, and what is known of it."""

    groups: tuple[FileGroup, ...]
    """The files, by schema."""
    rows: int
    """The rows that an engine will find."""
    independent_rows: dict[str, int]
    """The rows of each delivered file, counted without the reader that converts it."""
    extra_columns: tuple[str, ...]
    """The columns without contract."""
    remarks: tuple[str, ...] = ()
    """What a file has that a person should know, one sentence each."""
    deleted_rows: int = 0
    """The rows that SAS files mark as deleted; they are in no other count."""


@dataclass(frozen=True)
class _PreparedFile:
    url: str
    schema: tuple[tuple[str, str], ...]
    casts: tuple[tuple[str, str], ...]
    rows: int
    independent_rows: int
    extra_columns: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    deleted_rows: int = 0


def prepare_arrivals(delivery: Delivery, raw: Store, lake: Store, folder: str) -> PreparedDelivery:
    """Prepare a month; what engines can't read as it is is converted into `folder` of the lake.

    Raises:
        PermanentError: a file can't be read, a column of the contract is missing or of another kind, or the reader
            found other rows than the file has.
    """
    files = {}
    for number, file in enumerate(delivery.files):
        prepare_file = _PREPARE[_detect_format(file.path)]
        prepared = files[file.path] = prepare_file(raw, file, lake, f"{folder}/{number}")
        if prepared.rows != prepared.independent_rows:
            raise PermanentError(
                f"{file.path} can't be read whole: {prepared.rows:,} rows were read, but the file has "
                f"{prepared.independent_rows:,}; ask for it to be delivered again."
            )
    groups: dict[Any, dict[str, str]] = defaultdict(dict)
    for path, prepared in files.items():
        groups[prepared.schema, prepared.casts][prepared.url] = path
    return PreparedDelivery(
        tuple(FileGroup(urls, dict(casts)) for (_, casts), urls in groups.items()),
        sum(prepared.rows for prepared in files.values()),
        {path: prepared.independent_rows for path, prepared in files.items()},
        tuple(sorted({name for prepared in files.values() for name in prepared.extra_columns})),
        tuple(remark for prepared in files.values() for remark in prepared.remarks),
        sum(prepared.deleted_rows for prepared in files.values()),
    )


@contextmanager
def name_damaged_files(prepared: PreparedDelivery, raw: Store) -> Iterator[None]:
    """Name the damaged file where an engine fails to read Parquet that lies where it was delivered.

    Raises:
        PermanentError: the engine failed, and a page of a file can't be read.
    """
    try:
        yield
    except PlatformError:
        raise
    except Exception:
        for url, path in ((url, path) for group in prepared.groups for url, path in group.files.items()):
            if url == raw.uri(path):
                check_pages(raw, path, path)
        raise


def prepare_text_file(
    delivery: Delivery, raw: Store, lake: Store, folder: str, columns: tuple[str, ...]
) -> PreparedDelivery:
    """Prepare these columns of one CSV file of any size, all text; empty cells are null.

    Raises:
        PermanentError: the file can't be read, or lacks a column.
    """
    file, path = delivery.files[0], f"{folder}/text.parquet"
    with lake.create(path) as target:
        rows, extra = csv.convert_csv(raw, file, columns, target)
    casts = {name: f"CAST({name} AS STRING)" for name in columns}
    return PreparedDelivery((FileGroup({lake.uri(path): file.path}, casts),), rows, {file.path: rows}, extra)


def _detect_format(path: str) -> str:
    """The format by the ending; a part that has none is Parquet."""
    parts = path.rpartition("/")[2].lower().split(".")
    if len(parts) > 1 and detect_compression(path):
        parts.pop()
    return parts[-1] if parts[-1] in _PREPARE else "parquet"


def _prepare_parquet(raw: Store, file: StoredFile, lake: Store, target: str) -> _PreparedFile:
    check_delivered(raw, file, "parquet")
    store, path = raw, file.path
    if detect_compression(file.path):
        store, path = lake, f"{target}.delivered.parquet"
        with open_decompressed(raw, file.path) as content, lake.create(path) as copy:
            shutil.copyfileobj(content, copy, COPY_BYTES)
    layout = read_layout(store, path, file.path)
    schema, casts, rows = layout.schema, _render_casts(has_unreadable=False), layout.rows
    if not layout.is_readable_by_engines:
        converted = f"{target}.parquet"
        with lake.create(converted) as output:
            convert_parquet(store, path, file.path, layout, output)
        store, path, schema = lake, converted, _SCHEMA_OF_CONVERTED
        rows = read_footer(lake, converted, file.path)[1]
    return _PreparedFile(store.uri(path), schema, casts, rows, layout.rows, layout.extra_columns)


def _prepare_csv(raw: Store, file: StoredFile, lake: Store, target: str) -> _PreparedFile:
    content, path = csv.open_csv(raw, file, DELIVERED_COLUMNS, is_arrival), f"{target}.parquet"
    with lake.create(path) as output:
        spellings = convert_arrivals(content, output)
    return _PreparedFile(
        lake.uri(path),
        _SCHEMA_OF_CONVERTED,
        _render_casts(has_unreadable=True, spellings=spellings),
        read_footer(lake, path, file.path)[1],
        content.rows,
        tuple(content.extra_columns),
        content.remarks,
    )


def _prepare_sas(raw: Store, file: StoredFile, lake: Store, target: str) -> _PreparedFile:
    import pyarrow.parquet as pq

    check_delivered(raw, file, "sas7bdat")
    path, report = f"{target}.parquet", SasReport()
    parts = split_sas(raw, file, CHUNK_ROWS, report)
    with lake.create(path) as output, pq.ParquetWriter(output, converted_schema()) as writer:
        for rows, latin_1_texts in convert_in_order(_convert_sas_part, parts):
            writer.write_table(rows)
            report.latin_1_texts.update(latin_1_texts)
            advance_progress(rows.num_rows)
    return _PreparedFile(
        lake.uri(path),
        _SCHEMA_OF_CONVERTED,
        _render_casts(has_unreadable=False),
        read_footer(lake, path, file.path)[1],
        report.rows,
        report.extra_columns,
        report.list_remarks(file.path),
        report.deleted_rows,
    )


def _convert_sas_part(part: SasPart) -> tuple[pa.Table, Counter[str]]:
    import pyarrow as pa

    frame, latin_1_texts = read_sas_part(part)
    schema = converted_schema()
    names = match_columns(part.path, frame.columns, DELIVERED_COLUMNS)
    arrays = [pa.array(frame[names[field.name]], type=field.type, from_pandas=True) for field in schema]
    return pa.table(arrays, schema=schema), latin_1_texts


_PREPARE: dict[str, Callable[[Store, StoredFile, Store, str], _PreparedFile]] = {
    "parquet": _prepare_parquet,
    "csv": _prepare_csv,
    "sas7bdat": _prepare_sas,
}
"""The preparation of one file, by format. The last argument is the path, without ending, of its result in the lake."""


def _render_casts(*, has_unreadable: bool, spellings: frozenset[str] = frozenset()) -> tuple[tuple[str, str], ...]:
    """Render the casts to the delivered contract's types, which change nothing in the usual file."""
    casts = {name: f"CAST({name} AS {'DOUBLE' if name in NUMBER_COLUMNS else 'STRING'})" for name in DELIVERED_COLUMNS}
    if spellings:
        casts |= {name: render_text_or_null(name, spellings) for name in casts if name not in NUMBER_COLUMNS}
    return tuple((casts | {UNREADABLE_COLUMN: UNREADABLE_COLUMN if has_unreadable else "CAST(NULL AS STRING)"}).items())
