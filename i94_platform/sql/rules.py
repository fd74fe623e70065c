"""A contract's rules as queries: what breaks them, how often, and which rows.

Here: the rules that every table has by its contract, over a relation. They are rendered in words that every dialect
knows, and only names are quoted as Spark quotes them (`transforms.sql.plain`). Not here: rules about more than one
table's contract (`checks`), and running the queries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Column, Date, Float, Integer, Table

from i94_platform.contracts.model import MONTH_COLUMNS, key_columns

RULE_TYPES = ("not_null", "key_unique", "allowed_values", "ranges", "foreign_keys")
BLOCKING_RULE_TYPES = frozenset({"not_null", "key_unique", "foreign_keys"})
"""Broken ones stop what follows; the others warn, since sources do hold an age of -3."""


@dataclass(frozen=True)
class ColumnStats:
    """What is known of a column without its rows: its values lie from `low` to `high`, both None where all are null."""

    nulls: int
    low: Any
    high: Any


@dataclass(frozen=True)
class ContractRule:
    """One rule of one contract. `count` yields one row with `broken`; `sample` yields rows that break it."""

    rule_type: str
    column: str
    bound: str
    count: str
    sample: str
    unique_column: str = ""
    """An integer column that settles the rule where it repeats no value, which may be quicker to see."""
    satisfied_by: Callable[[ColumnStats], bool] = lambda span: False
    """Whether a span of the column shows that no row breaks the rule; where it does not, rows may still keep it."""


def contract_rules(
    contract: Table, relation: str, kinds: Sequence[str] = RULE_TYPES, where: str = ""
) -> list[ContractRule]:
    """The rules of a contract over a relation, of these kinds; `where` is a condition that narrows it to a month."""
    scope = f"{relation} WHERE {where}" if where else relation
    found = [
        *_row_rules(contract, scope, bool(where)),
        _key_rule(contract, scope),
        *_foreign_keys(contract, scope, bool(where)),
    ]
    return [rule for rule in found if rule.rule_type in kinds]


def rule_types(contract: Table, kinds: Sequence[str] = RULE_TYPES) -> list[str]:
    """The kinds of which a contract has rules at all, in the order of `KINDS`."""
    present = {rule.rule_type for rule in contract_rules(contract, "t")}
    return [kind for kind in kinds if kind in present]


def _row_rules(contract: Table, scope: str, narrowed: bool) -> list[ContractRule]:
    found = []
    for col in contract.columns:
        for kind, bound, condition in _conditions(col):
            test = f"{scope} {'AND' if narrowed else 'WHERE'} ({condition})"
            keys = [f"`{name}`" for name in key_columns(contract) if name != col.name]
            shown = ", ".join([*keys, f"`{col.name}`"])
            sample = f"SELECT {shown} FROM {test} LIMIT 5"
            found.append(ContractRule(kind, col.name, bound, condition, sample, satisfied_by=partial(_kept, kind, col)))
    return found


def _conditions(col: Column[Any]) -> list[tuple[str, str, str]]:
    """(kind, bound in words, condition that is true for a row that breaks it), for each rule of a column."""
    name, found = f"`{col.name}`", []
    if not col.nullable:
        found.append(("not_null", "never null", f"{name} IS NULL"))
    if allowed := col.info["allowed"]:
        listed = ", ".join(f"'{value}'" if isinstance(value, str) else str(value) for value in allowed)
        found.append(("allowed_values", f"one of {listed}", f"{name} NOT IN ({listed})"))
    low, high = (_literal(col, col.info[side]) for side in ("low", "high"))
    if low or high:
        outside = [f"{name} < {low}" if low else "", f"{name} > {high}" if high else ""]
        found.append(("ranges", _between(col.info["low"], col.info["high"]), " OR ".join(filter(None, outside))))
    return found


def _kept(kind: str, col: Column[Any], span: ColumnStats) -> bool:
    if kind == "not_null":
        return span.nulls == 0
    if span.low is None:
        return True  # a null breaks no rule about values
    if isinstance(col.type, Float):
        return False  # NaN lies in no span
    if kind == "allowed_values":
        return span.low == span.high and span.low in col.info["allowed"]
    low, high = col.info["low"], col.info["high"]
    return (low is None or low <= span.low) and (high is None or span.high <= high)


def _between(low: Any, high: Any) -> str:
    if low is None:
        return f"{high} or less"
    return f"{low} or more" if high is None else f"{low} to {high}"


def _literal(col: Column[Any], value: Any) -> str:
    if value is None:
        return ""
    return f"DATE '{value}'" if isinstance(col.type, Date) else str(value)


def _key_rule(contract: Table, scope: str) -> ContractRule:
    keys = ", ".join(f"`{name}`" for name in key_columns(contract))
    repeated = f"SELECT {keys}, count(*) AS times FROM {scope} GROUP BY {keys} HAVING count(*) > 1"
    return ContractRule(
        "key_unique",
        keys.replace("`", ""),
        "each once",
        f"SELECT count(*) AS broken FROM ({repeated}) AS repeated",
        f"{repeated} LIMIT 5",
        _settles(contract),
    )


def _settles(contract: Table) -> str:
    """The column of the key that tells a month's rows apart, if it is one and an integer."""
    telling = [name for name in key_columns(contract) if name not in MONTH_COLUMNS]
    alone = telling[0] if len(telling) == 1 else ""
    return alone if alone and isinstance(contract.columns[alone].type, Integer) else ""


def _foreign_keys(contract: Table, scope: str, narrowed: bool) -> list[ContractRule]:
    found = []
    for col in contract.columns:
        for foreign in col.foreign_keys:
            parent, code = foreign.target_fullname.rsplit(".", 1)
            test = f"{scope} {'AND' if narrowed else 'WHERE'} `{col.name}` IS NOT NULL"
            # grouped first: the join then meets some hundred codes, not some million rows
            orphans = (
                f"FROM (SELECT `{col.name}` AS code, count(*) AS times FROM {test} GROUP BY `{col.name}`) AS used "
                f"LEFT JOIN {parent} AS parent ON parent.`{code}` = used.code WHERE parent.`{code}` IS NULL"
            )
            found.append(
                ContractRule(
                    "foreign_keys",
                    col.name,
                    f"in {parent}.{code}",
                    f"SELECT CAST(coalesce(sum(used.times), 0) AS BIGINT) AS broken {orphans}",
                    f"SELECT used.code AS `{col.name}`, used.times {orphans} ORDER BY used.times DESC LIMIT 5",
                )
            )
    return found


def render_counts(found: Sequence[ContractRule]) -> str:
    """One query that counts each of these rules, which are no row rules, by itself: columns `r0`, `r1`, …"""
    return "SELECT " + ", ".join(f"({rule.count}) AS r{i}" for i, rule in enumerate(found))


def render_row_counts(found: Sequence[ContractRule], relation: str, where: str = "") -> tuple[str, list[ContractRule]]:
    """One query that counts every row rule in one scan: columns `r0`, `r1`, …; and the rules in that order."""
    by_row = [rule for rule in found if rule.rule_type in ("not_null", "allowed_values", "ranges")]
    columns = [f"coalesce(sum(CASE WHEN {rule.count} THEN 1 ELSE 0 END), 0) AS r{i}" for i, rule in enumerate(by_row)]
    scope = f"{relation} WHERE {where}" if where else relation
    return f"SELECT {', '.join(['count(*) AS row_count', *columns])} FROM {scope}", by_row
