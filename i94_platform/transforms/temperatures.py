"""The temperatures' transform: city records to typed rows, and to one climate per country.

Here: the rendering of `temperatures*.sql` and `climate.sql`. The queries read `delivered` (columns of `HEADERS`, all
text, empty ones null) and `country_iso3` (`country`, `iso3`). Not here: which name is which country (`countries`).
"""

from i94_platform.contracts import world_temperature
from i94_platform.transforms.sql import Query, final_casts, template

HEADERS = ("dt", "AverageTemperature", "AverageTemperatureUncertainty", "City", "Country", "Latitude", "Longitude")
"""The columns of the delivered file, as it spells them."""


def countries() -> Query:
    """The country names that the file uses: column `country`."""
    return Query("SELECT DISTINCT `Country` AS country FROM delivered WHERE `Country` IS NOT NULL")


def typed() -> Query:
    """The rows of the contract `world_temperature`."""
    columns = final_casts(world_temperature, {"iso3": "country_iso3.iso3"}, "typed")
    return Query(
        template("temperatures").substitute(typed_rows=template("temperatures_typed").template, columns=columns)
    )


def unreadable() -> Query:
    """Up to three rows that the contract can't hold: columns `source_row`, `problem`; none for a good file."""
    return Query(template("temperatures_unreadable").substitute(typed_rows=template("temperatures_typed").template))


def climate() -> Query:
    """One row per ISO country from the relation `world_temperature`: temperature, place, number of cities."""
    return Query(template("climate").template)
