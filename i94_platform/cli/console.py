"""What the commands print: log records, tables, rows."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from i94_platform.errors import PermanentError

if TYPE_CHECKING:
    import pyarrow as pa

    from i94_platform.operations.status import MonthStatus

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Characters that steer a terminal or turn the direction of a text; line ends and tabs do not."""


def escape_control(text: str) -> str:
    """Show control characters as `\\x1b`: the name of a file or a value could steer the terminal."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


class SafeConsole(Console):
    """A console on which no printed text steers the terminal."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Render a text, also a cell of a table, without its control characters."""
        return super().render_str(escape_control(text), **options)


out = SafeConsole(soft_wrap=True, emoji=False)
err = SafeConsole(stderr=True, soft_wrap=True, emoji=False)

RUN_PREFIX = re.compile(r"^\w+ - [0-9a-f-]{36} - (?:\S+ - )?")
"""What Dagster puts before a record of a run: job, run and step."""


class ConsoleHandler(logging.Handler):
    """Prints log records on standard error, each on one line and once, above a progress bar."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._printed: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record, unless the same text was printed before: several steps meet the same fault."""
        style = "red" if record.levelno >= logging.ERROR else "yellow"
        text = f"[{style}]{record.levelname}[/{style}] {escape(RUN_PREFIX.sub('', self.format(record)))}"
        if text not in self._printed:
            self._printed.add(text)
            err.print(text, highlight=False)


class ProgressHandler(logging.Handler):
    """Prints what long steps report on standard error, a line each time."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record."""
        err.print(record.getMessage(), highlight=False, markup=False)


class RowFormat(StrEnum):
    """How the rows of a query are printed."""

    table = "table"
    csv = "csv"
    json = "json"


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
        counts = map(format_count, (status.staged_rows, status.quarantined_rows, status.loaded_rows))
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
        SafeConsole(width=width, emoji=False).print(table)


def format_count(count: int | None) -> str:
    """Format a count with commas; empty if there is none."""
    return "" if count is None else f"{count:,}"


def print_rows(rows: pa.Table, format_: RowFormat, *, keep_formulas: bool = False) -> None:
    """Print the rows of a query; a table shows the first 1,000.

    Args:
        rows: The rows.
        format_: How they are printed.
        keep_formulas: In CSV, leave texts as they are that a spreadsheet would run as a formula.

    Raises:
        PermanentError: a date or time is one that Python has no value for.
    """
    try:
        _print_rows(rows, format_, keep_formulas)
    except (OverflowError, ValueError):
        raise PermanentError(
            "A date or time of the query is infinite or outside of the years 1 to 9999; CAST it to VARCHAR."
        ) from None


def _print_rows(rows: pa.Table, format_: RowFormat, keep_formulas: bool) -> None:
    if format_ is RowFormat.csv:
        from i94_platform.serving.serializers import escape_formulas

        safe = rows if keep_formulas else escape_formulas(rows)
        text = safe.to_pandas(integer_object_nulls=True).to_csv(index=False)
        sys.stdout.write(escape_control(text) if sys.stdout.isatty() else text)
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
