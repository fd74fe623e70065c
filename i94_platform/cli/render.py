"""The commands that render files of the checkout: `dictionary`, `lineage`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from i94_platform.errors import PermanentError
from i94_platform.settings import PROJECT


def dictionary(
    write: Annotated[bool, typer.Option("--write", help="Write docs/reference/data-dictionary.md.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Fail if docs/reference/data-dictionary.md is stale.")] = False,
) -> None:
    """Print the data dictionary, rendered from the contracts.

    Examples:
      [bold]i94 dictionary[/bold]
      [bold]i94 dictionary --write[/bold]
    """
    from i94_platform.contracts import ALL
    from i94_platform.contracts.rendering.dictionary import render_dictionary

    _print_or_update(
        render_dictionary(ALL), PROJECT / "docs" / "reference" / "data-dictionary.md", "dictionary", write, check
    )


def lineage(
    write: Annotated[bool, typer.Option("--write", help="Write the file that the assets read.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Fail if that file is stale.")] = False,
) -> None:
    """Print the lineage of every column as JSON, computed from the SQL and the transforms' declarations.

    Examples:
      [bold]i94 lineage[/bold]
      [bold]i94 lineage --write[/bold]
    """
    from i94_platform.defs.column_lineage.lineage_file import FILE, render_lineage_file

    _print_or_update(render_lineage_file(), FILE, "lineage", write, check)


def _print_or_update(text: str, file: Path, command: str, write: bool, check: bool) -> None:
    """Print a text, write it to its file of the checkout, or compare it with the file.

    Raises:
        PermanentError: the file is stale, or there is no checkout.
    """
    if not (write or check):
        sys.stdout.write(text)
        return
    if not (PROJECT / "pyproject.toml").exists():
        raise PermanentError(
            "--check and --write concern files of the project's checkout, and this i94 is installed without one: "
            "run it in a clone of the project, after make test."
        )
    if write:
        file.write_text(text, "utf-8")
    elif not file.exists() or file.read_text("utf-8") != text:
        raise PermanentError(f"{file.relative_to(PROJECT)} is stale; run: i94 {command} --write")
