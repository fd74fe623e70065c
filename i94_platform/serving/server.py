"""The server's process: its lake, its address, its logs, and how it ends.

Here: what `i94 serve` runs. Without a key it listens on loopback only and prints a URL with a one-time token. Not here:
the routes (`app`).
"""

from __future__ import annotations

import ipaddress
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Lake
from i94_platform.lake.local import LocalStore
from i94_platform.lake.releases import RELEASE
from i94_platform.lake.s3 import S3Store
from i94_platform.serving.auth.api_keys import Keys
from i94_platform.serving.release_store import NOTHING
from i94_platform.settings import Settings, is_s3

if TYPE_CHECKING:
    import uvicorn

    from i94_platform.serving.app import Service

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
"""Names of this machine to itself; another one that leads here is a trick on a browser."""

_KEEP_ALIVE_SECONDS = 30
_GRACE_SECONDS = 10


def keys_of(settings: Settings) -> Keys:
    """The keys of a deployment."""
    return Keys(Path(settings.home) / "keys.sqlite")


def serve(settings: Settings, host: str, port: int, say: Callable[[str], None]) -> None:
    """Serve until interrupted; `say` tells people where.

    Raises:
        PermanentError: other machines could reach a server without keys.
    """
    server, token = prepared(settings, host, port)
    if lake_of(settings).read_manifest(RELEASE) is None:
        say(NOTHING)
    shown = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    say(f"Serving {settings.lake} at {shown} (Ctrl-C ends it)")
    if token:
        say(f"Open it by this URL, which works once: {shown}/token?token={token}")
    else:
        say("Send a key with each request: curl -H 'Authorization: Bearer i94_…' " + f"{shown}/api/v1/marts")
    try:
        server.run()
    except KeyboardInterrupt:
        say("Ended.")


def prepared(settings: Settings, host: str, port: int) -> tuple[uvicorn.Server, str]:
    """The server, not yet started, and its one-time token; that is empty where there are keys.

    Raises:
        PermanentError: other machines could reach a server without keys.
    """
    import uvicorn

    guarded, local = keys_of(settings).active(), _is_loopback(host)
    if not guarded and not local:
        raise PermanentError(
            f"Without a key the server listens on this machine only, and {host} is more; make a key first "
            "(i94 keys add NAME), or leave --host out."
        )
    _log()
    made = service(settings)
    token = "" if guarded else made.access.sessions.one_time_token()
    return uvicorn.Server(config(made, host, port)), token


def config(made: Service, host: str, port: int) -> uvicorn.Config:
    """How the server runs; on loopback it answers to loopback's names only."""
    import uvicorn

    from i94_platform.serving.app import create_app

    # it writes down whole URLs to whoever listens, and access_log=False only takes its own handler away
    logging.getLogger("uvicorn.access").disabled = True
    return uvicorn.Config(
        create_app(made, LOOPBACK if _is_loopback(host) else ()),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )


def service(settings: Settings) -> Service:
    """What the routes share, from the settings."""
    from i94_platform.serving.app import Service
    from i94_platform.serving.auth.authenticator import Access
    from i94_platform.serving.auth.rate_limiter import Rate
    from i94_platform.serving.auth.sessions import Sessions
    from i94_platform.serving.dashboard.vega_bundle import Library
    from i94_platform.serving.release_store import Shelf

    shelf = Shelf(lake_of(settings), Path(settings.home) / "serving", settings.serve_memory)
    access = Access(keys_of(settings), Sessions(), Rate(settings.serve_rate))
    return Service(shelf, access, Library(f"{settings.home}/scripts"), settings.serve_timeout)


def lake_of(settings: Settings) -> Lake:
    """The lake, to be read; without what the assets' way to it would import."""
    if not is_s3(settings.lake):
        return Lake(LocalStore(settings.lake))
    return Lake(S3Store(settings.lake, lambda: _s3_client(settings.s3_endpoint), settings.scratch))


def _s3_client(endpoint: str) -> Any:
    try:
        import boto3
        from botocore.config import Config
    except ModuleNotFoundError as error:
        raise PermanentError(
            "I94_LAKE starts with s3://, and the AWS part is not installed; run: pip install 'i94-platform[aws]'."
        ) from error
    by_path = Config(s3={"addressing_style": "path"}) if endpoint else None
    return boto3.client("s3", endpoint_url=endpoint or None, config=by_path)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _log() -> None:
    """The access log on standard output, a line of JSON a request; all else goes where the command line's does."""
    access = logging.getLogger("i94.access")
    access.handlers = [logging.StreamHandler(sys.stdout)]
    access.setLevel(logging.INFO)
    access.propagate = False
    logging.getLogger("i94_platform.serving").setLevel(logging.INFO)
