"""Limits, security headers and the access log."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from i94_platform.serving.auth.sessions import COOKIE
from i94_platform.serving.middleware import MAX_BODY_BYTES, MAX_URL_BYTES
from i94_platform_tests.serving.live_server import LiveServer
from i94_platform_tests.serving.requests import AIRLINES, assert_problem
from i94_platform_tests.support.processes import wait_for

SECRET = "i94_0123abcd_" + "s" * 43  # pragma: allowlist secret


def test_a_long_url_and_a_large_body_are_refused(shared_server: LiveServer) -> None:
    assert_problem(shared_server.get(f"/api/v1/marts?x={'x' * MAX_URL_BYTES}"), 414, "url-too-long")
    assert_problem(shared_server.get(f"/{'x' * MAX_URL_BYTES}"), 414, "url-too-long")
    with shared_server.client() as client:
        large = client.request("GET", "/api/v1/marts", content=b"x" * (MAX_BODY_BYTES + 1))
        assert_problem(large, 413, "body-too-large")
        assert_problem(client.request("POST", "/session", content=iter([b"x"])), 413, "body-too-large")
        assert client.request("GET", "/api/v1/marts", content=b"x").status_code == 200


def test_every_response_has_the_security_headers(shared_server: LiveServer) -> None:
    for path in (AIRLINES, "/healthz", "/nothing", "/", f"{AIRLINES}?x=1"):
        headers = shared_server.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")
        assert "server" not in headers


def test_loopback_answers_to_its_own_names_only(shared_server: LiveServer) -> None:
    for host in ("localhost:1", "127.0.0.1", "[::1]:8094", "evil.example", "localhost.evil.example:8094", ""):
        status = b"400" if "evil" in host or not host else b"200"
        request = f"GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        assert shared_server.send_raw(request.encode()).split(b" ")[1] == status, host


def test_the_access_log_has_a_line_for_each_request_without_any_secret(
    server: LiveServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    token = server.service.authenticator.sessions.create_token()
    with server.client() as client:
        client.get(AIRLINES, params={"airline": SECRET, "limit": 5})
        client.get(f"/{SECRET}")
        client.get("/api/v1/status", params={SECRET: SECRET})
        cookie = client.get("/token", params={"token": token}).cookies[COOKIE]

    def read_lines() -> list[dict[str, Any]]:
        return [json.loads(r.getMessage()) for r in caplog.records if r.name == "i94.access"]

    wait_for(lambda: len(read_lines()) == 4, "the log of every request")
    assert [(line["path"], line["status"]) for line in read_lines()] == [
        (AIRLINES, 422), ("/?", 404), ("/api/v1/status", 422), ("/token", 303),
    ]  # fmt: skip
    first = read_lines()[0]
    assert first["caller"] == f"key {server.key.split('_')[1]}"
    assert first["cache"] == "miss"
    assert set(first) == {
        "time", "request", "client", "caller", "method", "path", "status", "bytes", "ms", "cache",
    }  # fmt: skip
    for secret in (SECRET, SECRET.split("_")[2], token, cookie, server.key, server.key.split("_", 2)[2]):
        # httpx, the client here, logs the URLs that it requests
        assert not [r for r in caplog.records if r.name != "httpx" and secret in r.getMessage()]
