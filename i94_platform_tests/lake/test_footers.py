"""Footers: a file with other columns than its contract is rejected, and statistics prove no more than is true.

Wrong statistics would let a broken month pass its checks unread.
"""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from i94_platform.contracts import i94mode, immigration
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.errors import PermanentError
from i94_platform.lake.footers import read_column_stats, verify_footer
from i94_platform.sql.rules import ColumnStats


def write_table(rows: pa.Table) -> io.BytesIO:
    file = io.BytesIO()
    pq.write_table(rows, file)
    return file


@pytest.mark.parametrize(
    ("names", "types", "difference"),
    [
        (["label", "code"], [pa.string(), pa.int32()], "column 1 is label string, expected code int32; column 2 is c"),
        (["code", "name"], [pa.int32(), pa.string()], "column 2 is name string, expected label string"),
        (["code", "label"], [pa.int64(), pa.string()], "column 1 is code int64, expected code int32"),
        (["code", "label"], [pa.int32(), pa.large_string()], "column 2 is label large_string, expected label string"),
        (["code"], [pa.int32()], "1 columns, expected 2"),
        (["code", "label", "more"], [pa.int32(), pa.string(), pa.string()], "3 columns, expected 2"),
    ],
)
def test_a_file_whose_columns_differ_in_order_name_type_or_number_is_rejected(
    names: list[str], types: list[pa.DataType], difference: str
) -> None:
    file = write_table(pa.schema(zip(names, types, strict=True)).empty_table())
    with pytest.raises(PermanentError) as raised:
        verify_footer(file, "part-1.parquet", i94mode)
    message = str(raised.value)
    assert difference in message
    assert "part-1.parquet" in message
    assert "i94mode" in message


def test_swapped_columns_of_one_type_are_rejected() -> None:
    """Redshift matches Parquet by position and would load year and month into each other's column."""
    schema = arrow_schema(immigration)
    swapped = [*schema.names]
    swapped[1], swapped[2] = swapped[2], swapped[1]
    with pytest.raises(PermanentError, match="column 2 is i94mon int32, expected i94yr int32; column 3 is i94yr int32"):
        verify_footer(write_table(schema.empty_table().select(swapped)), "p.parquet", immigration)


def write_column(values: list[Any], type_: pa.DataType | None = None, **options: Any) -> io.BytesIO:
    """Write a file with one column, of integers by default, in row groups of two rows."""
    file = io.BytesIO()
    pq.write_table(pa.table({"n": pa.array(values, type_ or pa.int32())}), file, row_group_size=2, **options)
    return file


def test_statistics_cover_every_row_group_of_every_file() -> None:
    stats = read_column_stats([write_column([3, None, 7, 5]), write_column([-2, 4]), write_column([])])
    assert stats == {"n": ColumnStats(1, -2, 7)}


def test_a_column_of_nulls_has_no_bounds() -> None:
    assert read_column_stats([write_column([None, None, None])]) == {"n": ColumnStats(3, None, None)}


def test_a_column_without_statistics_in_one_file_has_none() -> None:
    assert read_column_stats([write_column([1]), write_column([2], write_statistics=False)]) == {}


def test_dates_and_booleans_have_statistics() -> None:
    first, last = dt.date(2016, 4, 1), dt.date(2016, 4, 30)
    assert read_column_stats([write_column([last, first], pa.date32())]) == {"n": ColumnStats(0, first, last)}
    assert read_column_stats([write_column([True, False], pa.bool_())]) == {"n": ColumnStats(0, False, True)}
