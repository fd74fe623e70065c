"""Routes for those who operate the server: health, readiness and metrics."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Security
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import PlainTextResponse, Response

from i94_platform.serving.api.models import Health, Readiness
from i94_platform.serving.api.openapi import PROBLEMS
from i94_platform.serving.api.parameters import refuse_parameters
from i94_platform.serving.auth.dependencies import authorize
from i94_platform.serving.service import get_service

router = APIRouter(dependencies=[Depends(refuse_parameters)], tags=["server"])


@router.get("/healthz", operation_id="healthz", summary="Whether the server runs", responses=PROBLEMS)
async def check_health() -> Health:
    """Return that the server runs."""
    return Health(alive=True)


@router.get("/readyz", operation_id="readyz", summary="Whether a release is served", responses=PROBLEMS)
async def check_readiness(request: Request, response: Response) -> Readiness:
    """Return which release is served."""
    service = get_service(request)
    response.headers["Cache-Control"] = "no-store"
    version = service.require_release().version
    return Readiness(ready=True, version=version, error=service.release_store.public_error)


@router.get(
    "/metrics",
    operation_id="metrics",
    summary="Metrics for Prometheus",
    response_class=PlainTextResponse,
    responses=PROBLEMS,
    dependencies=[Security(authorize, scopes=["metrics"])],
)
async def read_metrics(request: Request) -> Response:
    """Return the metrics."""
    return Response(generate_latest(get_service(request).metrics.registry), media_type=CONTENT_TYPE_LATEST)
