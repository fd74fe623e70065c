"""The queries that make the contract `world_temperature` from city records, and one climate per country from it.

They read the relations `delivered` (the file's columns, all text, empty ones null) and `country_iso3` (`country`,
`iso3`). Which name is which country, `transforms.country` finds. They are portable: `regexp_extract` and `bit_length`
mean the same on both engines, unlike `RLIKE` and `octet_length`.
"""

import datetime as dt
from typing import Literal

from i94_platform.contracts import world_temperature
from i94_platform.contracts.missing_values import MISSING
from i94_platform.contracts.model import text_limit
from i94_platform.sql.expressions import render_final_casts, render_literal
from i94_platform.sql.query import Query
from i94_platform.sql.templates import load_template

DateOrder = Literal["month first", "day first"]
"""How a file writes its dates with slashes: M/D/YYYY or D/M/YYYY."""

_NUMBER = "^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,2})?$"
_OPTIONAL = ("average_temperature", "average_temperature_uncertainty")


def _render_number(text: str) -> str:
    """Render a DOUBLE from a text, null where it is no number; Java's `$` would also match before a newline."""
    is_number = f"regexp_extract({text}, '{_NUMBER}', 0) <> '' AND NOT contains({text}, chr(10))"
    return f"CASE WHEN {is_number} THEN try_cast({text} AS DOUBLE) END"


def _render_is_missing(text: str) -> str:
    """Render whether a text is a spelling of a missing value."""
    return f"lower({text}) IN ({', '.join(map(render_literal, sorted(MISSING)))})"


def _render_typed_rows(order: DateOrder) -> str:
    """Render every delivered row with its values typed, beside the texts as delivered."""
    degrees = {name: f"substr(`{name}`, 1, length(`{name}`) - 1)" for name in ("Latitude", "Longitude")}
    return load_template(__package__, "typed").substitute(
        month_place=1 if order == "month first" else 2,
        day_place=2 if order == "month first" else 1,
        is_temperature_missing=_render_is_missing("`AverageTemperature`"),
        is_uncertainty_missing=_render_is_missing("`AverageTemperatureUncertainty`"),
        latitude=_render_number(degrees["Latitude"]),
        longitude=_render_number(degrees["Longitude"]),
        average_temperature=_render_number("`AverageTemperature`"),
        average_temperature_uncertainty=_render_number("`AverageTemperatureUncertainty`"),
    )


def render_date_orders() -> Query:
    """Render how many dates with slashes are firsts of a month in an order: `month_first`, `day_first`, `either`."""
    return Query(load_template(__package__, "date_orders").substitute(), is_portable=True)


def render_country_names() -> Query:
    """Render the country names that the file uses: column `country`."""
    return Query(load_template(__package__, "country_names").template, is_portable=True)


def render_validated(order: DateOrder, today: dt.date) -> Query:
    """Render the relation `validated`: the typed rows, each with the problem for which it is rejected.

    Dates after `today` are rejected. The three queries that follow read the relation.
    """
    conditions = {}
    for name in ("latitude", "longitude", *_OPTIONAL):
        low, high = (world_temperature.c[name].info[bound] for bound in ("low", "high"))
        is_unreadable = f"{name} IS NULL" + (f" AND delivered_{name} IS NOT NULL" if name in _OPTIONAL else "")
        conditions[f"bad_{name}"] = f"({is_unreadable} OR {name} < {low} OR {name} > {high})"
    text = load_template(__package__, "validated").substitute(
        conditions,
        typed_rows=_render_typed_rows(order),
        today=today.isoformat(),
        city_bytes=text_limit(world_temperature.c.city),
        country_bytes=text_limit(world_temperature.c.country),
    )
    return Query(text, is_portable=True)


def render_contradicting_rows() -> Query:
    """Render the rows that contradict an earlier one of their key: `source_row`, `problem_text`."""
    return Query(load_template(__package__, "contradicting_rows").template, is_portable=True)


def render_accepted() -> Query:
    """Render the rows of the contract `world_temperature`.

    It also reads the relation `contradicting_rows`, which holds the rows of `render_contradicting_rows`.
    """
    columns = render_final_casts(world_temperature, {"iso3": "country_iso3.iso3"}, "validated")
    return Query(load_template(__package__, "accepted").substitute(columns=columns), is_portable=True)


def render_rejected() -> Query:
    """Render the problems of rejected rows: `problem`, `row_count`, `first_row`, `first_text`.

    It also reads `contradicting_rows`.
    """
    return Query(load_template(__package__, "rejected").template, is_portable=True)


def render_climate() -> Query:
    """Render the relation `world_temperature` by country: `iso3`, `mean_temperature` (°C), `temperature_cities`."""
    years = render_climate_years(world_temperature.name)
    return Query(load_template(__package__, "climate").substitute(climate_years=years), is_portable=True)


def render_climate_years(temperatures: str) -> str:
    """Render the query of `first_year` and `last_year` of a climate from the relation `temperatures`."""
    return load_template(__package__, "climate_years").substitute(temperatures=temperatures)
