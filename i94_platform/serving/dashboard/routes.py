"""Routes of the dashboard: its pages and their static files, which are open to all; the figures come from the API."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response

from i94_platform.serving.dashboard.page import PAGES, page_path, render_page
from i94_platform.serving.dashboard.vega_bundle import VegaBundle
from i94_platform.serving.http_caching import IMMUTABLE, is_current, not_modified, send, send_page
from i94_platform.serving.static_files import mount_static_files

_STATIC = Path(__file__).parent / "static"


def add_routes(app: FastAPI, vega_bundle: VegaBundle) -> None:
    """Add the dashboard to an application."""
    vega_url = f"/static/vega-{vega_bundle.version}.js"
    page = render_page(mount_static_files(app, "dashboard", _STATIC), vega_url)
    router = APIRouter(include_in_schema=False)

    async def show_page(request: Request) -> Response:
        vega_bundle.start_loading()  # the browser asks for it next
        return send_page(request, page)

    for name in PAGES:
        router.add_api_route(page_path(name), show_page)

    @router.get(vega_url)
    async def read_vega(request: Request) -> Response:
        if is_current(request, vega_bundle.version):
            return not_modified(vega_bundle.version, IMMUTABLE)
        return send(request, await vega_bundle.load(), vega_bundle.version, IMMUTABLE)

    app.include_router(router)
