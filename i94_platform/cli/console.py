"""What the commands print: progress, tables, rows."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from i94_platform.progress import logger as progress_logger

if TYPE_CHECKING:
    import pyarrow as pa

    from i94_platform.defs.run_results import RunResult
    from i94_platform.operations.runner import StepCallback
    from i94_platform.operations.status import MonthStatus

out = Console(soft_wrap=True, emoji=False)
err = Console(stderr=True, soft_wrap=True, emoji=False)


class ConsoleHandler(logging.Handler):
    """Prints log records on standard error, each on one line and once, above a progress bar."""

    def __init__(self) -> None:
        super().__init__()
        self._printed: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record, unless the same text was printed before: several steps meet the same fault."""
        style = "red" if record.levelno >= logging.ERROR else "yellow"
        text = f"[{style}]{record.levelname}[/{style}] {escape(self.format(record))}"
        if text not in self._printed:
            self._printed.add(text)
            err.print(text, highlight=False)


_COUNTED_ASSETS = ("staged/immigration", "staged/immigration_quarantine", "warehouse/immigration")


class RowFormat(StrEnum):
    """How the rows of a query are printed."""

    table = "table"
    csv = "csv"
    json = "json"


@contextmanager
def show_steps() -> Iterator[StepCallback]:
    """Show the steps of runs: as a progress bar on a terminal, as one line a step elsewhere."""
    if not err.is_terminal:
        with _listen_to_progress(lambda message: err.print(message, highlight=False, markup=False)):
            yield _print_step
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    description = TextColumn("{task.description}")
    columns = (SpinnerColumn(), description, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err) as progress:
        tasks: dict[str, Any] = {}
        message_task = progress.add_task("", total=None, visible=False)

        def update_bar(run: str, step: str, done: int, total: int) -> None:
            if run not in tasks:
                tasks[run] = progress.add_task(run, total=total)
            text = f"{run} {step.replace('__', '/')}".ljust(48)
            progress.update(tasks[run], completed=done, description=text)
            progress.update(message_task, visible=False)

        def show_message(message: str) -> None:
            progress.update(message_task, visible=True, description=message)

        with _listen_to_progress(show_message):
            yield update_bar


@contextmanager
def _listen_to_progress(show: Callable[[str], None]) -> Iterator[None]:
    """Show what long steps and waits report."""

    class ShowingHandler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            show(record.getMessage())

    handler = ShowingHandler()
    progress_logger.setLevel(logging.INFO)
    progress_logger.propagate = False
    progress_logger.addHandler(handler)
    try:
        yield
    finally:
        progress_logger.removeHandler(handler)


def _print_step(run: str, step: str, done: int, total: int) -> None:
    if step:
        err.print(f"{run}  {done}/{total}  {step}", highlight=False)


def print_results(results: Sequence[RunResult]) -> None:
    """Print a table of runs; below it what failed, why, and what to do."""
    table = Table("run", "result", "staged", "quarantined", "loaded", "seconds")
    for result in results:
        state = "[green]loaded[/green]" if result.succeeded else "[red]failed[/red]"
        counts = (_format_count(result.rows.get(asset)) for asset in _COUNTED_ASSETS)
        table.add_row(result.name, state, *counts, f"{result.seconds:.1f}")
    print_table(table)
    for result in results:
        for message in (*result.errors, *result.failed_checks):
            err.print(f"[red]{result.name}[/red] {escape(message)}", highlight=False)
        for message in result.warnings:
            err.print(f"[yellow]{result.name}[/yellow] {escape(message)}", highlight=False)
        if not result.succeeded:
            retry = f"i94 run --month {result.month}" if result.month else "i94 run"
            err.print(f"{result.name}: what was loaded before is unchanged. After the fix: {retry}", highlight=False)


def print_statuses(statuses: Sequence[MonthStatus]) -> None:
    """Print a table of months that fits into 80 columns."""
    from i94_platform.contracts import MONTHLY_MARTS

    headers = ("month", "MB", "staged", "quarantined", "loaded", "marts", "checks", "last run", "at (UTC)")
    table = Table(*headers, box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    for column in table.columns[1:5]:
        column.justify = "right"
    for status in statuses:
        megabytes = (status.delivered_bytes or 0) / 1e6
        size = "" if status.delivered_bytes is None else f"{megabytes:,.{0 if megabytes >= 100 else 1}f}"
        counts = map(_format_count, (status.staged_rows, status.quarantined_rows, status.loaded_rows))
        marts = _format_share(status.fresh_marts, len(MONTHLY_MARTS))
        checks = _format_share(status.passed_checks, status.checks)
        loaded_at = (status.loaded_at or "")[5:16].replace("T", " ")
        table.add_row(status.month, size, *counts, marts, checks, status.last_run, loaded_at)
    print_table(table)


def _format_share(count: int | None, total: int | None) -> str:
    return "" if count is None else f"{count}/{total}"


def print_table(table: Table) -> None:
    """Print a table: on a terminal within its width, elsewhere as wide as its content, so that nothing is cut."""
    if out.is_terminal:
        out.print(table)
    else:
        width = out.measure(table, options=out.options.update(max_width=sys.maxsize)).maximum
        Console(width=width, emoji=False).print(table)


def _format_count(count: int | None) -> str:
    return "" if count is None else f"{count:,}"


def print_rows(rows: pa.Table, format_: RowFormat) -> None:
    """Print the rows of a query; a table shows the first 1,000."""
    if format_ is RowFormat.csv:
        rows.to_pandas(integer_object_nulls=True).to_csv(sys.stdout, index=False)
    elif format_ is RowFormat.json:
        import json

        json.dump(rows.to_pylist(), sys.stdout, default=_to_json)
        sys.stdout.write("\n")
    else:
        table = Table()
        for name in rows.column_names:
            table.add_column(escape(name), overflow="fold")
        for row in zip(*(column.to_pylist() for column in rows.slice(0, 1000).columns), strict=True):
            table.add_row(*("" if value is None else escape(str(value)) for value in row))
        print_table(table)
        if rows.num_rows > 1000:
            err.print(f"The first 1,000 of {rows.num_rows:,} rows; --format csv prints all.")


def _to_json(value: Any) -> Any:
    """Convert what JSON has no type for: a decimal (a sum) to a number, anything else, such as a date, to text."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)
