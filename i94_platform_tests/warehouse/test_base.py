"""Test what every warehouse offers beside loads: creating its tables, read-only queries, an empty ledger."""

from __future__ import annotations

import pytest

from i94_platform.contracts import MARTS, WAREHOUSE, immigration, load_ledger
from i94_platform.contracts.model import column_names
from i94_platform.errors import PermanentError
from i94_platform.warehouse.base import Warehouse
from i94_platform_tests.support.warehouses import (
    Staging,
    april,
    read_arrivals,
    read_ledger,
)


def test_creating_makes_every_table_of_the_contracts_with_its_columns(bare: Warehouse) -> None:
    bare.create_tables()
    for contract in (*WAREHOUSE, load_ledger, *MARTS):
        rows = bare.query(f"SELECT * FROM {contract.fullname}")
        assert (rows.column_names, rows.num_rows) == (column_names(contract), 0)


def test_creating_again_changes_nothing(warehouse: Warehouse, staging: Staging) -> None:
    warehouse.replace(immigration, staging.month("2016-04", [1]), "r1")
    warehouse.create_tables()
    assert read_arrivals(warehouse) == april(1)
    assert read_ledger(warehouse) == [("immigration", "2016-04", 1, "r1")]


def test_a_query_binds_values_by_name_and_never_formats_them_in(warehouse: Warehouse) -> None:
    rows = warehouse.query(
        "SELECT :text AS text, '10:30' AS clock, CAST(:number AS INTEGER) + 1 AS number",
        {"text": "'; DROP TABLE i94.i94mode; --", "number": 41},
    )
    assert rows.to_pylist() == [{"text": "'; DROP TABLE i94.i94mode; --", "clock": "10:30", "number": 42}]


@pytest.mark.parametrize(
    "sql", ["DELETE FROM i94.i94mode", "INSERT INTO i94.i94mode VALUES (9, 'x')", "DROP TABLE i94.i94mode"]
)
def test_a_query_cannot_change_anything(warehouse: Warehouse, sql: str) -> None:
    with pytest.raises(Exception, match="read-only"):
        warehouse.query(sql)
    assert warehouse.query("SELECT * FROM i94.i94mode").num_rows == 1


def test_a_missing_warehouse_is_an_error_that_says_what_to_do(bare: Warehouse) -> None:
    assert not bare.exists()
    with pytest.raises(PermanentError, match=r"There is no warehouse at .*; run .*'i94 create-tables' first"):
        bare.query("SELECT * FROM i94.i94mode")
    assert not bare.exists(), "a look creates nothing"
    assert bare.read_ledger() == []
