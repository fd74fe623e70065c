"""The calendar: one row for each day of a span, for the dates of arrival, departure and admission.

A row says what follows from the day alone. The span has no gaps, so that a day without arrivals counts as zero.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from i94_platform.contracts.reference import calendar
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.errors import PermanentError

if TYPE_CHECKING:
    import pyarrow as pa

LINEAGE_REASON = "computed from the calendar; no delivery is read"
"""Why no column has a source."""

_SATURDAY = 6
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_EPOCH = dt.date(1970, 1, 1)


def build_calendar(first: dt.date, last: dt.date) -> pa.Table:
    """Build all days from `first` to `last`, both included, as the contract `calendar`.

    Raises:
        PermanentError: `last` is before `first`.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if last < first:
        raise PermanentError(f"The calendar can't run from {first} to {last}: the last day is before the first.")
    numbers = range((first - _EPOCH).days, (last - _EPOCH).days + 1)
    days: Any = pa.array(numbers, pa.int32()).cast(pa.date32())
    weekday: Any = pc.day_of_week(days, count_from_zero=False)
    month: Any = pc.month(days)
    columns = {
        "date": days,
        "year": pc.year(days),
        "quarter": pc.quarter(days),
        "month": month,
        "day": pc.day(days),
        "iso_week": pc.iso_week(days),
        "weekday": weekday,
        "weekday_name": pa.array(_WEEKDAYS).take(pc.subtract(weekday, pa.scalar(1))),
        "month_name": pa.array(_MONTHS).take(pc.subtract(month, pa.scalar(1))),
        "is_weekend": pc.greater_equal(weekday, pa.scalar(_SATURDAY)),
    }
    schema = arrow_schema(calendar)
    return pa.table(columns).select(schema.names).cast(schema)
