"""The months that a query asks for and the release does not have."""

from __future__ import annotations

from collections.abc import Sequence

from i94_platform.partitions import Month
from i94_platform.serving.filters import MONTH, Filter

HEADER = "X-Missing-Months"
"""The header that names them, as months and intervals such as `2016-05/2016-08`."""


def find_missing_months(filters: Sequence[Filter], published: Sequence[str]) -> list[Month]:
    """Return the months of a range that are not published.

    Where one end of the range is open, it ends at the published months.

    Args:
        filters: conditions, of which those on the month, its year and its number count.
        published: the months that the release has, as `YYYY-MM`.
    """
    values = {(f.column, f.operator): f.value for f in filters}
    years, numbers = values.get(("i94yr", ""), ()), values.get(("i94mon", ""), range(1, 13))
    known = {Month.parse(key) for key in published}
    ends = known | {Month(year, number) for year in years if 2000 <= year < 2100 for number in (1, 12)}
    bounds = [_parse_bound(values[MONTH, name]) if (MONTH, name) in values else None for name in ("ge", "le")]
    first, last = bounds[0] or min(ends, default=None), bounds[1] or max(ends, default=None)
    if first is None or last is None:
        return []
    return [
        month
        for month in first.through(last)
        if month not in known and month.month in numbers and (not years or month.year in years)
    ]


def _parse_bound(value: int) -> Month:
    return Month((value - 1) // 12, (value - 1) % 12 + 1)


def join_intervals(months: Sequence[Month]) -> str:
    """Return months as text, consecutive ones as an interval of ISO 8601."""
    intervals: list[list[Month]] = []
    for month in months:
        if intervals and intervals[-1][-1].next_first_day == month.first_day:
            intervals[-1][1:] = [month]
        else:
            intervals.append([month])
    return ", ".join("/".join(month.key for month in interval) for interval in intervals)
