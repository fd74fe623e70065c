"""Test how statements are compiled for both drivers: markers become the driver's, and nothing else does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import delete, select, text

from i94_platform.contracts import i94mode, immigration
from i94_platform.sql.dialects import transpile
from i94_platform.sql.statements import compile_statement


@pytest.mark.parametrize(
    ("sql", "redshift", "duckdb"),
    [
        ("SELECT :a, :b_2", "SELECT %(a)s, %(b_2)s", "SELECT $1, $2"),
        ("SELECT :a, :a", "SELECT %(a)s, %(a)s", "SELECT $1, $1"),
        ("SELECT :a::int", "SELECT %(a)s::int", "SELECT $1::int"),
        ("SELECT ':a', \":a\", :a", "SELECT ':a', \":a\", %(a)s", "SELECT ':a', \":a\", $1"),
        ("SELECT 'it''s :a at 10:30', :a", "SELECT 'it''s :a at 10:30', %(a)s", "SELECT 'it''s :a at 10:30', $1"),
        ("SELECT 7 % 2, 'x%' LIKE :a", "SELECT 7 %% 2, 'x%%' LIKE %(a)s", "SELECT 7 % 2, 'x%' LIKE $1"),
        (":a -- not :b\n, :c /* :d */", "%(a)s -- not :b\n, %(c)s /* :d */", "$1 -- not :b\n, $2 /* :d */"),
        ("SELECT x[1:2], :a", "SELECT x[1:2], %(a)s", "SELECT x[1:2], $1"),
    ],
)  # fmt: skip
def test_markers_are_found_where_they_are_and_nowhere_else(sql: str, redshift: str, duckdb: str) -> None:
    values = {name: 1 for name in ("a", "b_2", "c") if f"%({name})s" in redshift}
    assert compile_statement(sql, "redshift", values) == (redshift, values)
    assert compile_statement(sql, "duckdb", values) == (duckdb, [1] * len(values))


def test_sql_without_values_is_sent_as_it_is() -> None:
    sql = "SELECT 7 % 2, ':a', '{\"a\":1}'"
    assert compile_statement(sql, "redshift") == compile_statement(sql, "duckdb") == (sql, None)


@pytest.mark.parametrize("values", [{"a": 1}, {"a": 1, "b": 2, "c": 3}])
def test_a_marker_without_a_value_and_a_value_without_a_marker_are_refused(values: Mapping[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"differ in [bc]\."):
        compile_statement("SELECT :a, :b", "duckdb", values)


def test_sql_that_was_translated_to_duckdb_has_its_markers() -> None:
    sql = transpile("SELECT '$a' AS text, :a AS year, x::INT FROM t /* of $b */", "duckdb", "redshift")
    text, values = compile_statement(sql, "duckdb", {"a": 2016})
    assert values == [2016]
    assert "'$a' AS text, $1 AS year" in text


def test_a_statement_binds_its_own_values() -> None:
    month = (immigration.c.i94yr == 2016, immigration.c.i94mon == 4)
    sql, values = compile_statement(delete(immigration).where(*month), "duckdb")
    assert sql.startswith("DELETE FROM i94.immigration WHERE")
    assert values == [2016, 4]
    sql, values = compile_statement(select(i94mode).where(i94mode.c.code.in_([1, 2])), "redshift")
    assert isinstance(values, Mapping)
    assert sorted(values.values()) == [1, 2]


def test_a_percent_sign_is_doubled_for_psycopg2_also_without_values() -> None:
    """psycopg2 halves it again where it is given values, be there none."""
    assert compile_statement(text("SELECT 7 % 2"), "redshift") == ("SELECT 7 %% 2", {})


def test_whole_numbers_divide_as_duckdb_divides_them() -> None:
    assert compile_statement(select(immigration.c.i94bir / 2), "duckdb")[0].startswith(
        "SELECT i94.immigration.i94bir / $1"
    )
