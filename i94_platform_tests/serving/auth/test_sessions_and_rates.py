"""Sessions expire, and a rate allows what it says."""

from __future__ import annotations

from i94_platform.serving.auth.rate_limiter import RateLimiter
from i94_platform.serving.auth.sessions import MAX_SESSIONS_PER_KEY, SessionStore


def test_a_session_expires_and_the_oldest_of_too_many_of_its_key_is_closed() -> None:
    now = [0.0]
    sessions = SessionStore(lambda: now[0])
    first = sessions.open("a")
    assert sessions.find(first)
    of_another = [sessions.open("b") for _ in range(MAX_SESSIONS_PER_KEY + 1)]
    assert sessions.find(first), "another key ends no session"
    assert [cookie for cookie in of_another if sessions.find(cookie)] == of_another[1:]
    now[0] = 13 * 3600.0
    assert sessions.find(of_another[-1]) is None


def test_the_token_is_valid_for_ten_minutes() -> None:
    now = [0.0]
    sessions = SessionStore(lambda: now[0])
    token = sessions.create_token()
    now[0] = 601.0
    assert sessions.redeem_token(token) is None
    now[0] = 599.0
    assert sessions.redeem_token(token)


def test_a_rate_allows_what_it_says() -> None:
    now = [0.0]
    limiter = RateLimiter(10.0, clock=lambda: now[0])
    allowed = 0
    for _ in range(1_000):
        allowed += not limiter.acquire("a").retry_after
        now[0] += 0.01
    assert 110 <= allowed <= 121, "ten seconds at ten a second, and a burst of twenty"
    assert 0 < limiter.acquire("a").retry_after <= 0.1
