"""The one table that maps the types of contracts to the types of SQL, Arrow and Redshift's encodings."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Boolean, Column, Date, Double, Integer, String, Table


class TypeNames(NamedTuple):
    """The names of one type."""

    sql: str
    """The Spark SQL type, which the final casts of a transform name."""
    arrow: str
    """Arrow's alias."""
    encoding: str
    """Redshift's ENCODE, unless a column declares another."""


TYPES: dict[type, TypeNames] = {
    BigInteger: TypeNames("BIGINT", "int64", "az64"),
    Integer: TypeNames("INT", "int32", "az64"),
    Double: TypeNames("DOUBLE", "float64", "raw"),
    Date: TypeNames("DATE", "date32[day]", "az64"),
    Boolean: TypeNames("BOOLEAN", "bool", "raw"),
    String: TypeNames("STRING", "string", "zstd"),
}


def type_names(col: Column[Any]) -> TypeNames:
    """The names of a column's type; KeyError for a type that no contract may use."""
    return TYPES[type(col.type)]


def sql_type(col: Column[Any]) -> str:
    """The Spark SQL type of a column, which the final casts of a transform name."""
    return type_names(col).sql


def render_columns(contract: Table) -> list[str]:
    """Render each column with its type, for versions that change where a column does."""
    return [f"{col.name} {sql_type(col)}" for col in contract.columns]
