"""Pins what a contract promises and that every rendering keeps it: DuckDB, Redshift, Spark, Arrow, Dagster, dictionary.

One table of every type goes through the embedded database and back, so that a new type is mapped everywhere or nowhere.
"""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlglot
from sqlalchemy import BigInteger, Boolean, Column, Date, Double, Integer, MetaData, String, Table
from sqlglot import exp

from i94_platform import contracts
from i94_platform.contracts import ALL, MARTS, WAREHOUSE, country, delivered_immigration, immigration, load_ledger
from i94_platform.contracts.model import (
    column,
    column_names,
    key_columns,
    mart_metadata,
    required_columns,
    table,
    text_limit,
    warehouse_metadata,
)
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.contracts.rendering.dagster_schema import dagster_schema
from i94_platform.contracts.rendering.ddl import DIALECTS, render_create_schema, render_ddl
from i94_platform.contracts.rendering.dictionary import render_dictionary
from i94_platform.contracts.rendering.types import TYPES, sql_type
from i94_platform.settings import PROJECT

EVERY = (*ALL, delivered_immigration)
STARS = (*WAREHOUSE, load_ledger)
LOADED = (*STARS, *MARTS)

every_table = pytest.mark.parametrize("contract", EVERY, ids=lambda contract: contract.fullname)
loaded_table = pytest.mark.parametrize("contract", LOADED, ids=lambda contract: contract.fullname)

PYTHON_TYPES = {BigInteger: int, Integer: int, Double: float, Date: dt.date, Boolean: bool, String: str}


def every_type() -> Table:
    """A table with a column of each type that contracts may use, one of them required."""
    return table(
        MetaData(schema="test"),
        "every_type",
        "A row of every type.",
        column("whole", Integer(), "A whole number.", source="the test", key=True),
        column("long", BigInteger(), "A long whole number.", source="the test"),
        column("fraction", Double(), "A fraction.", source="the test"),
        column("day", Date(), "A day.", source="the test"),
        column("flag", Boolean(), "True or false.", source="the test"),
        column("text", String(14), "A text.", source="the test"),
        column("order", String(), "A text without limit under a reserved word.", source="the test"),
        domain="codes",
        grain="one row per whole number",
    )


ROWS = [
    (2**31 - 1, 2**63 - 1, 0.1, dt.date(9999, 12, 31), True, "Côte D'Ivoire", "NA"),
    (-(2**31), -(2**63), -1e308, dt.date(1743, 11, 1), False, "", "line\nbreak"),
    (0, None, None, None, None, None, None),
]


def test_the_table_of_every_type_has_every_type() -> None:
    assert {type(c.type) for c in every_type().columns} == set(TYPES)


def test_a_row_of_every_type_comes_back_from_the_embedded_database_as_it_was(tmp_path: Path) -> None:
    contract = every_type()
    rows = pa.Table.from_pylist(
        [dict(zip(column_names(contract), row, strict=True)) for row in ROWS], arrow_schema(contract)
    )
    pq.write_table(rows, tmp_path / "rows.parquet")
    with duckdb.connect() as connection:
        connection.execute(render_create_schema("test", "duckdb"))
        connection.execute(render_ddl(contract, "duckdb"))
        connection.execute(render_ddl(contract, "duckdb"))  # again: it is there already
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


@every_table
def test_the_embedded_database_has_the_types_of_the_staged_files(contract: Table) -> None:
    with duckdb.connect() as connection:
        connection.execute(render_create_schema(str(contract.schema), "duckdb"))
        connection.execute(render_ddl(contract, "duckdb"))
        found = connection.sql(f"SELECT * FROM {contract.fullname}").to_arrow_table().schema
    assert found.equals(arrow_schema(contract))


@every_table
def test_every_column_is_described_and_no_two_columns_of_a_table_alike(contract: Table) -> None:
    described = {c.name: c.comment or "" for c in contract.columns}
    assert not [name for name, said in described.items() if len(said.strip()) < 5]
    said = [text.lower().strip(" .") for text in described.values()]
    assert sorted(said) == sorted(set(said))


def test_every_table_is_described_and_no_two_alike() -> None:
    said = [str(c.comment) for c in EVERY]
    assert len(said) == len(set(said))
    assert all(text.endswith(".") for text in said)


@every_table
def test_every_column_names_its_source(contract: Table) -> None:
    assert not [c.name for c in contract.columns if not c.info["source"]]


@every_table
def test_names_are_lower_case_words_that_need_no_quotes(contract: Table) -> None:
    assert not [name for name in (contract.name, *column_names(contract)) if not re.fullmatch("[a-z][a-z0-9_]*", name)]


@pytest.mark.parametrize("contract", ALL, ids=lambda contract: contract.fullname)
def test_every_table_has_a_key_that_is_never_null_and_a_grain_in_words(contract: Table) -> None:
    assert key_columns(contract)
    assert set(key_columns(contract)) <= set(required_columns(contract))
    assert contract.info["grain"].startswith("one row per ")


@every_table
def test_every_foreign_key_names_the_key_of_a_loaded_table_of_the_same_type(contract: Table) -> None:
    for col in contract.columns:
        for foreign in col.foreign_keys:
            parent = foreign.column  # raises where the target does not exist
            assert parent.table in WAREHOUSE, col.name
            assert key_columns(parent.table) == [parent.name], col.name
            assert type(parent.type) is type(col.type), col.name
            assert text_limit(parent) == text_limit(col), col.name


@every_table
def test_rules_have_the_type_of_their_column(contract: Table) -> None:
    for col in contract.columns:
        low, high, allowed = (col.info[rule] for rule in ("low", "high", "allowed"))
        values = [value for value in (low, high, *allowed) if value is not None]
        kind = PYTHON_TYPES[type(col.type)]
        assert all(isinstance(value, (int, float) if kind is float else kind) for value in values), col.name
        assert None in (low, high) or low < high, col.name
        assert len(set(allowed)) == len(allowed), col.name
        assert all(len(value.encode()) <= (text_limit(col) or 0) for value in allowed if isinstance(value, str)), (
            col.name
        )


def test_the_delivered_contract_is_the_28_columns_of_the_real_month() -> None:
    kinds = [type(c.type) for c in delivered_immigration.columns]
    assert (kinds.count(Double), kinds.count(String), len(kinds)) == (13, 15, 28)
    assert column_names(immigration)[:28] == column_names(delivered_immigration)


@pytest.mark.real_data
def test_the_delivered_contract_is_the_real_files_own_schema(real_data: Path) -> None:
    part = min((real_data / "i94_apr16_sub.parquet").glob("*.parquet"))
    delivered, declared = pq.read_schema(part), arrow_schema(delivered_immigration)
    assert {f.name: f.type for f in delivered} == {f.name: f.type for f in declared}


def test_every_loaded_table_is_in_the_schema_of_the_analysts() -> None:
    assert {c.fullname for c in STARS} == {f"i94.{c.name}" for c in STARS} == set(warehouse_metadata.tables)
    assert {c.fullname for c in MARTS} == {f"mart.{c.name}" for c in MARTS} == set(mart_metadata.tables)


def test_a_name_is_that_of_one_loaded_table_whatever_its_schema() -> None:
    """The ledger knows a table by its name alone."""
    names = [c.name for c in LOADED]
    assert len(names) == len(set(names))


def test_every_contract_is_exported_by_its_name() -> None:
    public = {value for name in contracts.__all__ if isinstance(value := getattr(contracts, name), Table)}
    assert public == set(EVERY)


@pytest.mark.parametrize("dialect", DIALECTS)
@every_table
def test_no_ddl_declares_a_key_that_the_database_would_trust_or_index(contract: Table, dialect: str) -> None:
    tree = parsed(contract, dialect)
    assert not list(tree.find_all(exp.PrimaryKey, exp.PrimaryKeyColumnConstraint, exp.ForeignKey, exp.Reference))


@pytest.mark.parametrize("dialect", DIALECTS)
@every_table
def test_ddl_names_every_column_in_order_and_requires_what_the_contract_requires(contract: Table, dialect: str) -> None:
    columns = list(parsed(contract, dialect).find_all(exp.ColumnDef))
    assert [c.name for c in columns] == column_names(contract)
    assert [c.name for c in columns if c.find(exp.NotNullColumnConstraint)] == required_columns(contract)


def parsed(contract: Table, dialect: str) -> exp.Create:
    """The DDL as a syntax tree; a failure where the dialect can't be parsed."""
    tree = sqlglot.parse_one(render_ddl(contract, dialect), read=dialect)
    assert isinstance(tree, exp.Create), tree
    assert tree.args["exists"]
    return tree


def test_the_fact_is_distributed_by_month_and_sorted_by_year_month_and_day_on_redshift() -> None:
    text = render_ddl(immigration, "redshift")
    assert "DISTSTYLE KEY DISTKEY (i94mon)" in text
    assert " SORTKEY (i94yr, i94mon, arrdate)" in text
    assert "INTERLEAVED" not in text  # a sort key is compound unless it says otherwise


@pytest.mark.parametrize("contract", [c for c in STARS if c is not immigration], ids=lambda contract: contract.name)
def test_small_tables_are_on_every_node_of_redshift(contract: Table) -> None:
    text = render_ddl(contract, "redshift")
    assert "DISTSTYLE ALL" in text
    assert "DISTKEY" not in text


@loaded_table
def test_layout_names_columns_of_the_table(contract: Table) -> None:
    layout = {*contract.info["sort"], contract.info["distribution"]} - {"ALL", "EVEN", "AUTO"}
    assert contract.info["sort"]
    assert layout <= set(column_names(contract))


@loaded_table
def test_every_column_is_encoded_on_redshift_and_the_leading_sort_column_is_raw(contract: Table) -> None:
    encodings = {
        c.name: encoding.name.lower()
        for c in parsed(contract, "redshift").find_all(exp.ColumnDef)
        for encoding in c.find_all(exp.EncodeColumnConstraint)
    }
    assert list(encodings) == column_names(contract)
    assert encodings[contract.info["sort"][0]] == "raw"
    numbers = {c.name for c in contract.columns if isinstance(c.type, Integer | Date)}
    assert {name for name, encoding in encodings.items() if encoding == "az64"} <= numbers
    assert set(encodings.values()) <= {"raw", "az64", "zstd"}


@loaded_table
def test_every_loaded_text_has_a_limit_that_redshift_can_hold(contract: Table) -> None:
    limits = {c.name: text_limit(c) for c in contract.columns if isinstance(c.type, String)}
    assert not [name for name, limit in limits.items() if limit is None or not 0 < limit <= 65535]


def test_an_encoding_of_its_own_wins_over_the_one_of_the_type() -> None:
    contract = table(
        MetaData(), "t", "A table.", column("a", Integer(), "A.", source="x", key=True),
        column("b", Integer(), "B.", source="x", byte_encoding="zstd"),
        domain="codes",
        grain="one row per a", distribution="EVEN", sort=("a",),
    )  # fmt: skip
    text = render_ddl(contract, "redshift")
    assert "a INTEGER ENCODE raw" in text
    assert "b INTEGER ENCODE zstd" in text
    assert "DISTSTYLE EVEN" in text


@pytest.mark.parametrize(
    ("diststyle", "said"), [("key", "DISTSTYLE KEY DISTKEY (i94mon)"), ("even", "DISTSTYLE EVEN"), ("auto", "")]
)
def test_a_distribution_by_key_can_be_replaced_and_every_other_stays(diststyle: str, said: str) -> None:
    attributes = render_ddl(immigration, "redshift", diststyle)
    assert attributes.rpartition("\n) ")[2].startswith(f"{said} SORTKEY (i94yr, i94mon, arrdate)".strip())
    assert "DISTSTYLE ALL" in render_ddl(country, "redshift", diststyle)
    assert render_ddl(immigration, "duckdb", diststyle) == render_ddl(immigration, "duckdb")


def test_an_unknown_dialect_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(ValueError, match="duckdb, redshift"):
        render_ddl(immigration, "oracle")


def test_the_spark_types_are_the_arrow_types_under_another_name() -> None:
    spark = {
        "INT": pa.int32(), "BIGINT": pa.int64(), "DOUBLE": pa.float64(), "DATE": pa.date32(), "BOOLEAN": pa.bool_(),
        "STRING": pa.string(),
    }  # fmt: skip
    contract = every_type()
    assert [spark[sql_type(c)] for c in contract.columns] == arrow_schema(contract).types


@every_table
def test_the_staged_schema_has_every_column_in_order_and_allows_nulls_as_both_engines_write_it(contract: Table) -> None:
    schema = arrow_schema(contract)
    assert schema.names == column_names(contract)
    assert all(field.nullable for field in schema)


@every_table
def test_the_lineage_ui_shows_names_descriptions_and_constraints(contract: Table) -> None:
    shown = dagster_schema(contract)
    assert [c.name for c in shown.columns] == column_names(contract)
    assert [c.description for c in shown.columns] == [c.comment for c in contract.columns]
    assert [c.name for c in shown.columns if not c.constraints.nullable] == required_columns(contract)
    unique = [c.name for c in shown.columns if c.constraints.unique]
    assert unique == (key_columns(contract) if len(key_columns(contract)) == 1 else [])
    assert shown.constraints
    assert shown.constraints.other == [contract.info["grain"]]


def test_the_lineage_ui_shows_limits_and_units() -> None:
    columns = {c.name: c for c in dagster_schema(immigration).columns}
    assert (columns["i94port"].type, columns["cicid"].type, columns["arrdate"].type) == ("varchar(3)", "int", "date")
    assert columns["stay_days"].tags is not None
    assert columns["stay_days"].tags["unit"] == "days"


def test_the_data_dictionary_is_up_to_date() -> None:
    page = (PROJECT / "docs" / "data-dictionary.md").read_text("utf-8")
    assert page == render_dictionary(ALL), "run: i94 dictionary --write"


def test_the_data_dictionary_is_a_well_formed_table_for_every_contract() -> None:
    for section in render_dictionary(ALL).split("\n## ")[1:]:
        rows = [line for line in section.splitlines() if line.startswith("|")]
        contract = next(c for c in ALL if section.startswith(f"{c.fullname or c.name}\n"))
        assert len(rows) == len(contract.columns) + 2
        assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {9}


def test_the_data_dictionary_escapes_what_would_end_a_cell() -> None:
    contract = table(
        MetaData(schema="s"), "t", "A table.",
        column("a", String(2), "This | or that.", source="x|y", allowed=("|", "b"), key=True),
        domain="codes", grain="one row per a",
    )  # fmt: skip
    assert r"This \| or that." in render_dictionary((contract,))
    row = render_dictionary((contract,)).splitlines()[-1]
    assert row == r"| `a` | VARCHAR(2) | no | yes |  | This \| or that. | one of \|, b | x\|y |"


def test_the_data_dictionary_tells_every_kind_of_rule() -> None:
    contract = table(
        MetaData(schema="i94"), "t", "A table.",
        column("a", Integer(), "A.", source="x", key=True, low=0),
        column("b", Integer(), "B.", source="x", high=9, unit="days"),
        column("c", Integer(), "C.", source="x", low=0, high=0.5),
        column("d", String(), "D.", source="x", references="i94addr.code"), domain="codes", grain="one row per a",
    )  # fmt: skip
    rules = [row.split(" | ")[6] for row in render_dictionary((contract,)).splitlines()[-4:]]
    assert rules == ["0 to", "to 9", "0 to 0.5", "references i94.i94addr.code"]


def test_a_type_that_no_engine_is_told_about_is_refused() -> None:
    from sqlalchemy import Numeric

    with pytest.raises(KeyError):
        sql_type(Column("price", Numeric()))
