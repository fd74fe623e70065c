"""A contract's rules as queries: how many rows break each rule, and which.

The queries use words that every dialect knows; only names are in Spark's quotes (see `dialects.requote`). Rules across
tables are checks in `defs`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Column, Date, Float, Integer, Table

from i94_platform.contracts.model import MONTH_COLUMNS, key_columns, public_columns
from i94_platform.sql.expressions import render_literal, render_none_of

RULE_TYPES = ("not_null", "key_unique", "allowed_values", "ranges", "foreign_keys")
_ROW_RULE_TYPES = frozenset({"not_null", "allowed_values", "ranges"})
BLOCKING_RULE_TYPES = frozenset({"not_null", "key_unique", "foreign_keys"})
"""A broken rule of these types stops what follows. The others warn, since sources do hold an age of -3."""


@dataclass(frozen=True)
class ColumnStats:
    """What a file's footer says of a column: its values lie from `low` to `high`, both None where all are null."""

    nulls: int
    low: Any
    high: Any


@dataclass(frozen=True)
class ContractRule:
    """One rule of one contract.

    `count` is a query of one row with `broken`, the number of rows that break the rule; of a row rule it is only the
    condition that is true for such a row. `sample` is a query of some of these rows, without columns that describe a
    person.
    """

    rule_type: str
    column: str
    bound: str
    """What the rule asks, in words."""
    count: str
    sample: str
    unique_column: str = ""
    """An integer column: the rule holds if it has no duplicates, which may be cheaper to find out."""
    satisfied_by: Callable[[ColumnStats], bool] = lambda stats: False
    """Whether the stats of the column prove the rule; if they don't, the rows may still hold to it."""

    @property
    def name(self) -> str:
        """The type and the columns."""
        return f"{self.rule_type} {self.column}"

    @property
    def is_blocking(self) -> bool:
        """Whether a row that breaks it stops what follows."""
        return self.rule_type in BLOCKING_RULE_TYPES


def contract_rules(
    contract: Table, relation: str, types: Collection[str] = RULE_TYPES, where: str = ""
) -> list[ContractRule]:
    """The rules of these types over a relation, limited to the rows for which the condition `where` is true."""
    rows = _select_rows(relation, where)
    rules = [*_row_rules(contract, rows), _key_rule(contract, rows), *_foreign_keys(contract, rows)]
    return [rule for rule in rules if rule.rule_type in types]


def render_counts(rules: Sequence[ContractRule]) -> str:
    """Render one query that counts each of these rules, none of which is a row rule: columns `r0`, `r1`, …"""
    return "SELECT " + ", ".join(f"({rule.count}) AS r{i}" for i, rule in enumerate(rules))


def render_row_counts(rules: Sequence[ContractRule], relation: str, where: str = "") -> tuple[str, list[ContractRule]]:
    """Render one query that counts all row rules in one scan.

    Returns:
        The query (`row_count`, `r0`, `r1`, …), and the row rules in the order of its columns.
    """
    row_rules = [rule for rule in rules if rule.rule_type in _ROW_RULE_TYPES]
    counts = [f"coalesce(sum(CASE WHEN {rule.count} THEN 1 ELSE 0 END), 0) AS r{i}" for i, rule in enumerate(row_rules)]
    return f"SELECT {', '.join(['count(*) AS row_count', *counts])} FROM {_select_rows(relation, where)}", row_rules


def _select_rows(relation: str, where: str) -> str:
    return f"{relation} WHERE {where or 'TRUE'}"


def _row_rules(contract: Table, rows: str) -> Iterator[ContractRule]:
    keys, public = key_columns(contract), public_columns(contract)
    for col in contract.columns:
        shown = ", ".join(f"`{name}`" for name in dict.fromkeys([*keys, *({col.name} & {*public})]))
        for type_, bound, condition in _row_conditions(col):
            sample = f"SELECT {shown} FROM {rows} AND ({condition}) LIMIT 5"
            is_satisfied = partial(_is_satisfied, type_, col)
            yield ContractRule(type_, col.name, bound, condition, sample, satisfied_by=is_satisfied)


def _row_conditions(col: Column[Any]) -> Iterator[tuple[str, str, str]]:
    """Each row rule of a column: its type, its bound in words, and the condition of a row that breaks it."""
    name = f"`{col.name}`"
    if not col.nullable:
        yield "not_null", "never null", f"{name} IS NULL"
    if allowed := col.info["allowed"]:
        yield "allowed_values", f"one of {', '.join(map(render_literal, allowed))}", render_none_of(col.name, allowed)
    low, high = (_render_bound(col, col.info[side]) for side in ("low", "high"))
    if low or high:
        outside = [f"{name} < {low}" if low else "", f"{name} > {high}" if high else ""]
        yield "ranges", _describe_range(col.info["low"], col.info["high"]), " OR ".join(filter(None, outside))


def _is_satisfied(rule_type: str, col: Column[Any], stats: ColumnStats) -> bool:
    if rule_type == "not_null":
        return stats.nulls == 0
    if stats.low is None:
        return True  # a null breaks no rule about values
    if isinstance(col.type, Float):
        return False  # NaN is in no footer
    if rule_type == "allowed_values":
        return stats.low == stats.high and stats.low in col.info["allowed"]
    low, high = col.info["low"], col.info["high"]
    return (low is None or low <= stats.low) and (high is None or stats.high <= high)


def _describe_range(low: Any, high: Any) -> str:
    if low is None:
        return f"{high} or less"
    return f"{low} or more" if high is None else f"{low} to {high}"


def _render_bound(col: Column[Any], value: Any) -> str:
    if value is None:
        return ""
    return f"DATE '{value}'" if isinstance(col.type, Date) else str(value)


def _key_rule(contract: Table, rows: str) -> ContractRule:
    keys = ", ".join(f"`{name}`" for name in key_columns(contract))
    duplicates = f"SELECT {keys}, count(*) AS times FROM {rows} GROUP BY {keys} HAVING count(*) > 1"
    return ContractRule(
        "key_unique",
        keys.replace("`", ""),
        "each once",
        f"SELECT count(*) AS broken FROM ({duplicates}) AS duplicate_keys",
        f"{duplicates} LIMIT 5",
        _unique_column(contract),
    )


def _unique_column(contract: Table) -> str:
    """The one column that tells a month's rows apart, if there is one and it is an integer."""
    names = [name for name in key_columns(contract) if name not in MONTH_COLUMNS]
    return names[0] if len(names) == 1 and isinstance(contract.columns[names[0]].type, Integer) else ""


def _foreign_keys(contract: Table, rows: str) -> Iterator[ContractRule]:
    for col in contract.columns:
        for foreign in col.foreign_keys:
            parent, code = foreign.target_fullname.rsplit(".", 1)
            # grouped first: the join then meets some hundred codes, not some million rows
            codes = (
                f"SELECT `{col.name}` AS code, count(*) AS times FROM {rows} AND `{col.name}` IS NOT NULL "
                f"GROUP BY `{col.name}`"
            )
            orphans = (
                f"FROM ({codes}) AS used LEFT JOIN {parent} AS parent ON parent.`{code}` = used.code "
                f"WHERE parent.`{code}` IS NULL"
            )
            yield ContractRule(
                "foreign_keys",
                col.name,
                f"in {parent}.{code}",
                f"SELECT CAST(coalesce(sum(used.times), 0) AS BIGINT) AS broken {orphans}",
                f"SELECT used.code AS `{col.name}`, used.times {orphans} ORDER BY used.times DESC LIMIT 5",
            )
