"""Test a contract's rules as queries: what they count, which rows they show, and the scope of a month."""

from __future__ import annotations

import duckdb
import pytest
from sqlalchemy import Date, Integer, MetaData, String, Table

from i94_platform.contracts import immigration, world_temperature
from i94_platform.contracts.model import column, table
from i94_platform.sql.dialects import requote
from i94_platform.sql.rules import (
    ColumnStats,
    ContractRule,
    contract_rules,
    render_counts,
    render_row_counts,
)

METADATA = MetaData(schema="i94")
PARENT = table(
    METADATA,
    "parent",
    "Parents.",
    column("code", String(2), "Code.", source="t", key=True),
    grain="a code",
    domain="codes",
)
CONTRACT = table(
    METADATA,
    "child",
    "Children.",
    column("id", Integer(), "Number.", source="t", key=True),
    column("code", String(2), "Code.", source="t", references="parent.code"),
    column("sex", String(1), "Sex.", source="t", allowed=("F", "M")),
    column("age", Integer(), "Age.", source="t", low=0),
    column("born", Date(), "Birth.", source="t", low="1900-01-01", high="2020-12-31"),
    grain="a child",
    domain="people",
)
ROWS = """(VALUES
  (1, 'A', 'F', 3, DATE '1950-01-01'), (1, 'B', 'X', -1, DATE '1899-12-31'),
  (2, 'A', NULL, NULL, NULL), (NULL, 'C', 'M', -2, DATE '2021-01-01')
) AS child(id, code, sex, age, born)"""


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA i94; CREATE TABLE i94.parent AS SELECT 'A' AS code")
    return connection


@pytest.mark.parametrize(
    ("where", "broken"),
    [
        ("", {"id never null": 1, "sex one of 'F', 'M'": 1, "age 0 or more": 2, "born 1900-01-01 to 2020-12-31": 2}),
        (
            "id = 1",
            {"id never null": 0, "sex one of 'F', 'M'": 1, "age 0 or more": 1, "born 1900-01-01 to 2020-12-31": 1},
        ),
    ],
)
def test_row_rules_are_counted_in_one_scan(
    connection: duckdb.DuckDBPyConnection, where: str, broken: dict[str, int]
) -> None:
    rules = contract_rules(CONTRACT, ROWS, where=where)
    query, row_rules = render_row_counts(rules, ROWS, where)
    row_count, *counts = connection.sql(requote(query)).fetchall()[0]
    assert row_count == (2 if where else 4)
    assert dict(zip([f"{rule.column} {rule.bound}" for rule in row_rules], counts, strict=True)) == broken
    for rule, count in zip(row_rules, counts, strict=True):
        assert len(connection.sql(requote(rule.sample)).fetchall()) == count


def test_a_key_is_unique_and_a_foreign_key_has_a_parent(connection: duckdb.DuckDBPyConnection) -> None:
    rules = contract_rules(CONTRACT, ROWS, ["key_unique", "foreign_keys"])
    assert connection.sql(requote(render_counts(rules))).fetchall() == [(1, 2)]
    key, foreign = rules
    assert connection.sql(requote(key.sample)).fetchall() == [(1, 2)]
    assert sorted(connection.sql(requote(foreign.sample)).fetchall()) == [("B", 1), ("C", 1)]
    assert (foreign.column, foreign.bound) == ("code", "in i94.parent.code")


def find_rule(rule_type: str, name: str, contract: Table = immigration) -> ContractRule:
    (rule,) = [rule for rule in contract_rules(contract, "t", [rule_type]) if rule.column == name]
    return rule


@pytest.mark.parametrize(
    ("rule_type", "name", "stats", "is_satisfied"),
    [
        ("not_null", "i94port", ColumnStats(0, "ABC", "XYZ"), True),
        ("not_null", "i94port", ColumnStats(1, "ABC", "XYZ"), False),
        ("ranges", "i94bir", ColumnStats(9, -5, 125), True),
        ("ranges", "i94bir", ColumnStats(0, -6, 125), False),
        ("ranges", "i94bir", ColumnStats(0, -5, 126), False),
        ("ranges", "i94bir", ColumnStats(3, None, None), True),
        ("ranges", "admnum", ColumnStats(0, 0, 10**12), True),
        ("ranges", "admnum", ColumnStats(0, -1, 10**12), False),
        ("allowed_values", "count", ColumnStats(0, 1, 1), True),
        ("allowed_values", "count", ColumnStats(0, 1, 2), False),
        ("allowed_values", "matflag", ColumnStats(5, "M", "M"), True),
        ("allowed_values", "gender", ColumnStats(5, "F", "M"), False),
        ("allowed_values", "matflag", ColumnStats(2, None, None), True),
    ],
)
def test_stats_prove_a_rule_or_leave_it_open(rule_type: str, name: str, stats: ColumnStats, is_satisfied: bool) -> None:
    assert find_rule(rule_type, name).satisfied_by(stats) == is_satisfied


def test_stats_of_floats_prove_nothing_since_they_ignore_nan() -> None:
    assert not find_rule("ranges", "latitude", world_temperature).satisfied_by(ColumnStats(0, 1.0, 2.0))


def test_stats_do_not_prove_that_keys_differ() -> None:
    (key,) = contract_rules(immigration, "t", ["key_unique"])
    assert not key.satisfied_by(ColumnStats(0, 1, 2))


def test_an_integer_key_tells_a_months_rows_apart() -> None:
    (key,) = contract_rules(immigration, "t", ["key_unique"])
    assert key.unique_column == "cicid"
    (key,) = contract_rules(PARENT, "t", ["key_unique"])
    assert key.unique_column == ""
