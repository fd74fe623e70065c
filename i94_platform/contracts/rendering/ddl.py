"""A contract as DDL of DuckDB and Redshift."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, Column, MetaData, Table, func
from sqlalchemy.schema import CreateColumn, CreateSchema, CreateTable, SetColumnComment, SetTableComment

from i94_platform.contracts.model import text_limit
from i94_platform.contracts.rendering.types import type_names

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

DIALECTS = ("duckdb", "redshift")


@cache
def load_dialect(name: str) -> Dialect:
    """SQLAlchemy's dialect `duckdb` or `redshift`; ValueError for another name.

    DuckDB reads PostgreSQL's statements, except for its markers (`$1`) and the division of whole numbers.
    """
    if name == "duckdb":
        from sqlalchemy.dialects.postgresql.base import PGDialect

        dialect: Dialect = PGDialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
        dialect.div_is_floordiv = False  # 7 / 2 is 3.5
        return dialect
    if name == "redshift":
        from sqlalchemy_redshift.dialect import RedshiftDialect_psycopg2

        return RedshiftDialect_psycopg2()  # type: ignore[no-any-return]
    raise ValueError(f"{name!r} is no SQL dialect of this platform; choose one of {', '.join(DIALECTS)}.")


@cache
def render_ddl(contract: Table, dialect: str, diststyle: str = "key") -> str:
    """Render `CREATE TABLE IF NOT EXISTS` without a closing semicolon.

    Keys stay out of it: Redshift's planner trusts an unenforced key, and DuckDB's index would triple the load. The
    checks test uniqueness before a load instead.

    Args:
        contract: The table.
        dialect: `duckdb` or `redshift`.
        diststyle: `even` or `auto` replaces a distribution by key, which the fact has on Redshift.
    """
    physical = _physical_table(contract, dialect, diststyle)
    return str(CreateTable(physical, if_not_exists=True).compile(dialect=load_dialect(dialect))).strip()


def render_add_columns(contract: Table, names: Sequence[str], dialect: str) -> Iterator[str]:
    """Render `ALTER TABLE … ADD COLUMN` for columns of a contract; Redshift adds one in a statement.

    DuckDB adds no constraint to a table, so a text that was added has no limit there.
    """
    if not names:
        return
    physical = _physical_table(contract, dialect, "key")
    for name in names:
        declaration = CreateColumn(physical.c[name]).compile(dialect=load_dialect(dialect))
        yield f"ALTER TABLE {contract.fullname} ADD COLUMN {declaration}"


def render_create_schema(name: str, dialect: str) -> str:
    """Render `CREATE SCHEMA IF NOT EXISTS` in the dialect."""
    return str(CreateSchema(name, if_not_exists=True).compile(dialect=load_dialect(dialect)))


def render_comments(contract: Table) -> Iterator[str]:
    """Render the descriptions of a table, then of its columns, as `COMMENT ON`, which both dialects read alike."""
    dialect = load_dialect("duckdb")
    yield str(SetTableComment(contract).compile(dialect=dialect))
    yield from (str(SetColumnComment(col).compile(dialect=dialect)) for col in contract.columns)


def _physical_table(contract: Table, dialect: str, diststyle: str) -> Table:
    """The contract without keys, with the dialect's own layout options."""
    if dialect == "redshift":
        columns = [
            Column(c.name, c.type, nullable=c.nullable, redshift_encode=_encoding(contract, c))
            for c in contract.columns
        ]
        options = _redshift_layout(contract, diststyle)
        return Table(contract.name, MetaData(schema=contract.schema), *columns, **options)
    columns = [Column(c.name, c.type, nullable=c.nullable) for c in contract.columns]
    # DuckDB takes a text of any length; Redshift counts its bytes, and both must reject the same rows
    limits = [CheckConstraint(func.strlen(c) <= text_limit(c)) for c in columns if text_limit(c)]
    return Table(contract.name, MetaData(schema=contract.schema), *columns, *limits)


def _redshift_layout(contract: Table, diststyle: str) -> dict[str, Any]:
    distribution, sort = contract.info["distribution"], contract.info["sort"]
    by_key = distribution not in ("ALL", "EVEN", "AUTO")
    if by_key and diststyle != "key":
        by_key, distribution = False, diststyle.upper()
    layout: dict[str, Any] = {"redshift_sortkey": sort} if sort else {}
    if by_key:
        return {"redshift_diststyle": "KEY", "redshift_distkey": distribution, **layout}
    # AUTO is Redshift's default, and SQLAlchemy's dialect has no word for it
    return layout if distribution == "AUTO" else {"redshift_diststyle": distribution, **layout}


def _encoding(contract: Table, col: Column[Any]) -> str:
    """The leading sort column stays raw, as Redshift advises."""
    if contract.info["sort"][:1] == (col.name,):
        return "raw"
    return str(col.info["byte_encoding"] or type_names(col).encoding)
