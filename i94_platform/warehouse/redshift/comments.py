"""The descriptions of tables, rounded views and their columns as comments of Redshift, which only an owner may set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlalchemy import MetaData, Table

from i94_platform.contracts import MARTS
from i94_platform.contracts.access import ROUNDED
from i94_platform.contracts.rendering.ddl import render_comments
from i94_platform.warehouse.base import TABLES
from i94_platform.warehouse.redshift.transaction import RedshiftTransaction
from i94_platform.warehouse.transaction import SCHEMAS

FETCH_COMMENTS = (
    "SELECT n.nspname AS schema_name, c.relname AS relation, a.attname AS column_name, d.description "  # noqa: S608
    "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "JOIN pg_user u ON u.usename = current_user AND (u.usesuper OR u.usesysid = c.relowner) "
    "LEFT JOIN pg_description d ON d.objoid = c.oid AND d.classoid = 1259 "
    "LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND a.attnum > 0 "
    f"WHERE c.relkind IN ('r', 'v') AND n.nspname IN {(*SCHEMAS, ROUNDED)}"
)
"""A row for each comment of a relation that this user may describe, and one for each that has none.

1259 is the catalog of relations itself, `pg_class`, on every PostgreSQL.
"""


def render_redshift_comments() -> Iterator[str]:
    """Render the descriptions of every table, then of every rounded view, as `COMMENT ON`."""
    for relation in _iterate_relations():
        yield from _render_relation(relation).values()


def add_missing_comments(transaction: RedshiftTransaction) -> None:
    """Describe the tables and views of this user that lack their description or have another, in one round trip."""
    comments: dict[str, dict[str, str | None]] = {}
    for row in transaction.execute(FETCH_COMMENTS).to_pylist():
        relation = comments.setdefault(f"{row['schema_name']}.{row['relation']}", {})
        relation[row["column_name"] or ""] = row["description"]
    if statements := list(_render_missing(comments)):
        transaction.execute("; ".join(statements))


def _render_missing(comments: Mapping[str, Mapping[str, str | None]]) -> Iterator[str]:
    for relation in _iterate_relations():
        if (existing := comments.get(relation.fullname)) is not None:
            texts = {"": relation.comment, **{col.name: col.comment for col in relation.columns}}
            statements = _render_relation(relation)
            yield from (statements[name] for name, text in texts.items() if existing.get(name) != text)


def _render_relation(relation: Table) -> Mapping[str, str]:
    """Render the comments of a relation by column; the empty name is the relation itself."""
    statements = render_comments(relation)
    if relation.schema == ROUNDED:
        statements = (text.replace("COMMENT ON TABLE", "COMMENT ON VIEW", 1) for text in statements)
    return dict(zip(["", *(col.name for col in relation.columns)], statements, strict=True))


def _iterate_relations() -> Iterator[Table]:
    yield from TABLES
    for mart in MARTS:
        view = mart.to_metadata(MetaData(), schema=ROUNDED)
        view.comment = f"{mart.comment} Counts are rounded, and what is small is left out."
        yield view
