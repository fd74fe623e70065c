"""Test the DDL of both warehouses: every column in order and with its type, no key, and the layout on Redshift."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlglot
from sqlalchemy import Date, Integer, MetaData, Table
from sqlglot import exp

from i94_platform.contracts import WAREHOUSE, country, immigration, load_ledger
from i94_platform.contracts.model import column, column_names, table
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.contracts.rendering.ddl import DIALECTS, render_create_schema, render_ddl
from i94_platform_tests.contracts.tables import EVERY, LOADED, every_type
from i94_platform_tests.support.contracts import required_columns

ROWS = [
    (2**31 - 1, 2**63 - 1, 0.1, dt.date(9999, 12, 31), True, "Côte D'Ivoire", "NA"),
    (-(2**31), -(2**63), -1e308, dt.date(1743, 11, 1), False, "", "line\nbreak"),
    (0, None, None, None, None, None, None),
]


def parse_ddl(contract: Table, dialect: str) -> exp.Create:
    """The DDL as a syntax tree; a failure where the dialect can't be parsed."""
    tree = sqlglot.parse_one(render_ddl(contract, dialect), read=dialect)
    assert isinstance(tree, exp.Create), tree
    assert tree.args["exists"]
    return tree


def test_a_row_of_every_type_comes_back_from_the_embedded_database_as_it_was(tmp_path: Path) -> None:
    contract = every_type()
    rows = pa.Table.from_pylist(
        [dict(zip(column_names(contract), row, strict=True)) for row in ROWS], arrow_schema(contract)
    )
    pq.write_table(rows, tmp_path / "rows.parquet")
    with duckdb.connect() as connection:
        connection.execute(render_create_schema("test", "duckdb"))
        connection.execute(render_ddl(contract, "duckdb"))
        connection.execute(render_ddl(contract, "duckdb"))  # the table exists already
        connection.execute(
            "INSERT INTO test.every_type SELECT * FROM read_parquet($1)", [str(tmp_path / "rows.parquet")]
        )
        back = connection.sql("SELECT * FROM test.every_type").to_arrow_table()
        with pytest.raises(duckdb.ConstraintException, match="whole"):
            connection.execute('INSERT INTO test.every_type ("long") VALUES (1)')
        with pytest.raises(duckdb.ConstraintException, match="text"):  # 15 bytes in 14 letters, as Redshift counts
            connection.execute("INSERT INTO test.every_type (whole, text) VALUES (1, 'Côtes D''Ivoire')")
    assert back.schema.equals(arrow_schema(contract))
    assert sorted(back.to_pylist(), key=str) == sorted(rows.to_pylist(), key=str)


def test_the_embedded_database_has_the_types_of_the_staged_files() -> None:
    with duckdb.connect() as connection:
        for contract in EVERY:
            connection.execute(render_create_schema(str(contract.schema), "duckdb"))
            connection.execute(render_ddl(contract, "duckdb"))
            schema = connection.sql(f"SELECT * FROM {contract.fullname}").to_arrow_table().schema
            assert schema.equals(arrow_schema(contract)), contract.fullname


@pytest.mark.parametrize("dialect", DIALECTS)
def test_ddl_has_every_column_in_order_what_is_required_and_no_key(dialect: str) -> None:
    """Redshift's planner trusts a key without enforcing it, and DuckDB builds an index for it."""
    for contract in EVERY:
        tree = parse_ddl(contract, dialect)
        columns = list(tree.find_all(exp.ColumnDef))
        assert [c.name for c in columns] == column_names(contract), contract.fullname
        required = [c.name for c in columns if c.find(exp.NotNullColumnConstraint)]
        assert required == required_columns(contract), contract.fullname
        keys = tree.find_all(exp.PrimaryKey, exp.PrimaryKeyColumnConstraint, exp.ForeignKey, exp.Reference)
        assert not list(keys), contract.fullname


def test_the_fact_is_distributed_by_month_and_sorted_by_year_month_and_day_on_redshift() -> None:
    text = render_ddl(immigration, "redshift")
    assert "DISTSTYLE KEY DISTKEY (i94mon)" in text
    assert " SORTKEY (i94yr, i94mon, arrdate)" in text
    assert "INTERLEAVED" not in text  # a sort key is compound unless it says otherwise


def test_small_tables_are_on_every_node_of_redshift() -> None:
    for contract in (*WAREHOUSE, load_ledger):
        text = render_ddl(contract, "redshift")
        is_on_every_node = "DISTSTYLE ALL" in text and "DISTKEY" not in text
        assert is_on_every_node == (contract is not immigration), contract.fullname


def test_every_column_is_encoded_on_redshift_and_the_leading_sort_column_is_raw() -> None:
    for contract in LOADED:
        encodings = {
            c.name: encoding.name.lower()
            for c in parse_ddl(contract, "redshift").find_all(exp.ColumnDef)
            for encoding in c.find_all(exp.EncodeColumnConstraint)
        }
        assert list(encodings) == column_names(contract), contract.fullname
        assert encodings[contract.info["sort"][0]] == "raw", contract.fullname
        numbers = {c.name for c in contract.columns if isinstance(c.type, Integer | Date)}
        assert {name for name, encoding in encodings.items() if encoding == "az64"} <= numbers, contract.fullname
        assert set(encodings.values()) <= {"raw", "az64", "zstd"}, contract.fullname


def test_an_encoding_of_its_own_wins_over_the_one_of_the_type() -> None:
    contract = table(
        MetaData(), "t", "A table.", column("a", Integer(), "A.", source="x", key=True),
        column("b", Integer(), "B.", source="x", byte_encoding="zstd"),
        domain="codes", grain="one row per a", distribution="EVEN", sort=("a",),
    )  # fmt: skip
    text = render_ddl(contract, "redshift")
    assert "a INTEGER ENCODE raw" in text
    assert "b INTEGER ENCODE zstd" in text
    assert "DISTSTYLE EVEN" in text


@pytest.mark.parametrize(
    ("diststyle", "layout"), [("key", "DISTSTYLE KEY DISTKEY (i94mon)"), ("even", "DISTSTYLE EVEN"), ("auto", "")]
)
def test_a_distribution_by_key_can_be_replaced_and_every_other_stays(diststyle: str, layout: str) -> None:
    attributes = render_ddl(immigration, "redshift", diststyle)
    assert attributes.rpartition("\n) ")[2].startswith(f"{layout} SORTKEY (i94yr, i94mon, arrdate)".strip())
    assert "DISTSTYLE ALL" in render_ddl(country, "redshift", diststyle)
    assert render_ddl(immigration, "duckdb", diststyle) == render_ddl(immigration, "duckdb")


def test_an_unknown_dialect_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(ValueError, match="duckdb, redshift"):
        render_ddl(immigration, "oracle")
