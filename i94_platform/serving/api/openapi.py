"""The description of the API, generated from the contracts: a path for each table, a parameter for each filter.

Here: OpenAPI 3.1 with examples. Not here: what the parameters mean (`queries`).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Date, Double, Integer, String, Table

from i94_platform import __version__
from i94_platform.contracts.model import column_names, is_monthly, key_columns, text_limit
from i94_platform.serving.problems import KINDS, MEDIA_TYPE
from i94_platform.serving.queries import COMPARISONS, FORMATS, LIMIT, MOST_ROWS

_JSON_TYPES: dict[type, dict[str, Any]] = {
    Integer: {"type": "integer", "format": "int32"},
    BigInteger: {"type": "integer", "format": "int64"},
    Double: {"type": "number", "format": "double"},
    Boolean: {"type": "boolean"},
    Date: {"type": "string", "format": "date"},
    String: {"type": "string"},
}
_BOUNDS = {Integer: 1 << 31, BigInteger: 1 << 63}
_IN_WORDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
_EXAMPLES: dict[str, Any] = {
    "i94yr": 2016, "i94mon": 4, "i94addr": "FL", "state": "FLORIDA", "i94cit": 135, "nationality": "UNITED KINGDOM",
    "i94res": 135, "origin": "UNITED KINGDOM", "airline": "AA", "visitors": 1000, "iso3": "GBR",
}  # fmt: skip
_MONTH = r"^[0-9]{4}-(0[1-9]|1[0-2])$"

LAYERS = {"marts": "read:marts", "dimensions": "read:dimensions"}
"""The two kinds of tables, and the scope that each needs."""


def document(tables: dict[str, tuple[Table, ...]]) -> dict[str, Any]:
    """The whole description; `tables` are those of each layer."""
    paths: dict[str, Any] = {}
    for layer, contracts in tables.items():
        paths[f"/api/v1/{layer}"] = _get(
            f"list_{layer}", f"The {layer} with their columns", LAYERS[layer], _json(_ref("Tables")), cached=True
        )
        for contract in contracts:
            paths[f"/api/v1/{layer}/{contract.name}"] = _table(layer, contract)
    paths["/api/v1/status"] = _get(
        "status",
        "The release, its tables and the state of their checks",
        "read:status",
        _json(_ref("Status")),
        cached=True,
    )
    paths["/healthz"] = _get("healthz", "Whether the server runs", "", _json(_ref("Health")))
    paths["/readyz"] = _get("readyz", "Whether a release is served", "", _json(_ref("Health")), ("503",))
    paths["/metrics"] = _get(
        "metrics", "Figures for Prometheus", "metrics", {"text/plain": {"schema": {"type": "string"}}}
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "i94_platform",
            "version": __version__,
            "description": "The published marts and dimensions of monthly I-94 arrivals. Filters are `column=value` "
            "(repeated: any of them), `column__ne`, `column__ge`, `__gt`, `__le`, `__lt` and `column__null`.",
        },
        "paths": paths,
        "components": {
            "schemas": _schemas(tables),
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key: i94 keys add."},
                "session": {"type": "apiKey", "in": "cookie", "name": "i94_session"},
            },
        },
    }


def described(contract: Table, layer: str, rows: int | None) -> dict[str, Any]:
    """A table as the list of its layer tells it."""
    return {
        "name": contract.name,
        "href": f"/api/v1/{layer}/{contract.name}",
        "description": contract.comment,
        "grain": contract.info["grain"],
        "rows": rows,
        "columns": [
            {
                "name": c.name,
                "type": _JSON_TYPES[type(c.type)]["type"],
                "description": c.comment,
                "unit": c.info["unit"],
                "nullable": bool(c.nullable),
                "key": c.info["key"],
            }
            for c in contract.columns
        ],
    }


def _table(layer: str, contract: Table) -> dict[str, Any]:
    content = {
        **_json(_ref(f"{contract.name}_page")),
        "text/csv": {"schema": {"type": "string"}},
        "application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}},
    }
    found = _get(contract.name, str(contract.comment), LAYERS[layer], content, ("410",), cached=True)
    found["get"]["description"] = f"Grain: {contract.info['grain']}."
    found["get"]["parameters"] = [*found["get"]["parameters"], *_parameters(contract)]
    return found


def _get(
    operation: str,
    summary: str,
    scope: str,
    content: dict[str, Any],
    more: tuple[str, ...] = (),
    *,
    cached: bool = False,
) -> dict[str, Any]:
    statuses = ["400", "403", "413", "414", "422", "429", "500", "503", *(("401",) if scope else ()), *more]
    answers: dict[str, Any] = {"200": {"description": "The answer.", "content": content}}
    answers |= {status: _problem(int(status)) for status in sorted(set(statuses))}
    parameters = []
    if cached:
        answers["304"] = {"description": "Not changed since the ETag that was sent."}
        parameters = [
            {
                "name": "If-None-Match",
                "in": "header",
                "required": False,
                "description": "An ETag of an answer before.",
                "schema": {"type": "string"},
            }
        ]
    return {
        "get": {
            "operationId": operation,
            "summary": summary,
            "parameters": parameters,
            "responses": answers,
            "security": [{"key": []}, {"session": []}] if scope else [],
        }
    }


def _problem(status: int) -> dict[str, Any]:
    kinds = [kind for kind, (code, _) in KINDS.items() if code == status]
    return {
        "description": "; ".join(KINDS[kind][1] for kind in kinds),
        "content": {MEDIA_TYPE: {"schema": _ref("Problem")}},
    }


def _parameters(contract: Table) -> list[dict[str, Any]]:
    found = [parameter for c in contract.columns for parameter in _filters(c)]
    if is_monthly(contract):
        month = {"type": "string", "pattern": _MONTH}
        found += [
            _parameter("from", "First month.", month, "2016-01"),
            _parameter("to", "Last month.", month, "2016-04"),
        ]
    names = column_names(contract)
    order = {"type": "string", "pattern": f"^-?({'|'.join(names)})$"}
    limit = {"type": "integer", "minimum": 1, "maximum": MOST_ROWS["json"]}
    return [
        *found,
        _parameter("order", "A column, or several with commas; `-` for descending.", order, f"-{names[-1]}"),
        _parameter("limit", f"Rows of a page; {LIMIT:,} in JSON unless given.", limit, 100),
        _parameter("cursor", "`page.next` of the page before.", {"type": "string"}, None),
        _parameter("format", "Of the answer.", {"type": "string", "enum": list(FORMATS)}, "json"),
    ]


def _filters(col: Column[Any]) -> list[dict[str, Any]]:
    schema, example = _column(col) | {"description": str(col.comment)}, _example(col)
    many = {"type": "array", "items": schema, "minItems": 1, "maxItems": 20}
    found = [
        _parameter(col.name, f"{col.comment} Any of the values.", many, [example]),
        _parameter(f"{col.name}__ne", f"None of the values: {col.comment}", many, [example]),
        *(
            _parameter(f"{col.name}__{name}", f"{_IN_WORDS[name]}: {col.comment}", schema, example)
            for name in COMPARISONS
        ),
    ]
    if col.nullable:
        found.append(_parameter(f"{col.name}__null", "Whether it is null.", {"type": "boolean"}, False))
    return found


def _parameter(name: str, description: str, schema: dict[str, Any], example: Any) -> dict[str, Any]:
    found = {"name": name, "in": "query", "required": False, "description": description, "schema": schema}
    return found if example is None else {**found, "example": example}


def _column(col: Column[Any]) -> dict[str, Any]:
    kind = type(col.type)
    schema = dict(_JSON_TYPES[kind])
    if kind in _BOUNDS:
        schema |= {"minimum": -_BOUNDS[kind], "maximum": _BOUNDS[kind] - 1}
    if kind is String:
        schema |= {"maxLength": 1024, "pattern": r"^[^\x00]*$"}
    return schema


def _example(col: Column[Any]) -> Any:
    if col.name in _EXAMPLES:
        return _EXAMPLES[col.name]
    if col.info["allowed"]:
        return col.info["allowed"][0]
    plain = {Integer: 1, BigInteger: 1, Double: 12.5, Boolean: True, Date: "2016-04-30"}
    return plain.get(type(col.type), "x"[: text_limit(col) or 1])


def _schemas(tables: dict[str, tuple[Table, ...]]) -> dict[str, Any]:
    page = {
        "type": "object",
        "required": ["limit", "rows", "next"],
        "properties": {
            "limit": {"type": "integer"},
            "rows": {"type": "integer", "description": "Rows of this page."},
            "next": {"type": ["string", "null"], "description": "The cursor of the next page; null on the last."},
        },
    }
    release = {
        "type": "object",
        "required": ["version", "published_at", "data_as_of", "months"],
        "properties": {
            "version": {"type": "string"},
            "published_at": {"type": "string"},
            "data_as_of": {"type": "string"},
            "months": {"type": "array", "items": {"type": "string", "pattern": _MONTH}},
        },
    }
    some = {"type": "object"}
    found: dict[str, Any] = {
        "Problem": {
            "type": "object",
            "description": "RFC 9457.",
            "required": ["type", "title", "status", "detail"],
            "properties": {
                "type": {"type": "string"},
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "detail": {"type": "string"},
                "parameter": {"type": "string"},
            },
        },
        "Page": page,
        "Release": release,
        "Tables": _object({"release": _ref("Release"), "tables": {"type": "array", "items": some}}),
        "Status": _object({"release": _ref("Release"), "tables": some, "trouble": {"type": "string"}}),
        "Health": {"type": "object"},
    }
    for contract in (contract for contracts in tables.values() for contract in contracts):
        found[f"{contract.name}_row"] = _row(contract)
        rows = {"type": "array", "items": _ref(f"{contract.name}_row")}
        found[f"{contract.name}_page"] = _object({"data": rows, "page": _ref("Page"), "release": _ref("Release")})
    return found


def _row(contract: Table) -> dict[str, Any]:
    properties = {}
    for c in contract.columns:
        schema = dict(_JSON_TYPES[type(c.type)])
        if c.nullable:
            schema["type"] = [schema["type"], "null"]
        unit = f" Unit: {c.info['unit']}." if c.info["unit"] else ""
        properties[c.name] = {**schema, "description": f"{c.comment}{unit}"}
    example = {c.name: _example(c) for c in contract.columns}
    described = f"{contract.comment} Key: {', '.join(key_columns(contract))}."
    return _object(properties) | {"description": described, "example": example}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties, "additionalProperties": False}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
