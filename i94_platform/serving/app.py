"""The web API: routes over the published release.

Here: from a request to an answer. A page is a query of a release, made in a thread, kept by release and query, and told
by an ETag of both. Not here: who may ask (`access`), what every request passes (`front`), and the process (`server`).
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from prometheus_client import generate_latest
from sqlalchemy import Table
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from i94_platform.contracts import MARTS, PUBLISHED
from i94_platform.serving import queries
from i94_platform.serving import serializers as formats
from i94_platform.serving.api import openapi
from i94_platform.serving.api.openapi import LAYERS
from i94_platform.serving.auth.authenticator import Access
from i94_platform.serving.auth.sessions import COOKIE
from i94_platform.serving.dashboard import routes as dashboard
from i94_platform.serving.dashboard.vega_bundle import Library
from i94_platform.serving.http_caching import digest, document, known, sent, unchanged, with_gzip
from i94_platform.serving.middleware import Figures, Front
from i94_platform.serving.problems import Problem
from i94_platform.serving.release_store import NOTHING, Running, Shelf, Snapshot, described, state_of_tables
from i94_platform.serving.response_cache import Page, Pages

if TYPE_CHECKING:
    from fastapi import FastAPI

logger = logging.getLogger(__name__)

TABLES: dict[str, tuple[Table, ...]] = {
    "marts": MARTS,
    "dimensions": tuple(contract for contract in PUBLISHED if contract not in MARTS),
}

QUERIES_AT_ONCE = 4
"""More would only take turns on the processors."""


@dataclass
class Service:
    """What the routes share."""

    shelf: Shelf
    access: Access
    library: Library
    query_seconds: float = 10.0
    poll_seconds: float = 3.0
    pages: Pages = field(default_factory=Pages)
    figures: Figures = field(default_factory=Figures)
    workers: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(QUERIES_AT_ONCE, thread_name_prefix="query")
    )

    async def refresh(self) -> None:
        """Look once for another release."""
        # a thread of its own: queries that wait must not keep a release from being seen
        await asyncio.to_thread(self.shelf.refresh)
        self.figures.trouble.set(bool(self.shelf.trouble))
        if release := self.shelf.release:
            self.figures.published.set(dt.datetime.fromisoformat(release.published_at).timestamp())

    async def watch(self) -> None:
        """Look for another release until cancelled."""
        while True:
            try:
                await self.refresh()
            except Exception:
                # the release that is served goes on being served, whatever the look met
                logger.exception("The lake could not be looked at; trying again in %.0f s", self.poll_seconds)
            await asyncio.sleep(self.poll_seconds)

    async def page(
        self, request: Request, name: str, snapshot: Snapshot, make: Callable[[Snapshot, Running], Page]
    ) -> Page:
        """The page of that name, which is made where none is kept; the log and the figures tell which."""
        hits = self.pages.hits
        page = await self.pages.get(name, partial(self.made, snapshot, make))
        request.scope["i94_page"] = made = "kept" if self.pages.hits > hits else "made"
        self.figures.pages.labels(made).inc()
        return page

    async def made(self, snapshot: Snapshot, make: Callable[[Snapshot, Running], Page]) -> Page:
        """One page, made in a thread within the time that a query may take."""
        running, lease = Running(), ExitStack()
        lease.enter_context(snapshot.used())  # the thread may outlive the request
        made = asyncio.get_running_loop().run_in_executor(self.workers, make, snapshot, running)
        made.add_done_callback(lambda _: lease.close())
        done, _ = await asyncio.wait([made], timeout=self.query_seconds)
        if done:
            return made.result()
        running.stop()
        made.add_done_callback(_heard)
        self.figures.stopped.inc()
        raise Problem(
            "query-timeout",
            f"It was stopped after {self.query_seconds:g} s; ask for less, or later.",
            retry_after=self.query_seconds,
        )


def _heard(made: asyncio.Future[Page]) -> None:
    """Take note of how a query ended that nobody waits for any more: stopped, as it was told."""
    if not made.cancelled() and not isinstance(made.exception(), InterruptedError | None):
        logger.warning("A query that had taken too long failed: %s", made.exception())


def create_app(service: Service, hosts: tuple[str, ...] = ()) -> ASGIApp:
    """The whole application; `hosts` are the names that it answers to, any where there are none."""
    from fastapi import FastAPI

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.refresh()
        watching = asyncio.create_task(service.watch())
        yield
        watching.cancel()
        service.workers.shutdown(wait=False, cancel_futures=True)
        service.shelf.close()

    app = FastAPI(title="i94_platform", openapi_url=None, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.router.redirect_slashes = False
    for layer, contracts in TABLES.items():
        _add(app, f"/api/v1/{layer}", _list, service, layer)
        for contract in contracts:
            _add(app, f"/api/v1/{layer}/{contract.name}", _table, service, layer, contract)
    _add(app, "/api/v1/status", _status, service)
    _add(app, "/api/v1/openapi.json", _description, json.dumps(openapi.document(TABLES)).encode())
    _add(app, "/healthz", _healthz)
    _add(app, "/readyz", _readyz, service)
    _add(app, "/metrics", _metrics, service)
    _add(app, "/token", _token, service)
    app.add_route("/session", partial(_begin_session, service), methods=["POST"], include_in_schema=False)
    app.add_route("/session", partial(_end_session, service), methods=["DELETE"], include_in_schema=False)
    app.router.routes.extend(dashboard.routes(service, TABLES))
    app.add_exception_handler(Problem, _told)
    app.add_exception_handler(HTTPException, _unrouted)
    app.add_exception_handler(Exception, _mistaken)
    paths = [route.path for route in app.router.routes if isinstance(route, Route)]
    return Front(app, service.figures, paths, hosts)


def _add(app: FastAPI, path: str, answer: Callable[..., Awaitable[Response]], *given: Any) -> None:
    app.add_route(path, partial(answer, *given), methods=["GET"], include_in_schema=False)


async def _told(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)
    return problem.response()


async def _mistaken(request: Request, _: Exception) -> Response:
    number = request.scope["i94_request"]
    return Problem("internal-error", f"The log has more under the request's number, {number}.").response()


async def _unrouted(_: Request, error: Exception) -> Response:
    """What Starlette refuses by itself: a path or a method that no route has."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        return Problem("method-not-allowed", "Allow names the methods that are.").response(error.headers)
    if error.status_code == 404:
        known = ", ".join(f"/api/v1/{layer}" for layer in TABLES)
        return Problem("not-found", f"{known} list what there is.").response()
    return Problem("bad-request", "It was not understood.").response()


async def _table(service: Service, layer: str, contract: Table, request: Request) -> Response:
    service.access.admit(request, LAYERS[layer])
    query = queries.parse(contract, request.scope["query_string"])
    with service.shelf.taken(query.version) as snapshot:
        if snapshot is None:
            raise _without(service, query)
        name = f"{snapshot.release.version}-{query.page}"
        if known(request, name):
            return unchanged(name)
        page = await service.page(request, name, snapshot, partial(_page, query))
    answer = sent(request, page, formats.MEDIA_TYPES[query.format], name)
    if page.following:
        # the last parameter of its name would not win: what was sent is replaced
        answer.headers["Link"] = f'<{request.url.include_query_params(cursor=page.following)}>; rel="next"'
    if query.format != "json":
        answer.headers["Content-Disposition"] = f'attachment; filename="{contract.name}.{query.format}"'
    return answer


def _without(service: Service, query: queries.Query) -> Problem:
    if service.shelf.release is None:
        return Problem("no-release", service.shelf.trouble or NOTHING, retry_after=service.poll_seconds)
    assert query.version
    return Problem("release-gone", "Newer releases have replaced it; begin again without the cursor.")


def _page(query: queries.Query, snapshot: Snapshot, running: Running) -> Page:
    """Make a page; the row beyond it only says that there is another."""
    sql, values = query.sql()
    rows = snapshot.table(sql, values, running)
    following = ""
    if rows.num_rows > query.limit:
        rows = rows.slice(0, query.limit)
        last = rows.slice(query.limit - 1).to_pylist()[0]
        following = query.cursor(snapshot.release.version, [last[name] for name, _ in query.order])
    if query.format == "json":
        page = {"limit": query.limit, "rows": rows.num_rows, "next": following or None}
        body = formats.as_json({"data": rows.to_pylist(), "page": page, "release": described(snapshot.release)})
    else:
        body = formats.rows_as(query.format, rows, query.contract)
    return with_gzip(body, query.format, following)


async def _list(service: Service, layer: str, request: Request) -> Response:
    service.access.admit(request, LAYERS[layer])
    queries.refuse_parameters(request.scope["query_string"])
    release = service.shelf.release
    if release is None:
        raise Problem("no-release", service.shelf.trouble or NOTHING, retry_after=service.poll_seconds)
    tables = [
        openapi.described(c, layer, release.tables[c.name].rows if c.name in release.tables else None)
        for c in TABLES[layer]
    ]
    return document(request, {"release": described(release), "tables": tables})


async def _status(service: Service, request: Request) -> Response:
    service.access.admit(request, "read:status")
    queries.refuse_parameters(request.scope["query_string"])
    release = service.shelf.release
    if release is None:
        raise Problem("no-release", service.shelf.trouble or NOTHING, retry_after=service.poll_seconds)
    told = {"release": described(release), "tables": state_of_tables(release), "trouble": service.shelf.trouble}
    return document(request, told)


async def _description(told: bytes, request: Request) -> Response:
    queries.refuse_parameters(request.scope["query_string"])
    return sent(request, with_gzip(told, "json"), "application/json", digest(told))


async def _healthz(request: Request) -> Response:
    queries.refuse_parameters(request.scope["query_string"])
    return Response(formats.as_json({"alive": True}), media_type="application/json")


async def _readyz(service: Service, request: Request) -> Response:
    queries.refuse_parameters(request.scope["query_string"])
    release = service.shelf.release
    if release is None:
        raise Problem("no-release", service.shelf.trouble or NOTHING, retry_after=service.poll_seconds)
    told = {"ready": True, "version": release.version, "trouble": service.shelf.trouble}
    return Response(formats.as_json(told), media_type="application/json", headers={"Cache-Control": "no-store"})


async def _metrics(service: Service, request: Request) -> Response:
    service.access.admit(request, "metrics")
    queries.refuse_parameters(request.scope["query_string"])
    return Response(generate_latest(service.figures.registry), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _token(service: Service, request: Request) -> Response:
    """Exchange the one-time token for a cookie, and leave the URL that holds it."""
    sent = queries.parameters(request.scope["query_string"]).get("token", [""])
    cookie = service.access.sessions.redeem(sent[0])
    if cookie is None:
        raise service.access.refused(
            request, "wrong-credentials", "The token was used already, or is another server's."
        )
    return _with_cookie(RedirectResponse("/", 303, {"Cache-Control": "no-store"}), cookie, request)


async def _begin_session(service: Service, request: Request) -> Response:
    """Exchange a key, sent in a header, for a cookie."""
    cookie = service.access.sessions.begin(service.access.key_of(request))
    return _with_cookie(Response(status_code=204), cookie, request)


async def _end_session(service: Service, request: Request) -> Response:
    if cookie := request.cookies.get(COOKIE):
        service.access.sessions.end(cookie)
    answer = Response(status_code=204)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


def _with_cookie(answer: Response, cookie: str, request: Request) -> Response:
    answer.set_cookie(COOKIE, cookie, httponly=True, samesite="strict", secure=request.url.scheme == "https")
    return answer
