"""Damaged Parquet deliveries of a month: parts, partitions and compressed files, and what goes wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from urllib.parse import quote

import pyarrow as pa

from i94_platform.contracts import delivered_immigration
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform_tests.support.damage.compression import compress, damage_compressed
from i94_platform_tests.support.damage.model import Case, DeliveredRow, Delivery, Reading, Rows
from i94_platform_tests.support.damage.parquet_columns import COLUMN_DAMAGES, TYPE_DAMAGES, DamageDraft, ParquetDraft
from i94_platform_tests.support.damage.row_damages import ROW_DAMAGES

NAME = "i94_jan16_sub.parquet"


def split_into_parts(draft: ParquetDraft) -> None:
    draft.layout = "parts"


def lose_part(draft: ParquetDraft) -> None:
    draft.layout = "part lost"


def damage_part(draft: ParquetDraft) -> None:
    draft.layout = "part damaged"
    draft.refuse()


def repeat_part(draft: ParquetDraft) -> None:
    draft.layout = "part repeated"
    draft.refuse(Reading.UNCERTAIN)


def partition_by_column(draft: ParquetDraft) -> None:
    draft.layout = "partitioned"


def rename_file(draft: ParquetDraft) -> None:
    draft.layout = "other name"
    draft.refuse(Reading.UNCERTAIN)


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
        # without rows there are no pages to remove
        draft.refuse(Reading.UNUSABLE if draft.rows or name != "pages removed" else Reading.UNCERTAIN)

    return damage


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
    for name in draft.table.column_names:
        if pa.types.is_string_view(draft.table[name].type):  # which can't be taken from
            draft.replace(name, draft.table[name].cast(pa.string()))
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
