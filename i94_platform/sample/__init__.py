"""Synthetic deliveries: months of arrivals and reference files with the shares and the defects of the real ones.

They hold no real record. Names of cities and airports, and their figures, are invented.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from i94_platform.errors import PermanentError
from i94_platform.partitions import Month
from i94_platform.sample.defects import expected_rejects, expected_unreadable
from i94_platform.sample.months import MIN_ROWS, accepted_row_count

Progress = Callable[[str, int, int], None]
"""Takes the name of a file, its rows written so far, and all its rows (1 and 1 for a reference file)."""

__all__ = ["MIN_ROWS", "Progress", "accepted_row_count", "expected_rejects", "expected_unreadable", "write_sample"]


def write_sample(
    out: Path,
    *,
    first: str,
    last: str,
    rows: int = 50_000,
    seed: int = 94,
    on_progress: Progress = lambda _name, _done, _total: None,
) -> list[Path]:
    """Write the reference files, and a delivery for each month; return the paths of all files.

    Each file replaces an older one atomically. The same arguments give the same bytes, and a month is the same whatever
    other months are written. After its valid rows, each month holds exactly `expected_rejects(rows)` rows to reject.

    Args:
        out: the folder, which is created if it is absent.
        first: the first month, as `YYYY-MM`.
        last: the last month, as `YYYY-MM`.
        rows: the valid rows of April 2016; other months follow season and growth (`accepted_row_count`).
        seed: what all draws follow from.
        on_progress: is called after each row group and file.

    Raises:
        PermanentError: a month is invalid, the last one is before the first, there are too few rows, or the seed is
            negative.
    """
    from i94_platform.sample.immigration import write_month
    from i94_platform.sample.reference import write_reference_files

    if rows < MIN_ROWS:
        raise PermanentError(f"A sample needs {MIN_ROWS} rows a month or more, not {rows}.")
    if seed < 0:
        raise PermanentError(f"The seed of a sample must be 0 or more, not {seed}.")
    months = _parse_months(first, last)
    out.mkdir(parents=True, exist_ok=True)
    return [
        *write_reference_files(out, seed, on_progress),
        *(write_month(out, month, rows, seed, on_progress) for month in months),
    ]


def _parse_months(first: str, last: str) -> list[Month]:
    try:
        months = Month.parse(first).through(Month.parse(last))
    except ValueError as error:
        raise PermanentError(f"The months of a sample are invalid: {error}.") from error
    if not months:
        raise PermanentError(f"The last month {last} of the sample is before the first, {first}; swap them.")
    return months
