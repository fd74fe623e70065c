"""Queries: SQL written once, as Spark SQL or Redshift's, with the values that are bound to it.

Here: the `Query` record, reading a `.sql` file of this package with its rendered parts, and the few expressions that
several transforms render, and the translation to another dialect. Not here: any one transform, and running a query
(`engine`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any

from sqlalchemy import Table

from i94_platform.contracts.rendering.types import sql_type

if TYPE_CHECKING:
    from sqlglot import exp


@dataclass(frozen=True)
class Query:
    """Spark SQL and the values of its named markers (`:first_day`); values are bound, never formatted in.

    `is_plain` says that only the quotes around its names are Spark's, which saves parsing it.
    """

    text: str
    values: Mapping[str, Any] = field(default_factory=dict)
    is_portable: bool = False


@cache
def load_template(name: str) -> Template:
    """The `.sql` file of that name in this package."""
    return Template(files("i94_platform.transforms").joinpath(f"{name}.sql").read_text("utf-8"))


def render_final_casts(contract: Table, expressions: Mapping[str, str], default: str) -> str:
    """The select list of a contract: `CAST(expression AS type) AS name`, in contract order.

    `default` is the relation that a column is taken from, by its own name, where `expressions` has none for it.
    """
    return ",\n  ".join(
        f"CAST({expressions.get(c.name, f'{default}.`{c.name}`')} AS {sql_type(c)}) AS `{c.name}`"
        for c in contract.columns
    )


def render_date(text: str, *, year: int, month: int, day: int) -> str:
    """A DATE from a text of eight digits, given where its parts start; null for any other text and for no date.

    The digits are tested, since engines differ in what else they read as a date; the year 0 is none in Python. This is
    the cheapest way on both.
    """
    parts = [f"substr({text}, {start}, {size})" for start, size in ((year, 4), (month, 2), (day, 2))]
    # the length too, since Java lets the end of a pattern be before a newline
    digits = f"length({text}) = 8 AND {text} RLIKE '^[0-9]{{8}}$' AND {parts[0]} <> '0000'"
    return f"CASE WHEN {digits} THEN try_cast(concat_ws('-', {', '.join(parts)}) AS DATE) END"


def render_any(conditions: Iterable[str]) -> str:
    """True where one of the conditions is true, false otherwise: never null, so a row is on one side only."""
    return "coalesce(" + "\n    OR ".join(f"({condition})" for condition in conditions) + ", false)"


def requote(spark_sql: str) -> str:
    """A text that says the same in every dialect, with names in the quotes that all but Spark know."""
    return spark_sql.replace("`", '"')


def to_duckdb(query: Query) -> str:
    """A query in DuckDB's dialect."""
    return requote(query.text) if query.is_portable else transpile(query.text, "duckdb")


@lru_cache(maxsize=256)
def transpile(text: str, dialect: str, read: str = "spark") -> str:
    """SQL of Spark or Redshift in DuckDB's dialect, by sqlglot and the few rewrites that it lacks; or as it is."""
    import sqlglot

    return text if read == dialect else sqlglot.parse_one(text, read=read).transform(_rewrite).sql(dialect)


def _rewrite(node: exp.Expr) -> exp.Expr:
    import sqlglot
    from sqlglot import exp

    if isinstance(node, exp.TryCast) and (parts := _date_parts(node)):
        # put together from parts, a date costs DuckDB a text a row; read by its format, one call a distinct text
        text, form = parts[0].transform(_rewrite), exp.Literal.string(parts[1])
        return exp.Cast(this=exp.Anonymous(this="try_strptime", expressions=[text, form]), to=node.to)
    # DuckDB's octet_length knows BLOB only; its strlen counts the bytes of a text
    if isinstance(node, exp.Anonymous) and node.name.lower() == "octet_length":
        return exp.Anonymous(this="strlen", expressions=node.expressions)
    # DuckDB's rtrim removes every kind of blank, other engines' spaces only, and takes its time where there is none
    if isinstance(node, exp.Trim) and node.args.get("position") == "TRAILING" and not node.expression:
        text = node.this.transform(_rewrite).sql("duckdb")
        return sqlglot.parse_one(
            f"CASE WHEN ends_with({text}, ' ') THEN rtrim({text}, ' ') ELSE {text} END", read="duckdb"
        )
    return node


def _date_parts(cast: exp.TryCast) -> tuple[exp.Expr, str] | None:
    """The text that `date_of_digits` takes a date's parts from, and their order as a format; None for other casts."""
    from sqlglot import exp

    if not isinstance(cast.this, exp.ConcatWs):
        return None
    parts = cast.this.expressions[1:]
    if not all(isinstance(part, exp.Substring) for part in parts):
        return None
    letters = {int(part.args["start"].this): letter for part, letter in zip(parts, "Ymd", strict=True)}
    return parts[0].this, "".join(f"%{letters[start]}" for start in sorted(letters))
