"""The query parameters of a table, and the query that they ask for.

The parameters of `PageParameters` and `QueryParameters` are about the result as a whole. Every other one is a filter:
the name of a column, and an operator of `filters.OPERATORS`.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Annotated, Any, Literal

from fastapi.exceptions import RequestValidationError
from pydantic import Field, TypeAdapter, ValidationError
from sqlalchemy import BigInteger, Column, Double, Integer, String, Table

from i94_platform.contracts.disclosure import is_count
from i94_platform.contracts.model import is_monthly, key_columns
from i94_platform.serving.aggregates import FUNCTIONS, Aggregate
from i94_platform.serving.api.models import PYTHON_TYPES
from i94_platform.serving.api.parameters import (
    UNKNOWN_FILTER,
    FiniteFloat,
    Int32,
    Int64,
    MonthRange,
    Text,
    require_single,
)
from i94_platform.serving.filters import ANY_TEXT, OPERATORS, REPEATABLE, Filter
from i94_platform.serving.problems import Problem
from i94_platform.serving.queries import DEFAULT_LIMIT, Order, Query

MAX_ROWS = {"json": 10_000, "csv": 100_000, "parquet": 100_000}
"""The most rows of a page."""

_VALUE_TYPES: dict[type, Any] = {Integer: Int32, BigInteger: Int64, Double: FiniteFloat, String: Text}
"""What a client may send for a column; types that are absent here have no limits."""

_LIMIT = (
    f"Rows of a page: in JSON {DEFAULT_LIMIT:,} unless given and at most {MAX_ROWS['json']:,}, in CSV and Parquet "
    f"{MAX_ROWS['csv']:,} for both."
)


class PageParameters(MonthRange):
    """The parameters of rows as a table has them."""

    q: Text | None = Field(None, description="A text that any text of a row contains, in upper or lower case.")
    order: str = Field("", description="Columns, separated by commas; `-` before one for descending order.")
    limit: int | None = Field(None, ge=1, le=max(MAX_ROWS.values()), description=_LIMIT)
    cursor: str | None = Field(None, description="`page.next` of the page before.")
    release: str | None = Field(
        None, pattern="^[0-9a-f]{32}$", description="The version of the release, the newest unless given."
    )
    count: Literal["exact"] | None = Field(None, description="Counts the rows of all pages in `page.total`.")
    format: Literal["json", "csv", "parquet"] | None = Field(None, description="The format, whatever `Accept` says.")
    formulas: Literal["escape", "keep"] = Field(
        "escape", description="What CSV does with texts that a spreadsheet would run: puts `'` before, or nothing."
    )


class QueryParameters(PageParameters):
    """The parameters of a query, which chooses columns or groups rows."""

    select: str = Field("", description="Columns, and aggregates such as `visitors.sum`, separated by commas.")
    fields: str = Field("", description="Another name of `select`.")
    group: str = Field("", description="Columns that rows are grouped by, separated by commas.")
    having: str = Field("", description="Conditions on aggregates, such as `visitors.sum__ge:100`.")
    distinct: bool = Field(False, description="Whether equal rows are returned once.")


def list_names(model: type[PageParameters], contract: Table) -> list[str]:
    """List the parameters that a table has apart from its filters."""
    names = [field.alias or name for name, field in model.model_fields.items()]
    return names if is_monthly(contract) else [name for name in names if name not in ("from", "to")]


def parse_query(contract: Table, items: Sequence[tuple[str, str]], accepted: str, model: type[PageParameters]) -> Query:
    """Return the query that the parameters of a URL ask for.

    Args:
        contract: the table.
        items: the parameters.
        accepted: the format that the client prefers; empty if it accepts none that there is.
        model: the parameters that there are.

    Raises:
        RequestValidationError: a value is not valid, or a parameter is unknown.
        Problem: parameters do not fit together, or there is no format that the client accepts.
    """
    names = list_names(model, contract)
    parameters = _parse_parameters(model, [item for item in items if item[0] in names])
    format_ = parameters.format or accepted
    if not format_:
        raise Problem("not-acceptable", f"The formats are {', '.join(MAX_ROWS)}.")
    limit = parameters.limit or (DEFAULT_LIMIT if format_ == "json" else MAX_ROWS[format_])
    if limit > MAX_ROWS[format_]:
        raise _invalid("limit", f"limit is at most {MAX_ROWS[format_]} with {format_}.")
    filters = parameters.month_filters() + _parse_filters(contract, [item for item in items if item[0] not in names])
    if parameters.q is not None:
        filters.append(Filter(ANY_TEXT, "", parameters.q))
    query = Query(
        contract,
        tuple(sorted(filters, key=lambda f: (f.column, f.operator))),
        limit=limit,
        format=format_,
        keep_formulas=parameters.formulas == "keep",
        counts_rows=parameters.count is not None,
        version=parameters.release or "",
    )
    if isinstance(parameters, QueryParameters):
        query = _choose_columns(query, parameters)
        query = replace(query, having=_parse_having(query, parameters.having))
    query = replace(query, order=_parse_order(query, parameters.order))
    return query if parameters.cursor is None else _continue_query(query, parameters.cursor)


def _invalid(parameter: str, detail: str) -> Problem:
    return Problem("invalid-parameter", detail, parameter=parameter)


def _parse_parameters(model: type[PageParameters], items: Sequence[tuple[str, str]]) -> PageParameters:
    require_single(name for name, _ in items)
    try:
        return model.model_validate(dict(items))
    except ValidationError as error:
        raise RequestValidationError([{**e, "loc": ("query", *e["loc"])} for e in error.errors()]) from None


# --- filters ----------------------------------------------------------------------------------------------------------


def _parse_filters(contract: Table, items: Sequence[tuple[str, str]]) -> list[Filter]:
    values: dict[str, list[str]] = {}
    for name, text in items:
        values.setdefault(name, []).append(text)
    return [_parse_filter(contract, name, texts) for name, texts in values.items()]


def _describe_unknown(contract: Table, name: str, column: Column[Any] | None) -> str:
    """Say what there is instead of a filter that there is not."""
    if name in QueryParameters.model_fields:
        return f"This is a parameter of /api/v1/query/{contract.name}."
    if column is None:
        return f"{contract.name} has no such column or parameter; its columns are {', '.join(contract.columns.keys())}."
    operators = ", ".join(f"__{operator}" for operator in OPERATORS if operator and _has_operator(column, operator))
    return f"The operators of {column.name} are {operators}."


def _parse_filter(contract: Table, name: str, texts: list[str]) -> Filter:
    column_name, separator, operator = name.partition("__")
    column = contract.columns.get(column_name)
    if column is None or not _has_operator(column, operator) or (separator and not operator):
        detail = _describe_unknown(contract, name, column)
        raise RequestValidationError([{"type": UNKNOWN_FILTER, "loc": ("query", name), "msg": detail}])
    if operator in REPEATABLE:
        parts = [part for text in texts for part in _split_list(column, text)]
        return Filter(
            column_name, operator, tuple(sorted({_parse_value(type(column.type), part, name) for part in parts}))
        )
    if len(texts) > 1:
        raise _invalid(name, f"{name} is given more than once.")
    return Filter(column_name, operator, _parse_operand(column, operator, texts[0], name))


def _has_operator(column: Column[Any], operator: str) -> bool:
    if operator == "null":
        return bool(column.nullable)
    return isinstance(column.type, String) if operator == "like" else operator in OPERATORS


def _split_list(column: Column[Any], text: str) -> list[str]:
    """Return the values of a list; a text with a comma may also be a single value."""
    parts = text.split(",")
    return [text, *parts] if isinstance(column.type, String) and len(parts) > 1 else parts


def _parse_operand(column: Column[Any], operator: str, text: str, parameter: str) -> Any:
    return _parse_value(bool if operator == "null" else type(column.type), text, parameter)


def _parse_value(type_: type, text: str, parameter: str) -> Any:
    try:
        return _get_adapter(type_).validate_python(text)
    except ValidationError as error:
        raise RequestValidationError([{**e, "loc": ("query", parameter)} for e in error.errors()]) from None


@cache
def _get_adapter(type_: type) -> TypeAdapter[Any]:
    return TypeAdapter(_get_value_type(type_))


def _get_value_type(type_: type) -> Any:
    return _VALUE_TYPES.get(type_, PYTHON_TYPES.get(type_, type_))


# --- columns and aggregates -------------------------------------------------------------------------------------------


def _choose_columns(query: Query, parameters: QueryParameters) -> Query:
    """Return a query with the columns, groups and aggregates that parameters select."""
    contract, selected = query.contract, _split(parameters.select or parameters.fields)
    aggregates = tuple(_parse_aggregate(contract, part) for part in selected if _is_aggregate(part))
    columns = _require_columns(contract, "select", [part for part in selected if not _is_aggregate(part)])
    groups = _require_columns(contract, "group", _split(parameters.group))
    if len(set(aggregates)) < len(aggregates):
        raise _invalid("select", "select names an aggregate twice.")
    if not (groups or aggregates or parameters.distinct):
        return replace(query, columns=columns)
    if parameters.distinct and not (groups or aggregates):
        groups = columns or tuple(contract.columns.keys())
    if outside := [name for name in columns if name not in groups]:
        raise _invalid("select", f"group does not have {outside[0]}; add it there, or select {outside[0]}.max.")
    if figures := [name for name in groups if contract.c[name].info["statistic"]]:
        raise _invalid("group", f"{figures[0]} is a figure, which no group is made by.")
    if parameters.group and not selected:
        aggregates = tuple(Aggregate("sum", c.name) for c in contract.columns if is_count(c))
    return replace(query, columns=groups, is_grouped=True, aggregates=aggregates)


def _split(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


def _require_columns(contract: Table, parameter: str, names: list[str]) -> tuple[str, ...]:
    if {*names} - {*contract.columns.keys()} or len(set(names)) < len(names):
        raise _invalid(parameter, f"{parameter} is names of columns, each once: {', '.join(contract.columns.keys())}.")
    return tuple(names)


def _is_aggregate(part: str) -> bool:
    return part == "count" or "." in part


def _parse_aggregate(contract: Table, part: str) -> Aggregate:
    name, _, function = part.rpartition(".")
    column = contract.columns.get(name)
    if part == "count":
        return Aggregate("count")
    if column is None or function not in FUNCTIONS:
        detail = f"An aggregate is count, or a column, a point and one of {', '.join(FUNCTIONS)}."
        raise _invalid("select", detail)
    if function in ("sum", "avg") and not _is_additive(column):
        raise _invalid("select", f"{column.name} is no number that can be added; select its min, max or count.")
    return Aggregate(function, column.name)


def _is_additive(column: Column[Any]) -> bool:
    """Whether sums of a column mean anything: those of codes and averages do not."""
    is_number = isinstance(column.type, Integer | BigInteger | Double)
    statistic = column.info["statistic"]
    return is_number and not column.info["key"] and (statistic is None or is_count(column))


def _parse_having(query: Query, text: str) -> tuple[Filter, ...]:
    """Return conditions such as `visitors.sum__ge:100`."""
    conditions, names = [], {a.name for a in query.aggregates}
    for part in _split(text):
        left, separator, value = part.partition(":")
        name, _, operator = left.partition("__")
        name = name.replace(".", "_")
        if not separator or name not in names or not _has_operator(column := query.result.c[name], operator):
            raise _invalid("having", "having is conditions on selected aggregates, such as visitors.sum__ge:100.")
        operand = _parse_operand(column, operator, value, "having")
        conditions.append(Filter(name, operator, (operand,) if operator in REPEATABLE else operand))
    return tuple(conditions)


# --- order and pages --------------------------------------------------------------------------------------------------


def _parse_order(query: Query, text: str) -> Order:
    order: dict[str, bool] = {}
    columns = query.result.c if query.is_grouped else query.contract.c
    for part in _split(text):
        name = part.removeprefix("-").replace(".", "_")
        if name not in columns or name in order:
            detail = f"order is names of columns, each once, separated by commas, such as -{columns.keys()[-1]}."
            raise _invalid("order", detail)
        order[name] = part.startswith("-")
    last = query.columns if query.is_grouped else key_columns(query.contract)
    return tuple((order | {name: False for name in last if name not in order}).items())


def _continue_query(query: Query, cursor: str) -> Query:
    """Return the query of the page that a cursor names. A forged cursor is refused, whatever it holds."""
    types: list[Any] = [Annotated[str, Field(pattern="^[0-9a-f]{32}$")], Literal[query.digest]]
    for name, _ in query.order:
        column = query.find_column(name)
        value_type = _get_value_type(type(column.type))
        types.append(value_type | None if column.nullable else value_type)
    content_type: Any = tuple[tuple(types)]  # type: ignore[misc]
    try:
        content = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars="-_", validate=True)
        values = TypeAdapter(content_type).validate_json(content, strict=True)
    except ValueError:
        detail = "cursor is not page.next of the page before, with the same filters and order."
        raise _invalid("cursor", detail) from None
    version, _, *after = values
    return replace(query, version=version, after=tuple(after))
