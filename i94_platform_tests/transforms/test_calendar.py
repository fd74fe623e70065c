"""Test the calendar: no gaps, ISO 8601 weeks, English names.

Wrong here before, in other pipelines: a union of the dates that occur had 266 rows, one of them null, instead of 235.
"""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i94_platform.contracts.model import column_names
from i94_platform.contracts.reference import calendar
from i94_platform.errors import PermanentError
from i94_platform.transforms.calendar import build_calendar

DAYS = st.dates(dt.date(2000, 1, 1), dt.date(9990, 1, 1))


def test_a_day_is_described_in_the_contracts_columns_and_types() -> None:
    frame = build_calendar(dt.date(2016, 4, 30), dt.date(2016, 4, 30))
    assert frame.columns.tolist() == column_names(calendar)
    assert frame.iloc[0].drop("date").tolist() == [2016, 2, 4, 30, 17, 6, "Saturday", "April", True]
    assert frame.dtypes.astype(str).tolist() == ["datetime64[s]"] + ["Int64"] * 6 + ["string"] * 2 + ["boolean"]


@settings(max_examples=30, deadline=None)
@given(DAYS, st.integers(0, 400))
def test_a_calendar_has_every_day_once_and_agrees_with_the_standard_library(first: dt.date, length: int) -> None:
    last = first + dt.timedelta(days=length)
    frame = build_calendar(first, last)
    days = [first + dt.timedelta(days=n) for n in range(length + 1)]
    assert [stamp.date() for stamp in frame["date"]] == days
    assert frame["iso_week"].tolist() == [day.isocalendar().week for day in days]
    assert frame["weekday"].tolist() == [day.isoweekday() for day in days]
    assert frame["is_weekend"].tolist() == [day.isoweekday() in {6, 7} for day in days]
    assert frame["quarter"].tolist() == [(day.month + 2) // 3 for day in days]
    parts = frame[["year", "month", "day"]].to_numpy().tolist()
    assert parts == [[day.year, day.month, day.day] for day in days]


def test_the_first_days_of_a_year_may_belong_to_week_53() -> None:
    assert build_calendar(dt.date(2016, 1, 1), dt.date(2016, 1, 4))["iso_week"].tolist() == [53, 53, 53, 1]


def test_the_date_of_an_admission_without_end_is_held() -> None:
    last_day = dt.date(9999, 12, 31)
    frame = build_calendar(dt.date(9999, 12, 1), last_day)
    table = pa.Table.from_pandas(frame[["date"]], schema=pa.schema([("date", pa.date32())]), preserve_index=False)
    assert table["date"].to_pylist()[-1] == last_day


def test_a_calendar_that_ends_before_it_begins_is_an_error() -> None:
    with pytest.raises(PermanentError, match=r"can't run from 2016-04-02 to 2016-04-01"):
        build_calendar(dt.date(2016, 4, 2), dt.date(2016, 4, 1))
