"""Pages of other origins: none may read the API unless a setting names its origin."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from i94_platform_tests.serving.live_server import LiveServer, run_server
from i94_platform_tests.serving.requests import AIRLINES, assert_problem

ORIGIN, FOREIGN = "https://charts.example.gov", "https://evil.example"
PREFLIGHT = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}


@pytest.fixture(scope="module")
def server_of_pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that pages of one other origin may read."""
    with run_server(tmp_path_factory.mktemp("cors"), serve_cors_origins=ORIGIN, serve_rate=20.0) as server:
        server.publish("r1")
        yield server


def allowed_origin(response: httpx.Response) -> str | None:
    origin: str | None = response.headers.get("access-control-allow-origin")
    return origin


def test_no_other_origin_may_read_unless_a_setting_says_so(shared_server: LiveServer) -> None:
    with shared_server.client(headers={"Origin": ORIGIN}) as client:
        assert allowed_origin(client.get(AIRLINES)) is None
        assert_problem(client.options(AIRLINES, headers=PREFLIGHT), 405, "method-not-allowed")


def test_a_named_origin_may_read_with_a_key_and_without_cookies(server_of_pages: LiveServer) -> None:
    with server_of_pages.client("", headers={"Origin": ORIGIN}) as page:
        preflight = page.options(AIRLINES, headers=PREFLIGHT)
        assert (preflight.status_code, allowed_origin(preflight)) == (200, ORIGIN)
        assert "authorization" in preflight.headers["access-control-allow-headers"].lower()
        response = page.get(f"{AIRLINES}?count=exact", headers={"Authorization": f"Bearer {server_of_pages.key}"})
        assert allowed_origin(response) == ORIGIN
        assert "X-Total-Count" in response.headers["access-control-expose-headers"]
        assert "Origin" in response.headers["vary"]
        assert "access-control-allow-credentials" not in response.headers


def test_another_origin_may_not(server_of_pages: LiveServer) -> None:
    with server_of_pages.client(headers={"Origin": FOREIGN}) as page:
        assert allowed_origin(page.options(AIRLINES, headers=PREFLIGHT)) is None
        assert allowed_origin(page.get(AIRLINES)) is None


def test_a_named_origin_may_read_why_it_is_refused(server_of_pages: LiveServer) -> None:
    with server_of_pages.client("", headers={"Origin": ORIGIN}) as page:
        problem = page.get(AIRLINES)
        assert_problem(problem, 401, "no-credentials")
        assert allowed_origin(problem) == ORIGIN
        while (problem := page.get(AIRLINES)).status_code == 401:
            pass
        assert_problem(problem, 429, "too-many-requests")
        assert allowed_origin(problem) == ORIGIN
