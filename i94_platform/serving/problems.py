"""Error responses: problem details by RFC 9457, one kind for each cause.

A problem never repeats a value that the client sent, because it may be a secret.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import NamedTuple

from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


class ProblemKind(NamedTuple):
    """What all problems of a kind have in common."""

    status: int
    title: str
    advice: str
    """What the client should do."""


KINDS: dict[str, ProblemKind] = {
    "bad-request": ProblemKind(
        400, "The request is malformed", "encode the query as UTF-8, with at most 100 parameters"
    ),
    "no-credentials": ProblemKind(401, "A key is required", "send a key that is not revoked"),
    "wrong-credentials": ProblemKind(401, "The key is not valid", "send a key that is not revoked"),
    "missing-scope": ProblemKind(403, "The key does not have the scope", "get a key with the scope"),
    "not-found": ProblemKind(404, "Not found", "see the paths in the documentation"),
    "method-not-allowed": ProblemKind(405, "Method not allowed", "use a method that the header Allow has"),
    "not-acceptable": ProblemKind(406, "No such format", "accept one of the formats"),
    "release-gone": ProblemKind(410, "The release is no longer served", "start again without cursor and release"),
    "body-too-large": ProblemKind(413, "The body is too large", "stay below 16 KB"),
    "url-too-long": ProblemKind(414, "The URL is too long", "stay below 8 KB"),
    "invalid-parameter": ProblemKind(422, "A parameter is not valid", "see detail and parameter of the problem"),
    "too-many-requests": ProblemKind(429, "Too many requests", "wait for as many seconds as Retry-After says"),
    "internal-error": ProblemKind(500, "Internal error", "look for the number (X-Request-Id) in the server's log"),
    "no-release": ProblemKind(503, "Nothing is published yet", "publish a release, or see the server's log"),
    "query-timeout": ProblemKind(503, "The query took too long", "ask for less, or try again later"),
    "query-too-large": ProblemKind(503, "The query needs too much memory", "ask for less"),
    "busy": ProblemKind(503, "The server is busy", "try again after as many seconds as Retry-After says"),
}
"""The kinds by their names. The name is the last part of the problem's `type`, where a page describes it."""


class Problem(Exception):
    """An error response, raised where the error is found."""

    def __init__(self, kind: str, detail: str, *, parameter: str = "", retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.parameter, self.retry_after = kind, detail, parameter, retry_after
        self.status, self.title, _ = KINDS[kind]

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
