"""The size and the dates of a sample's months."""

from __future__ import annotations

import datetime as dt
import math

from i94_platform.partitions import Month

BASE_MONTH = Month(2016, 4)
"""The month that the shares were measured on, and that has the size a caller asks for."""

MIN_ROWS = 100
"""The smallest month that holds every edge case and an original for every duplicate."""

_SAS_EPOCH = dt.date(1960, 1, 1)
_GROWTH_PER_YEAR = 1.03
# Arrivals from January to December relative to April: high summer and December, a quiet February.
_SEASON = (0.93, 0.86, 1.04, 1.00, 1.01, 1.13, 1.38, 1.33, 1.12, 1.10, 0.97, 1.14)


def years_since_base(month: Month) -> float:
    """Return the years from April 2016 to `month`, negative before it."""
    return month.year - BASE_MONTH.year + (month.month - BASE_MONTH.month) / 12


def accepted_row_count(month: Month, rows: int) -> int:
    """Return the valid rows of `month` in a sample whose April 2016 has `rows`; at least `MIN_ROWS`."""
    growth = math.pow(_GROWTH_PER_YEAR, years_since_base(month))
    return max(MIN_ROWS, round(rows * _SEASON[month.month - 1] * growth))


def sas_day(date: dt.date) -> int:
    """Return the days since 1960-01-01, which is how the deliveries write dates."""
    return (date - _SAS_EPOCH).days
