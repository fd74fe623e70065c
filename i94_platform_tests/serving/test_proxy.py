"""The server behind a proxy with TLS: cookies, links, hosts, and whose address is counted and logged."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from i94_platform.errors import PermanentError
from i94_platform.serving.auth.sessions import SECURE_COOKIE
from i94_platform.serving.server import configure_server
from i94_platform.settings import Settings
from i94_platform_tests.serving.live_server import LiveServer, run_server
from i94_platform_tests.serving.requests import AIRLINES
from i94_platform_tests.support.processes import wait_for

HOST = "i94.example.gov"


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server whose proxy is on this machine."""
    options = {"serve_url": f"https://{HOST}", "serve_trusted_proxies": "127.0.0.1,10.0.0.0/24"}
    with run_server(tmp_path_factory.mktemp("proxied"), **options) as server:
        server.publish("r1")
        yield server


def test_the_cookie_is_for_tls_and_this_host_alone(proxied: LiveServer) -> None:
    with proxied.client(headers={"Host": HOST}) as client:
        header = client.post("/session").headers["set-cookie"]
        assert header.startswith(f"{SECURE_COOKIE}=")
        attributes = {part.strip().lower() for part in header.split(";")[1:]}
        assert attributes == {"httponly", "secure", "samesite=strict", "path=/"}
        cookie = header.split(";")[0]
        session = {"Authorization": "", "Cookie": cookie}
        assert client.get("/api/v1/marts", headers=session).status_code == 200
        renamed = {"Authorization": "", "Cookie": cookie.removeprefix("__Host-")}
        assert client.get("/api/v1/marts", headers=renamed).status_code == 401, "a subdomain may set that one"
        deletion = client.delete("/session", headers=session).headers["set-cookie"]
        assert deletion.startswith(f'{SECURE_COOKIE}="";')
        assert {"secure", "max-age=0"} < {part.strip().lower() for part in deletion.split(";")}
        assert client.get("/api/v1/marts", headers=session).status_code == 401


def test_browsers_are_told_to_use_tls_only_where_it_is_used(proxied: LiveServer, shared_server: LiveServer) -> None:
    for path in ("/", "/healthz", AIRLINES, "/nothing"):
        assert proxied.get(path, headers={"Host": HOST}).headers["strict-transport-security"] == "max-age=31536000"
        assert "strict-transport-security" not in shared_server.get(path).headers


@pytest.mark.parametrize("host", ["evil.example", f"{HOST}.evil.example", f"evil-{HOST}", "[::1].evil.example", ""])
def test_a_foreign_host_is_refused_also_behind_the_proxy(proxied: LiveServer, host: str) -> None:
    request = f"GET / HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Host: {HOST}\r\nConnection: close\r\n\r\n"
    assert proxied.send_raw(request.encode()).split(b" ")[1] == b"400"
    assert proxied.get("/healthz", headers={"Host": HOST}).status_code == 200
    assert proxied.get("/healthz", headers={"Host": f"{HOST}:443"}).status_code == 200


def test_two_hosts_are_refused(proxied: LiveServer) -> None:
    request = f"GET /healthz HTTP/1.1\r\nHost: {HOST}\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    assert proxied.send_raw(request.encode()).split(b" ")[1] == b"400"


def test_links_and_redirects_name_neither_scheme_nor_host(proxied: LiveServer) -> None:
    headers = {"Host": HOST, "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http"}
    link = proxied.get(AIRLINES, params={"format": "csv", "limit": 5}, headers=headers).headers["link"]
    assert link.startswith(f"<{AIRLINES}?format=csv&limit=5&cursor=")
    token = proxied.service.authenticator.sessions.create_token()
    assert proxied.get("/token", params={"token": token}, headers=headers).headers["location"] == "/"


CLIENTS = [("198.51.100.7", "198.51.100.7"), ("6.6.6.6, 198.51.100.7, 10.0.0.3", "198.51.100.7")]


@pytest.mark.parametrize(("forwarded", "client_address"), CLIENTS)
def test_the_log_has_the_client_that_trusted_proxies_name(
    proxied: LiveServer, caplog: pytest.LogCaptureFixture, forwarded: str, client_address: str
) -> None:
    caplog.set_level(logging.INFO, "i94.access")
    proxied.get("/healthz", headers={"Host": HOST, "X-Forwarded-For": forwarded})
    wait_for(lambda: bool(caplog.records), "the log of the request")
    assert json.loads(caplog.messages[-1])["client"] == client_address


@pytest.mark.parametrize(("trusted", "is_limited_together"), [("", True), ("10.0.0.7", True), ("127.0.0.1", False)])
def test_only_a_trusted_proxy_gives_clients_a_rate_of_their_own(
    tmp_path: Path, trusted: str, is_limited_together: bool
) -> None:
    with run_server(tmp_path, serve_trusted_proxies=trusted, serve_rate=2.0) as server, server.client("") as client:
        addresses = [f"198.51.100.{number}" for number in range(8)]
        statuses = {client.get("/healthz", headers={"X-Forwarded-For": address}).status_code for address in addresses}
        assert (429 in statuses) == is_limited_together
        if not is_limited_together:
            network = [f"2001:db8::{number}" for number in range(8)]
            statuses = {client.get("/healthz", headers={"X-Forwarded-For": address}).status_code for address in network}
            assert 429 in statuses, "one client has all addresses of an IPv6 network"


def test_what_a_proxy_shows_to_others_needs_a_key(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=f"{HOST}.*i94 keys add"):
        configure_server(Settings(home=str(tmp_path), serve_url=f"https://{HOST}"), "127.0.0.1", 8094)
