"""The commands `dev` and `doctor`, which serve the lineage UI and check the machine."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.markup import escape

from i94_platform.cli.console import err, out
from i94_platform.cli.platform import load_platform
from i94_platform.settings import Settings


def dev(
    port: Annotated[
        int, typer.Option(help="Port of the lineage UI on 127.0.0.1; 0 for a free one.", min=0, max=65535)
    ] = 3000,
) -> None:
    """Serve the lineage UI with the daemon, over the runs that the command line records. Ctrl-C or SIGTERM stops all.

    Also starts a Spark Connect server if I94_ENGINE is a sc:// address on this machine where nothing listens.

    Example: [bold]I94_RAW=deliveries i94 dev --port 3001[/bold]
    """
    from i94_platform.operations.ui import serve_ui

    sys.exit(serve_ui(Settings.from_env(), port, lambda message: err.print(escape(message), highlight=False)))


def doctor() -> None:
    """Check Python, Java, the addresses and the folders, and say what to do."""
    platform = load_platform()
    from i94_platform.operations.doctor import diagnose

    findings = list(diagnose(platform.settings, platform.raw, platform.lake, platform.warehouse))
    for finding in findings:
        mark = "[green]✓[/green]" if finding.ok else "[red]✗[/red]"
        out.print(f"{mark} {finding.subject:<14} {escape(finding.message)}", highlight=False, soft_wrap=True)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)
