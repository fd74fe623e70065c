"""The reference files of a sample: code lists, US cities, airports and temperatures.

Here: files with the names, headers and quirks of the real ones. The code lists are the reviewed ones; every other
figure is invented. Not here: the arrivals (`immigration`), and how the files are read (`transforms`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from i94_platform.contracts.codes import read_reviewed_list
from i94_platform.sample.draw import Choices, Floats, Ints
from i94_platform.sample.places import COUNTRIES, city_names

if TYPE_CHECKING:
    import pandas as pd

LABELS = "I94_SAS_Labels_Descriptions.SAS"
DEMOGRAPHICS = "us-cities-demographics.csv"
AIRPORTS = "airport-codes_csv.csv"
TEMPERATURES = "GlobalLandTemperaturesByCity.csv"
_LABELS_PART, _DEMOGRAPHICS_PART, _AIRPORTS_PART, _TEMPERATURES_PART = range(101, 105)

CITIES = 150
"""Cities of the demographics file."""

AIRPORT_ROWS = 2_000
"""Airports of the airport file."""

FIRST_TEMPERATURE, LAST_TEMPERATURE = "2004-01", "2013-09"
"""Months of the temperature file; most cities lack the last one."""

_PORT_LABEL_WIDTH = 21
_STATES_WITHOUT_CITIES = ("GU", "VI", "VT", "WV", "WY", "99")
_STATE_CITIES = Choices.parse("CA:34 TX:15 FL:13 IL:5 WA:5 AZ:4 CO:4 MA:4 MI:4 NC:4 NJ:4 NY:4 OH:3 VA:4 GA:3 MN:3 PR:3")
_STATE_NAMES = {
    "DC": "District of Columbia", "NC": "North Carolina", "ND": "North Dakota", "SC": "South Carolina",
    "SD": "South Dakota", "WV": "West Virginia", "WI": "Wisconsin",
}  # fmt: skip
_RACES = (
    "Hispanic or Latino", "White", "Black or African-American", "Asian", "American Indian and Alaska Native",
)  # fmt: skip
_RACE_SHARES = np.array([4.0, 9.0, 3.0, 1.4, 0.25])  # they overlap, so their sum may exceed the population
_AIRPORT_TYPES = Choices.parse(
    "small_airport:522 heliport:255 closed:138 medium_airport:63 seaplane_base:15 large_airport:6 balloonport:1"
)


def write_references(out: Path, seed: int, progress: Callable[[str, int, int], None]) -> list[Path]:
    """Write the four files into `out`, each in one step, and return their paths."""
    contents: dict[str, Callable[[int], bytes]] = {
        LABELS: lambda _seed: label_file(),
        DEMOGRAPHICS: _demographics,
        AIRPORTS: _airports,
        TEMPERATURES: _temperatures,
    }
    written = []
    for name, content in contents.items():
        unfinished = out / f".{name}.part"
        unfinished.write_bytes(content(seed))
        written.append(unfinished.replace(out / name))
        progress(name, 1, 1)
    return written


def label_file() -> bytes:
    """The reviewed code lists in the SAS syntax and with the irregularities of the real label file, CRLF included."""
    lines = [
        "libname library 'Your file location' ;", "proc format library=library ;", "",
        "/* I94YR - 4 digit year */", "", "/* I94MON - Numeric month */", "",
        "/* I94CIT & I94RES - All codes of countries, valid and invalid */", "  value i94cntyl", *_countries(), "", "",
        "/* I94PORT - All codes of ports, valid and invalid */", "  value $i94prtl", *_ports(), ";", "", "",
        "/* ARRDATE - A SAS date without a format;", "   apply the one that works for you. */", "",
        "/* I94MODE - May be missing as well as not reported (9) */", "value i94model", *_modes(), "\t", "",
        "/* I94ADDR - Every code outside this list is 'other' */", "value i94addrl", *_states(), "",
        "/* I94VISA - Purposes of visit, in three groups:", *_visas(), "*/", "",
        "/* COUNT - Used for summary statistics */", "", "run ;", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


def _quoted(texts: pd.Series[str]) -> pd.Series[str]:
    return "'" + texts.str.replace("'", "''") + "'"


def _closed(entries: pd.Series[str]) -> list[str]:
    return [*entries.iloc[:-1], f"{entries.iloc[-1]} ;"]


def _countries() -> list[str]:
    listed = read_reviewed_list("i94cit_res")
    code = listed["code"].astype("string")
    blanks_inside = listed["label"].mask(listed["label"] == "ARGENTINA", "ARGENTINA ")
    blanks_after = listed["label"].str.endswith(")").map({True: " ", False: ""})
    return _closed("   " + code.where(code.str.len() > 1, code + " ") + " =  " + _quoted(blanks_inside) + blanks_after)


def _ports() -> list[str]:
    listed = read_reviewed_list("i94port")
    label = listed["label"].where(listed["status"] != "valid", listed["label"].str.ljust(_PORT_LABEL_WIDTH))
    inner = listed["code"].mask(listed["code"] == "CP", "CP ")
    code = _quoted(inner)
    tabs = (inner.str.len() < len("ABC")).map({True: " \t=\t", False: "\t=\t"})
    blanks_after = (listed["code"] == "HOM").map({True: " " * 11, False: ""})
    return ("   " + code + tabs + _quoted(label) + blanks_after).tolist()


def _modes() -> list[str]:
    listed = read_reviewed_list("i94mode")
    return _closed("\t" + listed["code"].astype("string") + " = " + _quoted(listed["label"]))


def _states() -> list[str]:
    listed = read_reviewed_list("i94addr")
    return _closed("\t" + _quoted(listed["code"]) + "=" + _quoted(listed["label"]))


def _visas() -> list[str]:
    listed = read_reviewed_list("i94visa")
    return ("   " + listed["code"].astype("string") + " = " + listed["label"]).tolist()


def _demographics(seed: int) -> bytes:
    """Cities by race in no order: one lacks its men and women, Puerto Rico its veterans, some their rare races."""
    rng = np.random.default_rng([seed, _DEMOGRAPHICS_PART])
    cities = _cities(rng)
    share = rng.dirichlet(_RACE_SHARES, CITIES) * rng.uniform(1.0, 1.3, (CITIES, 1))
    count = np.rint(share * cities["Total Population"].to_numpy(float)[:, None]).astype(int)
    races = cities.loc[cities.index.repeat(len(_RACES))].assign(Race=_RACES * CITIES, Count=count.ravel())
    told = (races["Count"] >= 100) & (races["Count"] <= races["Total Population"])
    return _csv(races[told].sample(frac=1, random_state=rng), ";", "\r\n")


def _cities(rng: np.random.Generator) -> pd.DataFrame:
    import pandas as pd

    listed = read_reviewed_list("i94addr").set_index("code")["label"].drop(list(_STATES_WITHOUT_CITIES))
    more = np.array(_STATE_CITIES.values)[_STATE_CITIES.draw(rng, 0, CITIES - len(listed))]
    state = pd.Series([*listed.index, *more])
    total = np.rint(65_000 * (1 + rng.pareto(1.4, CITIES)).clip(max=60)).astype(int)
    male = np.rint(total * rng.uniform(0.47, 0.51, CITIES)).astype(int)
    names = city_names(rng, CITIES)
    names[1] = names[0]  # one name in two states, as 26 real ones are
    frame = pd.DataFrame(
        {
            "City": names,
            "State": state.map(listed.str.title()).where(~state.isin(_STATE_NAMES), state.map(_STATE_NAMES)),
            "Median Age": rng.normal(35.5, 4, CITIES).clip(23, 60).round(1),
            "Male Population": pd.array(male, "Int64"),
            "Female Population": pd.array(total - male, "Int64"),
            "Total Population": total,
            "Number of Veterans": pd.array(np.rint(total * rng.uniform(0.02, 0.08, CITIES)), "Int64"),
            "Foreign-born": pd.array(np.rint(total * rng.beta(2, 9, CITIES)), "Int64"),
            "Average Household Size": rng.normal(2.7, 0.35, CITIES).clip(2, 4.9).round(2),
            "State Code": state,
        }
    )
    unknown = state.isin(["PR"])
    frame.loc[unknown, ["Number of Veterans", "Foreign-born", "Average Household Size"]] = pd.NA
    frame.loc[state[state == "FL"].index[-1], ["Male Population", "Female Population"]] = pd.NA
    return frame


def _airports(seed: int) -> bytes:
    """Airports around the middles of their countries, "lat, lon" in one text; four in ten are American."""
    import pandas as pd

    rng = np.random.default_rng([seed, _AIRPORTS_PART])
    weight = {country.iso2: float(country.weight) for country in COUNTRIES}
    weight["US"] = 0.65 * sum(weight.values())
    place = Choices.of(weight).draw(rng, 0, AIRPORT_ROWS)
    place[: len(COUNTRIES)] = np.arange(len(COUNTRIES))  # each country has one, Namibia (NA) too
    iso2 = pd.Series([country.iso2 for country in COUNTRIES]).iloc[place].reset_index(drop=True)
    number = pd.Series(np.arange(1, AIRPORT_ROWS + 1)).astype(str).str.zfill(4)
    town = pd.Series(city_names(rng, AIRPORT_ROWS))
    latitude, longitude = _around(rng, place, 4.0)
    frame = pd.DataFrame(
        {
            "ident": iso2 + "-" + number,
            "type": np.array(_AIRPORT_TYPES.values)[_AIRPORT_TYPES.draw(rng, 0, AIRPORT_ROWS)],
            "name": town + " Airport",
            "elevation_ft": pd.array(np.rint(rng.gamma(1.2, 900, AIRPORT_ROWS)), "Int64"),
            "continent": np.array([country.continent for country in COUNTRIES])[place],
            "iso_country": iso2,
            "iso_region": iso2 + "-" + _regions(rng, iso2),
            "municipality": town,
            "gps_code": (iso2 + number.str[-2:]).where(rng.random(AIRPORT_ROWS) < 0.5),
            "iata_code": _three_letters(number).where(rng.random(AIRPORT_ROWS) < 0.12),
            "local_code": number.where(rng.random(AIRPORT_ROWS) < 0.6),
            "coordinates": _degrees_text(latitude, 6) + ", " + _degrees_text(longitude, 6),
        }
    )
    frame.loc[rng.random(AIRPORT_ROWS) < 0.19, "elevation_ft"] = pd.NA
    return _csv(frame, ",", "\r\n")


def _regions(rng: np.random.Generator, iso2: pd.Series[str]) -> pd.Series[str]:
    """States of the US, numbers elsewhere."""
    import pandas as pd

    states = read_reviewed_list("i94addr").query("code != '99'")["code"].to_numpy(str)
    numbers = pd.Series(rng.integers(1, 20, len(iso2))).astype(str).str.zfill(2)
    return numbers.mask(iso2 == "US", pd.Series(rng.choice(states, len(iso2))))


def _three_letters(number: pd.Series[str]) -> pd.Series[str]:
    return "Q" + number.astype(int).map(lambda n: chr(65 + n // 26 % 26) + chr(65 + n % 26))


def _around(rng: np.random.Generator, place: Ints, reach: float) -> tuple[Floats, Floats]:
    middle = np.array([(country.latitude, country.longitude) for country in COUNTRIES])[place]
    near = middle + rng.uniform(-reach, reach, middle.shape)
    return near[:, 0], (near[:, 1] + 180) % 360 - 180


def _temperatures(seed: int) -> bytes:
    """Monthly means by city: colder and more seasonal away from the equator, summer in January south of it."""
    import pandas as pd

    rng = np.random.default_rng([seed, _TEMPERATURES_PART])
    place = np.repeat(np.arange(len(COUNTRIES)), [country.weight for country in COUNTRIES])
    months = pd.period_range(FIRST_TEMPERATURE, LAST_TEMPERATURE, freq="M")
    cities = pd.DataFrame({"City": city_names(rng, len(place)), "Country": [COUNTRIES[p].name for p in place]})
    latitude, longitude = _around(rng, place, 2.0)
    cities["Latitude"], cities["Longitude"] = _degrees(latitude, "NS"), _degrees(longitude, "EW")
    mean = 28.0 - 0.4 * np.maximum(np.abs(latitude) - 12, 0) + rng.normal(0, 1.5, len(place))
    swing = 0.28 * latitude  # negative in the south, which turns its year around
    season = np.cos((months.month.to_numpy() - 7) * np.pi / 6)
    value = mean[:, None] + swing[:, None] * season + rng.normal(0, 0.8, (len(place), len(months)))
    frame = cities.loc[cities.index.repeat(len(months))].reset_index(drop=True)
    frame.insert(0, "dt", np.tile(months.strftime("%Y-%m-01").to_numpy(str), len(place)))
    frame.insert(1, "AverageTemperature", value.ravel().round(3))
    frame.insert(2, "AverageTemperatureUncertainty", rng.gamma(2, 0.25, len(frame)).round(3))
    unknown = (frame["dt"] == f"{LAST_TEMPERATURE}-01") & (rng.random(len(frame)) < 0.93)
    frame.loc[unknown, ["AverageTemperature", "AverageTemperatureUncertainty"]] = np.nan
    return _csv(frame.sort_values(["City", "Country", "dt"]), ",", "\n")


def _degrees(degrees: Floats, sides: str) -> pd.Series[str]:
    """Degrees with two decimals and a letter for the side, such as `8.73W`."""
    import pandas as pd

    side = pd.Series(degrees < 0).map({True: sides[1], False: sides[0]})
    return _degrees_text(np.abs(degrees), 2) + side


def _degrees_text(degrees: Floats, decimals: int) -> pd.Series[str]:
    import pandas as pd

    return pd.Series(degrees).map(f"{{:.{decimals}f}}".format)


def _csv(frame: pd.DataFrame, separator: str, line_end: str) -> bytes:
    return frame.to_csv(index=False, sep=separator, lineterminator=line_end).encode()
