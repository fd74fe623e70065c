"""The reference files of a sample: code lists, US cities, airports and temperatures.

They have the names, headers and irregularities of the real files. The code lists are the reviewed ones; all other
figures are invented. Every reference source of the registry gets a file.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from i94_platform.contracts.codes import read_reviewed_list
from i94_platform.sample.countries import invent_city_names, read_countries
from i94_platform.sample.distributions import Categorical, Floats, Ints
from i94_platform.sample.from_contract import generate_file
from i94_platform.sample.labels import generate_labels
from i94_platform.sources.registry import REFERENCES

if TYPE_CHECKING:
    import pandas as pd

    from i94_platform.sample import Progress

_DEMOGRAPHICS_STREAM, _AIRPORTS_STREAM, _TEMPERATURES_STREAM = 102, 103, 104  # added to the seed

CITY_COUNT = 150
"""Cities of the demographics file."""

AIRPORT_COUNT = 2_000
"""Airports of the airport file."""

FIRST_TEMPERATURE, LAST_TEMPERATURE = "2004-01", "2013-09"
"""Months of the temperature file; most cities lack the last one."""

_STATES_WITHOUT_CITIES = ("GU", "VI", "VT", "WV", "WY", "99")
_STATES_OF_CITIES = Categorical.parse(
    "CA:34 TX:15 FL:13 IL:5 WA:5 AZ:4 CO:4 MA:4 MI:4 NC:4 NJ:4 NY:4 OH:3 VA:4 GA:3 MN:3 PR:3"
)
_LATITUDES_OF_US_CITIES = {"FL": 27.8, "CA": 36.5, "NY": 42.9, "TX": 31.0}
"""By state, the latitude of its city with temperatures; as many as the weight of the US in `countries.csv`."""
_STATE_NAMES = {
    "DC": "District of Columbia", "NC": "North Carolina", "ND": "North Dakota", "SC": "South Carolina",
    "SD": "South Dakota", "WV": "West Virginia", "WI": "Wisconsin",
}  # fmt: skip
_RACES = (
    "Hispanic or Latino", "White", "Black or African-American", "Asian", "American Indian and Alaska Native",
)  # fmt: skip
_RACE_SHARES = np.array([4.0, 9.0, 3.0, 1.4, 0.25])  # races overlap: their sum may exceed the population
_AIRPORT_TYPES = Categorical.parse(
    "small_airport:522 heliport:255 closed:138 medium_airport:63 seaplane_base:15 large_airport:6 balloonport:1"
)


def write_reference_files(out: Path, seed: int, progress: Progress) -> list[Path]:
    """Write a file for every reference source into `out`, each atomically, and return their paths."""
    written = []
    for name, source in REFERENCES.items():
        generate = _GENERATORS.get(name, partial(generate_file, source))
        unfinished = out / f".{source.file_name}.part"
        unfinished.write_bytes(generate(seed))
        written.append(unfinished.replace(out / source.file_name))
        progress(source.file_name, 1, 1)
    return written


def _generate_demographics(seed: int) -> bytes:
    """Generate cities by race in random order. Some values are missing, as in the real file."""
    rng = np.random.default_rng([seed, _DEMOGRAPHICS_STREAM])
    cities = _generate_cities(rng)
    share = rng.dirichlet(_RACE_SHARES, CITY_COUNT) * rng.uniform(1.0, 1.3, (CITY_COUNT, 1))
    count = np.rint(share * cities["Total Population"].to_numpy(float)[:, None]).astype(int)
    races = cities.loc[cities.index.repeat(len(_RACES))].assign(Race=_RACES * CITY_COUNT, Count=count.ravel())
    is_listed = (races["Count"] >= 100) & (races["Count"] <= races["Total Population"])
    return _to_csv(races[is_listed].sample(frac=1, random_state=rng), ";", "\r\n")


def _generate_cities(rng: np.random.Generator) -> pd.DataFrame:
    import pandas as pd

    listed = read_reviewed_list("i94addr").set_index("code")["label"].drop(list(_STATES_WITHOUT_CITIES))
    more = np.array(_STATES_OF_CITIES.values)[_STATES_OF_CITIES.draw(rng, 0, CITY_COUNT - len(listed))]
    state = pd.Series([*listed.index, *more])
    total = np.rint(65_000 * (1 + rng.pareto(1.4, CITY_COUNT)).clip(max=60)).astype(int)
    male = np.rint(total * rng.uniform(0.47, 0.51, CITY_COUNT)).astype(int)
    names = invent_city_names(rng, CITY_COUNT)
    names[1] = names[0]  # one name in two states: the real file has 26
    frame = pd.DataFrame(
        {
            "City": names,
            "State": state.map(listed.str.title()).where(~state.isin(_STATE_NAMES), state.map(_STATE_NAMES)),
            "Median Age": rng.normal(35.5, 4, CITY_COUNT).clip(23, 60).round(1),
            "Male Population": pd.array(male, "Int64"),
            "Female Population": pd.array(total - male, "Int64"),
            "Total Population": total,
            "Number of Veterans": pd.array(np.rint(total * rng.uniform(0.02, 0.08, CITY_COUNT)), "Int64"),
            "Foreign-born": pd.array(np.rint(total * rng.beta(2, 9, CITY_COUNT)), "Int64"),
            "Average Household Size": rng.normal(2.7, 0.35, CITY_COUNT).clip(2, 4.9).round(2),
            "State Code": state,
        }
    )
    unknown = state.isin(["PR"])
    frame.loc[unknown, ["Number of Veterans", "Foreign-born", "Average Household Size"]] = pd.NA
    frame.loc[state[state == "FL"].index[-1], ["Male Population", "Female Population"]] = pd.NA
    return frame


def _generate_airports(seed: int) -> bytes:
    """Generate airports near the middle of their country, "lat, lon" in one text; four in ten are in the US."""
    import pandas as pd

    rng = np.random.default_rng([seed, _AIRPORTS_STREAM])
    countries = read_countries()
    weight = {country.iso2: float(country.weight) for country in countries}
    weight["US"] = 0.65 * sum(weight.values())
    index = Categorical.of(weight).draw(rng, 0, AIRPORT_COUNT)
    index[: len(countries)] = np.arange(len(countries))  # each country has an airport, also Namibia (NA)
    iso2 = pd.Series([country.iso2 for country in countries]).iloc[index].reset_index(drop=True)
    number = pd.Series(np.arange(1, AIRPORT_COUNT + 1)).astype(str).str.zfill(4)
    town = pd.Series(invent_city_names(rng, AIRPORT_COUNT))
    latitude, longitude = _draw_positions(rng, index, 4.0)
    frame = pd.DataFrame(
        {
            "ident": iso2 + "-" + number,
            "type": np.array(_AIRPORT_TYPES.values)[_AIRPORT_TYPES.draw(rng, 0, AIRPORT_COUNT)],
            "name": town + " Airport",
            "elevation_ft": pd.array(np.rint(rng.gamma(1.2, 900, AIRPORT_COUNT)), "Int64"),
            "continent": np.array([country.continent for country in countries])[index],
            "iso_country": iso2,
            "iso_region": iso2 + "-" + _draw_regions(rng, iso2),
            "municipality": town,
            "gps_code": (iso2 + number.str[-2:]).where(rng.random(AIRPORT_COUNT) < 0.5),
            "iata_code": _three_letters(number).where(rng.random(AIRPORT_COUNT) < 0.12),
            "local_code": number.where(rng.random(AIRPORT_COUNT) < 0.6),
            "coordinates": _format_number(latitude, 6) + ", " + _format_number(longitude, 6),
        }
    )
    frame.loc[rng.random(AIRPORT_COUNT) < 0.19, "elevation_ft"] = pd.NA
    return _to_csv(frame, ",", "\r\n")


def _draw_regions(rng: np.random.Generator, iso2: pd.Series[str]) -> pd.Series[str]:
    """Draw a region for each airport: a state in the US, a number elsewhere."""
    import pandas as pd

    states = read_reviewed_list("i94addr").query("code != '99'")["code"].to_numpy(str)
    numbers = pd.Series(rng.integers(1, 20, len(iso2))).astype(str).str.zfill(2)
    return numbers.mask(iso2 == "US", pd.Series(rng.choice(states, len(iso2))))


def _three_letters(number: pd.Series[str]) -> pd.Series[str]:
    return "Q" + number.astype(int).map(lambda n: chr(65 + n // 26 % 26) + chr(65 + n % 26))


def _draw_positions(rng: np.random.Generator, index: Ints, reach: float) -> tuple[Floats, Floats]:
    middle = np.array([(row.latitude, row.longitude) for row in read_countries()])[index]
    near = middle + rng.uniform(-reach, reach, middle.shape)
    return near[:, 0], (near[:, 1] + 180) % 360 - 180


def _generate_temperatures(seed: int) -> bytes:
    """Generate monthly means by city: colder and more seasonal away from the equator, reversed south of it."""
    import pandas as pd

    rng = np.random.default_rng([seed, _TEMPERATURES_STREAM])
    countries = read_countries()
    index = np.repeat(np.arange(len(countries)), [country.weight for country in countries])
    months = pd.period_range(FIRST_TEMPERATURE, LAST_TEMPERATURE, freq="M")
    cities = pd.DataFrame({"City": invent_city_names(rng, len(index)), "Country": [countries[i].name for i in index]})
    latitude, longitude = _draw_positions(rng, index, 2.0)
    in_us = cities.index[cities["Country"] == "United States"]
    cities.loc[in_us, "City"], latitude[in_us] = _name_us_cities(seed), [*_LATITUDES_OF_US_CITIES.values()]
    cities["Latitude"], cities["Longitude"] = _format_degrees(latitude, "NS"), _format_degrees(longitude, "EW")
    mean = 28.0 - 0.4 * np.maximum(np.abs(latitude) - 12, 0) + rng.normal(0, 1.5, len(index))
    swing = 0.28 * latitude  # negative in the south, which reverses the seasons
    season = np.cos((months.month.to_numpy() - 7) * np.pi / 6)
    value = mean[:, None] + swing[:, None] * season + rng.normal(0, 0.8, (len(index), len(months)))
    frame = cities.loc[cities.index.repeat(len(months))].reset_index(drop=True)
    frame.insert(0, "dt", np.tile(months.strftime("%Y-%m-01").to_numpy(str), len(index)))
    frame.insert(1, "AverageTemperature", value.ravel().round(3))
    frame.insert(2, "AverageTemperatureUncertainty", rng.gamma(2, 0.25, len(frame)).round(3))
    unknown = (frame["dt"] == f"{LAST_TEMPERATURE}-01") & (rng.random(len(frame)) < 0.93)
    frame.loc[unknown, ["AverageTemperature", "AverageTemperatureUncertainty"]] = np.nan
    return _to_csv(frame.sort_values(["City", "Country", "dt"]), ",", "\n")


def _name_us_cities(seed: int) -> list[str]:
    """Return a listed city for each state that has temperatures; no other city has its name."""
    cities = _generate_cities(np.random.default_rng([seed, _DEMOGRAPHICS_STREAM]))
    unique = cities.drop_duplicates("City", keep=False)
    return [unique.loc[unique["State Code"] == state, "City"].iloc[0] for state in _LATITUDES_OF_US_CITIES]


def _format_degrees(degrees: Floats, sides: str) -> pd.Series[str]:
    """Format degrees with two decimals and a letter for the side, such as `8.73W`."""
    import pandas as pd

    side = pd.Series(degrees < 0).map({True: sides[1], False: sides[0]})
    return _format_number(np.abs(degrees), 2) + side


def _format_number(degrees: Floats, decimals: int) -> pd.Series[str]:
    import pandas as pd

    return pd.Series(degrees).map(f"{{:.{decimals}f}}".format)


def _to_csv(frame: pd.DataFrame, separator: str, line_end: str) -> bytes:
    return frame.to_csv(index=False, sep=separator, lineterminator=line_end).encode()


_GENERATORS: dict[str, Callable[[int], bytes]] = {
    "i94_labels": lambda _seed: generate_labels(),
    "us_cities_demographics": _generate_demographics,
    "airport_codes": _generate_airports,
    "land_temperatures": _generate_temperatures,
}
"""The sources whose sample looks like the real file; any other one gets valid rows from its contract."""
