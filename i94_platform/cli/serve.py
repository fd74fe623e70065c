"""The command `serve`, which serves the published release."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from i94_platform.cli.console import out
from i94_platform.errors import PermanentError
from i94_platform.settings import Settings


def serve(
    port: Annotated[int, typer.Option(help="Port to listen on; 0 for a free one.", min=0, max=65535)] = 8094,
    host: Annotated[str, typer.Option(help="Address to listen on; any but loopback needs a key.")] = "127.0.0.1",
) -> None:
    """Serve the published release: the web API, and the dashboard at /. Ctrl-C stops it.

    Without any key (i94 keys add) it listens on this machine only, and prints a URL that works once.

    Examples:
      [bold]i94 serve[/bold]
      [bold]i94 serve --host 0.0.0.0 --port 80[/bold]
    """
    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ModuleNotFoundError:
        raise PermanentError(
            "The web API is not installed; run 'make serve', which installs it in a checkout, or else: pip install "
            "'i94-platform[serve]'."
        ) from None
    from i94_platform.serving.server import serve as run_server

    run_server(Settings.from_env(), host, port, lambda line: out.print(escape(line), highlight=False))
