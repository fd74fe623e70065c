"""Answers that were made before: a page of a release never changes, so it is made once.

Here: a cache bounded by bytes, and one making for all who ask at the same time. Not here: how a page is made.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

BYTES = 64 << 20


@dataclass(frozen=True)
class Page:
    """An answer's body, as it is and compressed (where that is worth it), and where the next page begins."""

    body: bytes
    gzipped: bytes = b""
    following: str = ""

    @property
    def size(self) -> int:
        """What it takes in memory."""
        return len(self.body) + len(self.gzipped) + 500


class Pages:
    """The pages that were asked for last."""

    def __init__(self, most_bytes: int = BYTES) -> None:
        self._most, self._bytes = most_bytes, 0
        self._kept: OrderedDict[str, Page] = OrderedDict()
        self._making: dict[str, asyncio.Task[Page]] = {}
        self.hits = self.misses = 0

    async def get(self, name: str, make: Callable[[], Awaitable[Page]]) -> Page:
        """The page of that name; it is made once, however many ask for it meanwhile."""
        if name in self._kept:
            self.hits += 1
            self._kept.move_to_end(name)
            return self._kept[name]
        if name not in self._making:
            self.misses += 1
            self._making[name] = asyncio.ensure_future(self._make(name, make))
        # whoever asked first may go away; the others still wait
        return await asyncio.shield(self._making[name])

    async def _make(self, name: str, make: Callable[[], Awaitable[Page]]) -> Page:
        try:
            page = await make()
        finally:
            del self._making[name]
        if page.size <= self._most // 4:
            self._kept[name] = page
            self._bytes += page.size
            while self._bytes > self._most:
                _, oldest = self._kept.popitem(last=False)
                self._bytes -= oldest.size
        return page
