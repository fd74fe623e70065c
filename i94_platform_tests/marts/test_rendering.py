"""Test the SQL of the marts: the contract's columns, the file as it is on Redshift, and the same rows on both."""

from __future__ import annotations

from sqlalchemy import Table

from i94_platform.contracts import MONTHLY_MARTS, immigration
from i94_platform.contracts.model import column_names
from i94_platform.marts.rendering import render_month_query, render_sql, source_tables, upstream_tables
from i94_platform.settings import PROJECT
from i94_platform_tests.marts.arrivals import every_mart, load_arrivals, read_rows, refresh
from i94_platform_tests.support.deployment import Deployment
from i94_platform_tests.support.warehouses import (
    Place,
    Staging,
)


def test_every_mart_holds_the_same_rows_on_both_warehouses(duckdb_place: Place, redshift_place: Place) -> None:
    here, there = (load_arrivals(place.prepare(), Staging(place.lake)) for place in (duckdb_place, redshift_place))
    for mart in MONTHLY_MARTS:
        assert refresh(here, mart) == refresh(there, mart) > 0
        assert read_rows(here, mart) == read_rows(there, mart)


@every_mart
def test_what_redshift_runs_is_the_file_as_it_is_written(mart: Table) -> None:
    text = render_month_query(mart, "redshift")
    assert render_sql(mart) in text
    assert ":year" in text
    assert ":month" in text
    assert "$" not in text
    assert " :: " not in text


@every_mart
def test_the_query_gives_the_contracts_columns_in_their_order(loaded_deployment: Deployment, mart: Table) -> None:
    rows = loaded_deployment.warehouse.query(render_month_query(mart, "duckdb"), {"year": 2016, "month": 1})
    assert rows.column_names == column_names(mart)
    assert rows.num_rows > 0


@every_mart
def test_a_mart_names_the_tables_that_it_reads(mart: Table) -> None:
    assert immigration.name in source_tables(mart)
    assert set(upstream_tables(mart)) >= {immigration.name}
    assert not {"country", "state"} & set(upstream_tables(mart)), "those change with every unlisted code"


@every_mart
def test_a_mart_has_its_row_on_the_page_of_the_marts(mart: Table) -> None:
    page = (PROJECT / "docs" / "reference" / "marts.md").read_text("utf-8")
    assert f"| `{mart.name}` | " in page, "add its question to the table"
