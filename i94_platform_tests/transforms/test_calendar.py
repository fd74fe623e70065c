"""Test the calendar: no gaps, ISO 8601 weeks, English names.

Wrong here before, in other pipelines: a union of the dates that occur had 266 rows, one of them null, instead of 235.
"""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i94_platform.contracts.reference import calendar
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.errors import PermanentError
from i94_platform.transforms.calendar import build_calendar

DAYS = st.dates(dt.date(2000, 1, 1), dt.date(9990, 1, 1))


def test_a_day_is_described_in_the_contracts_columns_and_types() -> None:
    rows = build_calendar(dt.date(2016, 4, 30), dt.date(2016, 4, 30))
    assert rows.schema == arrow_schema(calendar)
    values = [2016, 2, 4, 30, 17, 6, "Saturday", "April", True]
    assert [tuple(row.values()) for row in rows.to_pylist()] == [(dt.date(2016, 4, 30), *values)]


@settings(max_examples=30, deadline=None)
@given(DAYS, st.integers(0, 400))
def test_a_calendar_has_every_day_once_and_agrees_with_the_standard_library(first: dt.date, length: int) -> None:
    last = first + dt.timedelta(days=length)
    columns = build_calendar(first, last).to_pydict()
    days = [first + dt.timedelta(days=n) for n in range(length + 1)]
    assert columns["date"] == days
    assert columns["iso_week"] == [day.isocalendar().week for day in days]
    assert columns["weekday"] == [day.isoweekday() for day in days]
    assert columns["weekday_name"] == [day.strftime("%A") for day in days]
    assert columns["month_name"] == [day.strftime("%B") for day in days]
    assert columns["is_weekend"] == [day.isoweekday() in {6, 7} for day in days]
    assert columns["quarter"] == [(day.month + 2) // 3 for day in days]
    parts = zip(columns["year"], columns["month"], columns["day"], strict=True)
    assert list(parts) == [(day.year, day.month, day.day) for day in days]


def test_the_first_days_of_a_year_may_belong_to_week_53() -> None:
    rows = build_calendar(dt.date(2016, 1, 1), dt.date(2016, 1, 4))
    assert rows["iso_week"].to_pylist() == [53, 53, 53, 1]


def test_the_date_of_an_admission_without_end_is_held() -> None:
    last_day = dt.date(9999, 12, 31)
    assert build_calendar(dt.date(9999, 12, 1), last_day)["date"].to_pylist()[-1] == last_day


def test_a_calendar_that_ends_before_it_begins_is_an_error() -> None:
    with pytest.raises(PermanentError, match=r"can't run from 2016-04-02 to 2016-04-01"):
        build_calendar(dt.date(2016, 4, 2), dt.date(2016, 4, 1))
