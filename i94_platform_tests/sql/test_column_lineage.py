"""Test how column lineage is read from SQL: values and look-ups count, filters don't, and nothing is lost silently."""

from __future__ import annotations

import pytest
from sqlglot.errors import OptimizeError

from i94_platform.contracts import country, i94mode, immigration, load_ledger, state
from i94_platform.contracts.model import column_names
from i94_platform.sql.column_lineage import Lineage, Origin, map_same_columns, trace_declared, trace_query

RELATIONS: dict[str, Lineage] = {
    "immigration": map_same_columns("w/immigration", column_names(immigration)),
    "country": map_same_columns("w/country", column_names(country)),
    "state": map_same_columns("w/state", column_names(state)),
    "files": {"name": "name of the file", "size": ("w/files.bytes",)},
}


def lineage(sql: str) -> dict[str, Origin]:
    return trace_query(sql, None, RELATIONS, "redshift")


def test_an_expression_comes_from_each_column_in_it() -> None:
    assert lineage("SELECT datediff(day, arrdate, depdate) AS stay FROM immigration") == {
        "stay": ("w/immigration.arrdate", "w/immigration.depdate")
    }


def test_a_value_of_a_joined_relation_comes_from_what_it_is_looked_up_by_too() -> None:
    found = lineage("SELECT c.label, f.i94visa FROM i94.immigration f LEFT JOIN i94.country c ON c.code = f.i94res")
    assert found == {
        "label": ("w/country.code", "w/country.label", "w/immigration.i94res"),
        "i94visa": ("w/immigration.i94visa",),
    }


def test_a_filter_is_no_source() -> None:
    assert lineage("SELECT i94res FROM immigration WHERE i94visa = 2") == {"i94res": ("w/immigration.i94res",)}


def test_lineage_goes_through_what_the_query_names_itself() -> None:
    found = lineage(
        "WITH people AS (SELECT i94addr AS code, sum(biryear) AS years FROM immigration GROUP BY 1), "
        "doubled AS (SELECT code, years * 2 AS years FROM people UNION ALL SELECT code, cities FROM state) "
        "SELECT years FROM (SELECT * FROM doubled) AS d"
    )
    assert found == {"years": ("w/immigration.biryear", "w/state.cities")}


def test_a_count_of_rows_has_no_source_and_says_whose_rows() -> None:
    found = lineage("WITH f AS (SELECT i94res FROM immigration) SELECT i94res, count(*) AS n FROM f GROUP BY 1")
    assert found == {"i94res": ("w/immigration.i94res",), "n": "number of rows of w/immigration"}


def test_a_column_whose_source_is_none_keeps_the_reason() -> None:
    assert lineage("SELECT upper(name) AS name FROM files") == {"name": "name of the file"}
    assert lineage("SELECT concat(name, size) AS both FROM files") == {"both": ("w/files.bytes",)}


def test_a_bound_value_and_a_constant_need_a_reason() -> None:
    sql = "SELECT :month AS month, 'I-94' AS form FROM state"
    with pytest.raises(ValueError, match="no source and no reason for month, form"):
        lineage(sql)
    with pytest.raises(ValueError, match="no source and no reason for form"):
        trace_query(sql, None, RELATIONS, bound="the month of the partition")
    found = trace_query(sql, None, RELATIONS, bound="the month of the partition", reasons={"form": "a constant"})
    assert found == {"month": "the month of the partition", "form": "a constant"}


def test_names_are_compared_without_case_and_quotes() -> None:
    relations: dict[str, Lineage] = {"delivered": map_same_columns("raw/x", ["Median Age", "City"])}
    found = trace_query("SELECT `Median Age` AS age, city FROM delivered", None, relations)
    assert found == {"age": ("raw/x.Median Age",), "city": ("raw/x.City",)}


def test_what_is_not_known_is_an_error_and_never_left_out() -> None:
    with pytest.raises(OptimizeError, match="nobody"):
        lineage("SELECT i94res + nobody AS n FROM immigration")
    with pytest.raises(OptimizeError, match=r"(?i)code"):
        lineage("SELECT code FROM state JOIN country ON state.code = country.code")
    with pytest.raises(KeyError, match="elsewhere"):
        lineage("SELECT e.n FROM elsewhere e")


def test_the_columns_are_the_contracts_in_its_order() -> None:
    names = ", ".join(f"cities AS {c}" for c in reversed(column_names(load_ledger)))
    assert list(trace_query(f"SELECT {names} FROM state", load_ledger, RELATIONS)) == column_names(load_ledger)
    with pytest.raises(ValueError, match="the query gives code, where table_name, "):
        trace_query("SELECT code FROM state", load_ledger, RELATIONS)


def test_a_declaration_is_read_in_terms_of_the_relations() -> None:
    mode = {"code": ("state.code", "files.size"), "label": ("files.name",)}
    assert trace_declared(mode, i94mode, RELATIONS) == {
        "code": ("w/files.bytes", "w/state.code"),
        "label": "name of the file",
    }
    both = {**mode, "label": ("files.name", "state.label", "state.label")}
    assert trace_declared(both, i94mode, RELATIONS)["label"] == ("w/state.label",)
    with pytest.raises(KeyError, match="nothing"):
        trace_declared({**mode, "label": ("state.nothing",)}, i94mode, RELATIONS)
    with pytest.raises(KeyError, match="label"):
        trace_declared({"code": ("state.code",)}, i94mode, RELATIONS)
