"""Attacks of foreign web pages on the lineage UI, against a running server."""

from __future__ import annotations

import inspect
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from i94_platform.defs.dagster_internals import replace_webserver
from i94_platform.operations.webserver import LOOPBACK, find_problem
from i94_platform_tests.support.processes import find_free_port, wait_for

DELETION = 'mutation { deletePipelineRun(runId: "x") { __typename } }'
QUERY = "{ version }"


@dataclass(frozen=True)
class Webserver:
    """A running webserver without a code location."""

    port: int

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def send(self, method: str, path: str, **headers: str) -> httpx.Response:
        """Send a GraphQL query as a browser would, with these headers."""
        named = {name.replace("_", "-"): value.replace("PORT", str(self.port)) for name, value in headers.items()}
        return httpx.request(method, self.url + path, headers=named, json={"query": QUERY}, timeout=30)


def is_listening(port: int) -> bool:
    """Whether a program listens on a port of loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def webserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webserver]:
    """The webserver as `i94 dev` and the deployment start it."""
    folder, port = tmp_path_factory.mktemp("webserver"), find_free_port()
    log = folder / "log"
    environment = {**os.environ, "DAGSTER_HOME": str(folder), "I94_UI_URL": "https://dagster.example.gov"}
    command = [sys.executable, "-m", "i94_platform.operations.webserver", "--empty-workspace", "-p", str(port)]
    with log.open("w") as file, subprocess.Popen(command, stdout=file, stderr=file, env=environment) as process:
        try:
            wait_for(lambda: f"http://127.0.0.1:{port}" in log.read_text() or process.poll() is not None, "the URL")
            assert is_listening(port), log.read_text()
            yield Webserver(port)
            for _ in range(2):  # of `dagster dev`, and of the group
                process.send_signal(signal.SIGINT)
            process.wait(60)
            assert "Traceback" not in log.read_text()
        finally:
            process.kill()


OWN: dict[str, tuple[str, str, dict[str, str]]] = {
    "a script": ("POST", "/graphql", {}),
    "the UI": ("POST", "/graphql?op=Q", {"Origin": "http://127.0.0.1:PORT", "Sec_Fetch_Site": "same-origin"}),
    "a tunnel": ("POST", "/graphql", {"Host": "localhost:3001", "Origin": "http://localhost:3001"}),
    "a proxy": ("POST", "/graphql", {"Host": "dagster.example.gov", "Origin": "https://dagster.example.gov"}),
    "an address that was typed": ("GET", "/runs", {"Sec_Fetch_Site": "none", "Sec_Fetch_Mode": "navigate"}),
    "a link in an alert": (
        "GET",
        "/runs/x?tab=1",
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"},
    ),
}


@pytest.mark.parametrize("sender", OWN)
def test_the_ui_scripts_tunnels_and_links_work(webserver: Webserver, sender: str) -> None:
    method, path, headers = OWN[sender]
    response = webserver.send(method, path, **headers)
    assert response.status_code == 200, response.text
    assert "data" in response.text or method == "GET"
    assert response.headers["x-frame-options"] == "DENY"


MUTATION_URL = f"/graphql?query={DELETION}"
FOREIGN: dict[str, tuple[str, str, dict[str, str]]] = {
    "text/plain": ("POST", MUTATION_URL, {"Origin": "http://evil.example", "Content_Type": "text/plain"}),
    "text/plain without an origin": ("POST", MUTATION_URL, {"Content_Type": "text/plain"}),
    "JSON in text/plain": ("POST", "/graphql", {"Content_Type": "text/plain; x=application/json"}),
    "application/graphql": ("POST", "/graphql", {"Content_Type": "application/graphql"}),
    "a form": ("POST", MUTATION_URL, {"Content_Type": "application/x-www-form-urlencoded", "Origin": "null"}),
    "an opaque origin": ("POST", "/graphql", {"Origin": "null"}),
    "an image": ("GET", MUTATION_URL, {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"}),
    "an image in an old browser": ("GET", MUTATION_URL, {}),
    "a navigation": (
        "GET", MUTATION_URL,
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"},
    ),
    "HEAD": ("HEAD", MUTATION_URL, {}),
    "a trailing slash": ("GET", f"/graphql/?query={DELETION}", {}),
    "an encoded path": ("GET", f"/%67raphql?query={DELETION}", {}),
    "another port of this machine": ("POST", "/graphql", {"Origin": "http://127.0.0.1:1"}),
    "another name of this machine": ("POST", "/graphql", {"Origin": "http://localhost:PORT"}),
    "a subdomain": ("POST", "/graphql", {"Host": "dagster.example.gov", "Origin": "https://x.dagster.example.gov"}),
    "a sibling": ("POST", "/graphql", {"Sec_Fetch_Site": "same-site"}),
    "rebinding": ("POST", "/graphql", {"Host": "evil.example", "Origin": "http://evil.example"}),
    "rebinding without an origin": ("GET", "/runs", {"Host": "evil.example:PORT"}),
    "a name that begins alike": ("GET", "/runs", {"Host": "127.0.0.1.evil.example"}),
    "a user in the host": ("GET", "/runs", {"Host": "127.0.0.1@evil.example"}),
    "an empty host": ("GET", "/runs", {"Host": ""}),
    "an asset": ("POST", "/report_asset_materialization/x", {"Origin": "http://evil.example"}),
    "a frame": (
        "GET", "/runs",
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "iframe"},
    ),
    "an address without an end": ("GET", "/runs", {"Origin": "http://["}),
    "a preflight": ("OPTIONS", "/graphql", {"Origin": "http://evil.example"}),
}  # fmt: skip


@pytest.mark.parametrize("attack", FOREIGN)
def test_a_foreign_page_can_do_nothing(webserver: Webserver, attack: str) -> None:
    method, path, headers = FOREIGN[attack]
    response = webserver.send(method, path, **headers)
    assert response.status_code == 403, response.text
    assert "access-control-allow-origin" not in response.headers


def test_dagster_dev_starts_the_checked_webserver(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr("dagster._cli.dev.open_ipc_subprocess", lambda command, **_: commands.append(command))
    replace_webserver("i94_platform.operations.webserver")
    dev = sys.modules["dagster._cli.dev"]
    dev.open_ipc_subprocess([sys.executable, "-m", "dagster_webserver", "--port", "3000"], pass_fds=[1])
    assert commands == [[sys.executable, "-m", "i94_platform.operations.webserver", "--port", "3000"]]
    assert 'open_ipc_subprocess(\n                [sys.executable, "-m", "dagster_webserver"]' in inspect.getsource(dev)


def test_two_hosts_are_refused() -> None:
    for second in (b"localhost", b"evil.example"):
        scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"localhost"), (b"host", second)]}
        assert find_problem(scope, LOOPBACK)
    assert find_problem({"type": "http", "method": "GET", "path": "/", "headers": []}, LOOPBACK)


@pytest.mark.parametrize(("origin", "is_open"), [("http://evil.example", False), ("null", False), ("", True)])
def test_a_websocket_needs_the_origin_of_the_ui(webserver: Webserver, origin: str, is_open: bool) -> None:
    request = (
        f"GET /graphql HTTP/1.1\r\nHost: 127.0.0.1:{webserver.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        f"Sec-WebSocket-Protocol: graphql-ws\r\nOrigin: {origin or webserver.url}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", webserver.port), timeout=10) as connection:
        connection.sendall(request.encode())
        status = connection.recv(1024).split(b" ")[1]
    assert status == (b"101" if is_open else b"403")
