"""Delivered city temperatures for tests: a good row, and spellings that some engine would read and we don't."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from i94_platform.sources.temperatures import HEADERS

GOOD_ROW: Mapping[str, str | None] = {
    "dt": "2013-09-01",
    "AverageTemperature": "15.5",
    "AverageTemperatureUncertainty": ".25",
    "City": "Arica",
    "Country": "Chile",
    "Latitude": "18.48S",
    "Longitude": "70.33W",
}
NUMBERS, DEGREES = ("AverageTemperature", "AverageTemperatureUncertainty"), ("Latitude", "Longitude")
ODD_DATES = (
    *("111/2/2013", "1/2/3/2013", "2013-09-1T", "2013-9-1", "2013-13-01", "2013-02-30", "13/1/2013", "2/30/2013"),
    *("1/2/13", " 2013-09-01", "2013-09-01 ", "2013/09/01", "+013-09-01", "20130901", "1/1/2013\n", "", "NA"),
)
ODD_NUMBERS = ("1d", "1_0", "1f", "inf", "-Infinity", "0x10", " 1", "1 ", "1\n", "1,5", "1e999", "--1", "e5")
ODD_DEGREES = ("18.48", "18.48n", "1dS", "S", "1_0N", "NaNE", " 1W", "1 W", "1\nE", "1e999N")


def delivered_table(*rows: Mapping[str, str | None]) -> pa.Table:
    """The relation `delivered`: the good row with each row's own values, counted from 1."""
    columns = {name: pa.array([{**GOOD_ROW, **row}[name] for row in rows], pa.string()) for name in HEADERS.values()}
    return pa.table({**columns, "source_row": pa.array(range(1, len(rows) + 1), pa.int64())})
