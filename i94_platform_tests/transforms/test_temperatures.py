"""Test what of the city temperatures is read, what is rejected and why, and the climates made of them.

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
from i94_platform.contracts.missing_values import MISSING
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


TODAY = dt.date(2016, 4, 30)


def stage(engine: Engine, *rows: Mapping[str, str | None], order: temperatures.DateOrder = "month first") -> pa.Table:
    """Register delivered rows and return those that are accepted."""
    engine.register_table("delivered", delivered_table(*rows))
    engine.materialize("validated", temperatures.render_validated(order, TODAY))
    engine.materialize("contradicting_rows", temperatures.render_contradicting_rows())
    return engine.fetch(temperatures.render_accepted())


def find_problems(engine: Engine, *rows: Mapping[str, str | None]) -> list[tuple[str, int, int, str]]:
    """Stage rows; return the problems of those that are rejected, with the number of rows and the first one."""
    accepted = stage(engine, *rows)
    problems = engine.fetch(temperatures.render_rejected()).to_pylist()
    assert accepted.num_rows + sum(problem["row_count"] for problem in problems) == len(rows)
    return [(p["problem"], p["row_count"], p["first_row"], p["first_text"]) for p in problems]


@pytest.mark.parametrize(
    ("text", "order", "day"),
    [
        ("2013-09-01", "month first", dt.date(2013, 9, 1)),
        ("2013-09-01", "day first", dt.date(2013, 9, 1)),
        ("9/1/2013", "month first", dt.date(2013, 9, 1)),
        ("12/01/1899", "month first", dt.date(1899, 12, 1)),
        ("1/9/2013", "day first", dt.date(2013, 9, 1)),
    ],
)
def test_dates_are_read_in_each_spelling(
    engine: Engine, text: str, order: temperatures.DateOrder, day: dt.date
) -> None:
    (row,) = stage(engine, {"dt": text}, order=order).to_pylist()
    expected = {"dt": day, "city": "Arica", "country": "Chile", "iso3": "CHL", "latitude": -18.48, "longitude": -70.33}
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize("text", ODD_DATES)
def test_no_other_date_is_read(engine: Engine, text: str) -> None:
    assert find_problems(engine, {}, {"dt": text}) == [("column dt is no date", 1, 2, text)]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("2013-09-15", "is no first day of a month"),
        ("1/9/2013", "is no first day of a month"),
        ("2016-05-01", "is in the future"),
        ("5/1/2100", "is in the future"),
        ("0013-09-01", "is before 1700"),
    ],
)
def test_a_date_that_no_record_can_have_is_rejected(engine: Engine, text: str, problem: str) -> None:
    assert find_problems(engine, {}, {"dt": text}) == [(f"column dt {problem}", 1, 2, text)]


@pytest.mark.parametrize("text", [*ODD_NUMBERS, "9999"])
@pytest.mark.parametrize("column", NUMBERS)
def test_no_other_number_is_read(engine: Engine, column: str, text: str) -> None:
    ((problem, rows, row, quoted),) = find_problems(engine, {}, {column: text})
    assert problem.startswith(f"column {column} is no ")
    assert (rows, row, quoted) == (1, 2, text)


@pytest.mark.parametrize("text", [*ODD_DEGREES, "181N", "181W"])
@pytest.mark.parametrize("column", DEGREES)
def test_no_other_degrees_are_read(engine: Engine, column: str, text: str) -> None:
    assert find_problems(engine, {}, {column: text}) == [(f"column {column} is no {column.lower()}", 1, 2, text)]


@pytest.mark.parametrize("word", [None, *sorted(MISSING), "NaN", "None", "\\N"])
def test_a_missing_temperature_is_null(engine: Engine, word: str | None) -> None:
    (row,) = stage(engine, {"AverageTemperature": word, "AverageTemperatureUncertainty": word}).to_pylist()
    assert row["average_temperature"] is row["average_temperature_uncertainty"] is None


@pytest.mark.parametrize("column", ["dt", "City", "Country", "Latitude", "Longitude"])
def test_a_row_without_its_date_or_place_is_rejected(engine: Engine, column: str) -> None:
    ((problem, rows, row, quoted),) = find_problems(engine, {}, {column: None})
    assert problem.startswith(f"column {column} ")
    assert (rows, row, quoted) == (1, 2, "")


def test_a_name_that_is_too_long_is_rejected(engine: Engine) -> None:
    ((problem, *_),) = find_problems(engine, {}, {"City": "é" * 33})
    assert problem == "column City is longer than 64 bytes"


def test_a_record_in_another_spelling_of_its_date_counts_once(engine: Engine) -> None:
    assert stage(engine, {"dt": "2013-09-01"}, {"dt": "9/1/2013"}).num_rows == 1


@pytest.mark.parametrize("other", ["15.6", None])
def test_a_row_that_contradicts_an_earlier_one_is_rejected(engine: Engine, other: str | None) -> None:
    contradicting = {"dt": "9/1/2013", "AverageTemperature": other}
    problems = find_problems(engine, {}, {"dt": "2013-08-01"}, contradicting)
    assert problems == [("contradicts an earlier row of its month and city", 1, 3, "Arica 9/1/2013")]


@pytest.mark.parametrize(
    ("dates", "counts"),
    [
        (["1/1/2013", "2/1/2013", "12/01/2013"], (3, 1, 1)),
        (["1/1/2013", "1/2/2013", "01/12/2013"], (1, 3, 1)),
        (["13/1/2013", "1/13/2013", "2/2/2013", "2013-01-01", "1/1/13", "1/1/2013\n"], (0, 0, 0)),
    ],
)
def test_dates_with_slashes_are_counted_in_both_orders(
    engine: Engine, dates: list[str], counts: tuple[int, int, int]
) -> None:
    engine.register_table("delivered", delivered_table(*({"dt": date} for date in dates)))
    row = engine.fetch_row(temperatures.render_date_orders())
    assert (row["month_first"], row["day_first"], row["either"]) == counts


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
    """Mean temperature and number of cities by country, over the 30 years up to the last month with many cities."""
    known = frame.dropna(subset=["average_temperature"])
    if known.empty:
        return {}
    dates = pd.to_datetime(known["dt"])
    known = known.assign(month=dates.dt.month, year=dates.dt.year)
    cities = known.groupby(dates).size()
    last = cities.index[cities * 2 >= cities.max()].max().year
    recent = known[known["year"].between(last - 29, last)].dropna(subset=["iso3"])
    place = ["iso3", "city", "latitude"]
    by_city = recent.groupby([*place, "month"])["average_temperature"].mean().groupby(place).mean()
    by_country = by_city.groupby("iso3").agg(["mean", "size"])
    return {str(iso3): (row["mean"], int(row["size"])) for iso3, row in by_country.iterrows()}


def test_a_stray_year_moves_no_climate(engine: Engine) -> None:
    rows: list[dict[str, object]] = [
        {"dt": dt.date(year, 1, 1), "average_temperature": float(year - 1980), "city": city}
        for year in range(1980, 2014)
        for city in ("Arica", "Lima", "Cusco")
    ]
    means = []
    for stray in ([], [{"dt": dt.date(2040, 1, 1), "average_temperature": 99.0, "city": "Arica"}]):
        frame = pd.DataFrame(rows + stray).assign(
            country="x", iso3="PER", latitude=0.0, longitude=0.0, average_temperature_uncertainty=0.1
        )
        table = pa.Table.from_pandas(frame, schema=arrow_schema(world_temperature), preserve_index=False)
        engine.register_table("world_temperature", table)
        means.append(engine.fetch(temperatures.render_climate()).to_pylist())
    assert means[0] == means[1]
    assert means[0][0]["mean_temperature"] == 18.5, "the years 1984 to 2013"


def test_the_good_row_is_good(engine: Engine) -> None:
    assert find_problems(engine, GOOD_ROW) == []
