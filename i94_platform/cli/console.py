"""What the command line prints: progress, tables, rows.

Here: how things look on a terminal, and in a file where standard output or error is one. Not here: what is told
(`cli`, `serving.commands`), and exit codes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    import pyarrow as pa

    from i94_platform.defs.run_results import RunResult
    from i94_platform.operations.runner import StepCallback
    from i94_platform.operations.status import MonthStatus

out = Console(soft_wrap=True, emoji=False)
err = Console(stderr=True, soft_wrap=True, emoji=False)


_COUNTED = ("staged/immigration", "staged/immigration_quarantine", "warehouse/immigration")


class Format(StrEnum):
    """How a query's rows are printed."""

    table = "table"
    csv = "csv"
    json = "json"


@contextmanager
def steps() -> Iterator[StepCallback]:
    """A progress bar on a terminal, a line per step elsewhere."""
    if not err.is_terminal:
        yield (
            lambda name, step, done, total: (
                err.print(f"{name}  {done}/{total}  {step}", highlight=False) if step else None
            )
        )
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=err) as progress:

        def show(name: str, step: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=total)
            described = f"{name} {step.replace('__', '/')}".ljust(48)
            progress.update(tasks[name], completed=done, description=described)

        yield show


def print_results(outcomes: Sequence[RunResult]) -> None:
    """A table of runs; below it what failed, why, and what to do."""
    table = Table("run", "result", "staged", "quarantined", "loaded", "seconds")
    for o in outcomes:
        figures = [o.rows.get(asset) for asset in _COUNTED]
        result = "[green]loaded[/green]" if o.succeeded else "[red]failed[/red]"
        table.add_row(o.name, result, *("" if f is None else f"{f:,}" for f in figures), f"{o.seconds:.1f}")
    out.print(table)
    for o in outcomes:
        for told in (*o.errors, *o.failed_checks):
            err.print(f"[red]{o.name}[/red] {escape(told)}", highlight=False)
        for told in o.warnings:
            err.print(f"[yellow]{o.name}[/yellow] {escape(told)}", highlight=False)
        if not o.succeeded:
            retry = f"i94 run --month {o.month}" if o.month else "i94 run"
            err.print(f"{o.name}: what was loaded before is unchanged. When it is mended: {retry}", highlight=False)


def print_statuses(statuses: Sequence[MonthStatus]) -> None:
    """A table of months, as wide as a terminal of 80 columns."""
    headers = ("month", "MB", "staged", "quarantined", "loaded", "marts", "checks", "last run", "at (UTC)")
    table = Table(*headers, box=box.SIMPLE_HEAD, padding=0, pad_edge=False)
    for s in statuses:
        size = "" if s.delivered_bytes is None else f"{s.delivered_bytes / 1e6:,.1f}"
        counts = ["" if n is None else f"{n:,}" for n in (s.staged, s.quarantined, s.loaded)]
        table.add_row(s.month, size, *counts, s.marts, s.checks, s.last_run, s.loaded_at[5:16].replace("T", " "))
    out.print(table)


def print_rows(rows: pa.Table, format_: Format) -> None:
    """Rows of a query; a table shows the first 1,000."""
    if format_ is Format.csv:
        rows.to_pandas(integer_object_nulls=True).to_csv(sys.stdout, index=False)
    elif format_ is Format.json:
        import json

        json.dump(rows.to_pylist(), sys.stdout, default=_json)
        sys.stdout.write("\n")
    else:
        table = Table(*map(escape, rows.column_names))
        for row in zip(*(column.to_pylist() for column in rows.slice(0, 1000).columns), strict=True):
            table.add_row(*("" if value is None else escape(str(value)) for value in row))
        out.print(table)
        if rows.num_rows > 1000:
            err.print(f"The first 1,000 of {rows.num_rows:,} rows; --format csv prints all.")


def _json(value: Any) -> Any:
    """What JSON has no type for: sums are decimals, all others (dates, times) are written as text."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)
