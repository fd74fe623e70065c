"""A server in a thread of this process, on a free port of loopback, configured as `i94 serve` configures it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from i94_platform.lake.datasets import Lake
from i94_platform.lake.from_settings import open_lake
from i94_platform.lake.releases import Release
from i94_platform.serving.auth.api_keys import SCOPES, KeyStore
from i94_platform.serving.server import configure_uvicorn, create_service, open_key_store
from i94_platform.serving.service import Service
from i94_platform.settings import Settings
from i94_platform_tests.serving.synthetic_release import publish_release
from i94_platform_tests.support.processes import wait_for


@cache
def ssl_context() -> ssl.SSLContext:
    """Read the trusted authorities once: that takes longer than most responses."""
    return ssl.create_default_context()


@dataclass
class LiveServer:
    """A running server with its state."""

    url: str
    settings: Settings
    service: Service
    key: str
    """A key with every scope."""

    @property
    def lake(self) -> Lake:
        """The lake that it serves."""
        return open_lake(self.settings)

    @property
    def keys(self) -> KeyStore:
        """Its keys."""
        return open_key_store(self.settings)

    @property
    def release(self) -> Release:
        """The release that it serves."""
        release = self.service.release_store.release
        assert release is not None
        return release

    def client(self, key: str | None = None, headers: Mapping[str, str] | None = None, **options: Any) -> httpx.Client:
        """Open a client that sends a key: the one with every scope unless given, none if it is empty."""
        text = self.key if key is None else key
        all_headers = {**({"Authorization": f"Bearer {text}"} if text else {}), **(headers or {})}
        return httpx.Client(base_url=self.url, headers=all_headers, timeout=20, verify=ssl_context(), **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Send one request with the key that has every scope."""
        with self.client() as client:
            return client.get(path, **options)

    def send_raw(self, request: bytes) -> bytes:
        """Send bytes that no client library would send, and return what comes back."""
        host, port = self.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(request)
            received = b""
            with contextlib.suppress(ConnectionResetError):
                while part := connection.recv(65536):
                    received += part
        return received

    def publish(self, run: str, **options: Any) -> Release:
        """Publish a synthetic release and wait until it is served."""
        release = publish_release(self.lake, run, **options)

        def is_served() -> bool:
            served = self.service.release_store.release
            return served is not None and served.manifest == release.manifest

        wait_for(is_served, "the server to load the release")
        return release


@contextlib.contextmanager
def run_server(folder: Path, **options: Any) -> Iterator[LiveServer]:
    """Run a server for the length of the context; options are settings."""
    settings = Settings(home=str(folder / "home"), **{"serve_rate": 100_000.0, **options})
    _, key = open_key_store(settings).add("everything", SCOPES)
    service = create_service(settings)
    service.poll_seconds = 0.05
    server = uvicorn.Server(configure_uvicorn(service, settings, "127.0.0.1", 0))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_for(lambda: server.started, "the server to start")
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield LiveServer(f"http://127.0.0.1:{port}", settings, service, key)
    finally:
        server.should_exit = True
        thread.join(20)
