"""Authentication and authorization of a request: by a key in a header or a session in a cookie, within the rate."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from i94_platform.serving.auth.api_keys import SCOPES, ApiKey, KeyStore, KeyVerifier
from i94_platform.serving.auth.rate_limiter import RateLimiter
from i94_platform.serving.auth.sessions import COOKIE, SessionStore
from i94_platform.serving.problems import Problem

_HOW_TO = (
    "send a key as 'Authorization: Bearer i94_…' (i94 keys add creates one), or open the URL that i94 serve has printed"
)


@dataclass(frozen=True)
class Caller:
    """A key or a session that sent a request."""

    name: str
    scopes: frozenset[str]


class Authenticator:
    """Finds out who sent a request, and whether they may have what they ask for."""

    def __init__(self, keys: KeyStore, sessions: SessionStore, rate_limiter: RateLimiter) -> None:
        self.sessions, self._verifier, self._rate_limiter = sessions, KeyVerifier(keys), rate_limiter

    def authorize(self, request: Request, scope: str) -> Caller:
        """Return the caller of a request, and note its name on the request for the access log.

        Raises:
            Problem: the caller is unknown, lacks the scope, or sends too many requests.
        """
        caller = self._identify(request)
        request.state.caller = caller.name
        self._limit_rate(caller.name)
        if scope not in caller.scopes:
            raise Problem("missing-scope", f"This needs the scope {scope}; i94 keys add --scope {scope} creates a key.")
        return caller

    def authenticate_key(self, request: Request) -> ApiKey:
        """Return the key in the header of a request.

        Raises:
            Problem: there is no key, or it is not valid.
        """
        text = _read_key(request)
        if text is None:
            raise self.reject(request, "no-credentials", f"The request has no key: {_HOW_TO}.")
        key = self._verifier.verify(text)
        if key is None:
            detail = "The key is unknown or revoked; i94 keys list shows the valid ones."
            raise self.reject(request, "wrong-credentials", detail)
        self._verifier.record_use(key.id)
        return key

    def reject(self, request: Request, kind: str, detail: str) -> Problem:
        """Return the problem of a failed login. It counts against the rate of the client's address."""
        self._limit_rate(f"address {request.client.host if request.client else ''}")
        return Problem(kind, detail)

    def _identify(self, request: Request) -> Caller:
        cookie = request.cookies.get(COOKIE)
        if cookie is None or _read_key(request) is not None:
            key = self.authenticate_key(request)
            return Caller(f"key {key.id}", key.scopes)
        session = self.sessions.find(cookie)
        if session and not session.key_id:
            return Caller(f"session {session.id}", frozenset(SCOPES))
        session_key = self._verifier.get_active(session.key_id) if session else None
        if session_key is None:
            raise self.reject(request, "wrong-credentials", f"The session has ended; {_HOW_TO}.")
        return Caller(f"key {session_key.id}", session_key.scopes)

    def _limit_rate(self, caller: str) -> None:
        if seconds := self._rate_limiter.acquire(caller):
            raise Problem("too-many-requests", "Too many requests; wait and try again.", retry_after=seconds)


def _read_key(request: Request) -> str | None:
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return text.strip()
    return request.headers.get("x-api-key") or ("" if scheme else None)
