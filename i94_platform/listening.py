"""Web servers that say when they listen, so that whoever follows their URL is not refused."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import uvicorn


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
