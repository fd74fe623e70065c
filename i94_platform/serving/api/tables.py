"""The rows of each published table: a route for each, with the query parameters and response model of its contract."""

# without `from __future__ import annotations`, because each endpoint names a model that is made for it
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Security
from fastapi.routing import APIRoute
from sqlalchemy import Table
from starlette.responses import Response

from i94_platform.serving import queries, serializers
from i94_platform.serving.api.layers import LAYERS
from i94_platform.serving.api.models import DisclosureSummary, ReleaseSummary, create_page_model
from i94_platform.serving.api.openapi import DISCLOSURE_HEADER, NOT_MODIFIED, document_etag, refer_to_problems
from i94_platform.serving.api.parameters import build_query, create_parameters_model, require_single
from i94_platform.serving.auth.dependencies import authorize
from i94_platform.serving.disclosure import DisclosureControl
from i94_platform.serving.http_caching import with_gzip
from i94_platform.serving.response_cache import CachedResponse
from i94_platform.serving.service import Service, get_service
from i94_platform.serving.snapshot import Snapshot

_OTHER_FORMATS = {
    "text/csv": {"schema": {"type": "string"}},
    "application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}},
}

_MAX_VALID_QUERIES = 1_000


class TableRoute(APIRoute):
    """A route that validates a query string once: to do it again takes longer than to send a cached response."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler of a request."""
        validate_and_respond = super().get_route_handler()

        async def handle(request: Request) -> Response:
            service = get_service(request)
            known = service.valid_queries.get(_url(request))
            if known is None:
                return await validate_and_respond(request)
            scope, query = known
            service.authenticator.authorize(request, scope)
            return await service.respond(request, query.key, partial(make_page, query), query.version)

        return handle


def create_router() -> APIRouter:
    """Create the routes of all tables."""
    router = APIRouter(prefix="/api/v1", route_class=TableRoute)
    for layer, contracts in LAYERS.items():
        for contract in contracts:
            router.add_api_route(
                f"/{layer}/{contract.name}",
                _create_endpoint(contract, f"read:{layer}"),
                response_model=create_page_model(contract),
                operation_id=contract.name,
                summary=str(contract.comment),
                description=f"Grain: {contract.info['grain']}.",
                responses={
                    200: {"content": _OTHER_FORMATS, **DISCLOSURE_HEADER},
                    **NOT_MODIFIED,
                    **refer_to_problems(401, 403, 410),
                },
                dependencies=[Security(authorize, scopes=[f"read:{layer}"]), Depends(document_etag)],
            )
    return router


def _create_endpoint(contract: Table, scope: str) -> Callable[..., Coroutine[Any, Any, Response]]:
    parameters_model = create_parameters_model(contract)

    async def read_table(request: Request, parameters: Annotated[parameters_model, Query()]) -> Response:  # type: ignore[valid-type]
        service = get_service(request)
        require_single(request, parameters)
        query = build_query(contract, parameters)
        _remember(service, request, scope, query)
        return await service.respond(request, query.key, partial(make_page, query), query.version)

    return read_table


def _remember(service: Service, request: Request, scope: str, query: queries.Query) -> None:
    if len(service.valid_queries) >= _MAX_VALID_QUERIES:
        service.valid_queries.clear()
    service.valid_queries[_url(request)] = scope, query


def _url(request: Request) -> tuple[str, bytes]:
    return request.scope["path"], request.scope["query_string"]


def make_page(
    query: queries.Query, snapshot: Snapshot, disclosure: DisclosureControl, deadline: float
) -> CachedResponse:
    """Run a query and serialize its rows. The row beyond the page only says that another page follows."""
    rows, next_cursor = snapshot.fetch(query.statement(disclosure), deadline), ""
    if rows.num_rows > query.limit:
        rows = rows.slice(0, query.limit)
        (last,) = rows.slice(query.limit - 1).to_pylist()
        next_cursor = query.encode_cursor(snapshot.release.version, [last[name] for name, _ in query.order])
    media_type = serializers.MEDIA_TYPES[query.format]
    if query.format != "json":
        body = serializers.serialize_rows(
            query.format,
            rows,
            query.contract,
            keep_formulas=query.keep_formulas,
            metadata={"disclosure_control": disclosure.name},
        )
        return with_gzip(body, media_type, f"{query.contract.name}.{query.format}", next_cursor)
    page = {"limit": query.limit, "rows": rows.num_rows, "next": next_cursor or None}
    release = ReleaseSummary.model_validate(snapshot.release).model_dump()
    summary = DisclosureSummary(control=disclosure.name, withheld=disclosure.describe_withheld(query.contract))
    content = {"data": rows.to_pylist(), "page": page, "disclosure": summary.model_dump(), "release": release}
    body = serializers.to_json(content)
    return with_gzip(body, media_type, next_cursor=next_cursor)
