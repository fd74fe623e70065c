"""How many arrivals can be told apart: rows of the fact, which only analysts see, and cells that a reader sees."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from sqlalchemy import Table

from i94_platform.contracts import MONTHLY_MARTS, arrivals_cube, destination_by_origin
from i94_platform.contracts.disclosure import select_rounded
from i94_platform.contracts.model import key_columns
from i94_platform.contracts.rendering.ddl import render_create_schema, render_ddl
from i94_platform.sql.statements import compile_statement
from i94_platform_tests.support.deployment import Deployment

QUASI_IDENTIFIERS = "i94cit, i94res, i94addr, arrdate, i94bir, gender, i94port"
"""What an acquaintance or an airline knows of a traveller."""

FEWEST = 3
"""The bound: the fewest arrivals behind a cell that a reader sees."""


def measure_uniqueness(connection: duckdb.DuckDBPyConnection, relation: str) -> float:
    """Return the share of rows that no other row equals in the quasi-identifiers."""
    groups = f"SELECT count(*) AS n FROM {relation} GROUP BY {QUASI_IDENTIFIERS}"
    ((share,),) = connection.execute(f"SELECT count(*) FILTER (n = 1) / sum(n) FROM ({groups})").fetchall()
    return float(share)


def count_cells(connection: duckdb.DuckDBPyConnection, contract: Table) -> tuple[int, int, int | None]:
    """Return the cells below 5 of a mart, those of them that a reader sees, and the fewest arrivals behind one."""
    sql, values = compile_statement(select_rounded(contract), "duckdb")
    keys = ", ".join(f'"{name}"' for name in key_columns(contract))
    exact = f"SELECT {keys}, visitors AS exact FROM {contract.fullname}"
    counts = "count(*) FILTER (exact < 5), count(visitors) FILTER (visitors < 5), min(exact) FILTER (visitors > 0)"
    joined = f"FROM ({exact}) LEFT JOIN ({sql}) USING ({keys})"
    ((below, seen, fewest),) = connection.execute(f"SELECT {counts} {joined}", values).fetchall()
    return below, seen, fewest


def test_the_sample_is_unique_in_the_fact_and_not_in_what_a_reader_sees(loaded_deployment: Deployment) -> None:
    with duckdb.connect(str(loaded_deployment.home / "warehouse.duckdb"), read_only=True) as connection:
        assert measure_uniqueness(connection, "i94.immigration") > 0.5
        for contract in MONTHLY_MARTS:
            _, seen, fewest = count_cells(connection, contract)
            assert seen == 0, contract.name
            # a reader sees no cell of a cube of 2,000 arrivals
            assert contract is arrivals_cube if fewest is None else fewest >= FEWEST, contract.name


@pytest.mark.real_data
def test_the_real_month_has_no_cell_of_fewer_than_3_for_readers(real_data: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"CREATE VIEW arrivals AS FROM read_parquet('{real_data}/i94_apr16_sub.parquet/*.parquet')")
        assert measure_uniqueness(connection, "arrivals") == pytest.approx(0.5205, abs=0.001)
        connection.execute(render_create_schema("mart", "duckdb"))
        connection.execute(render_ddl(destination_by_origin, "duckdb"))
        keys = "2016, 4, coalesce(left(i94addr, 2), '99'), '', i94res, '', '', NULL, ''"
        connection.execute(
            f"INSERT INTO {destination_by_origin.fullname} SELECT {keys}, count(*) FROM arrivals GROUP BY ALL"
        )
        below, seen, fewest = count_cells(connection, destination_by_origin)
    assert below > 4_000
    assert (seen, fewest) == (0, FEWEST)
