"""Routes of the web API: the tables of each layer, the status, and the OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Depends, Request, Security
from starlette.responses import Response

from i94_platform.contracts import PUBLISHED
from i94_platform.contracts.disclosure import WITHHELD, has_statistics
from i94_platform.serving.api import models
from i94_platform.serving.api.layers import LAYERS
from i94_platform.serving.api.openapi import NOT_MODIFIED, PROBLEMS, create_document, document_etag
from i94_platform.serving.api.parameters import refuse_parameters
from i94_platform.serving.auth.dependencies import authorize
from i94_platform.serving.content_negotiation import require_json
from i94_platform.serving.http_caching import send_json
from i94_platform.serving.service import get_service


def create_router() -> APIRouter:
    """Create the routes that take no parameters."""
    router = APIRouter(
        prefix="/api/v1", dependencies=[Depends(require_json), Depends(refuse_parameters), Depends(document_etag)]
    )
    for layer in LAYERS:
        router.add_api_route(
            f"/{layer}",
            _create_list_endpoint(layer),
            response_model=models.TableList,
            operation_id=f"list_{layer}",
            tags=[layer],
            summary=f"The {layer} with their columns",
            responses={**NOT_MODIFIED, **PROBLEMS},
            dependencies=[Security(authorize, scopes=[f"read:{layer}"])],
        )
    router.add_api_route(
        "/status",
        read_status,
        response_model=models.Status,
        operation_id="status",
        tags=["releases"],
        summary="The release, its tables, and the results of their checks",
        responses={**NOT_MODIFIED, **PROBLEMS},
        dependencies=[Security(authorize, scopes=["read:status"])],
    )
    router.add_api_route("/openapi.json", read_openapi, include_in_schema=False)
    return router


def _create_list_endpoint(layer: str) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    async def list_tables(request: Request) -> Response:
        release, disclosure = get_service(request).require_release(), request.state.disclosure
        tables = [
            models.summarize_table(
                contract,
                f"/api/v1/{layer}/{contract.name}",
                None
                if contract.name not in release.tables or disclosure.withholds_figures(contract)
                else release.tables[contract.name].rows,
            )
            for contract in LAYERS[layer]
        ]
        summary = models.ReleaseSummary.model_validate(release)
        return send_json(request, models.TableList(release=summary, tables=tables).model_dump_json().encode())

    return list_tables


async def read_status(request: Request) -> Response:
    """Return the release, its tables, and the results of their checks."""
    service = get_service(request)
    release = service.require_release()
    error = service.release_store.public_error
    status = models.Status.model_validate({"release": release, "tables": release.tables, "error": error})
    if not request.state.disclosure.is_exact:
        _withhold_figures(status)
    return send_json(request, status.model_dump_json().encode())


def _withhold_figures(status: models.Status) -> None:
    for contract in filter(has_statistics, PUBLISHED):
        if table := status.tables.get(contract.name):
            table.rows = None
    for table in status.tables.values():
        for check in table.checks.failed_checks:
            check.message = WITHHELD


async def read_openapi(request: Request) -> Response:
    """Return the OpenAPI document, which is generated once."""
    app = request.app
    if app.openapi_schema is None:
        app.openapi_schema = create_document(app)
    return send_json(request, json.dumps(app.openapi_schema, separators=(",", ":")).encode())
