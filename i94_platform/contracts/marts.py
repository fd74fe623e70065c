"""The monthly marts: a question each, and the cube behind them.

In every monthly mart the key holds no null. A missing value has a value of its own, so that each breakdown adds up to all
arrivals. Each mart declared here as monthly needs a file `i94_platform/marts/<name>.sql`, and nothing else.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Column, Double, Integer, String, Table

from i94_platform.contracts.groups import (
    AGE_BANDS,
    AIRLINE,
    CARRIERS,
    CLIMATE_BANDS,
    GENDERS,
    LONGEST_STAY,
    NO_CODE,
    NOT_GIVEN,
    OTHER_GENDER,
    UNKNOWN,
)
from i94_platform.contracts.model import MONTH_COLUMNS, Statistic, column, is_monthly, mart_metadata, table
from i94_platform.errors import PermanentError

_FACT = "immigration"
_COUNTRY = "country"
_STATE = "state"
_TEMPERATURES = "world_temperature"
_CLIMATE_RULE = ", ".join(
    f"{name} {f'{low:g} to ' if low is not None and high is not None else ''}"
    f"{f'below {high:g}' if high is not None else f'from {low:g}'}"
    for name, low, high in CLIMATE_BANDS
)


def _monthly_mart(
    name: str, description: str, *columns: Column[Any], grain: str, distribution: str = "AUTO", sort: Sequence[str] = ()
) -> Table:
    """Declare a mart of the arrivals of a month.

    Raises:
        PermanentError: a number is computed from arrivals, and does not say how, so nothing would round it for readers.
    """
    numbers = [c for c in columns if not c.info["key"] and not isinstance(c.type, String) and c.info["source"] == _FACT]
    if undeclared := [c.name for c in numbers if c.info["statistic"] is None]:
        raise PermanentError(
            f"{', '.join(undeclared)} of mart {name} is computed from arrivals; give it a statistic (contracts/marts.py)."
        )
    month = [
        column("i94yr", Integer(), "Year of arrival.", source=_FACT, unit="year", key=True, low=2000, high=2099),
        column("i94mon", Integer(), "Month of arrival, 1 to 12.", source=_FACT, unit="month", key=True, low=1, high=12),
    ]
    return table(
        mart_metadata, name, description, *month, *columns,
        domain="arrivals", grain=grain, distribution=distribution, sort=sort,
    )


def _visitors(of: str) -> Column[Any]:
    return column("visitors", BigInteger(), f"Arrivals in the month {of}.", source=_FACT, unit="arrivals", nullable=False, low=1, statistic=Statistic("cell"))


def _departures() -> list[Column[Any]]:
    return [
        column("no_departure", BigInteger(), "Those of them without a departure in the delivery.", source=_FACT, unit="arrivals", nullable=False, low=0, statistic=Statistic("count")),
        column("stays", BigInteger(), f"Those of them with a known stay, of 0 to {LONGEST_STAY} days.", source=_FACT, unit="arrivals", nullable=False, low=0, statistic=Statistic("count")),
        column("stay_days", BigInteger(), "Sum of the days of these stays; divide it by stays for their mean.", source=_FACT, unit="days", nullable=True, low=0, statistic=Statistic("sum", "stays")),
    ]


def _nationality() -> Column[Any]:
    return column("i94cit", Integer(), f"Code of the country of citizenship; {NO_CODE} where it is not given.", source=_FACT, key=True, low=NO_CODE)


def _residence() -> Column[Any]:
    return column("i94res", Integer(), f"Code of the country of residence; {NO_CODE} where it is not given.", source=_FACT, key=True, low=NO_CODE)


def _airline() -> Column[Any]:
    return column("airline", String(16), f"Code of the airline as delivered, '{NOT_GIVEN}' where there is none.", source=_FACT, key=True)


def _state_code() -> Column[Any]:
    return column("i94addr", String(2), "State of the first address; 99 for missing and for every code outside the list.", source=_FACT, key=True)


def _age_band() -> Column[Any]:
    return column("age_band", String(16), f"Age of the visitor in years; {UNKNOWN} where it is missing or below 0.", source=_FACT, key=True, allowed=(*(name for name, *_ in AGE_BANDS), UNKNOWN))


def _gender() -> Column[Any]:
    return column("gender", String(16), f"Sex of the visitor as recorded, '{NOT_GIVEN}' where it is missing.", source=_FACT, key=True, allowed=tuple(GENDERS))


def _purpose() -> Column[Any]:
    return column("i94visa", Integer(), "Code of the purpose of the visit.", source=_FACT, key=True)


def _purpose_label() -> Column[Any]:
    return column("visa", String(32), "Purpose of the visit in words.", source="i94visa", nullable=False)


def _port() -> Column[Any]:
    return column("i94port", String(3), "Port of entry, a CBP code and not an IATA one; XXX where missing or unlisted.", source=_FACT, key=True)


def _named_port() -> list[Column[Any]]:
    return [
        _port(),
        column("port", String(128), "Name of the port of entry.", source="i94port", nullable=False),
        column("port_state", String(2), "State or territory where the port lies; null where its label names none.", source="i94port"),
    ]


def _mode() -> Column[Any]:
    return column("i94mode", Integer(), f"Code of the mode of arrival; 9 not reported or unlisted, {NO_CODE} where it is not given.", source=_FACT, key=True, low=NO_CODE)


def _origin() -> list[Column[Any]]:
    return [
        _residence(),
        column("origin", String(128), "Name of the country of residence; of a code outside the list its number, with a hint where reviewed.", source=_COUNTRY, nullable=False),
    ]


def _destination() -> list[Column[Any]]:
    return [
        _state_code(),
        column("state", String(64), "Name of the state of the first address.", source=_STATE, nullable=False),
    ]


def _country_columns(what: str) -> list[Column[Any]]:
    return [
        column("status", String(16), f"Status of the {what} in the code list, such as valid or unlisted.", source=_COUNTRY, nullable=False),
        column("iso3", String(3), "ISO 3166 alpha-3 code; null where the code names no country or an ambiguous one.", source=_COUNTRY),
        column("region", String(64), f"UN M49 region of the country, or {UNKNOWN}.", source=_COUNTRY, nullable=False),
    ]


def _climate_band(of: str = "source country", *, key: bool) -> Column[Any]:
    return column(
        "climate_band", String(16), f"Band of the {of}'s mean yearly temperature in °C: {_CLIMATE_RULE}; {UNKNOWN} without a temperature.",
        source=_COUNTRY, key=key, nullable=False, allowed=(*(name for name, *_ in CLIMATE_BANDS), UNKNOWN),
    )


arrivals_cube: Table = _monthly_mart(
    "arrivals_cube",
    "Arrivals by everything that they are filtered and grouped by, in codes; the dimensions hold the labels.",
    _nationality(),
    _residence(),
    _state_code(),
    _port(),
    _airline(),
    _mode(),
    _purpose(),
    column("visatype", String(16), f"Class of admission that the visa allows, such as B2 or WT; '{NOT_GIVEN}' where it is missing.", source=_FACT, key=True),
    _gender(),
    _age_band(),
    _visitors("of this group"),
    *_departures(),
    grain="one row per month, citizenship, residence, state, port, airline, mode, purpose, visa class, gender and age band",
    distribution="EVEN",
    sort=(*MONTH_COLUMNS, "i94addr", "i94res"),
)

visitors_by_nationality: Table = _monthly_mart(
    "visitors_by_nationality",
    "Arrivals by country of citizenship.",
    _nationality(),
    column("nationality", String(128), "Name of the country of citizenship; of a code outside the list its number with a hint, as code 148 (likely Germany).", source=_COUNTRY, nullable=False),
    *_country_columns("nationality"),
    _visitors("with this citizenship"),
    column("hint_likely_residence", String(128), "A hint, not a fact: where most of the visitors of an unlisted nationality live that month; null for listed ones.", source=_FACT, statistic=Statistic("text", "hint_likely_residence_visitors")),
    column("hint_likely_residence_visitors", BigInteger(), "How many of these visitors live there, to judge the hint by.", source=_FACT, unit="arrivals", low=1, statistic=Statistic("count", "hint_likely_residence_visitors")),
    grain="one row per month and country of citizenship (i94yr, i94mon, i94cit)",
)

visitors_by_origin: Table = _monthly_mart(
    "visitors_by_origin",
    "Arrivals by country of residence.",
    *_origin(),
    *_country_columns("country of residence"),
    _visitors("with this residence"),
    grain="one row per month and country of residence (i94yr, i94mon, i94res)",
)

visitors_by_airline: Table = _monthly_mart(
    "visitors_by_airline",
    "Arrivals by airline or other carrier.",
    _airline(),
    column("carrier", String(32), "Kind of carrier; *GA as general aviation and VES as vessel are inferred.", source=_FACT, nullable=False, allowed=(AIRLINE, *CARRIERS.values())),
    column("airline_name", String(64), "Name of the airline where lookup/airlines.csv has it, else the kind of carrier, or 'code' and the code.", source="lookup/airlines.csv", nullable=False),
    _visitors("with this carrier"),
    grain="one row per month and airline (i94yr, i94mon, airline)",
)

destination_by_origin: Table = _monthly_mart(
    "destination_by_origin",
    "Arrivals by state of the first address and country of residence.",
    *_destination(),
    *_origin(),
    *_country_columns("country of residence"),
    _visitors("to this state from this country"),
    grain="one row per month, state and country of residence (i94yr, i94mon, i94addr, i94res)",
)

destination_by_climate: Table = _monthly_mart(
    "destination_by_climate",
    "Arrivals by state of the first address and climate of the country of residence.",
    *_destination(),
    _climate_band(key=True),
    column("source_countries", Integer(), "Countries of residence in the band that these visitors come from.", source=_FACT, unit="countries", nullable=False, low=0, statistic=Statistic("count")),
    column("mean_temperature", Double(), "Mean of the source countries' mean yearly temperatures, each as often as it has visitors; null in the band unknown.", source=_COUNTRY, unit="°C", low=-90, high=70, statistic=Statistic("average", "visitors")),
    _visitors("to this state from this climate"),
    grain="one row per month, state and climate band (i94yr, i94mon, i94addr, climate_band)",
)

origin_climate: Table = _monthly_mart(
    "origin_climate",
    "Arrivals by source region and country with the country's temperature.",
    *_origin(),
    *_country_columns("source country"),
    column("continent", String(16), f"Continent of the source country, or {UNKNOWN}.", source=_COUNTRY, nullable=False),
    _climate_band(key=False),
    column("mean_temperature", Double(), "Mean yearly temperature of the source country's cities; null where no city of it is measured.", source=_COUNTRY, unit="°C", low=-90, high=70),
    column("temperature_cities", Integer(), "Cities behind that mean.", source=_COUNTRY, unit="cities", low=1),
    column("latitude", Double(), "Latitude of the middle of the country's largest part, south negative.", source=_COUNTRY, unit="degrees", low=-90, high=90),
    column("longitude", Double(), "Longitude of the middle of the country's largest part, west negative.", source=_COUNTRY, unit="degrees", low=-180, high=180),
    _visitors("from this country"),
    grain="one row per month and country of residence, which lies in one region (i94yr, i94mon, i94res)",
)

visitor_demographics_by_state: Table = _monthly_mart(
    "visitor_demographics_by_state",
    "Arrivals by state, age, gender and purpose, beside the people of the state's cities of 65,000 and more.",
    *_destination(),
    _age_band(),
    _gender(),
    column("gender_label", String(32), "Sex of the visitor in words.", source=_FACT, nullable=False, allowed=(*GENDERS.values(), OTHER_GENDER)),
    _purpose(),
    _purpose_label(),
    _visitors("of this group to this state"),
    column("cities", Integer(), "Cities of 65,000 and more that the figures beside cover; they repeat in each row of the state.", source=_STATE, unit="cities", nullable=False, low=0),
    column("city_population", Integer(), "All people in these cities, which is not the state's population; null without such a city.", source=_STATE, unit="people", low=0),
    column("city_male_population", Integer(), "Men and boys in these cities.", source=_STATE, unit="people", low=0),
    column("city_female_population", Integer(), "Women and girls in these cities.", source=_STATE, unit="people", low=0),
    column("city_median_age", Double(), "Mean of these cities' median ages weighted by population: an approximation.", source=_STATE, unit="years", low=0, high=120),
    column("city_foreign_born", Integer(), "People born abroad in these cities; null where no city gives the figure.", source=_STATE, unit="people", low=0),
    column("city_veterans", Integer(), "Veterans in these cities; null where no city gives the figure.", source=_STATE, unit="people", low=0),
    column("city_average_household_size", Double(), "Mean household size of these cities weighted by population: an approximation.", source=_STATE, unit="people", low=0, high=20),
    column("city_hispanic_or_latino", Integer(), "People of these cities who named Hispanic or Latino origin; the groups overlap.", source=_STATE, unit="people", low=0),
    column("city_white", Integer(), "People of these cities who named themselves white.", source=_STATE, unit="people", low=0),
    column("city_black_or_african_american", Integer(), "People of these cities who named themselves black or African-American.", source=_STATE, unit="people", low=0),
    column("city_asian", Integer(), "People of these cities who named themselves Asian.", source=_STATE, unit="people", low=0),
    column("city_american_indian_and_alaska_native", Integer(), "People of these cities who named themselves American Indian or Alaska Native.", source=_STATE, unit="people", low=0),
    grain="one row per month, state, age band, gender and purpose (i94yr, i94mon, i94addr, age_band, gender, i94visa)",
    sort=(*MONTH_COLUMNS, "i94addr"),
)

ports: Table = _monthly_mart(
    "ports",
    "Arrivals by port of entry and mode of arrival.",
    *_named_port(),
    _mode(),
    column("mode", String(32), f"Mode of arrival in words, '{NOT_GIVEN}' where it is missing.", source="i94mode", nullable=False),
    _visitors("through this port by this mode"),
    grain="one row per month, port and mode of arrival (i94yr, i94mon, i94port, i94mode)",
)

destination_by_port: Table = _monthly_mart(
    "destination_by_port",
    "Arrivals by state of the first address and port of entry, with what the state's code may stand for instead.",
    *_destination(),
    *_named_port(),
    _visitors("to this state through this port"),
    column("usual_visitors", BigInteger(), "Visitors that the state would have at the largest share through this port of any state that it borders on; null where the port lies in one of these, and for states without neighbours.", source=_FACT, unit="arrivals", low=0, statistic=Statistic("count")),
    column("possible_meaning", String(128), "A hint, not a fact: the place that people may have meant by the state's code. It begins like the code or has its initials, and more than 1 % of the state's visitors beyond the usual ones enter there.", source=_FACT, statistic=Statistic("text", "visitors")),
    grain="one row per month, state and port of entry (i94yr, i94mon, i94addr, i94port)",
)

stays: Table = _monthly_mart(
    "stays",
    "Length of stay, and arrivals without a departure, by state of the first address, country of residence and purpose.",
    *_destination(),
    *_origin(),
    _purpose(),
    _purpose_label(),
    _visitors("of this group to this state"),
    *_departures(),
    column("mean_stay", Double(), "Mean length of the known stays; null without any.", source=_FACT, unit="days", low=0, high=LONGEST_STAY, statistic=Statistic("average", "stays", 1)),
    grain="one row per month, state, country of residence and purpose (i94yr, i94mon, i94addr, i94res, i94visa)",
)

state_climate: Table = _monthly_mart(
    "state_climate",
    "Arrivals by state of the first address with the climate of the state's measured cities.",
    *_destination(),
    _climate_band("state", key=False),
    column("mean_temperature", Double(), "Mean over the state's measured cities of their mean yearly temperature, last 30 years of the data; null without such a city.", source=_TEMPERATURES, unit="°C", low=-90, high=70),
    column("month_temperature", Double(), "The same for the calendar month of arrival.", source=_TEMPERATURES, unit="°C", low=-90, high=70),
    column("temperature_cities", Integer(), "Measured cities, which the demographics list in the state.", source=_TEMPERATURES, unit="cities", nullable=False, low=0),
    column("temperature_city_population", Integer(), "People of the measured cities; of city_population, to judge the coverage.", source="us_cities_demographics", unit="people", low=0),
    column("city_population", Integer(), "People of all the state's cities of 65,000 and more; null without such a city.", source=_STATE, unit="people", low=0),
    _visitors("to this state"),
    grain="one row per month and state (i94yr, i94mon, i94addr)",
)

origin_destination_affinity: Table = _monthly_mart(
    "origin_destination_affinity",
    "Arrivals by state and country of residence beside those that the totals of both alone would give.",
    *_destination(),
    *_origin(),
    _visitors("to this state from this country"),
    column("expected_visitors", Double(), "Visitors to the state, times those from the country, divided by all of the month.", source=_FACT, unit="expected arrivals", low=0, statistic=Statistic("average", "visitors")),
    column("ratio", Double(), "Visitors divided by expected visitors; above 1 more than expected.", source=_FACT, low=0, statistic=Statistic("average", "visitors", 1)),
    column("standardized_residual", Double(), "Adjusted residual: visitors less expected ones, divided by the standard error under independence; null where a total is all visitors.", source=_FACT, statistic=Statistic("average", "visitors")),
    grain="one row per month, state and country of residence with arrivals (i94yr, i94mon, i94addr, i94res)",
)

MONTHLY_MARTS: tuple[Table, ...] = tuple(mart for mart in mart_metadata.tables.values() if is_monthly(mart))
"""The marts that are replaced month by month, in the order of their declarations."""
