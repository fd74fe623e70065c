"""The warehouses that the suite runs over, and staged months small enough to count by hand.

To add a warehouse, write a fixture that returns a way to reach a fresh one, and add its name to `WAREHOUSES`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import Table

from i94_platform.contracts import i94mode, immigration
from i94_platform.contracts.model import required_columns
from i94_platform.contracts.render import arrow_schema
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.local import LocalStore
from i94_platform.lake.manifest import Manifest
from i94_platform.warehouse.base import Warehouse
from i94_platform.warehouse.duckdb import DuckDBWarehouse

WAREHOUSES = ("duckdb_warehouse",)

Reach = Callable[..., Warehouse]
"""Opens the warehouse of a test, also in another process; takes `lock_timeout` in seconds."""

PARENTS: dict[str, dict[str, Any]] = {
    "i94port": {"code": "NYC", "label": "NEW YORK, NY", "status": "valid"},
    "i94addr": {"code": "NY", "label": "NEW YORK"},
    "i94visa": {"code": 2, "label": "Pleasure"},
    "i94mode": {"code": 1, "label": "Air"},
}
"""The row of each code list that the arrivals here refer to; the calendar has the first days of April and May 2016."""


def reach_duckdb(folder: Path, lock_timeout: float = 0.3) -> Warehouse:
    """The embedded warehouse in a folder."""
    return DuckDBWarehouse(folder / "warehouse.duckdb", folder / "scratch", "500MB", lock_timeout)


@pytest.fixture
def duckdb_warehouse(tmp_path: Path) -> Reach:
    """A way to reach an embedded warehouse that does not exist yet."""
    return partial(reach_duckdb, tmp_path / "warehouse")


@pytest.fixture(params=WAREHOUSES)
def reach(request: pytest.FixtureRequest) -> Reach:
    """A way to reach each warehouse in turn; nothing is in it, not even tables."""
    way: Reach = request.getfixturevalue(request.param)
    return way


@pytest.fixture
def bare(reach: Reach) -> Warehouse:
    """A warehouse that nobody has created yet."""
    return reach()


@pytest.fixture
def warehouse(bare: Warehouse) -> Warehouse:
    """A warehouse with its tables and the code lists and days that arrivals refer to."""
    bare.create()
    with bare.transaction(purpose="prepare a test") as transaction:
        for name, row in PARENTS.items():
            columns = ", ".join(row)
            values = ", ".join(f":{column}" for column in row)
            transaction.execute(f"INSERT INTO i94.{name} ({columns}) VALUES ({values})", row)
        for day in (dt.date(2016, 4, 1), dt.date(2016, 5, 1)):
            transaction.execute(
                "INSERT INTO i94.calendar VALUES (:date, 2016, 2, :month, 1, 1, 1, '', '', false)",
                {"date": day, "month": day.month},
            )
    return bare


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """The lake that the months are staged in."""
    return Lake(LocalStore(tmp_path / "lake"))


class Staging:
    """Commits small datasets, each under a run of its own."""

    def __init__(self, lake: Lake) -> None:
        self._lake, self._runs = lake, 0

    def month(self, key: str, cicids: Iterable[int], **values: Any) -> Manifest:
        """A month of arrivals with these numbers; `values` replaces columns in every row."""
        return self.commit(immigration, Dataset("staged/immigration", key), arrivals(key, cicids, **values))

    def modes(self, rows: Mapping[int, str]) -> Manifest:
        """The code list of modes: a table without months."""
        listed = [{"code": code, "label": label} for code, label in rows.items()]
        return self.commit(i94mode, Dataset("warehouse/i94mode"), listed)

    def commit(self, contract: Table, dataset: Dataset, rows: Sequence[Mapping[str, Any]]) -> Manifest:
        """The manifest of a dataset that has these rows."""
        self._runs += 1
        table = pa.Table.from_pylist(list(rows), arrow_schema(contract))
        return self._lake.write_table(dataset, f"run{self._runs}", contract, table, fingerprint=f"version {self._runs}")


@pytest.fixture
def staging(lake: Lake) -> Staging:
    """What stages months and tables for a test."""
    return Staging(lake)


def arrivals(key: str, cicids: Iterable[int], **values: Any) -> list[dict[str, Any]]:
    """Rows of the fact that keep every rule; `values` replaces columns in every row."""
    year, month = map(int, key.split("-"))
    row = dict.fromkeys(arrow_schema(immigration).names) | {
        "i94yr": year, "i94mon": month, "i94port": "NYC", "arrdate": dt.date(year, month, 1), "i94mode": 1,
        "i94addr": "NY", "i94visa": 2, "duration_of_status": False,
    }  # fmt: skip
    assert not [name for name in required_columns(immigration) if row[name] is None and name != "cicid"]
    return [row | {"cicid": number} | values for number in cicids]
