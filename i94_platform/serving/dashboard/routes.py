"""Routes of the dashboard: the page and its static files, which are open to all, and the summaries that it shows."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, FastAPI, Request, Security
from fastapi import Query as QueryParameters
from starlette.responses import Response

from i94_platform.serving import serializers
from i94_platform.serving.api.layers import LAYERS
from i94_platform.serving.api.models import ReleaseSummary
from i94_platform.serving.api.parameters import require_single
from i94_platform.serving.auth.dependencies import authorize
from i94_platform.serving.dashboard.page import render_page
from i94_platform.serving.dashboard.summaries import DashboardFilters, View, summarize
from i94_platform.serving.dashboard.vega_bundle import VegaBundle
from i94_platform.serving.disclosure import DisclosureControl, Row
from i94_platform.serving.http_caching import IMMUTABLE, is_current, not_modified, send, send_page, with_gzip
from i94_platform.serving.queries import Query, Totals
from i94_platform.serving.response_cache import CachedResponse
from i94_platform.serving.service import get_service
from i94_platform.serving.snapshot import Snapshot
from i94_platform.serving.static_files import mount_static_files

_STATIC = Path(__file__).parent / "static"


def add_routes(app: FastAPI, vega_bundle: VegaBundle) -> None:
    """Add the dashboard to an application."""
    vega_url = f"/static/vega-{vega_bundle.version}.js"
    page = render_page(mount_static_files(app, "dashboard", _STATIC), vega_url, LAYERS)
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def show_page(request: Request) -> Response:
        vega_bundle.start_loading()  # the browser asks for it next
        return send_page(request, page)

    @router.get(vega_url)
    async def read_vega(request: Request) -> Response:
        if is_current(request, vega_bundle.version):
            return not_modified(vega_bundle.version, IMMUTABLE)
        return send(request, await vega_bundle.load(), vega_bundle.version, IMMUTABLE)

    router.add_api_route(
        "/dashboard/summaries", read_summaries, dependencies=[Security(authorize, scopes=["read:marts"])]
    )
    app.include_router(router)


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
