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

_TAGS = [
    {"name": "query", "description": "Chosen columns, groups and aggregates of any table."},
    {"name": "marts", "description": "Monthly figures, one table for each question, and correlations."},
    {"name": "dimensions", "description": "States, countries and code lists, with the names of codes."},
    {"name": "releases", "description": "What is published: status, versions, archives."},
    {"name": "server", "description": "Health, readiness and metrics."},
]
"""The groups of routes, in the order in which `/docs` shows them."""

NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "Not modified since the ETag that was sent."}}

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"$ref": "#/components/responses/problem"} for status in ("4XX", "5XX")
}
"""The responses that any route may give instead of its own."""


def document_etag(
    _: Annotated[str | None, Header(alias="If-None-Match", description="The ETag of an earlier response.")] = None,
) -> None:
    """Document the header, which `http_caching` reads."""


def create_document(app: FastAPI) -> dict[str, Any]:
    """Generate the document of an application."""
    document = get_openapi(
        title=app.title, version=__version__, description=_DESCRIPTION, routes=app.routes, tags=_TAGS
    )
    components = document["components"]
    components["schemas"]["ProblemDetails"] = ProblemDetails.model_json_schema()
    components["responses"] = {"problem": _describe_problem()}
    security: list[dict[str, Any]] = [{name: []} for name in components["securitySchemes"]]
    paths, more_components = describe_tables(NOT_MODIFIED | PROBLEMS, security)
    document["paths"] |= paths
    for kind, parts in more_components.items():
        components[kind] = components.get(kind, {}) | parts
    for path in document["paths"].values():
        for parameter in path["get"].get("parameters", []):
            # the parameter itself has both
            for name in ("title", "description"):
                parameter.get("schema", {}).pop(name, None)
    return document


def _describe_problem() -> dict[str, Any]:
    kinds = "; ".join(f"{kind.status} `/problems/{name}`: {kind.title}" for name, kind in KINDS.items())
    return {
        "description": f"A problem. {kinds}.",
        "headers": {
            "Retry-After": {"description": "Seconds to wait, with 429 and 503.", "schema": {"type": "integer"}},
            "WWW-Authenticate": {"description": "How to authenticate, with 401.", "schema": {"type": "string"}},
        },
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}},
    }
