"""The part of the OpenAPI document that is about rows: paths, parameters and schemas, made from the contracts.

What tables share is described once and referred to: the whole document would be four times as large otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Column, Date, Table

from i94_platform.contracts.model import key_columns
from i94_platform.serving import missing_months
from i94_platform.serving.api import models
from i94_platform.serving.api.layers import LAYERS
from i94_platform.serving.api.query_parameters import PageParameters, QueryParameters, list_names
from i94_platform.serving.disclosure import EXACT, HEADER, ROUNDED
from i94_platform.serving.filters import OPERATORS
from i94_platform.serving.serializers import MEDIA_TYPES

Json = dict[str, Any]
Responses = Mapping[int | str, Json]

_FILTERS = (
    "Conditions on columns: `column=value`, where a list `a,b` or a repeated parameter means any of the values; "
    "`column__ne` none of them; `__ge`, `__gt`, `__le`, `__lt` ranges; `column__null=true` or `false`; "
    "`column__like=*land*` a pattern for texts."
)
_COMMON_PARAMETERS: Json = {
    "filters": {
        "name": "filters",
        "in": "query",
        "style": "form",
        "explode": True,
        "description": _FILTERS,
        "schema": {
            "type": "object",
            "propertyNames": {"pattern": f"^[a-z0-9_]+?({'|'.join(f'__{name}' for name in OPERATORS if name)})?$"},
            "additionalProperties": {"type": "string"},
        },
        "example": {},
    },
    "if-none-match": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The ETag of an earlier response.",
        "schema": {"type": "string"},
    },
}
_SUMMARIES = (models.PageSummary, models.DisclosureSummary, models.ReleaseSummary)


def describe_tables(other_responses: Responses, security: list[Json]) -> tuple[Json, Json]:
    """Describe the routes of all tables.

    Args:
        other_responses: what they may respond in the place of rows.
        security: how a client may authenticate.

    Returns:
        The paths, and the components that they refer to.
    """
    paths: Json = {}
    schemas: Json = {"page": _PAGE, "query_page": _describe_page({"type": "object", "additionalProperties": True})}
    for layer, contracts in LAYERS.items():
        scoped = [{scheme: [f"read:{layer}"] for scheme in way} for way in security]
        for contract in contracts:
            schemas[f"{contract.name}_row"] = _describe_row(contract)
            schemas[f"{contract.name}_page"] = _describe_page(_refer("schemas", f"{contract.name}_row"))
            paths[f"/api/v1/{layer}/{contract.name}"] = {
                "get": _describe_operation(layer, contract, other_responses, scoped)
            }
    schemas |= {model.__name__: model.model_json_schema() for model in _SUMMARIES}
    paths["/api/v1/query/{table}"] = {"get": _describe_query(other_responses, security)}
    return paths, {"schemas": schemas, "parameters": _describe_parameters(), "headers": _HEADERS}


def _refer(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


def _refer_parameters(names: list[str]) -> list[Json]:
    return [_refer("parameters", name) for name in (*names, *_COMMON_PARAMETERS)]


def _describe_operation(layer: str, contract: Table, other_responses: Responses, security: list[Json]) -> Json:
    return {
        "tags": [layer],
        "operationId": contract.name,
        "summary": str(contract.comment),
        "description": f"Grain: {contract.info['grain']}.",
        "parameters": _refer_parameters(list_names(PageParameters, contract)),
        "responses": _describe_responses(f"{contract.name}_page", other_responses),
        "security": security,
    }


def _describe_query(other_responses: Responses, security: list[Json]) -> Json:
    tables = [contract.name for contracts in LAYERS.values() for contract in contracts]
    names = [field.alias or name for name, field in QueryParameters.model_fields.items()]
    return {
        "operationId": "query",
        "tags": ["query"],
        "summary": "Chosen columns, groups and aggregates of any table",
        "description": "Sums are computed from exact counts and rounded last; see the description of the API.",
        "parameters": [
            {"name": "table", "in": "path", "required": True, "schema": {"type": "string", "enum": tables}},
            *_refer_parameters(names),
        ],
        "responses": _describe_responses("query_page", other_responses),
        "security": security,
    }


def _describe_parameters() -> Json:
    schema = QueryParameters.model_json_schema(by_alias=True)
    parameters = {name: _describe_parameter(name, dict(value)) for name, value in schema["properties"].items()}
    return parameters | _COMMON_PARAMETERS


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
        "description": f"Key: {', '.join(key_columns(contract))}.",
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
    rows: Json = {"properties": {"data": {"type": "array", "items": row}}, "required": ["data"]}
    return {"type": "object", "allOf": [_refer("schemas", "page"), rows]}


_PAGE: Json = {
    "type": "object",
    "properties": {
        "page": _refer("schemas", "PageSummary"),
        "disclosure": _refer("schemas", "DisclosureSummary"),
        "missing_months": {"type": "array", "items": {"type": "string"}},
        "release": _refer("schemas", "ReleaseSummary"),
    },
    "required": ["page", "disclosure", "missing_months", "release"],
}
"""What the pages of all tables have beside their rows."""

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
    "RateLimit": {
        "description": "What the caller may still send, as the IETF's draft has it, with `RateLimit-Policy`.",
        "schema": {"type": "string", "examples": ['"caller";r=99;t=1']},
    },
}


def _describe_responses(page: str, other_responses: Responses) -> Json:
    content = {
        MEDIA_TYPES["json"]: {"schema": _refer("schemas", page)},
        "text/csv": {},
        MEDIA_TYPES["parquet"]: {},
    }
    headers = {name: _refer("headers", name) for name in _HEADERS}
    return {
        "200": {"description": "Rows", "headers": headers, "content": content},
        **{str(status): response for status, response in other_responses.items()},
    }
