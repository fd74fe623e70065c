"""What every request passes first and every answer last: limits, headers, the access log and the figures.

Here: one ASGI layer around the application. The log is a line of JSON for each request, with names only: neither the
query of a URL nor a header is in it, since either may hold a secret. Not here: what a route answers (`app`).
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from i94_platform.serving.auth import rate_limiter as limits
from i94_platform.serving.problems import Problem

access_log = logging.getLogger("i94.access")
logger = logging.getLogger(__name__)

SECURITY_HEADERS = (
    (b"content-security-policy", b"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_ELSEWHERE = "/?"
"""In the place of every path without a route."""


class Figures:
    """What Prometheus is told."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter("i94_requests", "Requests.", ["route", "status"], registry=self.registry)
        self.seconds = Histogram("i94_request_seconds", "Time of an answer.", ["route"], registry=self.registry)
        self.in_flight = Gauge("i94_requests_in_flight", "Requests being answered.", registry=self.registry)
        self.pages = Counter("i94_pages", "Pages, by whether they were made before.", ["made"], registry=self.registry)
        self.stopped = Counter("i94_queries_stopped", "Queries that took too long.", registry=self.registry)
        self.trouble = Gauge("i94_release_trouble", "1 where the release can't be read.", registry=self.registry)
        self.published = Gauge("i94_release_published_seconds", "When it was published.", registry=self.registry)


@dataclass
class _Answer:
    """What is sent, as far as it is known."""

    request_id: str
    status: int = 0
    size: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)


class Front:
    """The outermost layer."""

    def __init__(self, app: ASGIApp, figures: Figures, paths: Iterable[str], hosts: Iterable[str] = ()) -> None:
        """`paths` are those that have a route, `hosts` the names that the server is called by; any where none are."""
        self._app, self._figures = app, figures
        self._paths, self._hosts = frozenset(paths), frozenset(hosts)
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, answer = time.perf_counter(), _Answer(uuid.uuid4().hex[:16])
        head = scope["method"] == "HEAD"
        inner: Scope = {**scope, "method": "GET" if head else scope["method"], "i94_request": answer.request_id}

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                named = (b"x-request-id", answer.request_id.encode())
                message = {**message, "headers": [*message["headers"], *SECURITY_HEADERS, named]}
            elif message["type"] == "http.response.body":
                answer.size += len(message.get("body", b""))
                message = {**message, "body": b""} if head else message
            await send(message)

        self._in_flight += 1
        self._figures.in_flight.set(self._in_flight)
        try:
            await self._answered(inner, receive, sending, answer)
        finally:
            self._in_flight -= 1
            self._figures.in_flight.set(self._in_flight)
            self._told(scope, inner, answer, time.perf_counter() - started)

    async def _answered(self, scope: Scope, receive: Receive, send: Send, answer: _Answer) -> None:
        try:
            self._refuse(scope)
            await self._app(scope, receive, send)
        except Problem as problem:
            await problem.response()(scope, receive, send)
        except Exception:
            # the log says what; the caller has got a number to ask by, or else is cut off
            logger.exception("Request %s could not be answered", answer.request_id)
            if answer.status != 500:
                raise

    def _refuse(self, scope: Scope) -> None:
        if self._in_flight > limits.IN_FLIGHT:
            raise Problem("busy", "Too many requests are being answered; come back soon.", retry_after=1)
        if len(scope["raw_path"]) + len(scope["query_string"]) > limits.URL_BYTES:
            raise Problem("url-too-long", f"Path and query have at most {limits.URL_BYTES:,} bytes.")
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > limits.BODY_BYTES or b"transfer-encoding" in headers:
            raise Problem("body-too-large", f"A body has at most {limits.BODY_BYTES:,} bytes, and says how many.")
        host = headers.get(b"host", b"").decode("latin-1").lower()
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        if self._hosts and name not in self._hosts:
            raise Problem("wrong-host", f"Call it {' or '.join(sorted(self._hosts))}.")

    def _told(self, scope: Scope, inner: Scope, answer: _Answer, seconds: float) -> None:
        # any other path may be anything, a secret too
        route = scope["path"] if scope["path"] in self._paths else _ELSEWHERE
        status = answer.status or 499  # the client went away
        self._figures.requests.labels(route, status).inc()
        self._figures.seconds.labels(route).observe(seconds)
        line: dict[str, Any] = {
            "time": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
            "request": answer.request_id,
            "client": (scope.get("client") or ("",))[0],
            "caller": inner.get("i94_caller", ""),
            "method": scope["method"][:16],
            "path": route,
            "status": status,
            "bytes": answer.size,
            "ms": round(seconds * 1000, 1),
            "page": inner.get("i94_page", ""),
        }
        access_log.info("%s", json.dumps(line))
