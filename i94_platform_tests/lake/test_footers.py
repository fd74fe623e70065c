"""Pins what footers are taken for: a span that says too much would let a broken month pass its checks unread."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from i94_platform.lake.footers import read_column_stats
from i94_platform.sql.rules import ColumnStats


def written(values: list[Any], type_: pa.DataType | None = None, **options: Any) -> io.BytesIO:
    """A file with one column, of integers unless told, in row groups of two rows."""
    file = io.BytesIO()
    pq.write_table(pa.table({"n": pa.array(values, type_ or pa.int32())}), file, row_group_size=2, **options)
    return file


def test_a_span_covers_every_row_group_of_every_file() -> None:
    found = read_column_stats([written([3, None, 7, 5]), written([-2, 4]), written([])])
    assert found == {"n": ColumnStats(1, -2, 7)}


def test_a_column_of_nulls_has_a_span_without_ends() -> None:
    assert read_column_stats([written([None, None, None])]) == {"n": ColumnStats(3, None, None)}


def test_a_column_of_which_one_file_tells_nothing_has_no_span() -> None:
    assert read_column_stats([written([1]), written([2], write_statistics=False)]) == {}


def test_dates_and_truth_values_have_spans() -> None:
    first, last = dt.date(2016, 4, 1), dt.date(2016, 4, 30)
    assert read_column_stats([written([last, first], pa.date32())]) == {"n": ColumnStats(0, first, last)}
    assert read_column_stats([written([True, False], pa.bool_())]) == {"n": ColumnStats(0, False, True)}
