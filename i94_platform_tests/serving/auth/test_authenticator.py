"""Nobody gets data without a key or a session, by whatever trick, and no response repeats a secret."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from i94_platform.serving.auth.api_keys import SCOPES
from i94_platform.serving.auth.sessions import COOKIE
from i94_platform_tests.serving.live_server import LiveServer, run_server
from i94_platform_tests.serving.requests import AIRLINES, Row, assert_problem

REQUIRED_SCOPES = {
    "/api/v1/marts": "read:marts",
    AIRLINES: "read:marts",
    "/api/v1/dimensions": "read:dimensions",
    "/api/v1/dimensions/country": "read:dimensions",
    "/api/v1/status": "read:status",
    "/metrics": "metrics",
    "/api/v1/query/arrivals_cube?select=visitors.sum": "read:marts",
}


def test_without_a_key_only_what_holds_no_data_is_open(shared_server: LiveServer) -> None:
    with shared_server.client("") as client:
        for path in REQUIRED_SCOPES:
            response = client.get(path)
            assert_problem(response, 401, "no-credentials")
            assert response.headers["www-authenticate"] == 'Bearer realm="i94"'
        for path in ("/", "/who", "/healthz", "/readyz", "/api/v1/openapi.json"):
            assert client.get(path).status_code == 200, path


WRONG_KEYS: dict[str, Callable[[str, str, str], str]] = {
    "another secret": lambda start, id_, secret: f"{start}_{id_}_{'x' * 43}",
    "another id": lambda start, id_, secret: f"{start}_00000000_{secret}",
    "the secret alone": lambda start, id_, secret: secret,
    "a part": lambda start, id_, secret: f"{start}_{id_}_{secret[:-1]}",
    "more": lambda start, id_, secret: f"{start}_{id_}_{secret}x",
    "in capitals": lambda start, id_, secret: f"{start}_{id_}_{secret}".upper(),
    "a wildcard": lambda start, id_, secret: f"i94_%_{secret}",
    "SQL": lambda start, id_, secret: f"i94_' OR 1=1 --_{secret}",
    "a hash": lambda start, id_, secret: "i94_" + "0" * 64,  # pragma: allowlist secret
}


@pytest.mark.parametrize("kind", WRONG_KEYS)
def test_a_wrong_key_opens_nothing(shared_server: LiveServer, kind: str) -> None:
    text = WRONG_KEYS[kind](*shared_server.key.split("_", 2))
    with shared_server.client("") as client:
        # the second request has a query string that was valid before
        for path in ("/api/v1/marts", AIRLINES):
            shared_server.get(path)
            for headers in (
                {"Authorization": f"Bearer {text}"},
                {"X-API-Key": text},
                {"Authorization": f"Basic {text}"},
            ):
                response = client.get(path, headers=headers)
                assert response.status_code == 401, headers
                assert text not in response.text


def test_a_key_is_accepted_in_either_header(shared_server: LiveServer) -> None:
    with shared_server.client("") as client:
        assert client.get("/api/v1/marts", headers={"X-API-Key": shared_server.key}).status_code == 200
        assert client.get("/api/v1/marts", headers={"authorization": f"bearer {shared_server.key}"}).status_code == 200


@pytest.mark.parametrize("name", ["key", "api_key", "token", "access_token", "authorization"])
def test_a_key_in_a_url_is_refused_and_not_repeated(shared_server: LiveServer, name: str) -> None:
    for client, status in ((shared_server.client(), 422), (shared_server.client(""), 401)):
        with client:
            response = client.get("/api/v1/marts", params={name: shared_server.key})
        assert response.status_code == status
        assert shared_server.key not in response.text
    assert shared_server.key.split("_")[2] not in shared_server.get(f"/api/v1/marts?{shared_server.key}=1").text


@pytest.mark.parametrize("scope", SCOPES)
def test_a_scope_opens_what_it_names_and_no_more(shared_server: LiveServer, scope: str) -> None:
    _, key = shared_server.keys.add(f"only {scope}", [scope])
    with shared_server.client(key) as client:
        for path, required in REQUIRED_SCOPES.items():
            shared_server.get(path)
            response = client.get(path)
            if required == scope:
                assert response.status_code == 200, path
            else:
                assert required in assert_problem(response, 403, "missing-scope")["detail"]


def test_a_revoked_key_opens_nothing_at_once_and_ends_its_sessions(server: LiveServer) -> None:
    key, text = server.keys.add("short", SCOPES)
    with server.client(text) as client, server.client("") as browser:
        cookie = browser.post("/session", headers={"Authorization": f"Bearer {text}"}).cookies[COOKIE]
        browser.cookies.set(COOKIE, cookie)
        assert client.get(AIRLINES).status_code == browser.get(AIRLINES).status_code == 200
        server.keys.revoke(key.id)
        assert_problem(client.get(AIRLINES), 401, "wrong-credentials")
        assert_problem(browser.get(AIRLINES), 401, "wrong-credentials")
        assert_problem(client.post("/session"), 401, "wrong-credentials")


PATHS = (
    "/api/v1/marts/..%2Fmarts",
    "/api/v1/%6Darts/",
    "//api/v1/marts",
    "/api/v1/marts;x=1",
    "/api/v1/marts%00",
    "/API/v1/marts",
    "/healthz/../api/v1/marts",
    "/healthz%2F..%2Fmetrics",
    f"{AIRLINES}%20",
    "/./metrics",
    "/metrics/",
    "/static/../../server.py",
    "/static/..%2F..%2Fserver.py",
)


@pytest.mark.parametrize("path", PATHS)
def test_no_spelling_of_a_path_gets_around_authorization(shared_server: LiveServer, path: str) -> None:
    response = shared_server.send_raw(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert response.split(b" ")[1] in (b"400", b"401", b"404"), response
    assert b'"data"' not in response
    assert b"process_resident" not in response


SQL = (
    "' OR '1'='1",
    "1; DROP TABLE mart.visitors_by_airline",
    "1) UNION SELECT 1 --",
    '" OR 1=1 --',
    "$p0",
    "read_csv('/etc/passwd')",
)


@pytest.mark.parametrize("text", SQL)
def test_sql_in_a_parameter_is_a_plain_value_or_refused(shared_server: LiveServer, text: str) -> None:
    before = shared_server.get(AIRLINES).json()["data"]
    values = ("i94yr", "airline", "carrier__ne", "visitors__ge", "visitors__null", "from", "to")
    for name in (*values, "order", "limit", "cursor", "format", text):
        assert_problem(shared_server.get(AIRLINES, params={name: text}), 422, "invalid-parameter")
    selects: dict[str, Callable[[Row], bool]] = {
        "airline__lt": lambda row: row["airline"].encode() < text.encode(),
        "airline__gt": lambda row: row["airline"].encode() > text.encode(),
    }
    for name, is_selected in selects.items():
        rows = shared_server.get(AIRLINES, params={name: text}).json()["data"]
        assert rows == [row for row in before if is_selected(row)]
    assert shared_server.get(AIRLINES).json()["data"] == before


def test_the_one_time_token_works_once_and_leaves_the_url(server: LiveServer) -> None:
    token = server.service.authenticator.sessions.create_token()
    with server.client("") as first, server.client("") as second:
        preview = second.head("/token", params={"token": token})
        assert (preview.status_code, preview.headers["allow"]) == (405, "GET"), "a preview of links redeems nothing"
        response = first.get("/token", params={"token": token})
        assert (response.status_code, response.headers["location"]) == (303, "/")
        header = response.headers["set-cookie"].lower()
        assert "httponly" in header
        assert "samesite=strict" in header
        assert token not in header
        assert first.get("/api/v1/marts").status_code == first.get("/metrics").status_code == 200
        assert_problem(second.get("/token", params={"token": token}), 401, "wrong-credentials")
        assert_problem(second.get("/token"), 401, "wrong-credentials")
        assert first.delete("/session").status_code == 204
        first.cookies.set(COOKIE, response.cookies[COOKIE])
        assert_problem(first.get("/api/v1/marts"), 401, "wrong-credentials")


def test_a_caller_with_too_many_requests_learns_when_to_retry(tmp_path: Path) -> None:
    with run_server(tmp_path, serve_rate=2.0) as server:
        server.publish("r1")
        _, other = server.keys.add("other", SCOPES)
        for path in ("/api/v1/status", AIRLINES):
            _, key = server.keys.add(path, SCOPES)
            with server.client(key) as client:
                responses = [client.get(path) for _ in range(8)]
            rejected = [response for response in responses if response.status_code == 429]
            assert 2 <= len(rejected) <= 5
            assert_problem(rejected[0], 429, "too-many-requests")
            assert rejected[0].headers["retry-after"] == "1"
        with server.client(other) as client:
            assert client.get("/api/v1/status").status_code == 200, "each caller has its own rate"
        with server.client("") as stranger:
            assert {stranger.get("/api/v1/status").status_code for _ in range(8)} == {401, 429}
            for path in ("/", "/who", "/healthz", "/readyz", "/api/v1/openapi.json", "/nothing", "/token", "/static/x"):
                assert_problem(stranger.get(path), 429, "too-many-requests")


def test_a_response_says_what_its_caller_may_still_send(tmp_path: Path) -> None:
    with run_server(tmp_path, serve_rate=5.0) as server, server.client() as client, server.client("") as stranger:
        for sender in (client, stranger):
            first, second = sender.get("/healthz").headers, sender.get("/api/v1/status").headers
            assert first["ratelimit-policy"] == second["ratelimit-policy"] == '"caller";q=10;w=2'
            assert (first["ratelimit"], second["ratelimit"]) == ('"caller";r=9;t=1', '"caller";r=8;t=1')


def test_a_key_can_open_few_sessions_and_ends_none_of_another_key(server: LiveServer) -> None:
    _, other = server.keys.add("other", ["metrics"])
    with server.client("") as browser, server.client(other) as attacker:
        assert browser.post("/session", headers={"X-API-Key": server.key}).status_code == 204
        statuses = [attacker.post("/session").status_code for _ in range(30)]
        assert statuses.count(204) == 10
        assert_problem(attacker.post("/session"), 429, "too-many-requests")
        assert browser.get("/api/v1/marts").status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/status", "/session"])
def test_an_expired_key_opens_nothing_and_ends_its_sessions(server: LiveServer, path: str) -> None:
    _, text = server.keys.add("short", SCOPES)
    with server.client(text) as client, server.client("") as browser:
        cookie = browser.post("/session", headers={"Authorization": f"Bearer {text}"}).cookies[COOKIE]
        browser.cookies.set(COOKIE, cookie)
        with server.keys.open() as database:
            database.execute("UPDATE keys SET expires_at = '2016-04-30T00:00:00+00:00' WHERE name = 'short'")
        assert_problem(client.request("POST" if path == "/session" else "GET", path), 401, "wrong-credentials")
        assert_problem(browser.get("/api/v1/status"), 401, "wrong-credentials")
