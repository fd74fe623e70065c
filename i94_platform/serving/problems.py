"""Error responses: problem details by RFC 9457, one kind for each cause.

A problem never repeats a value that the client sent, because it may be a secret.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"

KINDS: dict[str, tuple[int, str]] = {
    "bad-request": (400, "The request is malformed"),
    "no-credentials": (401, "A key is required"),
    "wrong-credentials": (401, "The key is not valid"),
    "missing-scope": (403, "The key does not have the scope"),
    "not-found": (404, "Not found"),
    "method-not-allowed": (405, "Method not allowed"),
    "not-acceptable": (406, "No such format"),
    "release-gone": (410, "The release of the cursor is no longer served"),
    "body-too-large": (413, "The body is too large"),
    "url-too-long": (414, "The URL is too long"),
    "invalid-parameter": (422, "A parameter is not valid"),
    "too-many-requests": (429, "Too many requests"),
    "internal-error": (500, "Internal error"),
    "no-release": (503, "Nothing is published yet"),
    "query-timeout": (503, "The query took too long"),
    "busy": (503, "The server is busy"),
}
"""Status and title by kind. The kind is the last part of the problem's `type`."""


class Problem(Exception):
    """An error response, raised where the error is found."""

    def __init__(self, kind: str, detail: str, *, parameter: str = "", retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.parameter, self.retry_after = kind, detail, parameter, retry_after
        self.status, self.title = KINDS[kind]

    def to_response(self, headers: Mapping[str, str] | None = None) -> Response:
        """Return the problem as a response, with any further headers."""
        all_headers = dict(headers or {})
        if self.retry_after is not None:
            all_headers["Retry-After"] = str(max(1, math.ceil(self.retry_after)))
        if self.status == 401:
            all_headers["WWW-Authenticate"] = 'Bearer realm="i94"'
        body = {"type": f"/problems/{self.kind}", "title": self.title, "status": self.status, "detail": self.detail}
        if self.parameter:
            body["parameter"] = self.parameter
        return Response(json.dumps(body), self.status, all_headers, MEDIA_TYPE)
