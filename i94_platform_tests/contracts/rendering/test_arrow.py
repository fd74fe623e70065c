"""Test the Arrow schema of staged files, whose types are those of the final casts."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pytest
from sqlalchemy import Column, Numeric

from i94_platform.contracts import i94mode
from i94_platform.contracts.model import column_names
from i94_platform.contracts.rendering.arrow import arrow_schema, to_arrow
from i94_platform.contracts.rendering.types import TYPES, sql_type
from i94_platform_tests.contracts.tables import EVERY, every_type


def test_every_type_is_mapped_and_the_spark_types_are_the_arrow_types_under_another_name() -> None:
    spark = {
        "INT": pa.int32(), "BIGINT": pa.int64(), "DOUBLE": pa.float64(), "DATE": pa.date32(), "BOOLEAN": pa.bool_(),
        "STRING": pa.string(),
    }  # fmt: skip
    contract = every_type()
    assert {type(c.type) for c in contract.columns} == set(TYPES)
    assert [spark[sql_type(c)] for c in contract.columns] == arrow_schema(contract).types


def test_a_type_that_is_not_mapped_is_refused() -> None:
    with pytest.raises(KeyError):
        sql_type(Column("price", Numeric()))


def test_the_staged_schema_has_every_column_in_order_and_allows_nulls_as_both_engines_write_it() -> None:
    for contract in EVERY:
        schema = arrow_schema(contract)
        assert schema.names == column_names(contract), contract.fullname
        assert all(field.nullable for field in schema), contract.fullname


def test_a_frame_becomes_the_contracts_columns_in_order_and_type() -> None:
    frame = pd.DataFrame({"label": ["Air", None], "more": [1, 2], "code": [1, 2]})
    rows = to_arrow(frame, i94mode)
    assert rows.schema == arrow_schema(i94mode)
    assert rows.to_pylist() == [{"code": 1, "label": "Air"}, {"code": 2, "label": None}]
