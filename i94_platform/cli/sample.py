"""The command `sample`, which writes synthetic deliveries."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from i94_platform.cli.console import err, out


def sample(
    out_: Annotated[Path, typer.Option("--out", help="Folder to write into.")],
    from_: Annotated[str, typer.Option("--from", help="First month.")] = "2016-01",
    to: Annotated[str, typer.Option("--to", help="Last month.")] = "2016-03",
    rows: Annotated[int, typer.Option(help="Rows of a month of April's size.")] = 50_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 94,
) -> None:
    """Write synthetic deliveries: a file for each month, and the reference files.

    Examples:
      [bold]i94 sample --out deliveries[/bold]
      [bold]i94 sample --out deliveries --from 2016-01 --to 2016-12 --rows 3000000 --seed 94[/bold]
    """
    from i94_platform.sample import write_sample

    def print_file(name: str, done: int, total: int) -> None:
        if done == total:
            err.print(f"{name}  {total:,} rows" if total > 1 else name, highlight=False)

    files = write_sample(out_, first=from_, last=to, rows=rows, seed=seed, on_progress=print_file)
    out.print(f"{len(files)} files in {escape(str(out_))}", highlight=False)
