"""HTTP caching: ETags, conditional requests, and gzip for clients that accept it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from i94_platform.serving import serializers
from i94_platform.serving.response_cache import CachedResponse

REVALIDATE = "private, no-cache"
"""A browser may store it, and must check each time that it is still current."""

IMMUTABLE = "public, max-age=31536000, immutable"
"""For public files whose URL changes with their content."""

_MIN_GZIP_BYTES = 1_024


def compute_digest(content: bytes) -> str:
    """Return a short hash that names a content."""
    return hashlib.blake2b(content, digest_size=12).hexdigest()


def with_gzip(
    body: bytes, media_type: str, headers: Mapping[str, str] | None = None, next_cursor: str = ""
) -> CachedResponse:
    """Make a response that also holds the compressed body, unless that gains nothing."""
    skip = len(body) < _MIN_GZIP_BYTES or media_type == serializers.MEDIA_TYPES["parquet"]
    return CachedResponse(body, media_type, b"" if skip else serializers.compress(body), headers or {}, next_cursor)


def is_current(request: Request, etag: str) -> bool:
    """Whether the client already has the content that an ETag names."""
    sent = request.headers.get("if-none-match", "")
    return sent.strip() == "*" or f'"{etag}"' in (tag.strip().removeprefix("W/") for tag in sent.split(","))


def not_modified(etag: str, cache_control: str = REVALIDATE) -> Response:
    """Return a 304: the content of the client is still current."""
    return Response(status_code=304, headers=caching_headers(etag, cache_control))


def send(request: Request, cached: CachedResponse, etag: str, cache_control: str = REVALIDATE) -> Response:
    """Return a cached response, compressed if the client accepts that."""
    compressed = cached.gzip_body and _accepts_gzip(request.headers.get("accept-encoding", ""))
    response = Response(cached.gzip_body if compressed else cached.body, headers=caching_headers(etag, cache_control))
    response.headers["Content-Type"] = cached.media_type
    if compressed:
        response.headers["Content-Encoding"] = "gzip"
    response.headers.update(cached.headers)
    if cached.next_cursor:
        url = request.url.include_query_params(cursor=cached.next_cursor)
        response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'  # a proxy has another scheme and host
    return response


def send_json(request: Request, body: bytes) -> Response:
    """Return a JSON document, or a 304 if the client has it."""
    return _send_body(request, body, serializers.MEDIA_TYPES["json"])


def send_page(request: Request, html: str) -> Response:
    """Return an HTML page, or a 304 if the client has it."""
    return _send_body(request, html.encode(), "text/html; charset=utf-8")


def _send_body(request: Request, body: bytes, media_type: str) -> Response:
    etag = compute_digest(body)
    if is_current(request, etag):
        return not_modified(etag)
    return send(request, with_gzip(body, media_type), etag)


def caching_headers(etag: str, cache_control: str = REVALIDATE) -> dict[str, str]:
    """Return the headers that say how long a response may be kept, and what it depends on."""
    vary = "Accept-Encoding" if cache_control == IMMUTABLE else "Accept, Accept-Encoding, Authorization, Cookie"
    # weak, because the body may be compressed or not
    return {"ETag": f'W/"{etag}"', "Cache-Control": cache_control, "Vary": vary}


def _accepts_gzip(accepted: str) -> bool:
    for part in accepted.lower().split(","):
        coding, _, weight = part.strip().partition(";")
        if coding.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
