"""Authentication and authorization of a request: by a key in a header or a session in a cookie, within the rate."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from starlette.requests import Request

from i94_platform.serving.auth.api_keys import EXACT_SCOPE, SCOPES, ApiKey, KeyStore, KeyVerifier
from i94_platform.serving.auth.rate_limiter import RateLimiter
from i94_platform.serving.auth.sessions import COOKIE, SECURE_COOKIE, SessionStore
from i94_platform.serving.disclosure import EXACT, DisclosureControl
from i94_platform.serving.problems import Problem

_HOW_TO = (
    "send a key as 'Authorization: Bearer i94_…' (i94 keys add creates one), or open the URL that i94 serve has printed"
)
_SESSIONS_PER_SECOND, _SESSION_BURST = 0.1, 10.0
"""How often a key may open a session."""


@dataclass(frozen=True)
class Caller:
    """Who sent a request. One without valid credentials has no scopes, and a problem that says why."""

    name: str
    scopes: frozenset[str]
    problem: Problem | None = None


class Authenticator:
    """Finds out who sent a request, and whether they may have what they ask for."""

    def __init__(
        self,
        keys: KeyStore,
        sessions: SessionStore,
        rate_limiter: RateLimiter,
        is_https: bool,
        disclosure: DisclosureControl,
    ) -> None:
        self.sessions, self.cookie_name = sessions, SECURE_COOKIE if is_https else COOKIE
        self._verifier, self._rate_limiter = KeyVerifier(keys), rate_limiter
        self._session_limiter = RateLimiter(_SESSIONS_PER_SECOND, _SESSION_BURST)
        self._disclosure = disclosure  # of callers without the scope for exact figures

    def authenticate(self, request: Request) -> None:
        """Note on a request its caller, its allowance and what it may see. A caller without a key is its address.

        Raises:
            Problem: the caller sends too many requests.
        """
        caller = self._identify(request)
        if caller.problem is None:
            request.state.caller = caller.name
            request.state.disclosure = EXACT if EXACT_SCOPE in caller.scopes else self._disclosure
        request.state.identity = caller
        request.state.allowance = allowance = self._rate_limiter.acquire(caller.name)
        if allowance.retry_after:
            raise _too_many(allowance.retry_after)

    def authorize(self, request: Request, scope: str) -> None:
        """Require that the caller of a request has a scope.

        Raises:
            Problem: the caller is unknown, or lacks the scope.
        """
        caller: Caller = request.state.identity
        if caller.problem is not None:
            raise caller.problem
        if scope not in caller.scopes:
            raise Problem("missing-scope", f"This needs the scope {scope}; i94 keys add --scope {scope} creates a key.")

    def open_session(self, request: Request) -> str:
        """Open a session for the key in the header of a request, and return its cookie.

        Raises:
            Problem: there is no key, it is not valid, or it opens too many sessions.
        """
        key = self._verify_key(_read_key(request))
        if isinstance(key, Problem):
            raise key
        if seconds := self._session_limiter.acquire(key.id).retry_after:
            raise _too_many(seconds)
        return self.sessions.open(key.id)

    def _identify(self, request: Request) -> Caller:
        cookie, text = request.cookies.get(self.cookie_name), _read_key(request)
        if cookie is None or text is not None:
            key = self._verify_key(text)
        else:
            session = self.sessions.find(cookie)
            if session and not session.key_id:
                return Caller(f"session {session.id}", frozenset(SCOPES))
            active = self._verifier.get_active(session.key_id) if session else None
            key = active or Problem("wrong-credentials", f"The session has ended; {_HOW_TO}.")
        if isinstance(key, Problem):
            return Caller(f"address {_find_address(request)}", frozenset(), key)
        return Caller(f"key {key.id}", key.scopes)

    def _verify_key(self, text: str | None) -> ApiKey | Problem:
        if text is None:
            return Problem("no-credentials", f"The request has no key: {_HOW_TO}.")
        key = self._verifier.verify(text)
        if key is None:
            detail = "The key is unknown, revoked or expired; i94 keys list shows the valid ones."
            return Problem("wrong-credentials", detail)
        self._verifier.record_use(key.id)
        return key


def _find_address(request: Request) -> str:
    """Return the client's address. Of an IPv6 address it is the network: one client has all addresses of a /64."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host[:64]
    return host if address.version == 4 else str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))


def _too_many(seconds: float) -> Problem:
    return Problem("too-many-requests", "Too many requests; wait and try again.", retry_after=seconds)


def _read_key(request: Request) -> str | None:
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return text.strip()
    return request.headers.get("x-api-key") or ("" if scheme else None)
