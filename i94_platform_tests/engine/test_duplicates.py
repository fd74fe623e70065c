"""Pins the quick look for a repeated value: the same answer on both engines, however wide the values lie."""

from __future__ import annotations

import pyarrow as pa
import pytest

from i94_platform.engine.base import Engine

COLUMNS: dict[str, tuple[list[int | None], bool]] = {
    "none": ([], False),
    "nulls only": ([None, None], False),
    "nulls are not looked at": ([1, None, 2, None], False),
    "one": ([7], False),
    "all differ": ([3, 1, 2, -5, 0], False),
    "two at the ends": ([-4, 9, 3, 9], True),
    "beside nulls": ([None, 0, None, 0], True),
    "far apart, all differ": ([-(2**31), 0, 2**31 - 1], False),
    "far apart": ([2**31 - 1, -(2**31), 2**31 - 1], True),
}


@pytest.fixture(params=["duckdb", pytest.param("spark", marks=pytest.mark.spark)])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn."""
    found: Engine = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("name", COLUMNS)
def test_a_repeated_value_is_seen(engine: Engine, name: str) -> None:
    values, expected = COLUMNS[name]
    with engine.session():
        engine.register_table("numbers", pa.table({"number": pa.array(values, pa.int32())}))
        assert engine.has_duplicates("numbers", "number") is expected


def test_a_column_of_a_million_values_is_seen_through(duckdb: Engine) -> None:
    numbers = [*range(0, 2_000_000, 2), 999_998]
    with duckdb.session():
        duckdb.register_table("numbers", pa.table({"number": pa.array(numbers, pa.int64())}))
        assert duckdb.has_duplicates("numbers", "number")
        duckdb.register_table("numbers", pa.table({"number": pa.array(numbers[:-1], pa.int64())}))
        assert not duckdb.has_duplicates("numbers", "number")
