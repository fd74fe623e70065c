"""Pages as answers: ETags, conditional requests, and gzip for those who take it.

Here: what is the same for rows, documents and files. Not here: what a page holds (`app`, `dashboard`).
"""

from __future__ import annotations

import hashlib
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from i94_platform.serving import serializers as formats
from i94_platform.serving.response_cache import Page

ASK_EACH_TIME = "private, no-cache"
"""A browser may keep it, and asks each time whether it still holds."""

FOREVER = "public, max-age=31536000, immutable"
"""For what is public, and whose address changes with its content."""


def document(request: Request, told: dict[str, Any]) -> Response:
    """A value in JSON."""
    body = formats.as_json(told)
    name = digest(body)
    if known(request, name):
        return unchanged(name)
    return sent(request, with_gzip(body, "json"), "application/json", name)


def digest(body: bytes) -> str:
    """The name of a content."""
    return hashlib.blake2b(body, digest_size=12).hexdigest()


def with_gzip(body: bytes, format_: str, following: str = "") -> Page:
    """A page, compressed too where that is worth it."""
    small = len(body) < formats.GZIP_BYTES or format_ == "parquet"
    return Page(body, b"" if small else formats.compressed(body), following)


def known(request: Request, name: str) -> bool:
    """Whether the client has that page already."""
    sent = request.headers.get("if-none-match", "")
    return sent.strip() == "*" or f'"{name}"' in (tag.strip().removeprefix("W/") for tag in sent.split(","))


def unchanged(name: str, kept: str = ASK_EACH_TIME) -> Response:
    """That the client's page still holds."""
    return Response(status_code=304, headers=_headers(name, kept))


def sent(request: Request, page: Page, media_type: str, name: str, kept: str = ASK_EACH_TIME) -> Response:
    """A page by its name."""
    answer = Response(page.body, headers=_headers(name, kept), media_type=None)
    if page.gzipped and _takes_gzip(request.headers.get("accept-encoding", "")):
        answer = Response(page.gzipped, headers={**_headers(name, kept), "Content-Encoding": "gzip"})
    answer.headers["Content-Type"] = media_type
    return answer


def _headers(name: str, kept: str) -> dict[str, str]:
    vary = "Accept-Encoding" if kept == FOREVER else "Accept-Encoding, Authorization, Cookie"
    # weak, since the same answer may be compressed or not
    return {"ETag": f'W/"{name}"', "Cache-Control": kept, "Vary": vary}


def _takes_gzip(accepted: str) -> bool:
    for part in accepted.lower().split(","):
        coding, _, weight = part.strip().partition(";")
        if coding.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
