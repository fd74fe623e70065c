"""The application: its routers, its middleware, and how errors become problems."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import Response

from i94_platform.serving.api import health, releases, routes, tables
from i94_platform.serving.api.layers import LAYERS
from i94_platform.serving.api.parameters import describe_validation_error
from i94_platform.serving.api_docs import routes as api_docs_routes
from i94_platform.serving.auth import routes as auth_routes
from i94_platform.serving.dashboard import routes as dashboard_routes
from i94_platform.serving.dashboard.vega_bundle import VegaBundle
from i94_platform.serving.problems import Problem
from i94_platform.serving.service import Service


def create_app(service: Service | None = None, scripts_folder: str = "", hosts: tuple[str, ...] = ()) -> FastAPI:
    """Create the application.

    Args:
        service: its state; without it the application can only describe itself.
        scripts_folder: where the bundle of Vega-Lite is kept, which takes seconds to make.
        hosts: the host names that it answers to, any unless given.
    """

    @asynccontextmanager
    async def run_service(app: FastAPI) -> AsyncIterator[None]:
        await app.state.service.refresh_release()
        watching = asyncio.create_task(app.state.service.watch_releases())
        yield
        watching.cancel()
        app.state.service.close()

    app = FastAPI(
        title="i94_platform",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=run_service,
        exception_handlers=dict.fromkeys(
            (Problem, RequestValidationError, HTTPException, Exception), _respond_with_problem
        ),
    )
    app.state.service = service
    for router in (tables.create_router(), routes.create_router(), releases.router, health.router, auth_routes.router):
        app.include_router(router)
    api_docs_routes.add_routes(app)
    dashboard_routes.add_routes(app, VegaBundle(scripts_folder))
    if hosts:
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False)
    return app


async def _respond_with_problem(request: Request, error: Exception) -> Response:
    headers: dict[str, str] = {}
    match error:
        case Problem():
            problem = error
        case RequestValidationError():
            problem = describe_validation_error(error)
        case HTTPException(status_code=404):
            lists = " and ".join(f"/api/v1/{layer}" for layer in LAYERS)
            problem = Problem("not-found", f"{lists} list the tables.")
        case HTTPException(status_code=405):
            allowed = (error.headers or {}).get("Allow", "")
            if "HEAD" not in allowed:  # the middleware answers it for all
                allowed = allowed.replace("GET", "GET, HEAD")
            headers["Allow"] = allowed
            problem = Problem("method-not-allowed", f"The methods are {allowed}.")
        case HTTPException():
            problem = Problem("bad-request", "The request can't be read.")
        case _:
            detail = f"The server's log has the details of request {request.state.request_id}."
            problem = Problem("internal-error", detail)
    return problem.to_response(headers)
