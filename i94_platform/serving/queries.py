"""Parameters of a request as a query of one table, and that as SQL whose every value is bound.

The convention: `column=value` (repeated: any of them), `column__ne` (repeated: none of them), `column__ge`, `__gt`,
`__le`, `__lt`, `column__null=true|false`; `from` and `to` are months; `order` names columns, `-` before one turns it
round; `limit`, `cursor` and `format` are about the page. Names of columns come from the contract only. Not here:
running a query (`release`) and the bytes of an answer (`formats`).
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

from sqlalchemy import BigInteger, Boolean, Column, Date, Double, Integer, Table

from i94_platform.contracts.model import column_names, is_monthly, key_columns
from i94_platform.partitions import Month
from i94_platform.serving.auth.api_keys import SECRET
from i94_platform.serving.problems import Problem

FORMATS = ("json", "csv", "parquet")
LIMIT, MOST_ROWS = 1_000, {"json": 10_000, "csv": 100_000, "parquet": 100_000}
"""Rows of a page unless asked otherwise, and the most."""

COMPARISONS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
OPERATORS = ("", "ne", *COMPARISONS, "null")

_PARAMETERS = 100
_TEXT = 1_024
_INTEGERS = {Integer: 1 << 31, BigInteger: 1 << 63}


@dataclass(frozen=True)
class Condition:
    """One filter: a column (or `month`), an operator and the values that it is about."""

    column: str
    operator: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Query:
    """What is asked of a table."""

    contract: Table
    conditions: tuple[Condition, ...] = ()
    order: tuple[tuple[str, bool], ...] = ()
    """Columns with whether they descend; the key's columns follow, so that the order is total."""
    limit: int = LIMIT
    format: str = "json"
    version: str = ""
    """The release that a cursor goes on in."""
    after: tuple[Any, ...] = ()
    """The last row of the page before, in the columns of the order."""

    @cached_property
    def digest(self) -> str:
        """What the rows depend on but the release and the page, and so what a cursor belongs to."""
        told = [self.contract.name, [[c.column, c.operator, c.values] for c in self.conditions], self.order]
        return hashlib.blake2b(json.dumps(told, default=str).encode(), digest_size=9).hexdigest()

    @cached_property
    def page(self) -> str:
        """All that the bytes of the answer depend on but the release."""
        told = [self.digest, self.limit, self.format, self.after]
        return hashlib.blake2b(json.dumps(told, default=str).encode(), digest_size=12).hexdigest()

    def cursor(self, version: str, last: Sequence[Any]) -> str:
        """Where the next page begins."""
        told = json.dumps([version, self.digest, *last], default=str, separators=(",", ":"))
        return base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")

    def sql(self) -> tuple[str, dict[str, Any]]:
        """The statement and the values that are bound to it; it asks for a row more than the page has."""
        bound = _Bound()
        where = [_condition(condition, bound) for condition in self.conditions]
        if self.after:
            where.append(_after(self.order, self.after, bound))
        names = ", ".join(f'"{name}"' for name in column_names(self.contract))
        order = ", ".join(f'"{name}" {"DESC" if down else "ASC"} NULLS LAST' for name, down in self.order)
        narrowed = f" WHERE {' AND '.join(where)}" if where else ""
        return (
            f"SELECT {names} FROM {self.contract.fullname}{narrowed} ORDER BY {order} LIMIT {bound(self.limit + 1)}",
            bound.values,
        )


@dataclass(frozen=True)
class Totals:
    """The visitors of a mart, added up by some of its columns."""

    contract: Table
    by: tuple[str, ...]
    told: tuple[str, ...] = ()
    """Columns that are the same wherever those are, such as labels; where months differ, the last in the alphabet."""
    conditions: tuple[Condition, ...] = ()

    def sql(self) -> tuple[str, dict[str, Any]]:
        """The statement and the values that are bound to it."""
        bound = _Bound()
        by = [f'"{self.contract.columns[name].name}"' for name in self.by]
        told = [f'max("{self.contract.columns[name].name}") AS "{name}"' for name in self.told]
        where = [_condition(condition, bound) for condition in self.conditions]
        narrowed = f" WHERE {' AND '.join(where)}" if where else ""
        chosen = ", ".join([*by, *told, "sum(visitors)::BIGINT AS visitors"])
        return (
            f"SELECT {chosen} FROM {self.contract.fullname}{narrowed} "
            f"GROUP BY {', '.join(by)} ORDER BY visitors DESC, {', '.join(by)}",
            bound.values,
        )


class _Bound:
    """Values with the markers that stand for them in a statement."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def __call__(self, value: Any) -> str:
        marker = f"p{len(self.values)}"
        self.values[marker] = value
        return f"${marker}"


def parse(contract: Table, query_string: bytes) -> Query:
    """Read the parameters of a request.

    Raises:
        Problem: one is unknown, or its value is not valid.
    """
    sent = parameters(query_string)
    columns = {c.name: c for c in contract.columns}
    conditions = [
        _month(name, _once(name, values), contract) for name, values in sent.items() if name in ("from", "to")
    ]
    for name, texts in sent.items():
        if name in ("from", "to", "order", "limit", "cursor", "format"):
            continue
        column, _, operator = name.partition("__")
        if column not in columns or operator not in OPERATORS or name.endswith("__"):
            raise unknown(name, f"{contract.name} has the columns {', '.join(columns)}")
        conditions.append(_filter(columns[column], operator, name, texts))
    chosen = _once("format", sent.get("format", ["json"]))
    if chosen not in FORMATS:
        raise Problem("invalid-parameter", f"format is one of {', '.join(FORMATS)}.", parameter="format")
    query = Query(
        contract,
        tuple(sorted(conditions, key=lambda c: (c.column, c.operator))),
        _order(contract, _once("order", sent.get("order", [""]))),
        _limit(sent, chosen),
        chosen,
    )
    return _continued(query, _once("cursor", sent["cursor"])) if "cursor" in sent else query


def parameters(query_string: bytes) -> dict[str, list[str]]:
    """The parameters of a URL by name.

    Raises:
        Problem: they can't be read, or are too many.
    """
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_PARAMETERS
        )
    except UnicodeDecodeError:
        raise Problem("bad-request", "The query of the URL is not percent-encoded UTF-8.") from None
    except ValueError:
        raise Problem("bad-request", f"The query of the URL has more than {_PARAMETERS} parameters.") from None
    sent: dict[str, list[str]] = {}
    for name, text in pairs:
        sent.setdefault(name, []).append(text)
    return sent


def refuse_parameters(query_string: bytes) -> None:
    """For what takes no parameters.

    Raises:
        Problem: there is one.
    """
    for name in parameters(query_string):
        raise unknown(name, "there are none here")


def unknown(name: str, known: str) -> Problem:
    """The problem of a parameter that nobody knows."""
    shown = SECRET.sub("…", name)[:64]
    return Problem(
        "invalid-parameter",
        f"There is no parameter of this name; {known}. Keys are sent in a header, never in a URL.",
        parameter=shown,
    )


def _once(name: str, texts: Sequence[str]) -> str:
    if len(texts) != 1:
        raise Problem("invalid-parameter", f"{name} is given more than once.", parameter=name)
    return texts[0]


def _month(name: str, text: str, contract: Table) -> Condition:
    if not is_monthly(contract):
        raise unknown(name, f"{contract.name} has no months")
    try:
        month = Month.parse(text)
    except ValueError:
        raise Problem("invalid-parameter", f"{name} is a month such as 2016-04.", parameter=name) from None
    return Condition("month", "ge" if name == "from" else "le", (month.year * 12 + month.month,))


def _filter(col: Column[Any], operator: str, name: str, texts: Sequence[str]) -> Condition:
    if operator == "null":
        text = _once(name, texts)
        if text not in ("true", "false"):
            raise Problem("invalid-parameter", f"{name} is true or false.", parameter=name)
        return Condition(col.name, operator, (text == "true",))
    if operator in COMPARISONS:
        _once(name, texts)
    values = tuple(_value(col, text, name) for text in texts)
    return Condition(col.name, operator, tuple(sorted(set(values))))


def _value(col: Column[Any], text: str, name: str) -> Any:
    """A text in the column's type."""
    kind = type(col.type)
    try:
        if kind in _INTEGERS:
            return _integer(text, _INTEGERS[kind])
        if kind is Double:
            return _finite(text)
        if kind is Date:
            return _date(text)
    except ValueError as error:
        raise Problem("invalid-parameter", f"{name} is {error}.", parameter=name) from None
    if kind is Boolean:
        if text not in ("true", "false"):
            raise Problem("invalid-parameter", f"{name} is true or false.", parameter=name)
        return text == "true"
    if len(text) > _TEXT or "\0" in text:
        raise Problem("invalid-parameter", f"{name} is a text of at most {_TEXT} characters.", parameter=name)
    return text


def _integer(text: str, bound: int) -> int:
    if not re.fullmatch(r"-?[0-9]{1,19}", text) or not -bound <= int(text) < bound:
        raise ValueError(f"a whole number from {-bound} to {bound - 1}")
    return int(text)


def _finite(text: str) -> float:
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text) or not math.isfinite(float(text)):
        raise ValueError("a number such as 12.5")
    return float(text)


def _date(text: str) -> dt.date:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError("a date such as 2016-04-30")
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ValueError("a date such as 2016-04-30") from None


def _order(contract: Table, text: str) -> tuple[tuple[str, bool], ...]:
    known, order = set(column_names(contract)), dict[str, bool]()
    for part in filter(None, text.split(",")):
        name = part.removeprefix("-")
        if name not in known or name in order:
            raise Problem(
                "invalid-parameter",
                f"order is columns, each once, separated by commas, such as -{next(reversed(contract.columns)).name}.",
                parameter="order",
            )
        order[name] = part.startswith("-")
    return tuple({**order, **{name: False for name in key_columns(contract) if name not in order}}.items())


def _limit(sent: Mapping[str, Sequence[str]], format_: str) -> int:
    most = MOST_ROWS[format_]
    if "limit" not in sent:
        return LIMIT if format_ == "json" else most
    text = _once("limit", sent["limit"])
    if not re.fullmatch(r"[0-9]{1,6}", text) or not 1 <= int(text) <= most:
        raise Problem("invalid-parameter", f"limit is a number from 1 to {most} with {format_}.", parameter="limit")
    return int(text)


def _continued(query: Query, text: str) -> Query:
    """The query from where a cursor points."""
    wrong = Problem(
        "invalid-parameter",
        "cursor is the one of the page before, with the same filters and order.",
        parameter="cursor",
    )
    try:
        told = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars="-_", validate=True))
    except (ValueError, RecursionError):
        raise wrong from None
    if not isinstance(told, list) or len(told) != len(query.order) + 2 or told[1] != query.digest:
        raise wrong
    version, _, *last = told
    columns = query.contract.columns
    if not isinstance(version, str) or not re.fullmatch(r"[0-9a-f]{32}", version):
        raise wrong
    after = tuple(
        _cursor_value(columns[name], value, wrong) for (name, _), value in zip(query.order, last, strict=True)
    )
    return Query(query.contract, query.conditions, query.order, query.limit, query.format, version, after)


def _cursor_value(col: Column[Any], value: Any, wrong: Problem) -> Any:
    if value is None:
        if not col.nullable:
            raise wrong
        return None
    numeric = isinstance(col.type, Integer | Double)
    if isinstance(value, str) == numeric or isinstance(value, bool) != isinstance(col.type, Boolean):
        raise wrong
    text = str(value).lower() if isinstance(value, bool) else value if isinstance(value, str) else repr(value)
    try:
        return _value(col, text, "cursor")
    except Problem:
        raise wrong from None


def _condition(condition: Condition, bound: _Bound) -> str:
    name = "(i94yr * 12 + i94mon)" if condition.column == "month" else f'"{condition.column}"'
    if condition.operator == "null":
        return f"{name} IS {'NULL' if condition.values[0] else 'NOT NULL'}"
    if condition.operator in COMPARISONS:
        return f"{name} {COMPARISONS[condition.operator]} {bound(condition.values[0])}"
    listed = ", ".join(bound(value) for value in condition.values)
    return f"({name} NOT IN ({listed}) OR {name} IS NULL)" if condition.operator == "ne" else f"{name} IN ({listed})"


def _after(order: Sequence[tuple[str, bool]], last: Sequence[Any], bound: _Bound) -> str:
    """Rows that come after one: greater in a column and equal in all before it; nulls come last."""
    ways, equal = list[str](), list[str]()
    for (name, down), value in zip(order, last, strict=True):
        column = f'"{name}"'
        if value is None:
            equal.append(f"{column} IS NULL")
            continue
        marker = bound(value)
        beyond = f"({column} {'<' if down else '>'} {marker} OR {column} IS NULL)"
        ways.append(" AND ".join([*equal, beyond]))
        equal.append(f"{column} = {marker}")
    return f"({' OR '.join(f'({way})' for way in ways)})"
