"""A receiver of alerts: an HTTP server on loopback that keeps what it is sent and answers as it is told."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "planted-webhook-key-94"
"""Whoever knows it can write there, so it must be told nowhere."""

HANGS = 0
"""Instead of an answer."""


@dataclass
class Receiver:
    """A running server; it gives its answers in their order, the last one for ever."""

    url: str
    answers: list[int] = field(default_factory=lambda: [200])
    got: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def texts(self) -> list[str]:
        """What was said."""
        return [body["text"] for _, body in self.got]


@contextlib.contextmanager
def receiver_of_alerts() -> Iterator[Receiver]:
    """A receiver that runs as long as the context."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            made.got.append((self.headers["Content-Type"], json.loads(content)))
            answer = made.answers.pop(0) if len(made.answers) > 1 else made.answers[0]
            if answer == HANGS:
                made.stopped.wait(60)
                return
            self.send_response(answer)
            self.send_header("Location", made.url)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            made.got.append(("redirected", {}))

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made = Receiver(f"http://127.0.0.1:{server.server_port}/services/{KEY}?token={KEY}")
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield made
        made.stopped.set()
        server.shutdown()
