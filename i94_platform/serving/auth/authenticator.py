"""Who asks, and whether they may: keys in a header, sessions in a cookie, and the count of their requests.

Here: one answer for a request, `admit`. Not here: how keys are kept (`keys`) and sessions opened (`sessions`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from starlette.requests import Request

from i94_platform.serving.auth.api_keys import SCOPES, Doorkeeper, Keys
from i94_platform.serving.auth.rate_limiter import Rate
from i94_platform.serving.auth.sessions import COOKIE, Sessions
from i94_platform.serving.problems import Problem

_HOW = (
    "send a key as 'Authorization: Bearer i94_…' (i94 keys add makes one), or open the URL that i94 serve has printed"
)


@dataclass(frozen=True)
class Caller:
    """Who asks: a key or a session."""

    name: str
    scopes: frozenset[str]


class Access:
    """The door."""

    def __init__(self, keys: Keys, sessions: Sessions, rate: Rate) -> None:
        self.sessions, self._doorkeeper, self._rate = sessions, Doorkeeper(keys), rate

    def admit(self, request: Request, scope: str) -> Caller:
        """Who asks.

        Raises:
            Problem: nobody that is known, without the scope, or too often.
        """
        caller = self._caller(request)
        request.scope["i94_caller"] = caller.name
        self._count(caller.name)
        if scope not in caller.scopes:
            raise Problem("missing-scope", f"This needs the scope {scope}; i94 keys add --scope {scope} makes a key.")
        return caller

    def key_of(self, request: Request) -> str:
        """The id of the key that a request carries in its header.

        Raises:
            Problem: there is none, or it is not valid.
        """
        text = _sent_key(request)
        if text is None:
            raise self.refused(request, "no-credentials", f"It is not said who asks: {_HOW}.")
        key = self._doorkeeper.holder(text)
        if key is None:
            raise self.refused(request, "wrong-credentials", "The key is unknown or revoked; i94 keys list shows them.")
        self._doorkeeper.used(key.id, time.monotonic())
        return key.id

    def _caller(self, request: Request) -> Caller:
        cookie = request.cookies.get(COOKIE)
        if _sent_key(request) is not None or cookie is None:
            key = self._doorkeeper.current(self.key_of(request))
            return Caller(f"key {key.id}", key.scopes) if key else self._gone(request)
        session = self.sessions.find(cookie)
        if session is None:
            return self._gone(request)
        if not session.key_id:
            return Caller(f"session {session.id}", frozenset(SCOPES))
        key = self._doorkeeper.current(session.key_id)
        return Caller(f"key {key.id}", key.scopes) if key else self._gone(request)

    def _gone(self, request: Request) -> Caller:
        raise self.refused(request, "wrong-credentials", f"The session has ended; {_HOW}.")

    def refused(self, request: Request, kind: str, detail: str) -> Problem:
        """A refusal, which is counted too: by address, since there is no name."""
        self._count(f"address {request.client.host if request.client else ''}")
        return Problem(kind, detail)

    def _count(self, name: str) -> None:
        if wait := self._rate.wait(name):
            raise Problem("too-many-requests", "There were too many requests; wait and go on.", retry_after=wait)


def _sent_key(request: Request) -> str | None:
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return text.strip()
    return request.headers.get("x-api-key") or ("" if scheme else None)
