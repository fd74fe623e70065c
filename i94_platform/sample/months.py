"""The months of a sample: how many good rows each has, by season and growth around April 2016, and its days.

Here: sizes and dates that depend on the month alone. Not here: how seasons move the mix of origins (`shares`), and
the refused rows (`dirt`).
"""

from __future__ import annotations

import datetime as dt
import math

from i94_platform.partitions import Month

BASE = Month(2016, 4)
"""The month whose shares are known and whose size `rows` names."""

FEWEST_ROWS = 100
"""The smallest month that holds every oddity and original rows for every duplicate."""

_SAS_EPOCH = dt.date(1960, 1, 1)
_GROWTH_A_YEAR = 1.03
_MONTHS_A_YEAR = 12
# Arrivals from January to December relative to April: high summer and December, a quiet February.
_SEASON = (0.93, 0.86, 1.04, 1.00, 1.01, 1.13, 1.38, 1.33, 1.12, 1.10, 0.97, 1.14)


def years_since_base(month: Month) -> float:
    """Years from April 2016 to `month`, negative before it."""
    return month.year - BASE.year + (month.month - BASE.month) / _MONTHS_A_YEAR


def rows_in(month: Month, rows: int) -> int:
    """The good rows of `month` in a sample whose April 2016 has `rows`; never fewer than `FEWEST_ROWS`."""
    growth = math.pow(_GROWTH_A_YEAR, years_since_base(month))
    return max(FEWEST_ROWS, round(rows * _SEASON[month.month - 1] * growth))


def sas_day(date: dt.date) -> int:
    """Days since 1960-01-01, as the deliveries write dates."""
    return (date - _SAS_EPOCH).days
