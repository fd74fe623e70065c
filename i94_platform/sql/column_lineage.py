"""Column lineage: from which columns of its sources a column's value comes.

Here: computing it from a query's own SQL, and reading what a transform in Python declares, both in terms of the
relations that they read; `Relation` says what these are in the graph. Lineage follows values and what a value is looked
up by; it does not follow filters, which concern every column alike. Not here: which asset runs which query (`assets`).
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
"""The columns that a value comes from, each as `layer/name.column`; or, in words, why there is none."""

Lineage = Mapping[str, Origin]
"""The origin of each column of a table; of a relation that a query reads, likewise."""


def map_same_columns(asset: str, names: Iterable[str]) -> dict[str, Origin]:
    """Columns that are an asset's own, by the same names."""
    return {name: (f"{asset}.{name}",) for name in names}


def trace_declared(
    sources: Mapping[str, Sequence[str]], contract: Table, relations: Mapping[str, Lineage]
) -> dict[str, Origin]:
    """The lineage of a table made in Python: `sources` names, for each column, `relation.column` of what it reads.

    Raises:
        KeyError: a column of the contract is not declared, or one that is named is in no relation.
    """

    def origin(source: str) -> Origin:
        relation, _, column = source.partition(".")
        return relations[relation][column]

    return {name: _merged(map(origin, sources[name])) for name in column_names(contract)}


def trace_query(
    sql: str,
    contract: Table | None,
    relations: Mapping[str, Lineage],
    dialect: str = "spark",
    *,
    bound: str = "",
    reasons: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Origin]:
    """The lineage of a query's columns, in the contract's order where there is one.

    `relations` says what each relation that the query reads is made of, by the name that the query calls it;
    `bound` says in words where the values of its markers come from; `reasons` why a column has no source, such as a
    constant. A count of rows comes from no column, and says so by itself.

    Raises:
        KeyError: the query reads a relation that `relations` does not have.
        sqlglot.errors.OptimizeError: the query reads a column that `relations` does not have, or two might be meant.
        ValueError: its columns are not the contract's, or one of them has neither a source nor a reason.
    """
    from sqlglot.lineage import lineage

    known = {
        _spelled(name): {_spelled(c): origin for c, origin in columns.items()} for name, columns in relations.items()
    }
    schema = {name: dict.fromkeys(columns, "string") for name, columns in known.items()}
    query = _with_lookups(sql, schema, dialect)
    nodes = lineage(None, query, schema=schema, dialect=dialect)
    counted = _Counted(query, relations)
    names = column_names(contract) if contract is not None else list(nodes)
    if set(names) != set(nodes):
        raise ValueError(f"the query gives {', '.join(nodes)}, where {', '.join(names)} are expected")
    found = {name: _origin(nodes[name], known, counted, bound) or reasons.get(name, "") for name in names}
    if bare := [name for name, origin in found.items() if not origin]:
        raise ValueError(f"no source and no reason for {', '.join(bare)}")
    return found


def _with_lookups(sql: str, schema: dict[str, Any], dialect: str) -> exp.Expr:
    """The query with each value of a joined relation beside what it is looked up by: the condition of the join."""
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
        select.set("expressions", [e.transform(_looked_up, conditions) for e in select.expressions])
    return query


def _looked_up(node: exp.Expr, conditions: Mapping[str, exp.Expr]) -> exp.Expr:
    from sqlglot import exp

    if isinstance(node, exp.Column) and (condition := conditions.get(node.table)) is not None:
        return exp.Anonymous(this="looked_up", expressions=[node.copy(), condition.copy()])
    return node


class _Counted:
    """Says of which asset a `count(*)` counts the rows: the one that the counting query's FROM leads to."""

    def __init__(self, query: exp.Expr, relations: Mapping[str, Lineage]) -> None:
        from sqlglot import exp

        self._named = {cte.alias_or_name: cte.this for cte in query.find_all(exp.CTE)}
        self._relations = relations

    def __call__(self, query: exp.Expr) -> str:
        from sqlglot import exp

        while not isinstance(query, exp.Table) or query.name in self._named:
            query = self._named[query.name] if isinstance(query, exp.Table) else _first_read(query)
        columns = [c for origin in self._relations[query.name].values() if not isinstance(origin, str) for c in origin]
        return f"number of rows of {', '.join(sorted({column.partition('.')[0] for column in columns}))}"


def _first_read(query: exp.Expr) -> exp.Expr:
    """What a query reads first: its FROM; of a union, that of its first part."""
    from sqlglot import exp

    first = query if isinstance(query, exp.Subquery | exp.SetOperation) else query.find(exp.From)
    if first is None:
        raise ValueError(f"no relation is read by {query.sql()}")
    read: exp.Expr = first.this
    return read


def _origin(node: Node, known: Mapping[str, Mapping[str, Origin]], counted: _Counted, bound: str) -> Origin:
    from sqlglot import exp

    origins: list[Origin] = []
    for leaf in node.walk():
        if isinstance(leaf.expression, exp.Table):
            origins.append(known[leaf.expression.name][_spelled(leaf.name.rpartition(".")[2])])
        elif leaf.expression.find(exp.Placeholder) and bound:
            origins.append(bound)
        elif any(isinstance(count.this, exp.Star) for count in leaf.expression.find_all(exp.Count)):
            origins.append(counted(leaf.source))
    return _merged(origins)


def _merged(origins: Iterable[Origin]) -> Origin:
    """Columns where there are any, each once and in order; else the reasons."""
    origins = list(origins)
    columns = sorted({column for origin in origins if not isinstance(origin, str) for column in origin})
    return tuple(columns) or "; ".join(sorted({origin for origin in origins if isinstance(origin, str)}))


def _spelled(name: str) -> str:
    """A column's name as both sides compare it: engines differ in the case of names, and quote some."""
    return name.strip('"`').casefold()
