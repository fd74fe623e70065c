"""Test what of the city temperatures is read, what is rejected with its row, and the climates made of them.

Wrong here before: `111/2/2013` read as a date by one engine and not by the other, and means that hung on the order of
the rows. The climates are worked out anew here, in pandas.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i94_platform.contracts import world_temperature
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.engine.base import Engine
from i94_platform.engine.duckdb import DuckDBEngine
from i94_platform.transforms.temperatures import queries as temperatures
from i94_platform_tests.support.temperatures import (
    DEGREES,
    GOOD_ROW,
    NUMBERS,
    ODD_DATES,
    ODD_DEGREES,
    ODD_NUMBERS,
    delivered_table,
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The embedded engine."""
    engine = DuckDBEngine(tmp_path_factory.mktemp("duckdb"))
    with engine.session():
        engine.register_table("country_iso3", pa.table({"country": ["Chile"], "iso3": ["CHL"]}))
        yield engine


def problems(engine: Engine, *rows: Mapping[str, str | None]) -> list[dict[str, Any]]:
    """What is said of rows that can't be read."""
    engine.register_table("delivered", delivered_table(*rows))
    return engine.fetch(temperatures.render_unreadable()).to_pylist()


@pytest.mark.parametrize(
    ("text", "day"),
    [("2013-09-01", dt.date(2013, 9, 1)), ("9/1/2013", dt.date(2013, 9, 1)), ("12/31/1899", dt.date(1899, 12, 31))],
)
def test_dates_are_read_in_both_spellings(engine: Engine, text: str, day: dt.date) -> None:
    engine.register_table("delivered", delivered_table({"dt": text}))
    row = engine.fetch_row(temperatures.render_accepted())
    expected = {"dt": day, "city": "Arica", "country": "Chile", "iso3": "CHL", "latitude": -18.48, "longitude": -70.33}
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize("text", ODD_DATES)
def test_no_other_date_is_read(engine: Engine, text: str) -> None:
    assert problems(engine, {}, {"dt": text}) == [{"source_row": 2, "problem": f"dt={text}"}]


@pytest.mark.parametrize("text", ODD_NUMBERS)
@pytest.mark.parametrize("column", NUMBERS)
def test_no_other_number_is_read(engine: Engine, column: str, text: str) -> None:
    assert problems(engine, {}, {column: text}) == [{"source_row": 2, "problem": f"{column}={text}"}]


@pytest.mark.parametrize("text", ODD_DEGREES)
@pytest.mark.parametrize("column", DEGREES)
def test_no_other_degrees_are_read(engine: Engine, column: str, text: str) -> None:
    assert problems(engine, {}, {column: text}) == [{"source_row": 2, "problem": f"{column}={text}"}]


def test_a_missing_temperature_is_null_and_a_missing_place_is_reported(engine: Engine) -> None:
    assert problems(engine, {"AverageTemperature": None, "AverageTemperatureUncertainty": None}) == []
    assert [row["problem"] for row in problems(engine, {"City": None}, {"Latitude": None}, {"dt": None})] == [
        "City or Country is missing",
        "Latitude=nothing",
        "dt=nothing",
    ]


RECORDS = st.lists(
    st.fixed_dictionaries(
        {
            "dt": st.dates(dt.date(1975, 1, 1), dt.date(2013, 12, 31)).map(lambda day: day.replace(day=1)),
            "average_temperature": st.none() | st.integers(-400_000, 400_000).map(lambda n: n / 10_000),
            "city": st.sampled_from(["Arica", "Cusco", "Lima"]),
            "iso3": st.sampled_from(["CHL", "PER", None]),
            "latitude": st.sampled_from([-18.48, -12.05, 0.0]),
        }
    ),
    min_size=1,
    max_size=60,
    unique_by=lambda row: (row["dt"], row["city"], row["iso3"], row["latitude"]),
)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(RECORDS)
def test_climates_are_the_means_of_months_then_of_cities(engine: Engine, records: list[dict[str, Any]]) -> None:
    frame = pd.DataFrame(records).assign(country="x", longitude=-70.33, average_temperature_uncertainty=0.1)
    rows = pa.Table.from_pandas(frame, schema=arrow_schema(world_temperature), preserve_index=False)
    engine.register_table("world_temperature", rows)
    found = {row["iso3"]: row for row in engine.fetch(temperatures.render_climate()).to_pylist()}
    expected = climates(frame)
    assert set(found) == set(expected)
    for iso3, (temperature, cities) in expected.items():
        assert found[iso3]["mean_temperature"] == pytest.approx(temperature, abs=0.6e-4)
        assert found[iso3]["temperature_cities"] == cities


def climates(frame: pd.DataFrame) -> dict[str, tuple[float, int]]:
    """Mean temperature and number of cities by country, over the last 30 years that have a temperature."""
    known = frame.dropna(subset=["average_temperature"])
    years = pd.to_datetime(known["dt"])
    if known.empty:
        return {}
    recent = known.assign(month=years.dt.month)[years.dt.year > years.dt.year.max() - 30].dropna(subset=["iso3"])
    place = ["iso3", "city", "latitude"]
    by_city = recent.groupby([*place, "month"])["average_temperature"].mean().groupby(place).mean()
    by_country = by_city.groupby("iso3").agg(["mean", "size"])
    return {str(iso3): (row["mean"], int(row["size"])) for iso3, row in by_country.iterrows()}


def test_the_good_row_is_good(engine: Engine) -> None:
    assert problems(engine, GOOD_ROW) == []
