"""Query parameters of a table, as a Pydantic model made from its contract, and the query that they ask for.

Each column has the filters of `queries.OPERATORS`. `from` and `to` are months. `order`, `limit`, `cursor`, `format` and
`formulas` are about the page.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import Query as QueryParameters
from fastapi.exceptions import RequestValidationError
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    WithJsonSchema,
    create_model,
)
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError
from sqlalchemy import BigInteger, Column, Double, Integer, String, Table
from starlette.requests import Request

from i94_platform.contracts.model import is_monthly, key_columns
from i94_platform.partitions import Month
from i94_platform.serving.api.models import example_value, python_type
from i94_platform.serving.auth.api_keys import KEY_PATTERN
from i94_platform.serving.problems import Problem
from i94_platform.serving.queries import DEFAULT_LIMIT, Filter, Order, Query

MAX_ROWS = {"json": 10_000, "csv": 100_000, "parquet": 100_000}
"""The most rows of a page."""

_DESCRIPTIONS = {
    "": "{} Any of the values.", "ne": "None of the values: {}", "ge": "At least: {}", "gt": "More than: {}",
    "le": "At most: {}", "lt": "Less than: {}", "null": "Whether it is null.",
}  # fmt: skip
"""What each operator does, in the words of the OpenAPI document."""

_REPEATABLE = ("", "ne")
"""Operators whose filter may be repeated, for several values."""

Int32 = Annotated[int, Field(ge=-(1 << 31), lt=1 << 31)]
Int64 = Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)]
FiniteFloat = Annotated[float, Field(allow_inf_nan=False)]
Text = Annotated[str, Field(max_length=1024, pattern=r"^[^\x00]*$")]

_VALUE_TYPES: dict[type, Any] = {Integer: Int32, BigInteger: Int64, Double: FiniteFloat, String: Text}
"""What a client may send for a column; types that are absent here have no limits."""


def _parse_month(text: str) -> Month:
    try:
        return Month.parse(text)
    except ValueError:
        raise PydanticCustomError("month", "Input should be a month such as 2016-04") from None


OptionalMonth = Annotated[
    Month | None,
    BeforeValidator(_parse_month),
    WithJsonSchema({"type": "string", "pattern": "^20[0-9]{2}-(0[1-9]|1[0-2])$", "examples": ["2016-04"]}),
]


class NoParameters(BaseModel):
    """For routes without query parameters: any is refused."""

    model_config = ConfigDict(extra="forbid")


class MonthRange(NoParameters):
    """A range of months, both included."""

    range_start: OptionalMonth = Field(None, alias="from", description="First month.")
    range_end: OptionalMonth = Field(None, alias="to", description="Last month.")

    def month_filters(self) -> list[Filter]:
        """Return the range as filters."""
        bounds = (("ge", self.range_start), ("le", self.range_end))
        return [Filter("month", name, bound.year * 12 + bound.month) for name, bound in bounds if bound]


def create_parameters_model(contract: Table) -> type[NoParameters]:
    """Create the model of a table's query parameters."""
    fields: dict[str, Any] = {}
    for column in contract.columns:
        for operator in _DESCRIPTIONS:
            if operator != "null" or column.nullable:
                name = f"{column.name}__{operator}" if operator else column.name
                fields[name] = _create_filter(column, operator)
    fields |= {
        "order": (str, Field("", description="Columns, separated by commas; `-` before one for descending order.")),
        "limit": (
            _optional(Annotated[int, Field(ge=1, le=max(MAX_ROWS.values()))]),
            Field(None, description=f"Rows of a page, {DEFAULT_LIMIT:,} in JSON unless given.", examples=[100]),
        ),
        "cursor": (_optional(str), Field(None, description="`page.next` of the page before.")),
        "formulas": (
            Literal["escape", "keep"],
            Field(
                "escape",
                description="What CSV does with texts that a spreadsheet would run: puts `'` before, or nothing.",
            ),
        ),
        "format": (Literal["json", "csv", "parquet"], Field("json", description="The format of the response.")),
    }
    base = MonthRange if is_monthly(contract) else NoParameters
    model: type[NoParameters] = create_model(f"{contract.name}_parameters", __base__=base, **fields)
    return model


def _value_type(column: Column[Any]) -> Any:
    return _VALUE_TYPES.get(type(column.type), python_type(column))


def _optional(type_: Any) -> Any:
    """Return a type that allows None, which the OpenAPI document does not mention: no client can send it."""
    return type_ | SkipJsonSchema[None]  # type: ignore[misc]


def _create_filter(column: Column[Any], operator: str) -> tuple[Any, Any]:
    value: Any = _value_type(column)
    description, example = _DESCRIPTIONS[operator].format(column.comment), example_value(column)
    if operator in _REPEATABLE:
        return list[value], Field([], description=description, examples=[[example]])
    if operator == "null":
        return _optional(bool), Field(None, description=description)
    return _optional(value), Field(None, description=description, examples=[example])


def refuse_parameters(_: Annotated[NoParameters, QueryParameters()]) -> None:
    """Refuse any query parameter."""


def require_single(request: Request, parameters: BaseModel) -> None:
    """Refuse a parameter that is repeated although it takes one value.

    Raises:
        Problem: there is such a parameter.
    """
    names = [name for name, _ in request.query_params.multi_items()]
    fields = type(parameters).model_fields
    for name in set(names):
        is_list = name in fields and isinstance(fields[name].default, list)
        if not is_list and names.count(name) > 1:
            raise Problem("invalid-parameter", f"{name} is given more than once.", parameter=name)


def build_query(contract: Table, parameters: Any) -> Query:
    """Return the query that validated parameters ask for.

    Raises:
        Problem: the order, the limit or the cursor is not valid.
    """
    filters = parameters.month_filters() if isinstance(parameters, MonthRange) else []
    for name in parameters.model_fields_set:
        column, _, operator = name.partition("__")
        if column in contract.columns:
            value = getattr(parameters, name)
            filters.append(Filter(column, operator, tuple(sorted(set(value))) if isinstance(value, list) else value))
    most = MAX_ROWS[parameters.format]
    limit = parameters.limit or (DEFAULT_LIMIT if parameters.format == "json" else most)
    if limit > most:
        raise Problem("invalid-parameter", f"limit is at most {most} with {parameters.format}.", parameter="limit")
    query = Query(
        contract,
        tuple(sorted(filters, key=lambda f: (f.column, f.operator))),
        _parse_order(contract, parameters.order),
        limit,
        parameters.format,
        parameters.formulas == "keep",
    )
    return query if parameters.cursor is None else _continue_query(query, parameters.cursor)


def _parse_order(contract: Table, text: str) -> Order:
    order: dict[str, bool] = {}
    for part in filter(None, text.split(",")):
        name = part.removeprefix("-")
        if name not in contract.columns or name in order:
            example = contract.columns.keys()[-1]
            detail = f"order is column names, each once, separated by commas, such as -{example}."
            raise Problem("invalid-parameter", detail, parameter="order")
        order[name] = part.startswith("-")
    return tuple((order | {name: False for name in key_columns(contract) if name not in order}).items())


def _continue_query(query: Query, cursor: str) -> Query:
    """Return the query of the page that a cursor names. A forged cursor is refused, whatever it holds."""
    types: list[Any] = [Annotated[str, Field(pattern="^[0-9a-f]{32}$")], Literal[query.digest]]
    for name, _ in query.order:
        column = query.contract.columns[name]
        types.append(_value_type(column) | None if column.nullable else _value_type(column))
    content_type: Any = tuple[tuple(types)]  # type: ignore[misc]
    try:
        content = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars="-_", validate=True)
        values = TypeAdapter(content_type).validate_json(content, strict=True)
    except ValueError:
        detail = "cursor is not page.next of the page before, with the same filters and order."
        raise Problem("invalid-parameter", detail, parameter="cursor") from None
    version, _, *after = values
    return replace(query, version=version, after=tuple(after))


def describe_validation_error(error: RequestValidationError) -> Problem:
    """Return the problem of the first invalid parameter, without the value that was sent."""
    first = error.errors()[0]
    name = str(first["loc"][1]) if len(first["loc"]) > 1 else ""
    if first["type"] == "extra_forbidden":
        detail = (
            "There is no parameter of this name here; /api/v1/openapi.json lists those that there are. "
            "Keys are sent in a header, never in a URL."
        )
        return Problem("invalid-parameter", detail, parameter=KEY_PATTERN.sub("…", name)[:64])
    return Problem("invalid-parameter", f"{name}: {first['msg']}.", parameter=name)
