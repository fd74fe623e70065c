"""A cache of responses, bounded by bytes. A response to a query of a release never changes, so it is made once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

MAX_BYTES = 64 << 20
_OVERHEAD_BYTES = 500
"""What a response takes in memory besides its bodies, about."""


@dataclass(frozen=True)
class CachedResponse:
    """The body of a response, plain and (where that is worth it) compressed."""

    body: bytes
    media_type: str
    gzip_body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further headers."""
    next_cursor: str = ""
    """Where the next page begins; empty on the last page."""

    @property
    def size(self) -> int:
        """Bytes in memory."""
        return len(self.body) + len(self.gzip_body) + _OVERHEAD_BYTES


class ResponseCache:
    """The most recently used responses by name."""

    def __init__(self) -> None:
        self._bytes = 0
        self._responses: OrderedDict[str, CachedResponse] = OrderedDict()
        self._pending: dict[str, asyncio.Task[CachedResponse]] = {}

    def find(self, name: str) -> CachedResponse | None:
        """Return a cached response, if there is one."""
        if response := self._responses.get(name):
            self._responses.move_to_end(name)
        return response

    async def create(self, name: str, make: Callable[[], Awaitable[CachedResponse]]) -> CachedResponse:
        """Make a response and cache it. Everybody who asks for it meanwhile waits for the same one."""
        if name not in self._pending:
            self._pending[name] = asyncio.ensure_future(self._create(name, make))
        # the first client may disconnect while others still wait
        return await asyncio.shield(self._pending[name])

    async def _create(self, name: str, make: Callable[[], Awaitable[CachedResponse]]) -> CachedResponse:
        try:
            response = await make()
        finally:
            del self._pending[name]
        if response.size <= MAX_BYTES // 4:
            self._responses[name] = response
            self._bytes += response.size
            while self._bytes > MAX_BYTES:
                _, oldest = self._responses.popitem(last=False)
                self._bytes -= oldest.size
        return response
