"""The OpenAPI document: what FastAPI generates from routes and models, with the problems that any route may answer."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Header
from fastapi.openapi.utils import get_openapi

from i94_platform import __version__
from i94_platform.serving.api.models import ProblemDetails
from i94_platform.serving.api.openapi_tables import describe_tables
from i94_platform.serving.problems import KINDS, MEDIA_TYPE

_DESCRIPTION = (
    "The published marts and dimensions of monthly I-94 arrivals. Without the scope "
    "`read:exact`, counts are rounded to the nearest 5, rows of 0 to 2 are left out, averages of few are withheld, and "
    "filters, order and pages work on what is left."
)


NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "Not modified since the ETag that was sent."}}


def document_etag(
    _: Annotated[str | None, Header(alias="If-None-Match", description="The ETag of an earlier response.")] = None,
) -> None:
    """Document the header, which `http_caching` reads."""


def refer_to_problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route for error statuses, and those that every route has."""
    common = (400, 413, 414, 422, 429, 500, 503)
    return {status: {"$ref": f"#/components/responses/{status}"} for status in sorted({*common, *statuses})}


def create_document(app: FastAPI) -> dict[str, Any]:
    """Generate the document of an application."""
    document = get_openapi(title=app.title, version=__version__, description=_DESCRIPTION, routes=app.routes)
    components = document["components"]
    components["schemas"]["ProblemDetails"] = ProblemDetails.model_json_schema()
    schema = {"$ref": "#/components/schemas/ProblemDetails"}
    components["responses"] = {
        str(status): {
            "description": "; ".join(title for code, title, _ in KINDS.values() if code == status),
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status in sorted({kind.status for kind in KINDS.values()})
    }
    problems = {str(status): problem for status, problem in refer_to_problems(401, 403, 404, 406, 410).items()}
    paths, more_components = describe_tables(problems, [{name: []} for name in components["securitySchemes"]])
    document["paths"] |= paths
    for kind, parts in more_components.items():
        components[kind] = components.get(kind, {}) | parts
    for path in document["paths"].values():
        for parameter in path["get"].get("parameters", []):
            # the parameter itself has both
            for name in ("title", "description"):
                parameter.get("schema", {}).pop(name, None)
    return document
