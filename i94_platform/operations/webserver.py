"""Dagster's webserver, the lineage UI, which lets no foreign web page act through a user's browser.

Dagster's own checks neither `Host` nor `Origin`: any page could delete runs. Run as a program, this module takes the
options of `dagster-webserver`.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from i94_platform.listening import run_server
from i94_platform.settings import Settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

_NO_FRAMES = ((b"content-security-policy", b"frame-ancestors 'none'"), (b"x-frame-options", b"DENY"))
"""No page may show the UI in a frame, where it could have a user click on what they don't see."""


def main() -> None:
    """Run `dagster-webserver` with the checks, and have it print its URL only when it listens."""
    from dagster_webserver import cli

    vars(cli)["host_dagster_ui_with_workspace_process_context"] = _serve  # the command has no option for either
    cli.cli(auto_envvar_prefix="DAGSTER_WEBSERVER")


def _serve(
    context: Any, host: str | None, port: int | None, path_prefix: str, log_level: str, poll_rate: int | None = None
) -> None:
    """Serve the UI; the parameters are those of Dagster's own function."""
    import uvicorn
    from dagster_webserver.cli import DEFAULT_WEBSERVER_PORT, WEBSERVER_LOGGER_NAME
    from dagster_webserver.webserver import DagsterWebserver
    from starlette.middleware import Middleware

    ui_host = urlsplit(Settings.from_env().ui_url).hostname or ""

    class CheckedWebserver(DagsterWebserver[Any, Any]):
        """The webserver with the checks before all else."""

        def build_middleware(self) -> list[Middleware]:
            return [Middleware(SameOriginMiddleware, hosts=LOOPBACK | {ui_host}), *super().build_middleware()]

    app = CheckedWebserver(context, path_prefix, poll_rate).create_asgi_app(lifespan=_end_quietly)
    host, port = host or "127.0.0.1", port or DEFAULT_WEBSERVER_PORT
    url = f"http://{host}:{port}{path_prefix}"
    logger = logging.getLogger(WEBSERVER_LOGGER_NAME)

    def log_url() -> None:
        logger.info("Serving dagster-webserver on %s in process %d", url, os.getpid())

    with suppress(KeyboardInterrupt):
        run_server(uvicorn.Config(app, host=host, port=port, log_level=log_level), log_url)


@asynccontextmanager
async def _end_quietly(_app: Any) -> AsyncIterator[None]:
    """Span the life of the server; Ctrl-C cancels the wait for its end, which else prints a traceback."""
    with suppress(asyncio.CancelledError):
        yield


class SameOriginMiddleware:
    """Refuses requests by a foreign name (DNS rebinding), and those that a foreign page has a browser send."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request, or the start of a WebSocket."""
        problem = find_problem(scope, self._hosts) if scope["type"] in ("http", "websocket") else ""
        if problem and scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *_NO_FRAMES]}
            await send(message)

        if problem:
            from starlette.responses import PlainTextResponse

            await PlainTextResponse(f"{problem}\n", 403)(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)


def find_problem(scope: Scope, hosts: frozenset[str]) -> str:
    """Return why a request is refused; empty if it is not."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    if sum(name == b"host" for name, _ in scope["headers"]) != 1 or _find_host(headers["host"]) not in hosts:
        return "This name does not lead here; I94_UI_URL is the address of the lineage UI."
    origin = headers.get("origin")
    if origin is not None and origin.partition("://")[2].lower() != headers["host"].lower():
        return "Another page has sent this request; open the lineage UI itself."
    if _is_sent_by_foreign_page(scope, headers):
        return "Another page has sent this request; open the lineage UI itself."
    if scope["type"] == "http" and scope["path"].rstrip("/").endswith("/graphql"):
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        is_json = scope["method"] == "POST" and media_type == "application/json"
        if not is_json and (scope["method"] != "GET" or scope["query_string"]):  # GET without a query shows the editor
            return "GraphQL is sent by POST as application/json."
    return ""


def _find_host(header: str) -> str:
    """Return the name in a `Host` header, which may have a port; empty if there is none."""
    try:
        parts = urlsplit(f"//{header}")
        return (parts.hostname or "") if parts.netloc == header and "@" not in header else ""
    except ValueError:
        return ""


def _is_sent_by_foreign_page(scope: Scope, headers: Mapping[str, str]) -> bool:
    """Whether a browser says that a foreign page made it send a request. A click on a link to the UI is none."""
    if headers.get("sec-fetch-site", "none") in ("none", "same-origin"):
        return False
    is_navigation = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return scope["type"] != "http" or scope["method"] not in ("GET", "HEAD") or not is_navigation


if __name__ == "__main__":
    main()
