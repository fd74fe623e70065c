"""Browser sessions: a cookie that stands for a key, or for the one-time token of a server without keys.

Sessions live in memory, as hashes, for twelve hours at most. A session of a key ends when the key does.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from i94_platform.serving.auth.api_keys import hash_secret

COOKIE = "i94_session"

SECURE_COOKIE = f"__Host-{COOKIE}"
"""The name under TLS. Browsers accept it only from this host, for all its paths, and encrypted."""

MAX_SESSIONS_PER_KEY = 20
"""Beyond these the oldest session of the same key is closed, so that no key ends the sessions of another."""

_LIFETIME_SECONDS = 12 * 3600.0
_TOKEN_SECONDS = 600.0


@dataclass(frozen=True)
class Session:
    """An open session."""

    id: str
    key_id: str
    """The key that opened it; empty for the one-time token."""
    expires: float
    """The second at which it ends, as the clock of the store counts."""


class SessionStore:
    """All open sessions, and the one-time token."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._sessions = clock, dict[bytes, Session]()  # oldest first
        self._token_hash, self._token_expires = b"", 0.0

    def create_token(self) -> str:
        """Create a token that works once, within ten minutes; it replaces any token created before."""
        token = secrets.token_urlsafe(32)
        self._token_hash, self._token_expires = hash_secret(token), self._clock() + _TOKEN_SECONDS
        return token

    def redeem_token(self, token: str) -> str | None:
        """Exchange the one-time token for a session cookie; None if the token is wrong, used or too old."""
        is_valid = bool(self._token_hash) and self._clock() < self._token_expires
        if not is_valid or not hmac.compare_digest(self._token_hash, hash_secret(token)):
            return None
        self._token_hash = b""
        return self.open("")

    def open(self, key_id: str) -> str:
        """Open a session and return its cookie."""
        now = self._clock()
        self._sessions = {hash_: session for hash_, session in self._sessions.items() if session.expires > now}
        same_key = [hash_ for hash_, session in self._sessions.items() if session.key_id == key_id]
        if len(same_key) >= MAX_SESSIONS_PER_KEY:
            del self._sessions[same_key[0]]
        cookie = secrets.token_urlsafe(32)
        self._sessions[hash_secret(cookie)] = Session(secrets.token_hex(4), key_id, now + _LIFETIME_SECONDS)
        return cookie

    def find(self, cookie: str) -> Session | None:
        """Return the session of a cookie, or None if it is unknown or has expired."""
        session = self._sessions.get(hash_secret(cookie))
        return session if session and session.expires > self._clock() else None

    def close(self, cookie: str) -> None:
        """Close the session of a cookie, if there is one."""
        self._sessions.pop(hash_secret(cookie), None)
