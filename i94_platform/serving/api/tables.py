"""The rows of each published table, and queries of them: plain rows, groups and aggregates."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.routing import APIRoute
from sqlalchemy import Table
from starlette.responses import Response

from i94_platform.contracts.model import is_monthly
from i94_platform.partitions import Month
from i94_platform.serving import missing_months, serializers
from i94_platform.serving.api.layers import LAYERS
from i94_platform.serving.api.models import DisclosureSummary, ReleaseSummary
from i94_platform.serving.api.query_parameters import PageParameters, QueryParameters, parse_query
from i94_platform.serving.content_negotiation import negotiate_format
from i94_platform.serving.disclosure import DisclosureControl
from i94_platform.serving.http_caching import with_gzip
from i94_platform.serving.known_values import require_known_values
from i94_platform.serving.queries import Query
from i94_platform.serving.response_cache import CachedResponse
from i94_platform.serving.service import Service, get_service
from i94_platform.serving.snapshot import Snapshot

if TYPE_CHECKING:
    import pyarrow as pa

QUERY_PATH = "/api/v1/query"

_MAX_VALID_QUERIES = 1_000

_SCOPES = {contract.name: (contract, f"read:{layer}") for layer, contracts in LAYERS.items() for contract in contracts}
"""Each table with the scope that opens it, by its name."""


class _DirectRoute(APIRoute):
    """A route whose endpoint gets the request as it is: FastAPI's validation takes longer than a cached response."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the endpoint."""
        return self.endpoint


def create_router() -> APIRouter:
    """Create the routes of all tables. `openapi` describes them, since it knows their columns."""
    router = APIRouter(route_class=_DirectRoute, include_in_schema=False)
    for layer, contracts in LAYERS.items():
        for contract in contracts:
            router.add_api_route(
                f"/api/v1/{layer}/{contract.name}", partial(_read_table, contract.name, PageParameters)
            )
    router.add_api_route(f"{QUERY_PATH}/{{table}}", _query_table)
    return router


async def _query_table(request: Request) -> Response:
    return await _read_table(request.path_params["table"], QueryParameters, request)


async def _read_table(name: str, model: type[PageParameters], request: Request) -> Response:
    if name not in _SCOPES:
        raise HTTPException(404)
    contract, scope = _SCOPES[name]
    service = get_service(request)
    service.authenticator.authorize(request, scope)
    query = _parse_request(service, contract, model, request)
    return await service.respond(request, query.key, partial(make_page, query), query.version)


def _parse_request(service: Service, contract: Table, model: type[PageParameters], request: Request) -> Query:
    """Parse a query string once: to do it again takes longer than to send a cached response."""
    accepted = negotiate_format(request.headers.get("accept", ""), serializers.MEDIA_TYPES)
    name = request.url.path, request.scope["query_string"], accepted
    if (query := service.valid_queries.get(name)) is None:
        query = parse_query(contract, request.query_params.multi_items(), accepted, model)
        if len(service.valid_queries) >= _MAX_VALID_QUERIES:
            service.valid_queries.clear()
        service.valid_queries[name] = query
    return query


def make_page(query: Query, snapshot: Snapshot, disclosure: DisclosureControl, deadline: float) -> CachedResponse:
    """Run a query and serialize its rows. The row beyond the page only says that another page follows."""
    require_known_values(query.contract, query.filters, snapshot, disclosure, deadline)
    rows, next_cursor, headers = snapshot.fetch(query.statement(disclosure), deadline), "", dict[str, str]()
    if rows.num_rows > query.limit:
        rows = rows.slice(0, query.limit)
        (last,) = rows.slice(query.limit - 1).to_pylist()
        next_cursor = query.encode_cursor(snapshot.release.version, [last[name] for name, _ in query.order])
    rows = rows.select(query.result.c.keys())  # without columns that only order them
    total = None
    if query.counts_rows:
        (total,) = snapshot.fetch(query.count_statement(disclosure), deadline)["total"].to_pylist()
        headers["X-Total-Count"] = str(total)
    months: list[Month] = []
    if is_monthly(query.contract):
        published = snapshot.release.tables[query.contract.name].months
        months = missing_months.find_missing_months(query.filters, published)
    if months:
        headers[missing_months.HEADER] = missing_months.join_intervals(months)
    if query.format == "json":
        body = _serialize_page(query, rows, snapshot, disclosure, next_cursor, total, months)
    else:
        headers["Content-Disposition"] = f'attachment; filename="{query.contract.name}.{query.format}"'
        body = serializers.serialize_rows(
            query.format,
            rows,
            query.result,
            keep_formulas=query.keep_formulas,
            metadata={"disclosure_control": disclosure.name},
        )
    return with_gzip(body, serializers.MEDIA_TYPES[query.format], headers, next_cursor)


def _serialize_page(
    query: Query,
    rows: pa.Table,
    snapshot: Snapshot,
    disclosure: DisclosureControl,
    next_cursor: str,
    total: int | None,
    months: list[Month],
) -> bytes:
    page = {"limit": query.limit, "rows": rows.num_rows, "next": next_cursor or None}
    release = ReleaseSummary.model_validate(snapshot.release).model_dump()
    summary = DisclosureSummary(control=disclosure.name, withheld=query.describe_withheld(disclosure))
    return serializers.to_json(
        {
            "data": rows.to_pylist(),
            "page": page if total is None else {**page, "total": total},
            "disclosure": summary.model_dump(),
            "missing_months": [month.key for month in months],
            "release": release,
        }
    )
