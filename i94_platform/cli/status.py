"""The command `status`, which shows what is loaded and what is not."""

from __future__ import annotations

import json
from itertools import chain
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from i94_platform.cli import console
from i94_platform.cli.console import err, out
from i94_platform.cli.platform import load_platform

if TYPE_CHECKING:
    from i94_platform.operations.platform import Platform
    from i94_platform.operations.status import DeploymentStatus


def status(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document; docs/reference/json-output.md has its fields.")
    ] = False,
) -> None:
    """Show each month and what every layer holds of it, and why a month is not loaded in its newest content.

    Examples:
      [bold]i94 status[/bold]
      [bold]i94 status --json | jq '.months[] | select(.issue)'[/bold]
    """
    platform = load_platform()
    from i94_platform.lake.releases import read_current_release
    from i94_platform.operations.dagster_instance import persistent_instance
    from i94_platform.operations.platform import find_raw_problem
    from i94_platform.operations.status import read_status

    with persistent_instance(platform.settings.dagster_home) as instance:
        current = read_status(platform.raw, platform.lake, platform.warehouse, instance)
    read_current_release(platform.lake)  # warns of a damaged release
    if problem := find_raw_problem(platform.settings):
        err.print(f"No delivery is compared with what is loaded. I94_RAW: {escape(problem)}.", style="yellow")
    if as_json:
        typer.echo(json.dumps(current.to_document(), indent=2))
    else:
        _print_status(current, platform)


def _print_status(current: DeploymentStatus, platform: Platform) -> None:
    """Print the months as a table, then the reason of each one that is not loaded in its newest content."""
    for note in current.notes:
        err.print(escape(note), style="yellow", highlight=False, soft_wrap=True)
    if not current.months:
        out.print(f"No months yet. Deliveries are looked for under {escape(platform.settings.raw)}.")
        return
    console.print_statuses(current.months)
    for line in current.gate:
        out.print(escape(line), highlight=False, soft_wrap=True)
    for line in current.describe_stale_tables():
        out.print(escape(line), highlight=False, soft_wrap=True)
    for issue in current.issues:
        reasons = ", ".join(filter(None, [issue.reason, issue.about]))
        out.print(f"{issue.month}: {issue.state} ({reasons})", highlight=False, soft_wrap=True)
    for line in chain(current.describe_failed_checks(), current.describe_stale_marts()):
        out.print(line, highlight=False, soft_wrap=True)
    path = platform.warehouse.release_path
    if path and path.exists():
        out.print(f"The release for BI tools and notebooks: {escape(str(path))}", highlight=False, soft_wrap=True)
    if current.is_stale:
        out.print("To load what is stale: i94 run", highlight=False)
