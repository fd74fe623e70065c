"""Test the refresh: a month of a mart is replaced whole or not at all, and adds up to the arrivals.

The incidents: a month added to a mart a second time, and a mart that was empty after its refresh had failed.
"""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import Table

from i94_platform.contracts import MONTHLY_MARTS, immigration
from i94_platform.contracts.model import column_names
from i94_platform.errors import PermanentError
from i94_platform.marts.rendering import render_month_query
from i94_platform.warehouse.base import Warehouse
from i94_platform.warehouse.loading import MartQuery
from i94_platform_tests.emulators.redshift.emulator import Fault, RedshiftEmulator
from i94_platform_tests.marts.arrivals import APRIL, ARRIVALS, MARTS, MAY, every_mart, load_arrivals, read_rows, refresh
from i94_platform_tests.support.warehouses import (
    Place,
    Staging,
)


@every_mart
def test_every_breakdown_sums_to_all_arrivals_of_the_month(refreshed: Warehouse, mart: Table) -> None:
    rows = read_rows(refreshed, mart)
    assert sum(row["visitors"] for row in rows) == len(ARRIVALS)
    (line,) = [line for line in refreshed.read_ledger() if line.table_name == mart.name]
    assert line.loaded_rows == len(rows)


def test_a_month_that_is_refreshed_twice_exists_once_and_no_other_is_touched(april_warehouse: Warehouse) -> None:
    for mart in (MARTS["arrivals_cube"], MARTS["origin_climate"]):  # one statement replaces the month of every mart
        for month in (APRIL, MAY):
            refresh(april_warehouse, mart, month)
        once = read_rows(april_warehouse, mart)
        assert refresh(april_warehouse, mart) == len(once)
        assert read_rows(april_warehouse, mart) == once
        assert sum(row["visitors"] for row in read_rows(april_warehouse, mart, MAY)) == 1


@pytest.mark.parametrize(("measure", "wrong"), [("visitors", "visitors - 1"), ("stay_days", "stay_days + 1")])
def test_a_refresh_that_loses_or_adds_arrivals_or_days_leaves_the_old_month(
    april_warehouse: Warehouse, measure: str, wrong: str
) -> None:
    origins = MARTS["visitors_by_origin"]
    right = MartQuery(origins, render_month_query(origins, april_warehouse.dialect), "version")
    for mart in (MARTS["arrivals_cube"], MARTS["stays" if measure == "stay_days" else "ports"]):
        refresh(april_warehouse, mart)
        before, ledger = read_rows(april_warehouse, mart), april_warehouse.read_ledger()
        columns = ", ".join(wrong if name == measure else name for name in column_names(mart))
        query = f"SELECT {columns} FROM ({render_month_query(mart, april_warehouse.dialect)}) AS result"
        with pytest.raises(
            PermanentError, match=rf"would hold \d+ {measure} where the fact has \d+; it is left as it was"
        ):
            april_warehouse.refresh_marts(APRIL, [right, MartQuery(mart, query, "version")], "r3")
        assert read_rows(april_warehouse, mart) == before
        assert april_warehouse.read_ledger() == ledger  # also of the mart that is right


def test_a_dimension_without_a_row_is_named_and_leaves_the_old_month(april_warehouse: Warehouse) -> None:
    mart = MARTS["destination_by_origin"]
    refresh(april_warehouse, mart)
    before = read_rows(april_warehouse, mart)
    with april_warehouse.transaction(purpose="break a test") as transaction:
        transaction.execute("DELETE FROM i94.state WHERE code = 'VT'")
    with pytest.raises(PermanentError, match=r"mart\.destination_by_origin.*state|of column state"):
        refresh(april_warehouse, mart)
    assert read_rows(april_warehouse, mart) == before


def test_a_month_without_arrivals_has_no_rows_and_is_in_the_ledger(
    april_warehouse: Warehouse, staging: Staging
) -> None:
    april_warehouse.replace(immigration, staging.month("2016-04", []), "r1")
    mart = MONTHLY_MARTS[0]
    assert refresh(april_warehouse, mart) == 0
    (line,) = [line for line in april_warehouse.read_ledger() if line.table_name == mart.name]
    assert (line.partition_key, line.loaded_rows) == ("2016-04", 0)


def test_the_ledger_has_the_inputs_and_the_run_of_a_mart(april_warehouse: Warehouse) -> None:
    mart = MONTHLY_MARTS[0]
    refresh(april_warehouse, mart, MAY)
    rows = refresh(april_warehouse, mart, run_id="the run")
    lines = {line.partition_key: line for line in april_warehouse.read_ledger() if line.table_name == mart.name}
    line = lines["2016-04"]
    assert (line.manifest, line.fingerprint, line.run_id) == ("", "version of 2016-04", "the run")
    assert line.loaded_rows == rows
    assert dt.datetime.fromisoformat(line.loaded_at).tzinfo is not None
    assert set(lines) == {"2016-04", "2016-05"}


def test_a_conflict_in_the_middle_is_tried_again_as_a_whole(
    redshift_place: Place, redshift_emulator: RedshiftEmulator
) -> None:
    warehouse = load_arrivals(redshift_place.prepare(), Staging(redshift_place.lake))
    mart = MONTHLY_MARTS[0]
    refresh(warehouse, mart)
    before = read_rows(warehouse, mart)
    assert before
    conflict = ("1023", "Serializable isolation violation on table", "XX000")
    redshift_emulator.faults.append(Fault(r"^INSERT INTO mart\.", conflict, 2))
    refresh(warehouse, mart)
    assert read_rows(warehouse, mart) == before
