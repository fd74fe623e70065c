"""The outermost layer: limits on requests, the caller, security headers, metrics and the access log.

The access log has a line of JSON for each request. It never holds the query of a URL, a header, or a path without a
route, because each of them may hold a secret.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from i94_platform.serving import missing_months
from i94_platform.serving.auth.authenticator import Authenticator
from i94_platform.serving.disclosure import HEADER, ROUNDED
from i94_platform.serving.metrics import Metrics
from i94_platform.serving.problems import Problem

access_log = logging.getLogger("i94.access")
logger = logging.getLogger(__name__)

MAX_URL_BYTES = 8_192
MAX_BODY_BYTES = 16_384
MAX_PARAMETERS = 100
MAX_IN_FLIGHT = 1_000
"""Requests in progress at a time; one more is refused."""

SECURITY_HEADERS = (
    (b"content-security-policy", b"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
STRICT_TRANSPORT_SECURITY = (b"strict-transport-security", b"max-age=31536000")
"""For a server that is reached by TLS: browsers use nothing else for a year."""

_EXPOSED_HEADERS = (
    "Content-Disposition", "ETag", "Link", "RateLimit", "RateLimit-Policy", "Retry-After", HEADER,
    missing_months.HEADER, "X-Request-Id", "X-Total-Count",
)  # fmt: skip
"""What a page of another origin may read of a response, besides its content."""

_NO_ROUTE = "/?"
"""Stands in logs and metrics for every path without a route."""


@dataclass
class _Sent:
    status: int = 499  # the client disconnected
    size: int = 0


class Middleware:
    """Wraps the application, and responds to HEAD as to GET without the body."""

    def __init__(
        self,
        app: ASGIApp,
        authenticator: Authenticator,
        metrics: Metrics,
        is_https: bool,
        cors_origins: Sequence[str],
    ) -> None:
        self._app, self._authenticator, self._metrics, self._in_flight = app, authenticator, metrics, 0
        # around limits and authentication, so that pages can read those problems too
        self._respond_to_origins = _allow_origins(self._respond, cors_origins) if cors_origins else self._respond
        self._headers = (*SECURITY_HEADERS, STRICT_TRANSPORT_SECURITY) if is_https else SECURITY_HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, sent, is_head = time.perf_counter(), _Sent(), scope["method"] == "HEAD"
        request_id = uuid.uuid4().hex[:16]
        state = {
            **scope.get("state", {}),
            "request_id": request_id,
            "caller": "",
            "cache": "",
            "is_head": is_head,
            "disclosure": ROUNDED,
            "sent": sent,
        }
        inner: Scope = {**scope, "method": "GET" if is_head else scope["method"], "state": state}

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent.status = message["status"]
                allowance = state.get("allowance")
                headers = [*self._headers, *(allowance.to_headers() if allowance else ())]
                if state["caller"]:
                    headers.append((HEADER.lower().encode(), state["disclosure"].name.encode()))
                request_header = (b"x-request-id", request_id.encode())
                message = {**message, "headers": [*message["headers"], *headers, request_header]}
            elif message["type"] == "http.response.body":
                sent.size += len(message.get("body", b""))
                message = {**message, "body": b""} if is_head else message
            await send(message)

        self._count_in_flight(1)
        try:
            await self._respond_to_origins(inner, receive, send_with_headers)
        finally:
            self._count_in_flight(-1)
            self._record(scope["method"], inner, sent, time.perf_counter() - started)

    def _count_in_flight(self, change: int) -> None:
        self._in_flight += change
        self._metrics.in_flight.set(self._in_flight)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._enforce_limits(scope)
            self._authenticator.authenticate(Request(scope))
            await self._app(scope, receive, send)
        except Problem as problem:
            await problem.to_response()(scope, receive, send)
        except Exception:
            logger.exception("Request %s failed", scope["state"]["request_id"])
            # without an error response of the application, the connection must break
            if scope["state"]["sent"].status != 500:
                raise

    def _enforce_limits(self, scope: Scope) -> None:
        if self._in_flight > MAX_IN_FLIGHT:
            raise Problem("busy", "Too many requests are in progress; try again soon.", retry_after=1)
        if len(scope["raw_path"]) + len(scope["query_string"]) > MAX_URL_BYTES:
            raise Problem("url-too-long", f"Path and query have at most {MAX_URL_BYTES:,} bytes.")
        headers = dict(scope["headers"])
        if sum(name == b"host" for name, _ in scope["headers"]) > 1:
            raise Problem("bad-request", "The request names more than one host.")
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES or b"transfer-encoding" in headers:
            raise Problem("body-too-large", f"A body has at most {MAX_BODY_BYTES:,} bytes and a Content-Length.")
        if scope["query_string"].count(b"&") >= MAX_PARAMETERS:
            raise Problem("bad-request", f"The query of the URL has more than {MAX_PARAMETERS} parameters.")
        try:
            unquote_to_bytes(scope["query_string"]).decode()
        except UnicodeDecodeError:
            raise Problem("bad-request", "The query of the URL is not percent-encoded UTF-8.") from None

    def _record(self, method: str, scope: Scope, sent: _Sent, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", _NO_ROUTE)
        self._metrics.requests.labels(route, sent.status).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        line: dict[str, Any] = {
            "time": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
            "request": scope["state"]["request_id"],
            "client": (scope.get("client") or ("",))[0],
            "caller": scope["state"]["caller"],
            "method": method[:16],
            "path": route,
            "status": sent.status,
            "bytes": sent.size,
            "ms": round(seconds * 1000, 1),
            "cache": scope["state"]["cache"],
        }
        access_log.info("%s", json.dumps(line))


def _allow_origins(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """Let pages of other origins read responses to requests with a key. Cookies are never sent from there."""
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=["GET", "HEAD"],
        allow_headers=["Authorization", "If-None-Match", "X-API-Key"],
        expose_headers=_EXPOSED_HEADERS,
    )
