"""The ports of web servers, which say when they listen, so that whoever follows their URL is not refused."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from i94_platform.errors import PermanentError

if TYPE_CHECKING:
    import uvicorn


def find_port(host: str, port: int) -> int:
    """Return a port that this process can listen on; a free one for 0.

    Raises:
        PermanentError: the port is in use, this user may not listen on it, or the host is not this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.create_server((host, port), family=family) as probe:
            return int(probe.getsockname()[1])
    except OSError as error:
        reason = (error.strerror or "").partition(" (while")[0]  # Python repeats the address
        raise PermanentError(
            f"Nothing can listen on port {port} of {host}: {reason}; choose another one with --port, or 0 for a "
            "free one."
        ) from None


def run_server(config: uvicorn.Config, on_listening: Callable[[], None]) -> None:
    """Run a server until it is interrupted, and call `on_listening` once its socket accepts connections.

    Raises:
        KeyboardInterrupt: Ctrl-C has stopped it.
        SystemExit: it could not listen, or SIGTERM has stopped it.
    """
    import uvicorn

    class ListeningServer(uvicorn.Server):
        """uvicorn's server, which itself tells its start to a log only."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                on_listening()

    ListeningServer(config).run()
