"""Test the translations that sqlglot lacks: the same SQL gives the same values on DuckDB as on the engine it is for."""

from __future__ import annotations

import datetime as dt

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i94_platform.sql.dialects import requote, to_duckdb, transpile
from i94_platform.sql.expressions import render_any, render_date
from i94_platform.sql.query import Query

DIGITS = st.dates(dt.date(1, 1, 1)).map(lambda day: f"{day:%Y%m%d}".rjust(8, "0"))


def evaluate(spark_expression: str, text: str | None) -> object:
    query = to_duckdb(Query(f"SELECT {spark_expression} AS value FROM (SELECT :text AS t)"))
    with duckdb.connect() as connection:
        row = connection.execute(query, {"text": text}).fetchone()
    assert row is not None
    value: object = row[0]
    return value


def test_a_portable_query_is_only_requoted() -> None:
    text = "SELECT `Count` FROM t WHERE rtrim(x) = ''"
    assert to_duckdb(Query(text, is_portable=True)) == requote(text) == "SELECT \"Count\" FROM t WHERE rtrim(x) = ''"


def test_a_text_in_the_wanted_dialect_is_left_as_it_is() -> None:
    assert transpile("SELECT  nothing  parsed", "redshift", "redshift") == "SELECT  nothing  parsed"


@pytest.mark.parametrize(
    ("expression", "text", "value"),
    [
        ("octet_length(t)", "é", 2),
        ("rtrim(t)", "a\t  ", "a\t"),
        ("rtrim(t)", " a", " a"),
        ("rtrim(t)", None, None),
    ],
)
def test_a_function_does_on_duckdb_what_it_does_on_spark(expression: str, text: str | None, value: object) -> None:
    assert evaluate(expression, text) == value


@settings(max_examples=50, deadline=None)
@given(DIGITS | st.text("0123456789- \n", max_size=9))
def test_a_date_is_eight_digits_of_a_day_that_exists(text: str) -> None:
    try:
        day = dt.datetime.strptime(text, "%Y%m%d").date() if len(text) == 8 and text.isdigit() else None
    except ValueError:
        day = None
    assert evaluate(render_date("t", year=1, month=5, day=7), text) == day
    us_order = text[4:8] + text[:4]  # MMDDYYYY
    if len(text) == 8:
        assert evaluate(render_date("t", year=5, month=1, day=3), us_order) == day


@pytest.mark.parametrize(("text", "value"), [("a", True), ("b", True), ("c", False), (None, False)])
def test_one_true_condition_is_enough_and_null_is_false(text: str | None, value: bool) -> None:
    assert evaluate(render_any(["t = 'a'", "t = 'b'"]), text) is value
