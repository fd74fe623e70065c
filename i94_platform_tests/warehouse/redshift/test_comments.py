"""Test that tables, rounded views and their columns say on Redshift what they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from i94_platform.contracts import MARTS
from i94_platform.contracts.access import ROUNDED
from i94_platform.warehouse.base import TABLES, Warehouse
from i94_platform.warehouse.duckdb import DuckDBWarehouse
from i94_platform.warehouse.redshift.warehouse import RedshiftWarehouse

COMMENTS = """
    SELECT n.nspname AS schema, c.relname AS relation, a.attname AS name, d.description AS comment
    FROM pg_description d JOIN pg_class c ON c.oid = d.objoid JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND a.attnum > 0
    WHERE n.nspname IN ('i94', 'mart', 'mart_rounded')
"""


def read_comments(warehouse: Warehouse, query: str) -> dict[tuple[str, ...], str]:
    return {
        (row["schema"], row["relation"], row["name"] or ""): row["comment"]
        for row in warehouse.query(query).to_pylist()
    }


def test_tables_views_and_columns_have_the_comments_of_duckdb(warehouse: RedshiftWarehouse, tmp_path: Path) -> None:
    duckdb_warehouse = DuckDBWarehouse(tmp_path / "w.duckdb", tmp_path / "scratch")
    duckdb_warehouse.create_tables()
    with duckdb_warehouse.transaction(purpose="describe") as transaction:
        transaction.add_comments(TABLES)
    expected = read_comments(
        duckdb_warehouse,
        "SELECT schema_name AS schema, table_name AS relation, '' AS name, comment FROM duckdb_tables() "
        "UNION ALL SELECT schema_name, table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal",
    )
    comments = read_comments(warehouse, COMMENTS)
    views = {place: text for place, text in comments.items() if place[0] == ROUNDED}
    assert comments.items() - views.items() == expected.items()
    for mart in MARTS:
        assert str(views[ROUNDED, mart.name, ""]).startswith(str(mart.comment))
        assert {col.name: views[ROUNDED, mart.name, col.name] for col in mart.columns} == {
            col.name: col.comment for col in mart.columns
        }


def test_creating_again_writes_in_one_message_the_comments_that_are_missing_or_differ(
    warehouse: RedshiftWarehouse, sent_statements: Any
) -> None:
    before = read_comments(warehouse, COMMENTS)
    with warehouse.transaction(purpose="prepare a test") as transaction:
        transaction.execute("COMMENT ON TABLE i94.i94mode IS NULL")
        transaction.execute("COMMENT ON COLUMN i94.state.code IS 'of an older version'")
    start = len(sent_statements())
    warehouse.create_tables()
    (message,) = [sql for sql in sent_statements()[start:] if sql.startswith("COMMENT ON")]
    tables = [text for text in message.split("; COMMENT ON ") if f"{ROUNDED}." not in text]
    assert [text.split(" IS ")[0] for text in tables] == ["COMMENT ON TABLE i94.i94mode", "COLUMN i94.state.code"]
    assert read_comments(warehouse, COMMENTS) == before
