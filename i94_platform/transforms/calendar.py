"""The calendar: one row for each day of a span, for the dates of arrival, departure and admission.

A row says what follows from the day alone. The span has no gaps, so that a day without arrivals counts as zero.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from i94_platform.contracts.model import column_names
from i94_platform.contracts.reference import calendar
from i94_platform.errors import PermanentError

if TYPE_CHECKING:
    from pandas import DataFrame

LINEAGE_REASON = "computed from the calendar; no delivery is read"
"""Why no column has a source."""

_SATURDAY = 6


def build_calendar(first: dt.date, last: dt.date) -> DataFrame:
    """Build all days from `first` to `last`, both included, as the contract `calendar`; `date` is datetime64[s].

    Seconds hold every date of the admissions, up to year 9999; nanoseconds end in 2262. Names are English on every
    machine.

    Raises:
        PermanentError: `last` is before `first`.
    """
    import pandas as pd

    if last < first:
        raise PermanentError(f"The calendar can't run from {first} to {last}: the last day is before the first.")
    days = pd.Series(pd.date_range(first, last, freq="D", unit="s"))
    iso = days.dt.isocalendar()
    columns = {
        "date": days,
        "year": days.dt.year.astype("Int64"),
        "quarter": days.dt.quarter.astype("Int64"),
        "month": days.dt.month.astype("Int64"),
        "day": days.dt.day.astype("Int64"),
        "iso_week": iso["week"].astype("Int64"),
        "weekday": iso["day"].astype("Int64"),
        "weekday_name": days.dt.day_name().astype("string"),
        "month_name": days.dt.month_name().astype("string"),
        "is_weekend": (iso["day"] >= _SATURDAY).astype("boolean"),
    }
    return pd.DataFrame(columns)[column_names(calendar)]
