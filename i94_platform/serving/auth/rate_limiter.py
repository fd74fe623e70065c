"""A token bucket for each caller, so that none takes more than its share of the server."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

_MAX_CALLERS = 10_000
"""Beyond these the caller that was quiet for longest is forgotten."""


@dataclass(frozen=True)
class Allowance:
    """How many requests a caller may still send after one was counted."""

    burst: float
    per_second: float
    remaining: float

    @property
    def retry_after(self) -> float:
        """Seconds until a request is within the rate again; 0 if this one is."""
        return -min(0.0, self.remaining) / self.per_second

    def to_headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """Return the headers `RateLimit-Policy` and `RateLimit` of the IETF's draft."""
        window = math.ceil(self.burst / self.per_second)
        remaining = max(0, int(self.remaining))
        reset = math.ceil((self.burst - remaining) / self.per_second)
        return (
            (b"ratelimit-policy", f'"caller";q={int(self.burst)};w={window}'.encode()),
            (b"ratelimit", f'"caller";r={remaining};t={reset}'.encode()),
        )


class RateLimiter:
    """Allows each caller `per_second` requests, and after a pause `burst` at once, by default those of 2 s."""

    def __init__(self, per_second: float, burst: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._burst, self._clock = per_second, burst or max(1.0, 2 * per_second), clock
        self._buckets = OrderedDict[str, tuple[float, float]]()

    def acquire(self, caller: str) -> Allowance:
        """Count a request. A negative remainder says that it exceeds the rate."""
        now = self._clock()
        tokens, updated = self._buckets.pop(caller, (self._burst, now))
        tokens = min(self._burst, tokens + (now - updated) * self._per_second) - 1.0
        self._buckets[caller] = (tokens if tokens >= 0.0 else tokens + 1.0, now)
        if len(self._buckets) > _MAX_CALLERS:
            self._buckets.popitem(last=False)
        return Allowance(self._burst, self._per_second, tokens)
