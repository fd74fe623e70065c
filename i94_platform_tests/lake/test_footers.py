"""Pins what footers are taken for: a span that says too much would let a broken month pass its checks unread."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from i94_platform.contracts import immigration, world_temperature
from i94_platform.lake.footers import read_column_stats
from i94_platform.sql.rules import ColumnStats, ContractRule, contract_rules


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


def rule(kind: str, column: str, contract: Any = immigration) -> ContractRule:
    (found,) = [rule for rule in contract_rules(contract, "t", [kind]) if rule.column == column]
    return found


@pytest.mark.parametrize(
    ("kind", "column", "span", "kept"),
    [
        ("not_null", "i94port", ColumnStats(0, "ABC", "XYZ"), True),
        ("not_null", "i94port", ColumnStats(1, "ABC", "XYZ"), False),
        ("ranges", "i94bir", ColumnStats(9, -5, 125), True),
        ("ranges", "i94bir", ColumnStats(0, -6, 125), False),
        ("ranges", "i94bir", ColumnStats(0, -5, 126), False),
        ("ranges", "i94bir", ColumnStats(3, None, None), True),
        ("ranges", "admnum", ColumnStats(0, 0, 10**12), True),
        ("ranges", "admnum", ColumnStats(0, -1, 10**12), False),
        ("allowed_values", "count", ColumnStats(0, 1, 1), True),
        ("allowed_values", "count", ColumnStats(0, 1, 2), False),
        ("allowed_values", "matflag", ColumnStats(5, "M", "M"), True),
        ("allowed_values", "gender", ColumnStats(5, "F", "M"), False),
        ("allowed_values", "matflag", ColumnStats(2, None, None), True),
    ],
)
def test_a_span_shows_that_a_rule_is_kept_or_leaves_it_open(
    kind: str, column: str, span: ColumnStats, kept: bool
) -> None:
    assert rule(kind, column).satisfied_by(span) == kept


def test_no_span_of_floats_shows_anything_since_it_passes_over_nan() -> None:
    assert not rule("ranges", "latitude", world_temperature).satisfied_by(ColumnStats(0, 1.0, 2.0))


def test_no_span_shows_that_keys_differ() -> None:
    (key,) = contract_rules(immigration, "t", ["key_unique"])
    assert not key.satisfied_by(ColumnStats(0, 1, 2))
