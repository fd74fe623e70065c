"""The queries that make the contract `world_temperature` from city records, and one climate per country from it.

They read the relations `delivered` (the file's columns, all text, empty ones null) and `country_iso3` (`country`,
`iso3`). Which name is which country, `transforms.country` finds.
"""

from i94_platform.contracts import world_temperature
from i94_platform.sql.expressions import render_final_casts
from i94_platform.sql.query import Query
from i94_platform.sql.templates import load_template

_NUMBER = "^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,2})?$"


def _render_number(text: str) -> str:
    """Render a DOUBLE from a text, null where it is no number; Java's `$` would also match before a newline."""
    return f"CASE WHEN {text} RLIKE '{_NUMBER}' AND NOT contains({text}, chr(10)) THEN try_cast({text} AS DOUBLE) END"


def render_typed_rows() -> Query:
    """Render every delivered row with its values typed, beside the texts as delivered."""
    degrees = {name: f"substr(`{name}`, 1, length(`{name}`) - 1)" for name in ("Latitude", "Longitude")}
    text = load_template(__package__, "typed").substitute(
        latitude=_render_number(degrees["Latitude"]),
        longitude=_render_number(degrees["Longitude"]),
        average_temperature=_render_number("`AverageTemperature`"),
        average_temperature_uncertainty=_render_number("`AverageTemperatureUncertainty`"),
    )
    return Query(text)


def render_country_names() -> Query:
    """Render the country names that the file uses: column `country`."""
    return Query(load_template(__package__, "country_names").template, is_portable=True)


def render_accepted() -> Query:
    """Render the rows of the contract `world_temperature`."""
    columns = render_final_casts(world_temperature, {"iso3": "country_iso3.iso3"}, "typed")
    template = load_template(__package__, "accepted")
    return Query(template.substitute(typed_rows=render_typed_rows().text, columns=columns))


def render_unreadable() -> Query:
    """Render up to three rows that the contract can't hold: columns `source_row`, `problem`; none for a good file."""
    return Query(load_template(__package__, "unreadable").substitute(typed_rows=render_typed_rows().text))


def render_climate() -> Query:
    """Render one row per ISO country from the relation `world_temperature`: temperature, place, number of cities."""
    return Query(load_template(__package__, "climate").template)
