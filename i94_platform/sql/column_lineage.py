"""Column lineage: from which columns of its sources a column's value comes.

It is computed from a query's own SQL, or from what a transform in Python declares, both in terms of the relations that
they read. Lineage follows values and what a value is looked up by. It does not follow filters, which concern every
column alike. Which asset runs which query is in `defs.column_lineage`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sqlalchemy import Table

from i94_platform.contracts.model import column_names

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.lineage import Node

Origin = tuple[str, ...] | str
"""The columns that a value comes from, each as `layer/name.column`; or the reason, in words, why there is none."""

Lineage = Mapping[str, Origin]
"""The origin of each column of a table, or of a relation that a query reads."""


def map_same_columns(asset: str, names: Iterable[str]) -> dict[str, Origin]:
    """Map the columns of an asset to themselves."""
    return {name: (f"{asset}.{name}",) for name in names}


def trace_declared(
    sources: Mapping[str, Sequence[str]], contract: Table, relations: Mapping[str, Lineage]
) -> dict[str, Origin]:
    """Trace a table made in Python: `sources` names, for each column, what it reads as `relation.column`.

    Raises:
        KeyError: a column of the contract is not declared, or a declared source is in no relation.
    """

    def find_origin(source: str) -> Origin:
        relation, _, column = source.partition(".")
        return relations[relation][column]

    return {name: _merge(map(find_origin, sources[name])) for name in column_names(contract)}


def trace_query(
    sql: str,
    contract: Table | None,
    relations: Mapping[str, Lineage],
    dialect: str = "spark",
    *,
    bound: str = "",
    reasons: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Origin]:
    """Trace the columns of a query, in the contract's order where there is one.

    Args:
        relations: the lineage of each relation that the query reads, by the name that the query calls it.
        bound: in words, where the values of the query's markers come from.
        reasons: in words, why a column has no source, such as a constant. A count of rows needs no reason.

    Raises:
        KeyError: the query reads a relation that is not in `relations`.
        sqlglot.errors.OptimizeError: the query reads a column that is not in `relations`, or an ambiguous one.
        ValueError: the columns are not the contract's, or one has neither a source nor a reason.
    """
    from sqlglot.lineage import lineage

    known = {
        _fold_case(name): {_fold_case(c): origin for c, origin in columns.items()}
        for name, columns in relations.items()
    }
    schema = {name: dict.fromkeys(columns, "string") for name, columns in known.items()}
    query = _add_lookups(sql, schema, dialect)
    nodes = lineage(None, query, schema=schema, dialect=dialect)
    describe_count = _CountedRows(query, relations)
    names = column_names(contract) if contract is not None else list(nodes)
    if set(names) != set(nodes):
        raise ValueError(f"the query gives {', '.join(nodes)}, where {', '.join(names)} are expected")
    origin_by_name = {
        name: _find_origin(nodes[name], known, describe_count, bound) or reasons.get(name, "") for name in names
    }
    if unexplained := [name for name, origin in origin_by_name.items() if not origin]:
        raise ValueError(f"no source and no reason for {', '.join(unexplained)}")
    return origin_by_name


def _add_lookups(sql: str, schema: dict[str, Any], dialect: str) -> exp.Expr:
    """Put the condition of its join beside each value of a joined relation: the value is looked up by it."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.optimizer.qualify import qualify

    query = sqlglot.parse_one(sql, read=dialect)
    for table in query.find_all(exp.Table):
        table.set("db", None)  # relations are known by their names alone
    query = qualify(query, schema=schema, dialect=dialect)
    for select in query.find_all(exp.Select):
        conditions = {
            join.alias_or_name: join.args["on"] for join in select.args.get("joins") or () if join.args.get("on")
        }
        select.set("expressions", [e.transform(_add_lookup, conditions) for e in select.expressions])
    return query


def _add_lookup(node: exp.Expr, conditions: Mapping[str, exp.Expr]) -> exp.Expr:
    from sqlglot import exp

    if isinstance(node, exp.Column) and (condition := conditions.get(node.table)) is not None:
        return exp.Anonymous(this="looked_up", expressions=[node.copy(), condition.copy()])
    return node


class _CountedRows:
    """Describes the rows that a `count(*)` counts: those of the asset that the counting query's FROM leads to."""

    def __init__(self, query: exp.Expr, relations: Mapping[str, Lineage]) -> None:
        from sqlglot import exp

        self._ctes = {cte.alias_or_name: cte.this for cte in query.find_all(exp.CTE)}
        self._relations = relations

    def __call__(self, query: exp.Expr) -> str:
        from sqlglot import exp

        while not isinstance(query, exp.Table) or query.name in self._ctes:
            query = self._ctes[query.name] if isinstance(query, exp.Table) else _first_relation(query)
        columns = [c for origin in self._relations[query.name].values() if not isinstance(origin, str) for c in origin]
        return f"number of rows of {', '.join(sorted({column.partition('.')[0] for column in columns}))}"


def _first_relation(query: exp.Expr) -> exp.Expr:
    """The relation after a query's FROM; of a union, that of its first query."""
    from sqlglot import exp

    first = query if isinstance(query, exp.Subquery | exp.SetOperation) else query.find(exp.From)
    if first is None:
        raise ValueError(f"no relation is read by {query.sql()}")
    relation: exp.Expr = first.this
    return relation


def _find_origin(
    node: Node, known: Mapping[str, Mapping[str, Origin]], describe_count: _CountedRows, bound: str
) -> Origin:
    from sqlglot import exp

    leaves: list[Origin] = []
    for leaf in node.walk():
        if isinstance(leaf.expression, exp.Table):
            leaves.append(known[leaf.expression.name][_fold_case(leaf.name.rpartition(".")[2])])
        elif leaf.expression.find(exp.Placeholder) and bound:
            leaves.append(bound)
        elif any(isinstance(count.this, exp.Star) for count in leaf.expression.find_all(exp.Count)):
            leaves.append(describe_count(leaf.source))
    return _merge(leaves)


def _merge(parts: Iterable[Origin]) -> Origin:
    """Merge what several values come from: all columns, sorted; the reasons where there is no column."""
    parts = list(parts)
    columns = sorted({column for part in parts if not isinstance(part, str) for column in part})
    return tuple(columns) or "; ".join(sorted({part for part in parts if isinstance(part, str)}))


def _fold_case(name: str) -> str:
    """Fold a name for comparison: engines differ in the case of names, and quote some."""
    return name.strip('"`').casefold()
