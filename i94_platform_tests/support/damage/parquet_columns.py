"""The columns of a month's Parquet: types and orders that say the same, and columns that are lost or retyped."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from i94_platform_tests.support.damage.drafts import Draft
from i94_platform_tests.support.damage.model import Reading, Rows
from i94_platform_tests.support.damage.oracle import NUMBERS, TEXTS


@dataclass
class ParquetDraft(Draft):
    """A month's Parquet before it is written. `table` has the columns of `rows`, changed or not."""

    rows: Rows
    table: pa.Table
    random: Random
    options: dict[str, Any] = field(default_factory=dict)
    layout: str = "file"
    damage_bytes: Callable[[bytes, Random], bytes] | None = None
    reading: Reading = Reading.READABLE

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
        values = draft.table[column].cast(pa.float32(), safe=False)
        draft.replace(column, values)
        # what was delivered is the short number
        shortened = values.cast(pa.float64()).to_pylist()
        draft.rows = [row | {column: value} for row, value in zip(draft.rows, shortened, strict=True)]
        draft.refuse(Reading.UNUSABLE if column in ("cicid", "admnum") else Reading.READABLE)


def use_text_types(draft: ParquetDraft) -> None:
    types = (pa.dictionary(pa.int32(), pa.string()), pa.large_string(), pa.string_view(), pa.binary())
    for name in TEXTS:
        if name in draft.table.column_names and pa.types.is_string(draft.table[name].type):
            draft.replace(name, draft.table[name].cast(draft.random.choice(types)))


def use_nan(draft: ParquetDraft) -> None:
    for name in NUMBERS:
        if name in draft.table.column_names and pa.types.is_float64(draft.table[name].type):
            nan = draft.random.choice((math.nan, -math.nan))  # whose signs differ, as those of computed ones do
            values = [nan if value is None else value for value in draft.table[name].to_pylist()]
            draft.replace(name, pa.array(values, pa.float64()))


def drop_types(draft: ParquetDraft) -> None:
    """Store columns without any value as type null."""
    for name in TEXTS + NUMBERS:
        if all(row[name] is None for row in draft.rows):
            draft.replace(name, pa.nulls(draft.table.num_rows))


def retype_number_as_text(draft: ParquetDraft) -> None:
    column = draft.random.choice(NUMBERS)
    texts = [None if row[column] is None else str(row[column]) for row in draft.rows]
    draft.replace(column, pa.array(texts, pa.string()))
    draft.refuse(Reading.UNCERTAIN if all(row[column] is None for row in draft.rows) else Reading.UNUSABLE)


def retype_text_as_number(draft: ParquetDraft) -> None:
    column = draft.random.choice(("fltno", "insnum", "dtaddto"))
    draft.replace(column, pa.array([1.0] * draft.table.num_rows, pa.float64()))
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
