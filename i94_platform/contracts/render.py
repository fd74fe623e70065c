"""A contract in each engine's own terms: DuckDB and Redshift DDL, Spark, Arrow and Dagster schemas, the dictionary.

Here: every rendering, from one table of types. Not here: a second copy of any schema, and anything that executes.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Date, Double, Integer, String, Table, func
from sqlalchemy.schema import CreateSchema, CreateTable

from i94_platform.contracts.model import key_columns, text_limit

if TYPE_CHECKING:
    import dagster as dg
    import pyarrow as pa
    from sqlalchemy.engine import Dialect

# SQLAlchemy type → (SQL type both engines cast to, Arrow's name for it, Redshift's encoding)
TYPES: dict[type, tuple[str, str, str]] = {
    BigInteger: ("BIGINT", "int64", "az64"),
    Integer: ("INT", "int32", "az64"),
    Double: ("DOUBLE", "float64", "raw"),
    Date: ("DATE", "date32[day]", "az64"),
    Boolean: ("BOOLEAN", "bool", "raw"),
    String: ("STRING", "string", "zstd"),
}
DIALECTS = ("duckdb", "redshift")


def _types(col: Column[Any]) -> tuple[str, str, str]:
    return TYPES[type(col.type)]


def sql_type(col: Column[Any]) -> str:
    """The Spark SQL type of a column, which is also what the final casts of a transform name."""
    return _types(col)[0]


def spark_schema(contract: Table) -> str:
    """The schema as a Spark DDL string, such as `cicid INT, i94port STRING`."""
    return ", ".join(f"`{c.name}` {sql_type(c)}" for c in contract.columns)


def arrow_schema(contract: Table) -> pa.Schema:
    """The schema of the staged Parquet files: names, order and types; all nullable, as both engines write it."""
    import pyarrow as pa

    return pa.schema([pa.field(c.name, _arrow_type(_types(c)[1])) for c in contract.columns])


def _arrow_type(name: str) -> pa.DataType:
    import pyarrow as pa

    alias: Any = pa.type_for_alias  # the stubs know each name as an overload of its own
    return alias(name)  # type: ignore[no-any-return]


def dagster_schema(contract: Table, more: Mapping[str, str] = MappingProxyType({})) -> dg.TableSchema:
    """The column schema that the lineage UI shows, with descriptions, units and constraints.

    `more` has, by column, a sentence that follows its description.
    """
    import dagster as dg

    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=c.name,
                type=sql_type(c).lower() if text_limit(c) is None else f"varchar({text_limit(c)})",
                description=f"{c.comment} {more.get(c.name, '')}".strip(),
                constraints=dg.TableColumnConstraints(
                    nullable=bool(c.nullable), unique=key_columns(contract) == [c.name]
                ),
                tags={
                    k: v for k, v in {"source": c.info["source"], "unit": c.info["unit"]}.items() if v and _is_tag(v)
                },
            )
            for c in contract.columns
        ],
        constraints=dg.TableConstraints(other=[contract.info["grain"]]),
    )


def _is_tag(value: str) -> bool:
    return len(value) <= 63 and all(ch.isalnum() or ch in "-_." for ch in value)


@cache
def render_ddl(contract: Table, dialect: str, diststyle: str = "key") -> str:
    """`CREATE TABLE IF NOT EXISTS` in the dialect `duckdb` or `redshift`, without a closing semicolon.

    `diststyle` (`even`, `auto`) replaces a distribution by key, which is the fact's, on Redshift. Keys stay out of both: Redshift's planner trusts an unenforced key, and DuckDB's index would triple the load.
    Uniqueness is checked before a load instead.
    """
    rendered = CreateTable(_physical(contract, dialect, diststyle), if_not_exists=True).compile(
        dialect=_dialect(dialect)
    )
    return str(rendered).strip()


def render_create_schema(name: str, dialect: str) -> str:
    """`CREATE SCHEMA IF NOT EXISTS` in the dialect."""
    return str(CreateSchema(name, if_not_exists=True).compile(dialect=_dialect(dialect)))


@cache
def _dialect(name: str) -> Dialect:
    if name == "duckdb":
        import duckdb_engine

        return duckdb_engine.Dialect()
    if name == "redshift":
        from sqlalchemy_redshift.dialect import RedshiftDialect_psycopg2

        return RedshiftDialect_psycopg2()  # type: ignore[no-any-return]
    raise ValueError(f"{name!r} is not a dialect known here; valid are: {', '.join(DIALECTS)}")


def _physical(contract: Table, dialect: str, diststyle: str) -> Table:
    """The contract without keys, with the dialect's own layout options."""
    from sqlalchemy import MetaData

    options: dict[str, Any] = {}
    if dialect == "redshift":
        distribution, sort = contract.info["distribution"], contract.info["sort"]
        by_key = distribution not in ("ALL", "EVEN", "AUTO")
        if by_key and diststyle != "key":
            by_key, distribution = False, diststyle.upper()
        # AUTO is what Redshift does where nothing is said, and the dialect knows no word for it
        options = {"redshift_diststyle": "KEY" if by_key else distribution} if distribution != "AUTO" else {}
        options |= {"redshift_distkey": distribution} if by_key else {}
        options |= {"redshift_sortkey": sort} if sort else {}
    columns = [
        Column(c.name, c.type, nullable=c.nullable, **_column_options(contract, c, dialect)) for c in contract.columns
    ]
    limits = [_byte_limit(c) for c in columns if text_limit(c)] if dialect == "duckdb" else []
    return Table(contract.name, MetaData(schema=contract.schema), *columns, *limits, **options)


def _byte_limit(col: Column[Any]) -> CheckConstraint:
    """DuckDB takes a text of any length; Redshift counts its bytes, and both must refuse the same rows."""
    return CheckConstraint(func.strlen(col) <= text_limit(col))


def _column_options(contract: Table, col: Column[Any], dialect: str) -> dict[str, Any]:
    return {"redshift_encode": _encoding(contract, col)} if dialect == "redshift" else {}


def _encoding(contract: Table, col: Column[Any]) -> str:
    """Redshift's encoding: the leading sort column stays raw, as Redshift advises."""
    if contract.info["sort"][:1] == (col.name,):
        return "raw"
    return str(col.info["encode"] or _types(col)[2])


def render_dictionary(contracts: tuple[Table, ...]) -> str:
    """The data dictionary as Markdown, one section a table."""
    lines = [
        "# Data dictionary",
        "",
        "Generated from `i94_platform/contracts` by `i94 dictionary --write`; change the contracts, not this page.",
    ]
    for contract in contracts:
        lines += [
            "",
            f"## {contract.schema}.{contract.name}",
            "",
            str(contract.comment),
            "",
            f"Grain: {contract.info['grain']}.",
            "",
        ]
        lines += [
            "| column | type | null | key | unit | description | rule | source |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
        ]
        lines += [_dictionary_row(c) for c in contract.columns]
    return "\n".join(lines) + "\n"


def _dictionary_row(c: Column[Any]) -> str:
    limit = text_limit(c)
    rule = " · ".join(
        [f"references {fk.target_fullname}" for fk in c.foreign_keys]
        + ([f"one of {', '.join(map(str, c.info['allowed']))}"] if c.info["allowed"] else [])
        + (
            [
                f"{'' if c.info['low'] is None else c.info['low']} to {'' if c.info['high'] is None else c.info['high']}".strip()
            ]
            if (c.info["low"], c.info["high"]) != (None, None)
            else []
        )
    )
    type_name = f"VARCHAR({limit})" if limit else ("VARCHAR" if isinstance(c.type, String) else sql_type(c))
    cells = [
        f"`{c.name}`",
        type_name,
        "yes" if c.nullable else "no",
        "yes" if c.info["key"] else "",
        c.info["unit"],
        str(c.comment),
        rule,
        c.info["source"],
    ]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
