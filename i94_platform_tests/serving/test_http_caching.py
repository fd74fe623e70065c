"""ETags, conditional requests, compression, and HEAD."""

from __future__ import annotations

import gzip

from i94_platform_tests.serving.live_server import LiveServer
from i94_platform_tests.serving.requests import AIRLINES


def test_a_current_response_is_not_sent_again(shared_server: LiveServer) -> None:
    for path in (AIRLINES, f"{AIRLINES}?format=parquet", "/api/v1/status", "/api/v1/marts", "/api/v1/dimensions", "/"):
        first = shared_server.get(path)
        for etag in (first.headers["etag"], f'"other", {first.headers["etag"]}', "*"):
            again = shared_server.get(path, headers={"If-None-Match": etag})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
        assert shared_server.get(path, headers={"If-None-Match": 'W/"other"'}).status_code == 200


def test_another_query_format_or_release_has_another_etag(server: LiveServer) -> None:
    queries = ("", "?limit=5", "?visitors__ge=1", "?format=csv", "?order=-visitors")

    def fetch_etags() -> list[str]:
        return [server.get(f"{AIRLINES}{query}").headers["etag"] for query in queries]

    before = fetch_etags()
    server.publish("r2", seed=2)
    after = fetch_etags()
    assert len({*before, *after}) == 10
    server.publish("r3", seed=2)
    assert fetch_etags() == after, "equal content has equal ETags"


def test_the_order_of_parameters_does_not_change_the_etag(shared_server: LiveServer) -> None:
    queries = ("carrier=vessel&carrier=airline&limit=3", "limit=3&carrier=airline&carrier=vessel")
    assert len({shared_server.get(f"{AIRLINES}?{query}").headers["etag"] for query in queries}) == 1


def test_a_response_is_compressed_for_clients_that_accept_it(shared_server: LiveServer) -> None:
    head, _, body = shared_server.send_raw(
        f"GET {AIRLINES} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\nConnection: close\r\n"
        f"Authorization: Bearer {shared_server.key}\r\n\r\n".encode()
    ).partition(b"\r\n\r\n")
    assert b"content-encoding: gzip" in head.lower()
    plain = shared_server.get(AIRLINES, headers={"Accept-Encoding": "gzip;q=0, identity"})
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(body) == plain.content
    assert len(body) < len(plain.content) / 2


def test_head_is_get_without_a_body(shared_server: LiveServer) -> None:
    with shared_server.client() as client:
        head, get = client.head(AIRLINES), client.get(AIRLINES)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("etag", "content-length"):
        assert head.headers[name] == get.headers[name]
