"""A receiver of alerts: an HTTP server on loopback that keeps what it is sent and answers as it is told."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

WEBHOOK_KEY = "planted-webhook-key-94"
"""Whoever knows it can write there, so it must be told nowhere."""

NO_ANSWER = 0
"""Instead of an answer."""


@dataclass
class WebhookReceiver:
    """A running server; it gives its answers in their order, the last one for ever."""

    url: str
    status_codes: list[int] = field(default_factory=lambda: [200])
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def messages(self) -> list[str]:
        """What was said."""
        return [body["text"] for _, body in self.requests]


@contextlib.contextmanager
def start_webhook_receiver() -> Iterator[WebhookReceiver]:
    """A receiver that runs as long as the context."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            made.requests.append((self.headers["Content-Type"], json.loads(content)))
            answer = made.status_codes.pop(0) if len(made.status_codes) > 1 else made.status_codes[0]
            if answer == NO_ANSWER:
                made.stopped.wait(60)
                return
            self.send_response(answer)
            self.send_header("Location", made.url)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            made.requests.append(("redirected", {}))

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made = WebhookReceiver(f"http://127.0.0.1:{server.server_port}/services/{WEBHOOK_KEY}?token={WEBHOOK_KEY}")
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield made
        made.stopped.set()
        server.shutdown()
