"""Routes of the dashboard: the page and its static files, which are open to all, and the summaries that it shows."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, FastAPI, Request, Security
from fastapi import Query as QueryParameters
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from i94_platform.serving import serializers
from i94_platform.serving.api.layers import LAYERS
from i94_platform.serving.api.models import ReleaseSummary
from i94_platform.serving.api.parameters import require_single
from i94_platform.serving.auth.dependencies import authorize
from i94_platform.serving.dashboard.page import render_page
from i94_platform.serving.dashboard.summaries import DashboardFilters, View, summarize
from i94_platform.serving.dashboard.vega_bundle import VegaBundle
from i94_platform.serving.disclosure import DisclosureControl, Row
from i94_platform.serving.http_caching import IMMUTABLE, compute_digest, is_current, not_modified, send, with_gzip
from i94_platform.serving.queries import Query, Totals
from i94_platform.serving.response_cache import CachedResponse
from i94_platform.serving.service import get_service
from i94_platform.serving.snapshot import Snapshot

_STATIC = Path(__file__).parent / "static"


class ImmutableFiles(StaticFiles):
    """Static files below a URL that changes with their content."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Return a file, which browsers may keep."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = IMMUTABLE
        return response


def add_routes(app: FastAPI, vega_bundle: VegaBundle) -> None:
    """Add the dashboard to an application."""
    digest = compute_digest(b"".join(path.read_bytes() for path in sorted(_STATIC.iterdir())))
    static_url, vega_url = f"/static/{digest}", f"/static/vega-{vega_bundle.version}.js"
    html = render_page(static_url, vega_url, LAYERS).encode()
    page, page_etag = with_gzip(html, "text/html; charset=utf-8"), compute_digest(html)
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def show_page(request: Request) -> Response:
        vega_bundle.start_loading()  # the browser asks for it next
        return not_modified(page_etag) if is_current(request, page_etag) else send(request, page, page_etag)

    @router.get(vega_url)
    async def read_vega(request: Request) -> Response:
        if is_current(request, vega_bundle.version):
            return not_modified(vega_bundle.version, IMMUTABLE)
        return send(request, await vega_bundle.load(), vega_bundle.version, IMMUTABLE)

    router.add_api_route(
        "/dashboard/summaries", read_summaries, dependencies=[Security(authorize, scopes=["read:marts"])]
    )
    app.include_router(router)
    app.mount(static_url, GZipMiddleware(ImmutableFiles(directory=_STATIC)), name="static")


async def read_summaries(request: Request, filters: Annotated[DashboardFilters, QueryParameters()]) -> Response:
    """Return all that the page shows for its filters."""
    require_single(request, filters)
    view = View.from_filters(filters)
    return await get_service(request).respond(request, f"view-{view.digest}", partial(_make_summaries, view))


def _make_summaries(view: View, snapshot: Snapshot, disclosure: DisclosureControl, deadline: float) -> CachedResponse:
    def fetch(query: Query | Totals) -> list[Row]:
        return snapshot.fetch(query.statement(disclosure), deadline).to_pylist()

    summaries = summarize(view, fetch, disclosure)
    release = ReleaseSummary.model_validate(snapshot.release).model_dump()
    return with_gzip(serializers.to_json({**summaries, "release": release}), serializers.MEDIA_TYPES["json"])
