"""Prepare what has landed, and read it as an engine does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from i94_platform.engine.base import Engine
from i94_platform.lake.local import LocalStore
from i94_platform.sources.delivery import Delivery
from i94_platform.sources.preparation import PreparedDelivery, name_damaged_files, prepare_arrivals
from i94_platform.sql.query import Query
from i94_platform_tests.sources.delivered_files import CSV
from i94_platform_tests.support.arrivals import APRIL, GOOD_ROW

COLUMNS = tuple(GOOD_ROW)


@dataclass(frozen=True)
class DeliveredRows:
    """A prepared delivery, and its rows in the order of files and rows."""

    prepared: PreparedDelivery
    rows: list[dict[str, Any]]

    def values(self, column: str) -> list[Any]:
        """The values of a column, of all rows."""
        return [row[column] for row in self.rows]


ReadCsv = Callable[[str | bytes], DeliveredRows]
"""Reads a CSV file of this content."""

GOOD: dict[str, Any] = {}
"""The changes of a row that is the good one."""


def assert_good(delivered: DeliveredRows, rows: int = 2) -> None:
    """Compare all values with the good row."""
    for number, row in enumerate(delivered.rows, 1):
        assert {name: row[name] for name in COLUMNS} == {**GOOD_ROW, "cicid": number}
        assert (row["unreadable"], row["source_file"], row["source_row"]) == (None, CSV, number)
    assert len(delivered.rows) == rows


def read_delivered(engine: Engine, raw: Path, lake: Path) -> DeliveredRows:
    """Prepare every file of the folder `raw` as one month, and read `delivered` in an engine."""
    store = LocalStore(raw)
    delivery = Delivery(APRIL.key, tuple(sorted(store.list())))
    prepared = prepare_arrivals(delivery, store, LocalStore(lake), "scratch")
    with engine.session(), name_damaged_files(prepared, store):
        engine.register_delivery(prepared.groups, prepared.rows)
        query = Query(
            "SELECT delivered.*, source_file FROM delivered JOIN delivered_files ON path = source_path "
            "ORDER BY source_file, source_row"
        )
        rows = engine.fetch(query).to_pylist()
    assert len(rows) == prepared.rows == sum(prepared.independent_rows.values())
    return DeliveredRows(prepared, rows)


def render_cell(value: Any) -> str:
    """A value as CSV files write it: 41.0, and nothing where it is missing."""
    return "" if value is None else str(value)


def render_csv(rows: list[dict[str, Any]], separator: str = ",", newline: str = "\n") -> str:
    """The text of a CSV file: the good row with each row's changes, numbered from 1."""
    complete = [{**GOOD_ROW, "cicid": float(number), **row} for number, row in enumerate(rows, 1)]
    lines = [separator.join(COLUMNS), *(separator.join(map(render_cell, row.values())) for row in complete)]
    return "".join(line + newline for line in lines)
