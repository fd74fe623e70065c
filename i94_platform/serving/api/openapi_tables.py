"""The part of the OpenAPI document that is about rows: paths, parameters and schemas, made from the contracts.

What tables share is described once and referred to: the whole document would be four times as large otherwise.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from sqlalchemy import Boolean, Column, Date, Double, String, Table

from i94_platform.contracts.model import key_columns
from i94_platform.serving import missing_months
from i94_platform.serving.api import models
from i94_platform.serving.api.layers import LAYERS
from i94_platform.serving.api.query_parameters import PageParameters, QueryParameters, list_names
from i94_platform.serving.disclosure import EXACT, HEADER, ROUNDED
from i94_platform.serving.serializers import MEDIA_TYPES

Json = dict[str, Any]

_FILTERS = (
    "Conditions on columns: `column=value`, where a list `a,b` or a repeated parameter means any of the values; "
    "`column__ne` none of them; `__ge`, `__gt`, `__le`, `__lt` ranges; `column__null=true` or `false`; "
    "`column__like=*land*` a pattern for texts."
)
_LISTS: Json = {
    "IntegerList": {"type": "string", "pattern": "^-?[0-9]+(,-?[0-9]+)*$", "examples": ["135,148"]},
    "NumberList": {"type": "string", "examples": ["12.5"]},
    "BooleanList": {"type": "string", "pattern": "^(true|false)(,(true|false))*$"},
    "DateList": {"type": "string", "examples": ["2016-04-30"]},
    "TextList": {"type": "string", "examples": ["FL,CA"]},
}
_LIST_NAMES: dict[type, str] = {Double: "Number", Boolean: "Boolean", Date: "Date", String: "Text"}
_SUMMARIES = (models.PageSummary, models.DisclosureSummary, models.ReleaseSummary)


def describe_tables(problems: Json, security: list[Json]) -> tuple[Json, Json]:
    """Describe the routes of all tables.

    Args:
        problems: their responses to errors.
        security: how a client may authenticate.

    Returns:
        The paths, and the components that they refer to.
    """
    paths: Json = {}
    schemas: Json = {**_LISTS, "query_page": _describe_page({"type": "object", "additionalProperties": True})}
    for layer, contracts in LAYERS.items():
        for contract in contracts:
            schemas[f"{contract.name}_row"] = _describe_row(contract)
            schemas[f"{contract.name}_page"] = _describe_page(_refer("schemas", f"{contract.name}_row"))
            schemas[f"{contract.name}_filters"] = _describe_filters(contract)
            paths[f"/api/v1/{layer}/{contract.name}"] = {"get": _describe_operation(contract, problems, security)}
    schemas |= {name: schema for model in _SUMMARIES for name, schema in _list_schemas(model).items()}
    paths["/api/v1/query/{table}"] = {"get": _describe_query(problems, security)}
    return paths, {"schemas": schemas, "parameters": _describe_parameters(), "headers": _HEADERS}


def _refer(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


def _list_schemas(model: type[BaseModel]) -> Json:
    return {model.__name__: model.model_json_schema()}


def _describe_operation(contract: Table, problems: Json, security: list[Json]) -> Json:
    return {
        "operationId": contract.name,
        "summary": str(contract.comment),
        "description": f"Grain: {contract.info['grain']}.",
        "parameters": [
            _describe_filter_parameter(_refer("schemas", f"{contract.name}_filters")),
            *(_refer("parameters", name) for name in [*list_names(PageParameters, contract), "if-none-match"]),
        ],
        "responses": _describe_responses(f"{contract.name}_page", problems),
        "security": security,
    }


def _describe_query(problems: Json, security: list[Json]) -> Json:
    names = [contract.name for contracts in LAYERS.values() for contract in contracts]
    all_names = [field.alias or name for name, field in QueryParameters.model_fields.items()]
    return {
        "operationId": "query",
        "summary": "Chosen columns, groups and aggregates of any table",
        "description": "Sums are computed from exact counts and rounded last; see the description of the API.",
        "parameters": [
            {"name": "table", "in": "path", "required": True, "schema": {"type": "string", "enum": names}},
            _describe_filter_parameter({"type": "object", "additionalProperties": {"type": "string"}}),
            *(_refer("parameters", name) for name in [*all_names, "if-none-match"]),
        ],
        "responses": _describe_responses("query_page", problems),
        "security": security,
    }


def _describe_filter_parameter(schema: Json) -> Json:
    return {"name": "filters", "in": "query", "style": "form", "explode": True, "schema": schema}


def _describe_filters(contract: Table) -> Json:
    lists = {c.name: _refer("schemas", f"{_LIST_NAMES.get(type(c.type), 'Integer')}List") for c in contract.columns}
    return {"type": "object", "description": _FILTERS, "properties": lists, "additionalProperties": {"type": "string"}}


def _describe_parameters() -> Json:
    schema = QueryParameters.model_json_schema(by_alias=True)
    parameters = {name: _describe_parameter(name, dict(value)) for name, value in schema["properties"].items()}
    etag = {"name": "If-None-Match", "in": "header", "schema": {"type": "string"}}
    return {**parameters, "if-none-match": {**etag, "description": "The ETag of an earlier response."}}


def _describe_parameter(name: str, schema: Json) -> Json:
    options = [option for option in schema.pop("anyOf", []) if option != {"type": "null"}]
    description = schema.pop("description")
    schema.pop("title", None)
    if schema.get("default") is None or schema["default"] == "":
        schema.pop("default", None)
    merged = {**schema, **(options[0] if options else {})}
    return {"name": name, "in": "query", "description": description, "schema": merged}


def _describe_row(contract: Table) -> Json:
    return {
        "type": "object",
        "description": f"{contract.comment} Key: {', '.join(key_columns(contract))}.",
        "properties": {c.name: _describe_column(c) for c in contract.columns},
        "required": contract.columns.keys(),
    }


def _describe_column(column: Column[Any]) -> Json:
    type_ = models.JSON_TYPES[models.python_type(column)]
    unit = f" Unit: {column.info['unit']}." if column.info["unit"] else ""
    return {
        "type": [type_, "null"] if column.nullable else type_,
        **({"format": "date"} if isinstance(column.type, Date) else {}),
        "description": f"{column.comment}{unit}",
    }


def _describe_page(row: Json) -> Json:
    properties: Json = {
        "data": {"type": "array", "items": row},
        "page": _refer("schemas", "PageSummary"),
        "disclosure": _refer("schemas", "DisclosureSummary"),
        "missing_months": {"type": "array", "items": {"type": "string"}},
        "release": _refer("schemas", "ReleaseSummary"),
    }
    return {"type": "object", "properties": properties, "required": list(properties)}


_HEADERS: Json = {
    HEADER: {
        "description": "Whether the figures are `exact`, or rounded as `rounded-5` says.",
        "schema": {"type": "string", "enum": [EXACT.name, ROUNDED.name]},
    },
    missing_months.HEADER: {
        "description": "Months of the range that are not published, such as `2016-05/2016-08, 2017-01`.",
        "schema": {"type": "string"},
    },
    "X-Total-Count": {"description": "Rows of all pages, with `count=exact`.", "schema": {"type": "integer"}},
    "Link": {"description": 'The next page, as `rel="next"`.', "schema": {"type": "string"}},
    "ETag": {"description": "Names the release and the query.", "schema": {"type": "string"}},
}


def _describe_responses(page: str, problems: Json) -> Json:
    content = {
        MEDIA_TYPES["json"]: {"schema": _refer("schemas", page)},
        "text/csv": {"schema": {"type": "string"}},
        MEDIA_TYPES["parquet"]: {"schema": {"type": "string", "format": "binary"}},
    }
    headers = {name: _refer("headers", name) for name in _HEADERS}
    return {
        "200": {"description": "Rows", "headers": headers, "content": content},
        "304": {"description": "Not modified since the ETag that was sent."},
        **problems,
    }
