"""Eight arrivals of April 2016 with everything that a mart must not lose, and the dimensions that they refer to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from sqlalchemy import Table

from i94_platform.contracts import MONTHLY_MARTS, immigration
from i94_platform.contracts.model import key_columns
from i94_platform.lake.datasets import Dataset
from i94_platform.marts.rendering import render_month_query
from i94_platform.partitions import Month
from i94_platform.warehouse.base import Warehouse
from i94_platform.warehouse.loading import MartQuery
from i94_platform.warehouse.transaction import Transaction
from i94_platform_tests.support.warehouses import Staging, arrivals

MARTS = {mart.name: mart for mart in MONTHLY_MARTS}
APRIL, MAY = Month(2016, 4), Month(2016, 5)

COUNTRY_COLUMNS = (
    "code", "label", "name", "status", "iso3", "continent", "region", "mean_temperature", "temperature_cities",
)  # fmt: skip
COUNTRIES = (
    (135, "UNITED KINGDOM", "United Kingdom", "valid", "GBR", "Europe", "Northern Europe", 9.2, 7),
    (689, "BRAZIL", "Brazil", "valid", "BRA", "America", "South America", 25.0, 3),
    (245, "IVORY COAST", "Côte d'Ivoire: 100%", "valid", "CIV", "Africa", "Western Africa", None, None),
    (311, "Collapsed Tanzania", "Tanzania (collapsed code)", "collapsed", "TZA", "Africa", "Eastern Africa", 22.1, 1),
    (148, "unlisted code 148", "code 148 (likely Germany)", "unlisted", None, None, None, None, None),
)
STATE_COLUMNS = (
    "code", "label", "name", "cities", "median_age", "male_population", "female_population", "city_population",
    "foreign_born",
)  # fmt: skip
STATES = (
    ("NY", "NEW YORK", "New York", 2, 35.5, 40, 60, 100, 30),
    ("VT", "VERMONT", "Vermont", 0, None, None, None, None, None),
    ("99", "All Other Codes", "not given or not listed", 0, None, None, None, None, None),
)
ARRIVALS: tuple[dict[str, Any], ...] = (
    {"i94cit": 135, "i94res": 135, "airline": "BA", "gender": "F", "i94bir": 17},
    {"i94cit": 135, "i94res": 689, "airline": "BA", "gender": "F", "i94bir": 18},
    {"i94cit": 148, "i94res": 689, "airline": "*GA", "gender": "M", "i94bir": 65},
    {"i94cit": 148, "i94res": 689, "airline": "VES", "gender": "X", "i94bir": 114, "i94addr": "99"},
    {"i94cit": 148, "i94res": 135, "airline": None, "gender": None, "i94bir": None, "i94addr": "VT"},
    {"i94cit": None, "i94res": None, "airline": None, "gender": "U", "i94bir": -3, "i94addr": "99"},
    {"i94cit": 311, "i94res": 245, "airline": "BA", "gender": "F", "i94bir": 30, "i94visa": 1},
    {"i94cit": 135, "i94res": 311, "airline": "BA", "gender": "F", "i94bir": 17},
)

every_mart = pytest.mark.parametrize("mart", MONTHLY_MARTS, ids=lambda mart: mart.name)


def refresh_all(warehouse: Warehouse) -> Warehouse:
    """Refresh every mart for April."""
    warehouse.refresh_marts(APRIL, [_month_query(mart, APRIL, warehouse) for mart in MONTHLY_MARTS], "r2")
    return warehouse


def load_arrivals(warehouse: Warehouse, staging: Staging) -> Warehouse:
    """Load the dimensions, those arrivals in April, and one in May."""
    with warehouse.transaction(purpose="prepare a test") as transaction:
        _insert(transaction, "i94.country", COUNTRY_COLUMNS, COUNTRIES)
        for code, label in (("VT", "VERMONT"), ("99", "All Other Codes")):
            transaction.execute("INSERT INTO i94.i94addr VALUES (:code, :label)", {"code": code, "label": label})
        transaction.execute("INSERT INTO i94.i94visa VALUES (1, 'Business')")
        _insert(transaction, "i94.state", STATE_COLUMNS, STATES)
    rows = [row for n, values in enumerate(ARRIVALS, 1) for row in arrivals("2016-04", [n], **values)]
    warehouse.replace(immigration, staging.commit(immigration, Dataset("staged/immigration", "2016-04"), rows), "r1")
    warehouse.replace(immigration, staging.month("2016-05", [1], i94cit=135, i94res=135), "r1")
    return warehouse


def _insert(transaction: Transaction, table: str, names: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    for row in rows:
        sql = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})"
        transaction.execute(sql, dict(zip(names, row, strict=True)))


def refresh(warehouse: Warehouse, mart: Table, month: Month = APRIL, run_id: str = "r2") -> int:
    """Refresh a mart for a month, and return how many rows it has then."""
    (refreshed,) = warehouse.refresh_marts(month, [_month_query(mart, month, warehouse)], run_id)
    return refreshed.rows


def _month_query(mart: Table, month: Month, warehouse: Warehouse) -> MartQuery:
    return MartQuery(mart, render_month_query(mart, warehouse.dialect), f"version of {month.key}")


def read_rows(warehouse: Warehouse, mart: Table, month: Month | None = APRIL) -> list[dict[str, Any]]:
    """A month's rows, or all, by key."""
    where = "WHERE i94mon = :month" if month else ""
    rows = warehouse.query(f"SELECT * FROM {mart.fullname} {where}", {"month": month.month} if month else None)
    return sorted(rows.to_pylist(), key=lambda row: [str(row[name]) for name in key_columns(mart)])


def select_sorted(warehouse: Warehouse, name: str, *columns: str) -> list[tuple[Any, ...]]:
    """Some columns of a mart, sorted."""
    return sorted((tuple(row[column] for column in columns) for row in read_rows(warehouse, MARTS[name])), key=str)
