"""Browser sessions: a cookie that stands for a key, or for the one-time token of a server without keys.

Sessions live in memory, as hashes, for twelve hours at most. A session of a key ends when the key is revoked.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

COOKIE = "i94_session"

_LIFETIME_SECONDS = 12 * 3600.0
_MAX_SESSIONS = 1_000
"""Beyond these the oldest session is dropped."""


@dataclass(frozen=True)
class Session:
    """An open session."""

    id: str
    key_id: str
    """The key that opened it; empty for the one-time token."""
    expires: float


class SessionStore:
    """All open sessions, and the one-time token."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._sessions = clock, OrderedDict[bytes, Session]()
        self._token_hash = b""

    def create_token(self) -> str:
        """Create a token that works once; it replaces any token created before."""
        token = secrets.token_urlsafe(32)
        self._token_hash = _hash(token)
        return token

    def redeem_token(self, token: str) -> str | None:
        """Exchange the one-time token for a session cookie; None if the token is wrong or used."""
        if not self._token_hash or not hmac.compare_digest(self._token_hash, _hash(token)):
            return None
        self._token_hash = b""
        return self.open("")

    def open(self, key_id: str) -> str:
        """Open a session and return its cookie."""
        cookie = secrets.token_urlsafe(32)
        self._sessions[_hash(cookie)] = Session(secrets.token_hex(4), key_id, self._clock() + _LIFETIME_SECONDS)
        if len(self._sessions) > _MAX_SESSIONS:
            self._sessions.popitem(last=False)
        return cookie

    def find(self, cookie: str) -> Session | None:
        """Return the session of a cookie, or None if it is unknown or has expired."""
        session = self._sessions.get(_hash(cookie))
        return session if session and session.expires > self._clock() else None

    def close(self, cookie: str) -> None:
        """Close the session of a cookie, if there is one."""
        self._sessions.pop(_hash(cookie), None)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
