"""A server in a thread of this process, on a free port of loopback, as `i94 serve` makes it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from i94_platform.lake.datasets import Lake
from i94_platform.lake.releases import Release
from i94_platform.serving.app import Service
from i94_platform.serving.auth.api_keys import SCOPES, Keys
from i94_platform.serving.server import config, keys_of, lake_of, service
from i94_platform.settings import Settings
from i94_platform_tests.processes import wait_for
from i94_platform_tests.serving.synthetic_release import release


@cache
def trusted() -> ssl.SSLContext:
    """The authorities that a client trusts, which take longer to read than most answers."""
    return ssl.create_default_context()


@dataclass
class Served:
    """A running server and what is behind it."""

    url: str
    settings: Settings
    service: Service
    key: str
    """Opens everything."""

    @property
    def lake(self) -> Lake:
        """The lake that it serves."""
        return lake_of(self.settings)

    @property
    def keys(self) -> Keys:
        """Its keys."""
        return keys_of(self.settings)

    def client(self, key: str | None = None, **options: Any) -> httpx.Client:
        """A client with a key, the one for everything unless given; an empty one sends none."""
        sent = self.key if key is None else key
        headers = {"Authorization": f"Bearer {sent}"} if sent else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=20, verify=trusted(), **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        """One answer to the holder of the key for everything."""
        with self.client() as client:
            return client.get(path, **options)

    def raw(self, request: bytes) -> bytes:
        """What comes back for bytes that no client would send."""
        host, port = self.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(request)
            received = b""
            with contextlib.suppress(ConnectionResetError):
                while part := connection.recv(65536):
                    received += part
        return received

    def publish(self, run: str, **options: Any) -> Release:
        """Publish a release and wait until it is served."""
        made = release(self.lake, run, **options)

        def is_served() -> bool:
            now = self.service.shelf.release
            return now is not None and now.manifest == made.manifest

        wait_for(is_served, "the server to see the release")
        return made


@contextlib.contextmanager
def served(folder: Path, **options: Any) -> Iterator[Served]:
    """A server as long as the context; options are settings."""
    settings = Settings(home=str(folder / "home"), **{"serve_rate": 100_000.0, **options})
    _, key = keys_of(settings).add("everything", SCOPES)
    made = service(settings)
    made.poll_seconds = 0.05
    server = uvicorn.Server(config(made, "127.0.0.1", 0))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_for(lambda: server.started, "the server to start")
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Served(f"http://127.0.0.1:{port}", settings, made, key)
    finally:
        server.should_exit = True
        thread.join(20)
