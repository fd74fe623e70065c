"""The server's process: settings, address, logs and shutdown.

Without a key the server listens on loopback only, and prints a URL with a one-time token.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from i94_platform.errors import PermanentError
from i94_platform.lake.from_settings import open_lake
from i94_platform.lake.releases import RELEASE
from i94_platform.listening import find_port, run_server
from i94_platform.serving.auth.api_keys import KeyStore
from i94_platform.serving.release_store import NOTHING_PUBLISHED
from i94_platform.settings import Settings

if TYPE_CHECKING:
    import uvicorn

    from i94_platform.serving.service import Service

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
"""Host names of this machine. Any other name that leads here is an attack on a browser (DNS rebinding)."""

_KEEP_ALIVE_SECONDS = 30
_SHUTDOWN_SECONDS = 10


def open_key_store(settings: Settings) -> KeyStore:
    """Return the keys of a deployment."""
    return KeyStore(Path(settings.home) / "keys.sqlite")


def serve(settings: Settings, host: str, port: int, say: Callable[[str], None]) -> None:
    """Serve until interrupted; `say` prints a line for the user.

    Raises:
        PermanentError: other machines could reach a server without keys, or nothing can listen on the port.
    """
    port = find_port(host, port)
    config, token = configure_server(settings, host, port)
    if open_lake(settings).read_manifest(RELEASE) is None:
        say(NOTHING_PUBLISHED)
    url = settings.serve_url or f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def say_url() -> None:
        # one URL alone: whoever opened another one would be asked for a key
        if token:
            say(f"Serving {settings.lake} (Ctrl-C stops it)")
            say(f"Open this URL, which works once, within ten minutes: {url}/token?token={token}")
        else:
            say(f"Serving {settings.lake} at {url} (Ctrl-C stops it)")
            say(f"Send a key with each request: curl -H 'Authorization: Bearer i94_…' {url}/api/v1/marts")

    try:
        run_server(config, say_url)
    except KeyboardInterrupt:
        say("Stopped.")


def configure_server(settings: Settings, host: str, port: int) -> tuple[uvicorn.Config, str]:
    """Return how the server runs, with its one-time token, which is empty if there are keys.

    Raises:
        PermanentError: other machines could reach a server without keys.
    """
    has_keys = open_key_store(settings).has_active_key()
    if not has_keys and (settings.serve_url or not _is_loopback(host)):
        raise PermanentError(
            f"Without a key the server is for this machine only, and {settings.serve_url or host} is more; create a "
            "key first (i94 keys add NAME), or leave --host and I94_SERVE_URL out."
        )
    _configure_logging()
    service = create_service(settings)
    token = "" if has_keys else service.authenticator.sessions.create_token()
    return configure_uvicorn(service, settings, host, port), token


def configure_uvicorn(service: Service, settings: Settings, host: str, port: int) -> uvicorn.Config:
    """Return how the server runs. On loopback and behind a proxy it answers to the names of both only."""
    import uvicorn

    from i94_platform.serving.app import create_app
    from i94_platform.serving.middleware import Middleware

    app = create_app(service, f"{settings.home}/scripts", _find_hosts(settings, host))
    origins = [origin for origin in settings.serve_cors_origins.split(",") if origin]
    # it logs whole URLs, and access_log=False only removes its own handler
    logging.getLogger("uvicorn.access").disabled = True
    return uvicorn.Config(
        Middleware(app, service.authenticator, service.metrics, settings.serves_https, origins),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.serve_trusted_proxies),
        forwarded_allow_ips=settings.serve_trusted_proxies,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )


def create_service(settings: Settings) -> Service:
    """Create the state of the server."""
    from i94_platform.serving.auth.authenticator import Authenticator
    from i94_platform.serving.auth.rate_limiter import RateLimiter
    from i94_platform.serving.auth.sessions import SessionStore
    from i94_platform.serving.disclosure import DisclosureControl
    from i94_platform.serving.release_store import ReleaseStore
    from i94_platform.serving.service import Service

    release_store = ReleaseStore(open_lake(settings), Path(settings.home) / "serving", settings.serve_memory)
    disclosure = DisclosureControl(is_exact=settings.disclosure == "exact")
    keys, rate_limiter = open_key_store(settings), RateLimiter(settings.serve_rate)
    authenticator = Authenticator(keys, SessionStore(), rate_limiter, settings.serves_https, disclosure)
    return Service(release_store, authenticator, settings.serve_timeout)


def _find_hosts(settings: Settings, host: str) -> tuple[str, ...]:
    """Return the names that the server answers to; none for any name."""
    if settings.serve_url:
        return (*LOOPBACK, re.sub(r":\d+$", "", settings.serve_url.partition("://")[2]))
    return LOOPBACK if _is_loopback(host) else ()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _configure_logging() -> None:
    """Write the access log to standard output; all other logs go where those of the command line go."""
    access_log = logging.getLogger("i94.access")
    access_log.handlers = [logging.StreamHandler(sys.stdout)]
    access_log.setLevel(logging.INFO)
    access_log.propagate = False
    logging.getLogger("i94_platform.serving").setLevel(logging.INFO)
