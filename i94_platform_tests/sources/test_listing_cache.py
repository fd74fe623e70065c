"""The listing that sensors share: one listing for all of them, never an old one, and none twice for a sensor."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from i94_platform.lake.local import LocalStore
from i94_platform.lake.store import StoredFile
from i94_platform.sources.listing_cache import ListingCache

MAX_AGE_SECONDS = 15.0


class CountingStore(LocalStore):
    """A folder that counts its listings."""

    listings = 0

    def list(self, prefix: str = "") -> Iterator[StoredFile]:
        """List the files."""
        self.listings += 1
        return super().list(prefix)


@pytest.fixture
def raw(tmp_path: Path) -> CountingStore:
    """An empty raw store."""
    return CountingStore(tmp_path)


def test_sensors_that_tick_together_share_a_listing(raw: CountingStore) -> None:
    cache = ListingCache(MAX_AGE_SECONDS)
    with ThreadPoolExecutor(8) as pool:
        shared = list(pool.map(lambda number: cache.list(raw, lambda: 100.0, f"sensor {number}"), range(8)))
    assert raw.listings == 1
    assert {id(listing) for listing in shared} == {id(shared[0])}
    assert shared[0].time == 100.0


@pytest.mark.parametrize("seconds", [MAX_AGE_SECONDS, 3_600.0, -1.0])
def test_a_listing_at_the_age_limit_or_of_the_future_is_not_used(raw: CountingStore, seconds: float) -> None:
    cache = ListingCache(MAX_AGE_SECONDS)
    cache.list(raw, lambda: 100.0, "months")
    raw.put("i94_apr16_sub.csv", b"rows")
    newest = cache.list(raw, lambda: 100.0 + seconds, "references")
    assert newest.time == 100.0 + seconds
    assert [month.key for month in newest.listing.months] == ["2016-04"]


def test_a_sensor_never_gets_a_listing_twice(raw: CountingStore) -> None:
    cache = ListingCache(MAX_AGE_SECONDS)
    times = [cache.list(raw, lambda now=now: now, "months").time for now in (100.0, 101.0)]  # type: ignore[misc]
    assert times == [100.0, 101.0]
    assert cache.list(raw, lambda: 102.0, "references").time == 101.0


def test_stores_of_two_deployments_share_nothing(raw: CountingStore, tmp_path: Path) -> None:
    cache, other = ListingCache(MAX_AGE_SECONDS), LocalStore(tmp_path / "other")
    raw.put("i94_apr16_sub.csv", b"rows")
    cache.list(raw, lambda: 100.0, "months")
    assert cache.list(other, lambda: 100.0, "references").listing.months == {}


def test_a_listing_that_fails_is_repeated_for_the_next_sensor(
    raw: CountingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = ListingCache(MAX_AGE_SECONDS)
    with monkeypatch.context() as patch:
        patch.setattr(raw, "list", lambda: (_ for _ in ()).throw(OSError("the store does not answer")))
        with pytest.raises(OSError, match="does not answer"):
            cache.list(raw, lambda: 100.0, "months")
    assert cache.list(raw, lambda: 101.0, "months").time == 101.0
