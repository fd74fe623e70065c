"""Test what every contract declares: descriptions, sources, keys, rules and a layout that fit its columns."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import BigInteger, Boolean, Column, Date, Double, Integer, String

from i94_platform.contracts import ALL, MARTS, WAREHOUSE, delivered_immigration, immigration, load_ledger
from i94_platform.contracts.model import (
    column_names,
    key_columns,
    mart_metadata,
    text_limit,
    warehouse_metadata,
)
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform_tests.contracts.tables import EVERY, LOADED
from i94_platform_tests.support.contracts import required_columns

COLUMNS = {f"{contract.fullname}.{col.name}": col for contract in EVERY for col in contract.columns}
PYTHON_TYPES = {BigInteger: int, Integer: int, Double: float, Date: dt.date, Boolean: bool, String: str}


def test_every_column_has_a_description_that_no_other_of_its_table_has() -> None:
    assert not [name for name, col in COLUMNS.items() if len(str(col.comment or "").strip()) < 5]
    for contract in EVERY:
        descriptions = [str(col.comment).lower().strip(" .") for col in contract.columns]
        assert len(descriptions) == len(set(descriptions)), contract.fullname


def test_every_table_has_a_description_that_no_other_has() -> None:
    descriptions = [str(contract.comment) for contract in EVERY]
    assert len(descriptions) == len(set(descriptions))
    assert all(description.endswith(".") for description in descriptions)


def test_every_column_names_its_source() -> None:
    assert not [name for name, col in COLUMNS.items() if not col.info["source"]]


def test_names_are_lower_case_words_that_need_no_quotes() -> None:
    names = {*(contract.name for contract in EVERY), *(col.name for col in COLUMNS.values())}
    assert not [name for name in names if not re.fullmatch("[a-z][a-z0-9_]*", name)]


def test_every_table_has_a_key_that_is_never_null_and_a_grain_in_words() -> None:
    for contract in ALL:
        key = key_columns(contract)
        assert key, contract.fullname
        assert set(key) <= set(required_columns(contract)), contract.fullname
        assert contract.info["grain"].startswith("one row per "), contract.fullname


def test_every_foreign_key_names_the_key_of_a_loaded_table_of_the_same_type() -> None:
    for name, col in COLUMNS.items():
        for foreign in col.foreign_keys:
            parent = foreign.column  # raises where the target does not exist
            assert parent.table in WAREHOUSE, name
            assert key_columns(parent.table) == [parent.name], name
            assert (type(parent.type), text_limit(parent)) == (type(col.type), text_limit(col)), name


def has_rules_of_its_type(col: Column[Any]) -> bool:
    low, high, allowed = (col.info[rule] for rule in ("low", "high", "allowed"))
    type_ = PYTHON_TYPES[type(col.type)]
    values = [value for value in (low, high, *allowed) if value is not None]
    return (
        all(isinstance(value, (int, float) if type_ is float else type_) for value in values)
        and (None in (low, high) or low < high)
        and len(set(allowed)) == len(allowed)
        and all(len(value.encode()) <= (text_limit(col) or 0) for value in allowed if isinstance(value, str))
    )


def test_rules_have_the_type_of_their_column() -> None:
    assert not [name for name, col in COLUMNS.items() if not has_rules_of_its_type(col)]


def test_layout_names_columns_of_the_table() -> None:
    for contract in LOADED:
        layout = {*contract.info["sort"], contract.info["distribution"]} - {"ALL", "EVEN", "AUTO"}
        assert contract.info["sort"], contract.fullname
        assert layout <= set(column_names(contract)), contract.fullname


def test_every_loaded_text_has_a_limit_that_redshift_can_hold() -> None:
    texts = {name: text_limit(col) for name, col in COLUMNS.items() if col.table in LOADED and type(col.type) is String}
    assert texts
    assert not [name for name, limit in texts.items() if limit is None or not 0 < limit <= 65535]


def test_the_delivered_contract_is_the_28_columns_of_the_real_month() -> None:
    types = [type(c.type) for c in delivered_immigration.columns]
    assert (types.count(Double), types.count(String), len(types)) == (13, 15, 28)
    assert column_names(immigration)[:28] == column_names(delivered_immigration)


@pytest.mark.real_data
def test_the_delivered_contract_is_the_real_files_own_schema(real_data: Path) -> None:
    part = min((real_data / "i94_apr16_sub.parquet").glob("*.parquet"))
    delivered, declared = pq.read_schema(part), arrow_schema(delivered_immigration)
    assert {f.name: f.type for f in delivered} == {f.name: f.type for f in declared}


def test_every_declared_table_is_loaded_into_the_schema_of_its_layer() -> None:
    assert {c.fullname for c in (*WAREHOUSE, load_ledger)} == set(warehouse_metadata.tables)
    assert {c.fullname for c in MARTS} == set(mart_metadata.tables)
    assert {c.schema for c in LOADED} == {"i94", "mart"}


def test_a_name_is_that_of_one_loaded_table_whatever_its_schema() -> None:
    """The ledger knows a table by its name alone."""
    names = [c.name for c in LOADED]
    assert len(names) == len(set(names))
