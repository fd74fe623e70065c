"""Pins who is let in: nobody without a key or a session, nobody by a trick, and no secret in any answer or log."""

from __future__ import annotations

import json
import logging
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest

from i94_platform.errors import PermanentError
from i94_platform.serving.auth.api_keys import SCOPES, KeyStore
from i94_platform.serving.auth.rate_limiter import RateLimiter
from i94_platform.serving.auth.sessions import COOKIE, SessionStore
from i94_platform.serving.middleware import MAX_BODY_BYTES, MAX_URL_BYTES
from i94_platform.serving.server import create_server
from i94_platform.settings import Settings
from i94_platform_tests.processes import wait_for
from i94_platform_tests.serving.api.test_api import problem
from i94_platform_tests.serving.live_server import LiveServer, run_server

GUARDED = {
    "/api/v1/marts": "read:marts",
    "/api/v1/marts/visitors_by_airline": "read:marts",
    "/api/v1/dimensions": "read:dimensions",
    "/api/v1/dimensions/country": "read:dimensions",
    "/api/v1/status": "read:status",
    "/metrics": "metrics",
    "/dashboard/summaries": "read:marts",
}
SECRET = "i94_0123abcd_" + "s" * 43


@pytest.mark.parametrize("path", GUARDED)
def test_without_a_key_nothing_is_told(shared_server: LiveServer, path: str) -> None:
    with shared_server.client("") as client:
        answer = client.get(path)
    problem(answer, 401, "no-credentials")
    assert answer.headers["www-authenticate"] == 'Bearer realm="i94"'


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/api/v1/openapi.json"])
def test_what_holds_no_data_is_open(shared_server: LiveServer, path: str) -> None:
    with shared_server.client("") as client:
        assert client.get(path).status_code == 200


def wrong_keys(key: str) -> dict[str, str]:
    start, id_, secret = key.split("_", 2)
    return {
        "another secret": f"{start}_{id_}_{'x' * 43}",
        "another id": f"{start}_00000000_{secret}",
        "the secret alone": secret,
        "a part": key[:-1],
        "more": f"{key}x",
        "in capitals": key.upper(),
        "a wildcard": f"i94_%_{secret}",
        "SQL": f"i94_' OR 1=1 --_{secret}",
        "the hash": "i94_" + "0" * 64,
    }


@pytest.mark.parametrize("kind", wrong_keys(SECRET))
def test_a_wrong_key_opens_nothing(shared_server: LiveServer, kind: str) -> None:
    sent = wrong_keys(shared_server.key)[kind]
    for headers in ({"Authorization": f"Bearer {sent}"}, {"X-API-Key": sent}, {"Authorization": f"Basic {sent}"}):
        with shared_server.client("") as client:
            answer = client.get("/api/v1/marts", headers=headers)
        assert answer.status_code == 401, headers
        assert sent not in answer.text or not sent


def test_a_key_is_taken_from_either_header(shared_server: LiveServer) -> None:
    with shared_server.client("") as client:
        assert client.get("/api/v1/marts", headers={"X-API-Key": shared_server.key}).status_code == 200
        assert client.get("/api/v1/marts", headers={"authorization": f"bearer {shared_server.key}"}).status_code == 200


@pytest.mark.parametrize("name", ["key", "api_key", "token", "access_token", "authorization"])
def test_a_key_in_a_url_is_refused_and_not_repeated(shared_server: LiveServer, name: str) -> None:
    for client in (shared_server.client(), shared_server.client("")):
        with client:
            answer = client.get("/api/v1/marts", params={name: shared_server.key})
        assert answer.status_code == (422 if client.headers.get("authorization") else 401)
        assert shared_server.key not in answer.text
    assert shared_server.key.split("_")[2] not in shared_server.get(f"/api/v1/marts?{shared_server.key}=1").text


@pytest.mark.parametrize("scope", SCOPES)
def test_a_scope_opens_what_it_names_and_no_more(shared_server: LiveServer, scope: str) -> None:
    _, key = shared_server.keys.add(f"only {scope}", [scope])
    with shared_server.client(key) as client:
        for path, needed in GUARDED.items():
            answer = client.get(path)
            if needed == scope:
                assert answer.status_code == 200, path
            else:
                assert needed in problem(answer, 403, "missing-scope")["detail"]


def test_a_revoked_key_opens_nothing_at_once_and_ends_its_sessions(server: LiveServer) -> None:
    made, key = server.keys.add("short", SCOPES)
    with server.client(key) as client, server.client("") as browser:
        cookie = browser.post("/session", headers={"Authorization": f"Bearer {key}"}).cookies[COOKIE]
        browser.cookies.set(COOKIE, cookie)
        assert client.get("/api/v1/marts").status_code == browser.get("/api/v1/marts").status_code == 200
        server.keys.revoke(made.id)
        problem(client.get("/api/v1/marts"), 401, "wrong-credentials")
        problem(browser.get("/api/v1/marts"), 401, "wrong-credentials")
        problem(client.post("/session"), 401, "wrong-credentials")


TRICKS = (
    "/api/v1/marts/..%2Fmarts",
    "/api/v1/%6Darts/",
    "//api/v1/marts",
    "/api/v1/marts;x=1",
    "/api/v1/marts%00",
    "/API/v1/marts",
    "/healthz/../api/v1/marts",
    "/healthz%2F..%2Fmetrics",
    "/api/v1/marts/visitors_by_airline%20",
    "/./metrics",
    "/metrics/",
)


@pytest.mark.parametrize("path", TRICKS)
def test_no_way_of_writing_a_path_leads_past_the_door(shared_server: LiveServer, path: str) -> None:
    answer = shared_server.send_raw(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert answer.split(b" ")[1] in (b"400", b"401", b"404"), answer
    assert b'"data"' not in answer
    assert b"process_resident" not in answer


SQL = (
    "' OR '1'='1",
    "1; DROP TABLE mart.visitors_by_airline",
    "1) UNION SELECT 1 --",
    '" OR 1=1 --',
    "$p0",
    "read_csv('/etc/passwd')",
)


@pytest.mark.parametrize("text", SQL)
def test_sql_in_any_parameter_is_a_value_like_another_or_refused(shared_server: LiveServer, text: str) -> None:
    path = "/api/v1/marts/visitors_by_airline"
    before = shared_server.get(path).json()["data"]
    for name in ("i94yr", "visitors__ge", "visitors__null", "from", "to", "order", "limit", "cursor", "format", text):
        problem(shared_server.get(path, params={name: text}), 422, "invalid-parameter")
    for name in ("airline", "carrier__ne", "airline__gt"):
        found = shared_server.get(path, params={name: text}).json()["data"]
        kept = {"airline": lambda r: r["airline"] == text, "carrier__ne": lambda r: True}.get(
            name, lambda r: r["airline"].encode() > text.encode()
        )
        assert found == [row for row in before if kept(row)]
    assert shared_server.get(path).json()["data"] == before


def test_loopback_answers_to_its_own_names_only(shared_server: LiveServer) -> None:
    for host in ("localhost:1", "127.0.0.1", "[::1]:8094", "evil.example", "localhost.evil.example:8094", ""):
        status = b"403" if "evil" in host or not host else b"200"
        answer = shared_server.send_raw(f"GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        assert answer.split(b" ")[1] == status, host


# --- sessions ---------------------------------------------------------------------------------------------------------


def test_the_one_time_token_works_once_and_leaves_the_url(server: LiveServer) -> None:
    token = server.service.authenticator.sessions.create_token()
    with server.client("") as first, server.client("") as second:
        answer = first.get("/token", params={"token": token})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        said = answer.headers["set-cookie"].lower()
        assert "httponly" in said
        assert "samesite=strict" in said
        assert token not in said
        assert first.get("/api/v1/marts").status_code == first.get("/metrics").status_code == 200
        problem(second.get("/token", params={"token": token}), 401, "wrong-credentials")
        problem(second.get("/token"), 401, "wrong-credentials")
        assert first.delete("/session").status_code == 204
        first.cookies.set(COOKIE, answer.cookies[COOKIE])
        problem(first.get("/api/v1/marts"), 401, "wrong-credentials")


def test_a_session_ends_by_itself_and_the_oldest_of_many_goes() -> None:
    now = [0.0]
    sessions = SessionStore(lambda: now[0])
    first = sessions.open("a")
    assert sessions.find(first)
    for _ in range(1_000):
        last = sessions.open("b")
    assert sessions.find(first) is None
    now[0] = 13 * 3600.0
    assert sessions.find(last) is None


def test_without_a_key_the_server_listens_on_this_machine_only(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    for host in ("0.0.0.0", "192.168.1.5", "example.org", "::"):
        with pytest.raises(PermanentError, match=r"listens on this machine only, and .* is more; make a key first"):
            create_server(settings, host, 8094)
    assert all(create_server(settings, host, 8094)[1] for host in ("127.0.0.1", "localhost", "::1"))
    key, _ = KeyStore(tmp_path / "keys.sqlite").add("a", ["read:marts"])
    assert create_server(settings, "0.0.0.0", 8094)[1] == "", "with a key there is no token"
    KeyStore(tmp_path / "keys.sqlite").revoke(key.id)
    with pytest.raises(PermanentError, match="make a key first"):
        create_server(settings, "0.0.0.0", 8094)


# --- keys at rest -----------------------------------------------------------------------------------------------------


def test_keys_are_kept_as_hashes_in_a_file_of_their_owner(tmp_path: Path) -> None:
    keys = KeyStore(tmp_path / "home" / "keys.sqlite")
    key, text = keys.add("backend", ["read:marts"])
    assert stat.S_IMODE(keys.path.stat().st_mode) == 0o600
    content = keys.path.read_bytes()
    assert text.encode() not in content
    assert text.split("_", 2)[2].encode() not in content
    assert keys.list_all() == [key]
    assert text not in repr(keys.list_all())


def test_a_wrong_scope_or_key_is_named(tmp_path: Path) -> None:
    keys = KeyStore(tmp_path / "keys.sqlite")
    with pytest.raises(PermanentError, match="Not a scope: write; valid are: read:marts, read:dimensions"):
        keys.add("a", ["write"])
    with pytest.raises(PermanentError, match="Not a scope: none"):
        keys.add("a", [])
    with pytest.raises(PermanentError, match="There is no key 'nothing'"):
        keys.revoke("nothing")
    assert keys.list_all() == []


def test_the_last_use_is_remembered(server: LiveServer) -> None:
    assert server.keys.list_all()[0].used_at == ""
    server.get("/api/v1/marts")
    assert server.keys.list_all()[0].used_at >= server.keys.list_all()[0].created_at
    with sqlite3.connect(server.keys.path) as file:
        assert file.execute("SELECT count(*) FROM keys WHERE used_at <> ''").fetchone() == (1,)


# --- limits -----------------------------------------------------------------------------------------------------------


def test_a_caller_that_asks_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    with run_server(tmp_path, serve_rate=2.0) as server:
        server.publish("r1")
        _, other = server.keys.add("other", SCOPES)
        with server.client() as client:
            answers = [client.get("/api/v1/status") for _ in range(8)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert 2 <= len(refused) <= 5
        problem(refused[0], 429, "too-many-requests")
        assert refused[0].headers["retry-after"] == "1"
        with server.client(other) as client:
            assert client.get("/api/v1/status").status_code == 200, "another caller has its own count"
        with server.client("") as guessing:
            assert {guessing.get("/api/v1/status").status_code for _ in range(8)} == {401, 429}
            assert guessing.get("/healthz").status_code == 200


def test_a_rate_lets_through_what_it_says() -> None:
    now = [0.0]
    rate = RateLimiter(10.0, lambda: now[0])
    passed = 0
    for _ in range(1_000):
        passed += rate.acquire("a") == 0.0
        now[0] += 0.01
    assert 110 <= passed <= 121, "ten seconds at ten a second, and twenty at once"
    assert rate.acquire("a") <= 0.1


def test_a_long_url_and_a_large_body_are_refused(shared_server: LiveServer) -> None:
    problem(shared_server.get(f"/api/v1/marts?x={'x' * MAX_URL_BYTES}"), 414, "url-too-long")
    problem(shared_server.get(f"/{'x' * MAX_URL_BYTES}"), 414, "url-too-long")
    with shared_server.client() as client:
        problem(client.request("GET", "/api/v1/marts", content=b"x" * (MAX_BODY_BYTES + 1)), 413, "body-too-large")
        problem(client.request("POST", "/session", content=iter([b"x"])), 413, "body-too-large")
        assert client.request("GET", "/api/v1/marts", content=b"x").status_code == 200


# --- logs -------------------------------------------------------------------------------------------------------------


def test_a_request_is_a_line_of_json_without_any_secret(server: LiveServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    token = server.service.authenticator.sessions.create_token()
    with server.client() as client:
        client.get("/api/v1/marts/visitors_by_airline", params={"airline": SECRET, "limit": 5})
        client.get(f"/{SECRET}")
        client.get("/api/v1/status", params={SECRET: SECRET})
        cookie = client.get("/token", params={"token": token}).cookies[COOKIE]

    def lines() -> list[dict[str, Any]]:
        return [json.loads(r.getMessage()) for r in caplog.records if r.name == "i94.access"]

    wait_for(lambda: len(lines()) == 4, "the log of every request")
    assert [(line["path"], line["status"]) for line in lines()] == [
        ("/api/v1/marts/visitors_by_airline", 200), ("/?", 404), ("/api/v1/status", 422), ("/token", 303),
    ]  # fmt: skip
    assert lines()[0]["caller"] == f"key {server.key.split('_')[1]}"
    assert set(lines()[0]) == {"time", "request", "client", "caller", "method", "path", "status", "bytes", "ms", "page"}
    for secret in (SECRET, SECRET.split("_")[2], token, cookie, server.key, server.key.split("_", 2)[2]):
        # httpx, the client here, writes down what it asks for
        assert not [r for r in caplog.records if r.name != "httpx" and secret in r.getMessage()]
