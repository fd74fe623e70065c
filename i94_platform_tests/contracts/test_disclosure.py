"""Every figure about arrivals is declared for disclosure control, and SQL rounds as Python does."""

from __future__ import annotations

import duckdb
import pytest
from sqlalchemy import BigInteger, FromClause, Table, func, literal_column, select
from sqlalchemy import column as sql_column

from i94_platform.contracts import MARTS, MONTHLY_MARTS, PUBLISHED, WAREHOUSE, immigration, immigration_quarantine
from i94_platform.contracts.disclosure import (
    render_rounded_count,
    render_rounded_sum,
    round_count,
    select_rounded,
    select_unprotected,
)
from i94_platform.contracts.marts import _monthly_mart
from i94_platform.contracts.model import column, describes_persons
from i94_platform.errors import PermanentError
from i94_platform.sql.statements import compile_statement
from i94_platform_tests.serving.synthetic_release import make_rows


def test_counts_are_rounded_to_the_nearest_5() -> None:
    assert [round_count(n) for n in range(13)] == [0, 0, 0, 5, 5, 5, 5, 5, 10, 10, 10, 10, 10]
    numbers = func.range(0, 3_000).table_valued(sql_column("range", BigInteger()))
    sql, values = compile_statement(select(numbers.c.range, render_rounded_count(numbers.c.range)), "duckdb")
    for number, rounded in duckdb.execute(sql, values).fetchall():
        assert rounded == round_count(number)


def test_a_sum_is_rounded_so_far_that_it_hides_the_quantity_of_one_arrival() -> None:
    totals = func.range(0, 2_000).table_valued(sql_column("range", BigInteger())).c.range
    for base in (22, 23):
        rounded = render_rounded_sum(totals, literal_column(str(base)))
        sql, values = compile_statement(select(totals, rounded), "duckdb")
        for total, shown in duckdb.execute(sql, values).fetchall():
            assert shown == (None if base < 23 else (total + 50) // 100 * 100)


def test_every_count_of_arrivals_is_declared_with_a_base_that_exists() -> None:
    for contract in PUBLISHED:
        statistics = {c.name: c.info["statistic"] for c in contract.columns if c.info["statistic"]}
        assert {c.name for c in contract.columns if c.info["unit"] == "arrivals"} <= set(statistics), contract.name
        for statistic in statistics.values():
            assert not statistic.base or statistics[statistic.base].kind in ("cell", "count"), contract.name
            assert statistic.base or statistic.kind != "sum", contract.name
        cells = [name for name, statistic in statistics.items() if statistic.kind == "cell"]
        assert len(cells) == (contract in MONTHLY_MARTS), contract.name
        assert bool(statistics) == (contract in MARTS), contract.name


@pytest.mark.parametrize("contract", MARTS, ids=lambda contract: contract.name)
def test_each_figure_that_is_not_protected_is_found(contract: Table) -> None:
    rows = make_rows(contract, most=40)
    duckdb_rows = duckdb.connect()
    duckdb_rows.execute("CREATE SCHEMA mart")
    duckdb_rows.register("rows", rows)
    duckdb_rows.execute(f"CREATE TABLE {contract.fullname} AS FROM rows")
    protected = select_rounded(contract).subquery("protected")
    assert count_unprotected(duckdb_rows, contract, protected) == 0
    for name in (c.name for c in contract.columns if c.info["statistic"]):
        exact = [
            contract.c[c.name] if c.name == name else select_rounded(contract).selected_columns[c.name]
            for c in contract.columns
        ]
        assert count_unprotected(duckdb_rows, contract, select(*exact).subquery("exact")) > 0, name


def count_unprotected(connection: duckdb.DuckDBPyConnection, contract: Table, rows: FromClause) -> int:
    sql, values = compile_statement(select_unprotected(contract, rows), "duckdb")
    ((number,),) = connection.execute(sql, values).fetchall()
    return int(number)


def test_a_mart_with_a_number_that_nothing_would_round_is_not_declared() -> None:
    number = column("stays", BigInteger(), "Stays.", source="immigration")
    with pytest.raises(PermanentError, match="stays of mart visitors_by_stay"):
        _monthly_mart("visitors_by_stay", "Stays by month.", number, grain="one row per month")


def test_only_the_fact_describes_persons_and_nothing_published_does() -> None:
    assert [contract for contract in (*WAREHOUSE, *PUBLISHED) if describes_persons(contract)] == [immigration]


def test_personal_and_quasi_identifying_columns_are_two_classes_also_where_rejected() -> None:
    for kind in ("personal", "quasi_identifier"):
        names = {c.name for c in immigration.columns if c.info[kind]}
        delivered = {c.name for c in immigration_quarantine.columns}
        assert names & delivered <= {c.name for c in immigration_quarantine.columns if c.info[kind]}
    both = [c.name for c in immigration.columns if c.info["personal"] and c.info["quasi_identifier"]]
    assert not both
    quasi = {c.name for c in immigration.columns if c.info["quasi_identifier"]}
    assert {"i94cit", "i94res", "i94addr", "arrdate", "i94bir", "gender", "i94port", "fltno", "visapost"} <= quasi
    assert {"entdepa", "entdepd", "entdepu"} <= quasi, "flags of enforcement"
