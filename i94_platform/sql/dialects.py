"""Translation of SQL between dialects, by sqlglot and a few rewrites of ours."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from i94_platform.sql.query import Query

if TYPE_CHECKING:
    from sqlglot import exp


def requote(spark_sql: str) -> str:
    """Replace Spark's quotes around names by those of every other dialect; nothing else is translated."""
    return spark_sql.replace("`", '"')


def to_duckdb(query: Query) -> str:
    """Translate a query to DuckDB's dialect."""
    return requote(query.text) if query.is_portable else transpile(query.text, "duckdb")


@lru_cache(maxsize=256)
def transpile(text: str, dialect: str, read: str = "spark") -> str:
    """Translate a text from the dialect `read` to `dialect`; it comes back as it is where the two are the same."""
    if read == dialect:
        return text
    import sqlglot

    return sqlglot.parse_one(text, read=read).transform(_rewrite).sql(dialect)


def _rewrite(node: exp.Expr) -> exp.Expr:
    import sqlglot
    from sqlglot import exp

    if isinstance(node, exp.TryCast) and (parts := _date_parts(node)):
        # DuckDB builds a text for each row when a date is put together from parts; try_strptime builds none
        text, form = parts[0].transform(_rewrite), exp.Literal.string(parts[1])
        return exp.Cast(this=exp.Anonymous(this="try_strptime", expressions=[text, form]), to=node.to)
    # DuckDB's octet_length knows BLOB only; its strlen counts the bytes of a text
    if isinstance(node, exp.Anonymous) and node.name.lower() == "octet_length":
        texts = [text.transform(_rewrite) for text in node.expressions]
        return exp.Anonymous(this="strlen", expressions=texts)
    # DuckDB's rtrim removes every kind of blank, other engines' only spaces; it is also slow where there is nothing to
    # remove
    if isinstance(node, exp.Trim) and node.args.get("position") == "TRAILING" and not node.expression:
        text = node.this.transform(_rewrite).sql("duckdb")
        return sqlglot.parse_one(
            f"CASE WHEN ends_with({text}, ' ') THEN rtrim({text}, ' ') ELSE {text} END", read="duckdb"
        )
    return node


def _date_parts(cast: exp.TryCast) -> tuple[exp.Expr, str] | None:
    """Find the text and the format of a date that `render_date` puts together; None for any other cast."""
    from sqlglot import exp

    if not isinstance(cast.this, exp.ConcatWs):
        return None
    parts = cast.this.expressions[1:]
    if not all(isinstance(part, exp.Substring) for part in parts):
        return None
    letters = {int(part.args["start"].this): letter for part, letter in zip(parts, "Ymd", strict=True)}
    return parts[0].this, "".join(f"%{letters[start]}" for start in sorted(letters))
