"""Synthetic deliveries: months of arrivals and reference files that look like the real ones, dirt included.

Here: `write_sample`, and what a month must then contain (`rows_in`, `expected_refusals`), for tests and people to
check. `shares` holds the figures, `mix` the distributions of a month, `draw` draws from them, `immigration` writes a
month and `dirt` spoils its last rows; `reference` writes the reference files, `places` knows their countries. Not
here: any real record, and anything that reads a delivery. Names of cities and airports and their figures are invented.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from i94_platform.errors import PermanentError
from i94_platform.partitions import Month
from i94_platform.sample.dirt import expected_refusals
from i94_platform.sample.months import FEWEST_ROWS, rows_in

Progress = Callable[[str, int, int], None]
"""Called with the name of a file, the rows of it that are written, and all its rows (for a reference file: 1, 1)."""

__all__ = ["FEWEST_ROWS", "Progress", "expected_refusals", "rows_in", "write_sample"]


def write_sample(
    out: Path,
    *,
    first: str,
    last: str,
    rows: int = 50_000,
    seed: int = 94,
    on_progress: Progress | None = None,
) -> list[Path]:
    """Write the reference files and one delivery for each month from `first` to `last` (`YYYY-MM`) into `out`.

    `rows` is the size of April 2016; other months follow season and growth (`rows_in`). Each month holds, besides its
    good rows, exactly `expected_refusals(rows)` rows to refuse, last in the file. The same arguments give the same
    bytes, and a month does not depend on the other months asked for. Existing files of the same names are replaced,
    each in one step. Returns the files written. Raises PermanentFailure for a month that can't be read, a last month
    before the first, fewer rows than `FEWEST_ROWS`, or a negative seed.
    """
    from i94_platform.sample.immigration import write_month
    from i94_platform.sample.reference import write_references

    if rows < FEWEST_ROWS:
        raise PermanentError(f"A sample of {rows} rows a month can't hold its dirt; ask for {FEWEST_ROWS} or more.")
    if seed < 0:
        raise PermanentError(f"The seed of a sample can't be negative, but is {seed}; choose 0 or more.")
    progress = on_progress or _silent
    months = _months(first, last)
    out.mkdir(parents=True, exist_ok=True)
    return [
        *write_references(out, seed, progress),
        *(write_month(out, month, rows, seed, progress) for month in months),
    ]


def _months(first: str, last: str) -> list[Month]:
    try:
        months = Month.parse(first).through(Month.parse(last))
    except ValueError as error:
        raise PermanentError(f"The months of a sample can't be read: {error}.") from error
    if not months:
        raise PermanentError(f"The last month {last} of the sample is before the first, {first}; swap them.")
    return months


def _silent(_name: str, _done: int, _total: int) -> None:
    return None
