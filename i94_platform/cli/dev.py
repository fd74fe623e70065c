"""The commands `dev` and `doctor`, which serve the lineage UI and check the machine."""

from __future__ import annotations

import sys
from itertools import chain
from typing import Annotated

import typer
from rich.markup import escape

from i94_platform.cli.console import ProgressHandler, err, out
from i94_platform.cli.platform import load_platform
from i94_platform.progress import send_progress
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


def doctor(
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Also write, stage, load and publish a few rows, undo that, and compare clocks."),
    ] = False,
) -> None:
    """Check Python, Java, the addresses and the folders, and say what to do. The exit code is 1 if a check fails.

    Example: [bold]i94 doctor --deep[/bold]
    """
    platform = load_platform()
    from i94_platform.operations.doctor import diagnose
    from i94_platform.operations.doctor_deep import diagnose_deeply

    diagnoses = diagnose(platform.settings, platform.raw, platform.lake, platform.warehouse)
    if deep:
        diagnoses = chain(diagnoses, diagnose_deeply(platform))
    with send_progress(ProgressHandler()):
        is_ok = True
        for diagnosis in diagnoses:
            mark = "[green]✓[/green]" if diagnosis.ok else "[red]✗[/red]"
            out.print(f"{mark} {diagnosis.subject:<14} {escape(diagnosis.message)}", highlight=False, soft_wrap=True)
            is_ok = is_ok and diagnosis.ok
    if not is_ok:
        raise typer.Exit(1)
