"""Damaged Parquet files of a month: types and layouts that say the same, and damages of columns and bytes."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from i94_platform.contracts import delivered_immigration
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform_tests.support.damage.compression import compress, damage_compressed
from i94_platform_tests.support.damage.model import Case, DeliveredRow, Delivery, Reading, Rows
from i94_platform_tests.support.damage.oracle import NUMBERS, TEXTS
from i94_platform_tests.support.damage.row_damages import ROW_DAMAGES

NAME = "i94_jan16_sub.parquet"


@dataclass
class ParquetDraft:
    """A month's Parquet before it is written. `table` has the columns of `rows`, changed or not."""

    rows: Rows
    table: pa.Table
    random: Random
    options: dict[str, Any] = field(default_factory=dict)
    layout: str = "file"
    damage_bytes: Callable[[bytes, Random], bytes] | None = None
    reading: Reading = Reading.READ

    def refuse(self, reading: Reading = Reading.REFUSED) -> None:
        """Say that the file is refused, if nothing before said so."""
        self.reading = max(self.reading, reading)

    def replace(self, column: str, values: Any) -> None:
        """Replace a column, if nothing renamed it."""
        if column in self.table.column_names:
            self.table = self.table.set_column(self.table.column_names.index(column), column, values)

    def write(self, table: pa.Table) -> bytes:
        """Write rows with the options of the draft."""
        target = io.BytesIO()
        pq.write_table(table, target, **self.options)
        return target.getvalue()


DamageDraft = Callable[[ParquetDraft], None]


def _list_whole(draft: ParquetDraft) -> list[str]:
    """List the number columns that have only whole numbers of up to 15 digits, and their original type."""
    names = []
    for name in NUMBERS:
        values = [row[name] for row in draft.rows if row[name] is not None]
        is_original = name in draft.table.column_names and pa.types.is_float64(draft.table[name].type)
        if is_original and all(value == value // 1 and abs(value) < 1e15 for value in values):
            names.append(name)
    return names


def use_integers(draft: ParquetDraft) -> None:
    for name in _list_whole(draft):
        draft.replace(name, draft.table[name].cast(pa.int64()))
        largest = max((abs(row[name]) for row in draft.rows if row[name] is not None), default=0)
        if largest < 2**15 and draft.random.random() < 0.5:
            draft.replace(name, draft.table[name].cast(draft.random.choice((pa.int16(), pa.int32()))))


def use_decimals(draft: ParquetDraft) -> None:
    type_ = draft.random.choice((pa.decimal128(18, 0), pa.decimal128(20, 2)))
    for name in _list_whole(draft):
        draft.replace(name, draft.table[name].cast(pa.int64()).cast(pa.decimal128(38, type_.scale)).cast(type_))


def shorten_floats(draft: ParquetDraft) -> None:
    """Use 32 bits, which keep seven digits."""
    column = draft.random.choice(_list_whole(draft) or ["admnum"])
    if column in draft.table.column_names:
        draft.replace(column, draft.table[column].cast(pa.float32(), safe=False))
        is_exact = all(abs(row[column] or 0) < 2**24 for row in draft.rows)
        is_long = column in ("cicid", "admnum")
        draft.refuse(Reading.REFUSED if is_long else Reading.READ if is_exact else Reading.EITHER)


def use_text_types(draft: ParquetDraft) -> None:
    types = (pa.dictionary(pa.int32(), pa.string()), pa.large_string(), pa.string_view(), pa.binary())
    for name in TEXTS:
        if name in draft.table.column_names and pa.types.is_string(draft.table[name].type):
            draft.replace(name, draft.table[name].cast(draft.random.choice(types)))


def use_nan(draft: ParquetDraft) -> None:
    for name in NUMBERS:
        if name in draft.table.column_names and pa.types.is_float64(draft.table[name].type):
            draft.replace(name, pc.fill_null(draft.table[name], float("nan")))


def drop_types(draft: ParquetDraft) -> None:
    """Store columns without any value as type null."""
    for name in TEXTS + NUMBERS:
        if all(row[name] is None for row in draft.rows):
            draft.replace(name, pa.nulls(draft.table.num_rows))


def retype_number_as_text(draft: ParquetDraft) -> None:
    column = draft.random.choice(NUMBERS)
    draft.replace(
        column, pa.array([None if row[column] is None else str(row[column]) for row in draft.rows], pa.string())
    )
    draft.refuse(Reading.EITHER if all(row[column] is None for row in draft.rows) else Reading.REFUSED)


def retype_text_as_number(draft: ParquetDraft) -> None:
    column = draft.random.choice(("fltno", "insnum", "dtaddto"))
    draft.replace(column, pa.array([1.0] * draft.table.num_rows))
    draft.refuse()


def retype_as_date(draft: ParquetDraft) -> None:
    column = draft.random.choice(("arrdate", "depdate"))
    type_ = draft.random.choice((pa.date32(), pa.timestamp("us"), pa.timestamp("ns")))
    draft.replace(column, pa.array([None] * draft.table.num_rows, type_))
    draft.refuse()


def change_case(draft: ParquetDraft) -> None:
    change = draft.random.choice((str.upper, str.title, lambda name: f" {name} "))
    draft.table = draft.table.rename_columns([change(name) for name in draft.table.column_names])


def lose_column(draft: ParquetDraft) -> None:
    draft.table = draft.table.remove_column(draft.random.randrange(draft.table.num_columns))
    draft.refuse()


def repeat_column(draft: ParquetDraft) -> None:
    name = draft.random.choice(draft.table.column_names)
    draft.table = draft.table.append_column(draft.random.choice((name, name.swapcase())), draft.table[name])
    draft.refuse()


def move_columns(draft: ParquetDraft) -> None:
    order = list(range(draft.table.num_columns))
    draft.random.shuffle(order)
    draft.table = draft.table.select(order)


def add_columns(draft: ParquetDraft) -> None:
    rows = draft.table.num_rows
    draft.table = draft.table.append_column("validres", pa.array([1] * rows, pa.int64()))
    nested: Any = draft.random.choice(([[1]], [{"a": 1}], [b"x"], [None], [True]))
    draft.table = draft.table.append_column("unreadable", pa.array(nested * rows))


def store_otherwise(draft: ParquetDraft) -> None:
    draft.options |= {
        "compression": draft.random.choice(("none", "snappy", "gzip", "zstd", "brotli", "lz4")),
        "row_group_size": draft.random.choice((7, 50, 1000)),
        "use_dictionary": draft.random.random() < 0.5,
        "data_page_version": draft.random.choice(("1.0", "2.0")),
        "version": draft.random.choice(("1.0", "2.4", "2.6")),
    }


def split_into_parts(draft: ParquetDraft) -> None:
    draft.layout = "parts"


def lose_part(draft: ParquetDraft) -> None:
    draft.layout = "part lost"


def damage_part(draft: ParquetDraft) -> None:
    draft.layout = "part damaged"
    draft.refuse()


def repeat_part(draft: ParquetDraft) -> None:
    draft.layout = "part repeated"
    draft.refuse(Reading.EITHER)


def partition_by_column(draft: ParquetDraft) -> None:
    draft.layout = "partitioned"


def rename_file(draft: ParquetDraft) -> None:
    draft.layout = "other name"
    draft.refuse(Reading.EITHER)


def compress_file(draft: ParquetDraft) -> None:
    draft.layout = "compressed"


def break_compression(draft: ParquetDraft) -> None:
    draft.layout = "compression broken"


def cut(content: bytes, random: Random) -> bytes:
    return content[: random.randrange(len(content))]


def cut_head(content: bytes, random: Random) -> bytes:
    return content[random.randrange(1, len(content)) :]


def append_bytes(content: bytes, random: Random) -> bytes:
    return content + random.choice((b"\n", bytes(64), b"PAR0"))


def overwrite_footer(content: bytes, random: Random) -> bytes:
    length = int.from_bytes(content[-8:-4], "little")
    place = len(content) - 8 - random.randrange(length // 2, length)
    return content[:place] + bytes(48) + content[place + 48 :]


def remove_pages(content: bytes, random: Random) -> bytes:
    """Take bytes out of the middle, so that pages are not where the footer says."""
    length = int.from_bytes(content[-8:-4], "little")
    place = random.randrange(8, max(9, (len(content) - length) // 2))
    return content[:place] + content[place + random.randrange(20, 200) :]


BYTE_DAMAGES = {
    "cut": cut,
    "head cut": cut_head,
    "bytes appended": append_bytes,
    "footer overwritten": overwrite_footer,
    "pages removed": remove_pages,
}


def _damage_bytes(name: str) -> DamageDraft:
    def damage(draft: ParquetDraft) -> None:
        draft.damage_bytes = BYTE_DAMAGES[name]
        draft.refuse()

    return damage


TYPE_DAMAGES: dict[str, DamageDraft] = {
    "integers": use_integers,
    "decimals": use_decimals,
    "short floats": shorten_floats,
    "text types": use_text_types,
    "NaN": use_nan,
    "no types": drop_types,
    "number as text": retype_number_as_text,
    "text as number": retype_text_as_number,
    "days as dates": retype_as_date,
}
COLUMN_DAMAGES: dict[str, DamageDraft] = {
    "upper case": change_case,
    "column lost": lose_column,
    "column repeated": repeat_column,
    "columns moved": move_columns,
    "further columns": add_columns,
    "stored otherwise": store_otherwise,
}
LAYOUT_DAMAGES: dict[str, DamageDraft] = {
    "parts": split_into_parts,
    "part lost": lose_part,
    "part damaged": damage_part,
    "part repeated": repeat_part,
    "Hive partitions": partition_by_column,
    "other name": rename_file,
    "compressed": compress_file,
    "compression broken": break_compression,
    **{name: _damage_bytes(name) for name in BYTE_DAMAGES},
}
DRAFT_DAMAGES = TYPE_DAMAGES | COLUMN_DAMAGES | LAYOUT_DAMAGES


def build_parquet(case: Case, rows: Rows, folder: Path) -> Delivery:
    """Build the delivery of a case."""
    random = case.random
    for name in case.damages:
        if name in ROW_DAMAGES:
            rows = ROW_DAMAGES[name](rows, random)
    draft = ParquetDraft(rows, pa.Table.from_pylist(rows, arrow_schema(delivered_immigration)), random)
    for name in case.damages:
        if name in DRAFT_DAMAGES:
            DRAFT_DAMAGES[name](draft)
    files, delivered = _LAYOUTS.get(draft.layout, _write_file)(draft)
    if draft.damage_bytes:
        last = max(files)
        files[last] = draft.damage_bytes(files[last], random)
    return Delivery(files, delivered, draft.reading)


def _number(file: str, rows: Rows) -> list[DeliveredRow]:
    return [DeliveredRow(file, number, row) for number, row in enumerate(rows, 1)]


Layout = tuple[dict[str, bytes], list[DeliveredRow]]


def _write_file(draft: ParquetDraft) -> Layout:
    name = "sas_data/part-00000.parquet" if draft.layout == "other name" else NAME
    return {name: draft.write(draft.table)}, _number(name, draft.rows)


def _write_compressed(draft: ParquetDraft) -> Layout:
    content = draft.write(draft.table)
    if draft.layout == "compressed":
        name, compressed = compress(NAME, content, draft.random)
    else:
        name, compressed, reading = damage_compressed(NAME, content, draft.random)
        draft.refuse(reading)
    return {name: compressed}, _number(name, draft.rows)


def _write_parts(draft: ParquetDraft) -> Layout:
    size = max(1, -(-len(draft.rows) // draft.random.choice((2, 3, 12))))
    starts = range(0, max(1, len(draft.rows)), size)
    files, delivered = dict[str, bytes](), list[DeliveredRow]()
    lost = draft.random.choice(starts) if draft.layout == "part lost" and len(starts) > 1 else None
    for number, start in enumerate(starts):
        name = f"{NAME}/part-{number:05}.snappy.parquet"
        if start != lost:
            files[name] = draft.write(draft.table.slice(start, size))
            delivered += _number(name, draft.rows[start : start + size])
    last = max(files)
    if draft.layout == "part damaged":
        files[last] = cut(files[last], draft.random)
    if draft.layout == "part repeated":
        copy = last.replace("part-", "part-copy-")
        files[copy] = files[last]
        delivered += _number(copy, [dict(row.values) for row in delivered if row.file == last])
    return files, delivered


def _write_partitions(draft: ParquetDraft) -> Layout:
    column = draft.random.choice(("i94port", "i94visa", "i94mode", "visatype"))
    if column not in draft.table.column_names or any(row[column] != row[column] for row in draft.rows):
        return _write_file(draft)
    files, delivered = dict[str, bytes](), list[DeliveredRow]()
    for value in dict.fromkeys(row[column] for row in draft.rows):
        places = [place for place, row in enumerate(draft.rows) if row[column] == value]
        text = "__HIVE_DEFAULT_PARTITION__" if value is None else quote(str(value), safe=" ")
        name = f"{NAME}/{column}={text}/part-0.parquet"
        files[name] = draft.write(draft.table.take(places).drop_columns([column]))
        delivered += _number(name, [draft.rows[place] for place in places])
    return (files, delivered) if files else _write_file(draft)


_LAYOUTS: dict[str, Callable[[ParquetDraft], Layout]] = {
    "parts": _write_parts,
    "part lost": _write_parts,
    "part damaged": _write_parts,
    "part repeated": _write_parts,
    "partitioned": _write_partitions,
    "compressed": _write_compressed,
    "compression broken": _write_compressed,
}
