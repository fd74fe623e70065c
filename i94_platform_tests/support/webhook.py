"""A webhook for alerts: an HTTP server on loopback that records requests and responds with given status codes."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

WEBHOOK_KEY = "planted-webhook-key-94"
"""A secret of the URL, which no log or message may contain."""

NO_RESPONSE = 0
"""The status code that stands for no response at all."""


@dataclass
class WebhookReceiver:
    """A running server. It responds with its status codes in turn, and repeats the last one."""

    url: str
    status_codes: list[int] = field(default_factory=lambda: [200])
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def messages(self) -> list[str]:
        """The text of each alert."""
        return [body["text"] for _, body in self.requests]


@contextlib.contextmanager
def start_webhook_receiver() -> Iterator[WebhookReceiver]:
    """Run a receiver as long as the context."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.requests.append((self.headers["Content-Type"], json.loads(content)))
            status_code = receiver.status_codes.pop(0) if len(receiver.status_codes) > 1 else receiver.status_codes[0]
            if status_code == NO_RESPONSE:
                receiver.stopped.wait(60)
                return
            self.send_response(status_code)
            self.send_header("Location", receiver.url)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            receiver.requests.append(("redirected", {}))

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = WebhookReceiver(f"http://127.0.0.1:{server.server_port}/services/{WEBHOOK_KEY}?token={WEBHOOK_KEY}")
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield receiver
        receiver.stopped.set()
        server.shutdown()
