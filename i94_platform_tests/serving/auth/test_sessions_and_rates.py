"""Sessions expire, and a rate allows what it says."""

from __future__ import annotations

from i94_platform.serving.auth.rate_limiter import RateLimiter
from i94_platform.serving.auth.sessions import SessionStore


def test_a_session_expires_and_the_oldest_of_too_many_is_dropped() -> None:
    now = [0.0]
    sessions = SessionStore(lambda: now[0])
    first = sessions.open("a")
    assert sessions.find(first)
    for _ in range(1_000):
        last = sessions.open("b")
    assert sessions.find(first) is None
    assert sessions.find(last)
    now[0] = 13 * 3600.0
    assert sessions.find(last) is None


def test_a_rate_allows_what_it_says() -> None:
    now = [0.0]
    limiter = RateLimiter(10.0, lambda: now[0])
    allowed = 0
    for _ in range(1_000):
        allowed += limiter.acquire("a") == 0.0
        now[0] += 0.01
    assert 110 <= allowed <= 121, "ten seconds at ten a second, and a burst of twenty"
    assert limiter.acquire("a") <= 0.1
