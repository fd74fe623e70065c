"""The newest listing of the raw store, which the sensors of one process share for a short time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from i94_platform.lake.store import Store
from i94_platform.sources.listing import DeliveryListing, list_deliveries


@dataclass(frozen=True)
class TimedListing:
    """A listing, and when it was complete."""

    listing: DeliveryListing
    time: float
    """In seconds since 1970, by the clock of this machine."""


class ListingCache:
    """Holds the newest listing of one raw store. Threads that ask for it while it is made wait for it.

    A listing serves each sensor once: files settle between two listings.
    """

    def __init__(self, max_age_seconds: float) -> None:
        self._max_age_seconds = max_age_seconds
        self._lock = threading.Lock()
        self._newest: TimedListing | None = None
        self._root = ""
        self._sensors: set[str] = set()

    def list(self, raw: Store, clock: Callable[[], float], sensor: str) -> TimedListing:
        """Return the newest listing; list the store if the sensor has had it or it has reached the age limit."""
        with self._lock:
            newest = self._newest
            if newest is None or self._root != raw.root or sensor in self._sensors or self._is_old(newest, clock()):
                newest = self._newest = None  # a long listing must not be in memory twice
                newest = self._newest = TimedListing(list_deliveries(raw), clock())
                self._root, self._sensors = raw.root, set()
            self._sensors.add(sensor)
            return newest

    def _is_old(self, listing: TimedListing, now: float) -> bool:
        """Whether a listing has reached the age limit, or is of the future because the clock was set back."""
        return not 0 <= now - listing.time < self._max_age_seconds
