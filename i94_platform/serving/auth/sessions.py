"""Sessions of browsers: a cookie in the place of a key, as long as the server runs.

Without any key the server prints a URL with a token, which works once and is exchanged for a cookie. With keys, a key
is exchanged (`POST /session`), and the session ends with it. Only hashes are kept, in memory. Not here: keys (`keys`).
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

_SECONDS = 12 * 3600.0
_MOST = 1_000
"""Sessions that are remembered; the oldest goes."""


@dataclass(frozen=True)
class Session:
    """An open session."""

    id: str
    key_id: str
    """The key that it stands for; empty for the one-time token's."""
    ends: float


class Sessions:
    """All open sessions, and the one-time token."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._open = clock, OrderedDict[bytes, Session]()
        self._token = b""

    def one_time_token(self) -> str:
        """A new token, which works once; one that was made before does not any more."""
        token = secrets.token_urlsafe(32)
        self._token = _digest(token)
        return token

    def redeem(self, token: str) -> str | None:
        """The cookie for a one-time token; None for any other text."""
        if not self._token or not hmac.compare_digest(self._token, _digest(token)):
            return None
        self._token = b""
        return self.begin("")

    def begin(self, key_id: str) -> str:
        """Open a session; its cookie."""
        cookie = secrets.token_urlsafe(32)
        self._open[_digest(cookie)] = Session(secrets.token_hex(4), key_id, self._clock() + _SECONDS)
        if len(self._open) > _MOST:
            self._open.popitem(last=False)
        return cookie

    def find(self, cookie: str) -> Session | None:
        """The session of a cookie, unless it has ended."""
        session = self._open.get(_digest(cookie))
        return session if session and session.ends > self._clock() else None

    def end(self, cookie: str) -> None:
        """Close a session; nothing where there is none."""
        self._open.pop(_digest(cookie), None)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
