"""How much a caller may ask for: requests by key, and the size of a request.

Here: the figures and the count of requests. Not here: the time of a query (`app`) and rows of a page (`queries`).
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

URL_BYTES = 8_192
BODY_BYTES = 16_384
IN_FLIGHT = 1_000
"""Requests that are answered at a time; one more is told to come back."""

_CALLERS = 10_000
"""Callers that are remembered; the one that was quiet for longest goes."""


class Rate:
    """So many requests a second for each caller, and twice as many at once after a pause."""

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._most, self._clock = per_second, max(1.0, 2 * per_second), clock
        self._callers = OrderedDict[str, tuple[float, float]]()

    def wait(self, caller: str) -> float:
        """Count a request; 0 where it is within the rate, else the seconds until one would be."""
        now = self._clock()
        left, seen = self._callers.pop(caller, (self._most, now))
        left = min(self._most, left + (now - seen) * self._per_second)
        within = left >= 1.0
        self._callers[caller] = (left - 1.0 if within else left, now)
        if len(self._callers) > _CALLERS:
            self._callers.popitem(last=False)
        return 0.0 if within else (1.0 - left) / self._per_second
