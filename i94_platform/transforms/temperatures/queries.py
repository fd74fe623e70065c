"""The temperatures' transform: city records to typed rows, and to one climate per country.

Here: the rendering of `temperatures*.sql` and `climate.sql`. The queries read `delivered` (the file's columns, all
text, empty ones null) and `country_iso3` (`country`, `iso3`). Not here: which name is which country (`countries`).
"""

from i94_platform.contracts import world_temperature
from i94_platform.sql.expressions import render_final_casts
from i94_platform.sql.query import Query
from i94_platform.sql.templates import load_template

HEADERS = {
    "dt": "dt",
    "average_temperature": "AverageTemperature",
    "average_temperature_uncertainty": "AverageTemperatureUncertainty",
    "city": "City",
    "country": "Country",
    "latitude": "Latitude",
    "longitude": "Longitude",
}
"""The contract's columns and the file's."""

_NUMBER = "^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,2})?$"


def _number(text: str) -> str:
    """A DOUBLE from a text, null for any other; Java's `$` would also match before a newline."""
    return f"CASE WHEN {text} RLIKE '{_NUMBER}' AND NOT contains({text}, chr(10)) THEN try_cast({text} AS DOUBLE) END"


def render_typed_rows() -> Query:
    """Every delivered row with its values typed, beside the texts as delivered."""
    degrees = {name: f"substr(`{name}`, 1, length(`{name}`) - 1)" for name in ("Latitude", "Longitude")}
    text = load_template(__package__, "typed").substitute(
        latitude=_number(degrees["Latitude"]),
        longitude=_number(degrees["Longitude"]),
        average_temperature=_number("`AverageTemperature`"),
        average_temperature_uncertainty=_number("`AverageTemperatureUncertainty`"),
    )
    return Query(text)


def render_country_names() -> Query:
    """The country names that the file uses: column `country`."""
    return Query("SELECT DISTINCT `Country` AS country FROM delivered WHERE `Country` IS NOT NULL")


def render_accepted() -> Query:
    """The rows of the contract `world_temperature`."""
    columns = render_final_casts(world_temperature, {"iso3": "country_iso3.iso3"}, "typed")
    return Query(
        load_template(__package__, "accepted").substitute(typed_rows=render_typed_rows().text, columns=columns)
    )


def render_unreadable() -> Query:
    """Up to three rows that the contract can't hold: columns `source_row`, `problem`; none for a good file."""
    return Query(load_template(__package__, "unreadable").substitute(typed_rows=render_typed_rows().text))


def render_climate() -> Query:
    """One row per ISO country from the relation `world_temperature`: temperature, place, number of cities."""
    return Query(load_template(__package__, "climate").template)
