"""The dashboard's charts: what each is called and says, the columns of its table, and its drawing.

Here: declarations only. Not here: the drawings themselves (`drawings`), and figures (`breakdowns`).
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Table

from i94_platform.contracts import (
    correlations,
    destination_by_climate,
    destination_by_origin,
    origin_climate,
    visitor_demographics_by_state,
    visitors_by_airline,
    visitors_by_nationality,
)
from i94_platform.contracts.marts import UNKNOWN
from i94_platform.serving.dashboard import chart_specs as draw
from i94_platform.serving.dashboard.map_layout import EAST, NORTH, SOUTH, WEST


@dataclass(frozen=True)
class Shown:
    """A column of a chart's table and CSV."""

    name: str
    title: str
    kind: str = "text"
    """`text`, `count`, `share`, `change`, `number` or `degrees`: how the page writes it."""


@dataclass(frozen=True)
class Chart:
    """A chart."""

    name: str
    section: str
    mart: Table
    title: str
    says: str
    columns: tuple[Shown, ...]
    spec: draw.Spec
    wide: bool = False
    ratio: float = 0.0
    """Height by width; 0 where the specification says the height."""
    draws: str = ""
    """A column that rows without are not drawn; the page says how many visitors that leaves out."""
    legend: str = ""
    """A column whose values the legend names, those alone that there are."""
    added_up: bool = True
    """Whether the rows add up to all visitors that fit the filters."""


_VISITORS = Shown("visitors", "Visitors", "count")
_SHARE = Shown("share", "Share", "share")


_HINT = Shown("hint_likely_residence", "Where most of them live (a hint)")
_TOP = "The largest, and the sum of all others."

CHARTS: tuple[Chart, ...] = (
    Chart(
        "months",
        "How many",
        destination_by_origin,
        "Visitors by month",
        "All arrivals of the month that fit the filters.",
        (
            Shown("month", "Month"),
            _VISITORS,
            Shown("before", "Month before", "count"),
            Shown("change", "Change", "change"),
        ),
        draw.months(),
        wide=True,
    ),
    Chart(
        "nationality",
        "Who arrives",
        visitors_by_nationality,
        "Visitors by nationality",
        f"Country of citizenship. {_TOP}",
        (Shown("label", "Nationality"), Shown("i94cit", "Code"), _VISITORS, _SHARE, _HINT),
        draw.largest(draw.tip("hint_likely_residence", "hint: most live in")),
    ),
    Chart(
        "origin",
        "Who arrives",
        destination_by_origin,
        "Visitors by origin",
        f"Country of residence. {_TOP}",
        (Shown("label", "Country of residence"), Shown("i94res", "Code"), _VISITORS, _SHARE),
        draw.largest(),
    ),
    Chart(
        "airline",
        "Who arrives",
        visitors_by_airline,
        "Visitors by airline",
        f"Code as delivered. {_TOP}",
        (Shown("label", "Airline"), Shown("carrier", "Carrier"), _VISITORS, _SHARE),
        draw.largest(draw.tip("carrier", "carrier")),
    ),
    Chart(
        "age",
        "Who arrives",
        visitor_demographics_by_state,
        "Age and gender",
        "As recorded at arrival.",
        (Shown("age_band", "Age"), Shown("gender_label", "Gender"), _VISITORS),
        draw.ages(),
        legend="gender_label",
    ),
    Chart(
        "women",
        "Who arrives",
        visitor_demographics_by_state,
        "Women among visitors and in cities",
        "A point for each state; its cities are those of 65,000 people and more, which are not the whole state.",
        (
            Shown("state", "State"),
            Shown("among_visitors", "Women among visitors", "share"),
            Shown("in_cities", "Women in its cities", "share"),
            Shown("visitors", "Visitors recorded as F or M", "count"),
            Shown("cities", "Cities", "count"),
            Shown("city_population", "People in them", "count"),
        ),
        draw.women(),
        added_up=False,
    ),
    Chart(
        "purpose",
        "Who arrives",
        visitor_demographics_by_state,
        "Purpose of the visit",
        "From the class of visa.",
        (Shown("visa", "Purpose"), Shown("i94visa", "Code"), _VISITORS),
        draw.bars("visa", [draw.tip("visa", "purpose"), draw.VISITORS_TIP], {"value": draw.BLUE}, 64),
    ),
    Chart(
        "states",
        "Where they go",
        destination_by_origin,
        "States of the first address",
        "Each tile is a state, about where it lies; other is every code outside the list.",
        (Shown("state", "State"), Shown("i94addr", "Code"), _VISITORS),
        draw.tiles(),
        ratio=0.78,
    ),
    Chart(
        "heat",
        "Where they go",
        destination_by_origin,
        "States by country of residence",
        "Figures are visitors; the colour is the share of the state's visitors.",
        (
            Shown("state", "State"),
            Shown("origin", "Country of residence"),
            _VISITORS,
            Shown("share", "Share of the state", "share"),
        ),
        draw.heat(),
    ),
    Chart(
        "countries",
        "Where they go",
        destination_by_origin,
        "Countries of residence",
        "Circles lie at the middle of the country's cities with measured temperatures; their area is the visitors.",
        (
            Shown("origin", "Country of residence"),
            Shown("i94res", "Code"),
            Shown("region", "Region"),
            Shown("latitude", "Latitude", "degrees"),
            Shown("longitude", "Longitude", "degrees"),
            _VISITORS,
        ),
        draw.world(),
        wide=True,
        ratio=(NORTH - SOUTH) / (EAST - WEST),
        draws="latitude",
    ),
    Chart(
        "climate",
        "Climate",
        destination_by_climate,
        "Climate that visitors come from",
        f"Band of the country's mean yearly temperature; {UNKNOWN} where no city of it is measured.",
        (Shown("climate_band", "Climate"), _VISITORS, _SHARE),
        draw.bars(
            "climate_band",
            [draw.tip("climate_band", "climate"), draw.VISITORS_TIP, draw.SHARE_TIP],
            {"value": draw.GREEN},
            40,
        ),
    ),
    Chart(
        "temperature",
        "Climate",
        origin_climate,
        "Temperature and visitors",
        "A point for each country of residence with a measured temperature. The scale of visitors is logarithmic.",
        (
            Shown("origin", "Country of residence"),
            Shown("region", "Region"),
            Shown("climate_band", "Climate"),
            Shown("mean_temperature", "°C", "degrees"),
            _VISITORS,
        ),
        draw.scatter(
            draw.TEMPERATURE,
            {**draw.AMOUNT, "title": "visitors", "scale": {"type": "log"}, "axis": {**draw.SHORT, "tickCount": 4}},
            {"value": 50},
            [draw.tip("origin", "country"), draw.tip("mean_temperature", "°C", ".1f"), draw.VISITORS_TIP],
            {"value": draw.GREEN},
        ),
        added_up=False,
    ),
    Chart(
        "correlations",
        "What goes together",
        correlations,
        "Correlations, with their 95 % intervals",
        "Association, not cause. Over all published months, whatever is chosen above; of many pairs, some go together "
        "by chance.",
        (
            Shown("x", "x"),
            Shown("y", "y"),
            Shown("method", "Method"),
            Shown("coefficient", "Coefficient", "number"),
            Shown("ci_low", "From", "number"),
            Shown("ci_high", "To", "number"),
            Shown("n", "n", "count"),
            Shown("unit_of_observation", "One of n is"),
            Shown("excluded", "Excluded", "count"),
            Shown("excluded_why", "Why"),
            Shown("caveat", "Caveat"),
        ),
        draw.forest(),
        wide=True,
        added_up=False,
    ),
)
"""In the page's order."""
