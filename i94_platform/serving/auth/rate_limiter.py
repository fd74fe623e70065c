"""A token bucket for each caller, so that none takes more than its share of the server."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

_MAX_CALLERS = 10_000
"""Beyond these the caller that was quiet for longest is forgotten."""


class RateLimiter:
    """Allows each caller so many requests a second, and a burst of twice as many after a pause."""

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._burst, self._clock = per_second, max(1.0, 2 * per_second), clock
        self._buckets = OrderedDict[str, tuple[float, float]]()

    def acquire(self, caller: str) -> float:
        """Count a request. Returns 0 if it is within the rate, else the seconds until one would be."""
        now = self._clock()
        tokens, updated = self._buckets.pop(caller, (self._burst, now))
        tokens = min(self._burst, tokens + (now - updated) * self._per_second)
        allowed = tokens >= 1.0
        self._buckets[caller] = (tokens - 1.0 if allowed else tokens, now)
        if len(self._buckets) > _MAX_CALLERS:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1.0 - tokens) / self._per_second
