"""What is told when a request can't be answered: problem details by RFC 9457, one kind for each cause.

Here: the kinds and their JSON. A problem never repeats a value that was sent, since it may be a secret. Not here: when
a problem is raised.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"

KINDS: dict[str, tuple[int, str]] = {
    "bad-request": (400, "The request can't be read"),
    "no-credentials": (401, "A key is needed"),
    "wrong-credentials": (401, "The key is not valid"),
    "missing-scope": (403, "The key does not permit this"),
    "wrong-host": (403, "The server is not called that"),
    "not-found": (404, "There is no such thing"),
    "method-not-allowed": (405, "The method is not allowed here"),
    "release-gone": (410, "The cursor's release is not served any more"),
    "body-too-large": (413, "The request's body is too large"),
    "url-too-long": (414, "The URL is too long"),
    "invalid-parameter": (422, "A parameter is not valid"),
    "too-many-requests": (429, "Too many requests"),
    "internal-error": (500, "The server has made a mistake"),
    "no-release": (503, "Nothing is published yet"),
    "query-timeout": (503, "The query took too long"),
    "busy": (503, "The server is busy"),
}
"""Status and title by kind; the kind ends the problem's `type`."""


class Problem(Exception):
    """An answer other than the one that was asked for."""

    def __init__(self, kind: str, detail: str, *, parameter: str = "", retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.parameter, self.retry_after = kind, detail, parameter, retry_after
        self.status, self.title = KINDS[kind]

    def response(self, headers: Mapping[str, str] | None = None) -> Response:
        """The problem as it is sent."""
        told = dict(headers or {})
        if self.retry_after is not None:
            told["Retry-After"] = str(max(1, math.ceil(self.retry_after)))
        if self.status == 401:
            told["WWW-Authenticate"] = 'Bearer realm="i94"'
        return Response(json.dumps(self.body()), self.status, told, MEDIA_TYPE)

    def body(self) -> dict[str, Any]:
        """The members of the problem."""
        body = {"type": f"/problems/{self.kind}", "title": self.title, "status": self.status, "detail": self.detail}
        return {**body, "parameter": self.parameter} if self.parameter else body
