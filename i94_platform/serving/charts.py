"""The dashboard's charts: what each is called and says, the columns of its table, and its Vega-Lite specification.

Here: declarations only. A specification names its data `rows`; size, colours of text and background are the page's, and
so are the parameters `ink` and `paper`. The states' places are a layout of our own, reviewed, so that a map needs no
geometry. Not here: figures (`breakdowns`), and drawing (`static/`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
from i94_platform.contracts.marts import GENDERS, METHODS, OTHER_GENDER, UNKNOWN

Spec = dict[str, Any]

BLUE, ORANGE, VIOLET, GREY, GREEN = "#3b82c4", "#d9822b", "#8b6fd0", "#8a94a3", "#2f9e79"
"""Each with a contrast of 3:1 and more to both backgrounds."""

STATE_TILES: Mapping[str, tuple[int, int]] = {
    "AK": (0, 0), "ME": (10, 0),
    "VT": (9, 1), "NH": (10, 1),
    "WA": (0, 2), "ID": (1, 2), "MT": (2, 2), "ND": (3, 2), "MN": (4, 2), "IL": (5, 2), "WI": (6, 2), "MI": (7, 2),
    "NY": (8, 2), "RI": (9, 2), "MA": (10, 2),
    "OR": (0, 3), "NV": (1, 3), "WY": (2, 3), "SD": (3, 3), "IA": (4, 3), "IN": (5, 3), "OH": (6, 3), "PA": (7, 3),
    "NJ": (8, 3), "CT": (9, 3),
    "CA": (0, 4), "UT": (1, 4), "CO": (2, 4), "NE": (3, 4), "MO": (4, 4), "KY": (5, 4), "WV": (6, 4), "VA": (7, 4),
    "MD": (8, 4), "DE": (9, 4),
    "AZ": (1, 5), "NM": (2, 5), "KS": (3, 5), "AR": (4, 5), "TN": (5, 5), "NC": (6, 5), "SC": (7, 5), "DC": (8, 5),
    "OK": (3, 6), "LA": (4, 6), "MS": (5, 6), "AL": (6, 6), "GA": (7, 6),
    "HI": (0, 7), "GU": (1, 7), "TX": (3, 7), "FL": (8, 7), "PR": (9, 7), "VI": (10, 7),
    "99": (10, 5),
}  # fmt: skip
"""Column and row of every state and territory of the code list, about where they lie; 99 is beside the map."""

_CONTINENTS = (
    ("North America", 44, -102), ("South America", -4, -58), ("Europe", 64, 32), ("Africa", 12, 12), ("Asia", 60, 95),
    ("Australia", -25, 128),
)  # fmt: skip
_WEST, _EAST, _SOUTH, _NORTH = -170, 190, -58, 78
"""What the map shows; nobody comes from beyond."""


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
    spec: Spec
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


def _tip(name: str, title: str, format_: str = "") -> Spec:
    kind = "quantitative" if format_ else "nominal"
    return {"field": name, "title": title, "type": kind, **({"format": format_} if format_ else {})}


_SHORT: Spec = {"labelExpr": "format(datum.value, '~s')"}
_ROWS: Spec = {"name": "rows"}
_VISITORS_TIP, _SHARE_TIP = _tip("visitors", "visitors", ","), _tip("share", "share", ".1%")
_AMOUNT: Spec = {"field": "visitors", "type": "quantitative", "title": None}


def _bars(label: str, tips: list[Spec], colour: Any, step: int = 24) -> Spec:
    """Lying bars in the order of the rows, with their figures behind them."""
    return {
        "data": _ROWS,
        "height": {"step": step},
        "encoding": {
            "y": {
                "field": label,
                "type": "nominal",
                "sort": None,
                "title": None,
                "axis": {"ticks": False, "domain": False},
            },
            "x": {**_AMOUNT, "axis": None, "scale": {"domainMax": {"expr": "most * (narrow ? 1.35 : 1.2)"}}},
        },
        "layer": [
            {
                "mark": {"type": "bar", "cornerRadiusEnd": 3, "height": {"band": 0.74}},
                "encoding": {"color": colour, "tooltip": tips},
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 5},
                "encoding": {"text": {**_AMOUNT, "format": ",", "type": "quantitative"}},
            },
        ],
    }


def _largest(*tips: Spec) -> Spec:
    colour = {"condition": {"test": "datum.others", "value": GREY}, "value": BLUE}
    return _bars("label", [_tip("label", "name"), _VISITORS_TIP, _SHARE_TIP, *tips], colour)


def _months() -> Spec:
    """Standing bars, a month each; one that is not published leaves a gap."""
    return {
        "data": _ROWS,
        "height": 220,
        "encoding": {
            "x": {
                "field": "month",
                "type": "ordinal",
                "title": None,
                "sort": None,
                "axis": {"labelAngle": 0, "labelOverlap": True},
            },
            "y": {**_AMOUNT, "axis": {**_SHORT, "tickCount": 5}},
        },
        "layer": [
            {
                "mark": {
                    "type": "bar",
                    "cornerRadiusEnd": 3,
                    "color": BLUE,
                    "width": {"expr": "min(110, 0.7 * bandwidth('x'))"},
                },
                "encoding": {"tooltip": [_tip("month", "month"), _VISITORS_TIP, _tip("change", "change", "+.1%")]},
            },
            {
                "mark": {"type": "text", "dy": -7},
                "encoding": {"text": {**_AMOUNT, "format": ".3~s"}},
            },
        ],
    }


def _tiles() -> Spec:
    places = [{"i94addr": code, "x": x, "y": y} for code, (x, y) in STATE_TILES.items()]
    axis = {"axis": None, "type": "ordinal", "scale": {"paddingInner": 0.06}}
    strong = "datum.visitors > 0.3 * datum.most"
    return {
        "data": {"values": places},
        "transform": [
            {
                "lookup": "i94addr",
                "from": {"data": _ROWS, "key": "i94addr", "fields": ["state", "visitors"]},
            },
            {"calculate": "datum.visitors || 0", "as": "visitors"},
            {"calculate": "datum.state || datum.i94addr", "as": "state"},
            {"calculate": "datum.i94addr === '99' ? 'other' : datum.i94addr", "as": "label"},
            {"joinaggregate": [{"op": "max", "field": "visitors", "as": "most"}]},
        ],
        "encoding": {
            "x": {"field": "x", **axis},
            "y": {"field": "y", **axis},
        },
        "layer": [
            {
                "mark": {"type": "rect", "cornerRadius": 4},
                "encoding": {
                    "color": {**_AMOUNT, "scale": {"type": "sqrt"}, "legend": _RAMP},
                    "tooltip": [_tip("state", "state"), _tip("i94addr", "code"), _VISITORS_TIP],
                },
            },
            {
                "mark": {"type": "text", "fontWeight": 600, "fontSize": {"expr": "narrow ? 10 : 12"}, "dy": -6},
                "encoding": {"text": {"field": "label"}, "color": _on_tile(strong)},
            },
            {
                "mark": {"type": "text", "fontSize": {"expr": "narrow ? 8 : 10"}, "dy": 8},
                "encoding": {"text": {**_AMOUNT, "format": ".2~s"}, "color": _on_tile(strong)},
            },
        ],
    }


_RAMP: Spec = {
    "orient": "bottom",
    "title": "visitors",
    "gradientThickness": 8,
    "tickCount": 4,
    "labelExpr": "format(datum.value, '.2~s')",
}


def _on_tile(strong: str) -> Spec:
    return {"condition": {"test": strong, "value": {"expr": "paper"}}, "value": {"expr": "ink"}}


def _world() -> Spec:
    names = [{"name": name, "latitude": latitude, "longitude": longitude} for name, latitude, longitude in _CONTINENTS]
    place: Spec = {
        "longitude": {"field": "longitude", "type": "quantitative"},
        "latitude": {"field": "latitude", "type": "quantitative"},
    }
    named: Spec = {"mark": {"type": "text", "fontSize": 10, "dy": -9}, "encoding": {**place, "text": {"field": "iso3"}}}
    return {
        "projection": {"type": "equirectangular"},
        "view": {"fill": {"expr": "sea"}},
        "layer": [
            {
                "data": {"graticule": {"step": [30, 30], "extent": [[_WEST, _SOUTH], [_EAST, _NORTH]]}},
                "mark": {"type": "geoshape", "filled": False, "stroke": GREY, "strokeWidth": 0.5, "opacity": 0.5},
            },
            {
                "data": {"values": names},
                "mark": {"type": "text", "opacity": {"expr": "narrow ? 0 : 0.8"}, "fontStyle": "italic"},
                "encoding": {**place, "text": {"field": "name"}},
            },
            {
                "data": _ROWS,
                "mark": {
                    "type": "circle",
                    "opacity": 0.7,
                    "stroke": {"expr": "paper"},
                    "strokeWidth": 0.5,
                    "color": BLUE,
                },
                "encoding": {
                    **place,
                    "size": {**_AMOUNT, "scale": {"range": [12, 900], "zero": True}, "legend": None},
                    "order": {**_AMOUNT, "sort": "descending"},
                    "tooltip": [_tip("origin", "country"), _tip("region", "region"), _VISITORS_TIP],
                },
            },
            {"data": _ROWS, "transform": [_RANKED, {"filter": f"datum.place <= (narrow ? 4 : {_NAMED})"}], **named},
        ],
    }


_NAMED = 12
"""Circles with a name on the map; the others tell theirs when they are pointed at."""

_RANKED: Spec = {
    "window": [{"op": "row_number", "as": "place"}],
    "sort": [{"field": "visitors", "order": "descending"}],
}


def _heat() -> Spec:
    return {
        "data": _ROWS,
        "transform": [
            {"calculate": "datum.named ? datum.share : null", "as": "tone"},
            {"joinaggregate": [{"op": "max", "field": "tone", "as": "most"}]},
        ],
        "height": {"step": 26},
        "encoding": {
            "x": {
                "field": "origin",
                "type": "nominal",
                "sort": None,
                "title": None,
                "axis": {
                    "orient": "top",
                    "labelAngle": {"expr": "narrow ? -90 : -40"},
                    "labelAlign": "left",
                    "labelBaseline": "middle",
                    "labelLimit": 110,
                    "ticks": False,
                    "domain": False,
                },
            },
            "y": {
                "field": "state",
                "type": "nominal",
                "sort": None,
                "title": None,
                "axis": {"ticks": False, "domain": False},
            },
        },
        "layer": [
            {
                "mark": {"type": "rect", "cornerRadius": 2},
                "encoding": {
                    "color": {
                        "condition": {
                            "test": "datum.named",
                            "field": "tone",
                            "type": "quantitative",
                            "scale": {"type": "sqrt"},
                            "legend": {
                                **_RAMP,
                                "title": "share of the state's visitors",
                                "labelExpr": "format(datum.value, '.0%')",
                            },
                        },
                        "value": {"expr": "sea"},
                    },
                    "tooltip": [
                        _tip("state", "state"),
                        _tip("origin", "country"),
                        _VISITORS_TIP,
                        _tip("share", "share of the state", ".1%"),
                    ],
                },
            },
            {
                "mark": {"type": "text", "fontSize": 10, "opacity": {"expr": "narrow ? 0 : 1"}},
                "encoding": {"text": {**_AMOUNT, "format": ".2~s"}, "color": _on_tile("datum.tone > 0.3 * datum.most")},
            },
        ],
    }


def _scatter(x: Spec, y: Spec, size: Spec, tips: list[Spec], colour: Any) -> Spec:
    return {
        "data": _ROWS,
        "height": 300,
        "mark": {"type": "circle", "opacity": 0.75, "stroke": {"expr": "paper"}, "strokeWidth": 0.5},
        "encoding": {"x": x, "y": y, "size": size, "tooltip": tips, "color": colour},
    }


_TEMPERATURE: Spec = {
    "field": "mean_temperature",
    "type": "quantitative",
    "title": "mean yearly temperature, °C",
    "scale": {"zero": False, "nice": True},
}


def _ages() -> Spec:
    shades = [ORANGE, BLUE, VIOLET, GREEN, GREY, "#b0772b"]
    return {
        "data": _ROWS,
        "height": 260,
        "mark": {"type": "bar", "cornerRadiusEnd": 2},
        "encoding": {
            "x": {
                "field": "age_band",
                "type": "nominal",
                "sort": None,
                "title": "age in years",
                "axis": {"labelAngle": 0, "labelOverlap": True},
            },
            "y": {**_AMOUNT, "axis": _SHORT},
            "color": {
                "field": "gender_label",
                "type": "nominal",
                "title": None,
                "sort": None,
                "scale": {"domain": [*GENDERS.values(), OTHER_GENDER], "range": shades},
                "legend": {"orient": "top", "columns": {"expr": "narrow ? 2 : 5"}, "values": {"expr": "present"}},
            },
            "order": {"field": "rank", "type": "quantitative"},
            "tooltip": [_tip("age_band", "age"), _tip("gender_label", "gender"), _VISITORS_TIP],
        },
    }


def _women() -> Spec:
    def share(name: str, title: str) -> Spec:
        axis = {"format": ".1~%", "tickCount": 5}
        return {"field": name, "type": "quantitative", "title": title, "axis": axis, "scale": {"zero": False}}

    tips = [
        _tip("state", "state"),
        _tip("among_visitors", "among visitors", ".1%"),
        _tip("in_cities", "in its cities", ".1%"),
        _tip("visitors", "visitors", ","),
        _tip("cities", "cities", ","),
        _tip("city_population", "their people", ","),
    ]
    size = {**_AMOUNT, "scale": {"range": [20, 600]}, "legend": None}
    return _scatter(
        share("in_cities", "women in the state's cities"),
        share("among_visitors", "women among visitors"),
        size,
        tips,
        {"value": BLUE},
    )


_METHODS = "{pearson: 'Pearson', spearman: 'Spearman', cramers_v: \"Cramér's V\"}[datum.label]"


def _forest() -> Spec:
    """Coefficients with their intervals below the names of their pair, Spearman's below Pearson's."""
    method: Spec = {
        "field": "method",
        "type": "nominal",
        "title": None,
        "scale": {"domain": list(METHODS), "range": [BLUE, ORANGE, VIOLET]},
        "legend": {"orient": "top", "labelExpr": _METHODS},
    }
    tips = [
        *(_tip(name, name) for name in ("x", "y", "method")),
        *(_tip(name, title, ".3f") for name, title in _INTERVAL),
        *(_tip(name, name, ",") for name in ("n", "excluded")),
    ]
    return {
        "data": _ROWS,
        "transform": [
            {"calculate": "datum.x + ' | ' + datum.y", "as": "pair"},
            {"calculate": "'and ' + datum.y", "as": "other"},
        ],
        "height": {"step": 58},
        "encoding": {"y": {"field": "pair", "type": "nominal", "sort": None, "axis": None}},
        "layer": [
            {
                "data": {"values": [{}]},
                "mark": {"type": "rule", "strokeDash": [3, 3], "color": GREY},
                "encoding": {"x": {"datum": 0}, "y": None},
            },
            _pair_name("x", -20, 600),
            _pair_name("other", -6, 400),
            *_intervals("datum.method !== 'spearman'", 9, method, tips),
            *_intervals("datum.method === 'spearman'", 18, method, tips),
        ],
    }


_INTERVAL = (("coefficient", "coefficient"), ("ci_low", "from"), ("ci_high", "to"))
_FROM_TO = {"type": "quantitative", "scale": {"domain": [-1, 1]}, "axis": {"tickCount": 5, "format": ".1f"}}


def _pair_name(name: str, above: int, weight: int) -> Spec:
    mark = {"type": "text", "align": "left", "dy": above, "x": 0, "limit": {"expr": "width"}, "fontWeight": weight}
    # each pair has one row of these two methods
    return {
        "transform": [{"filter": "datum.method !== 'spearman'"}],
        "mark": mark,
        "encoding": {"text": {"field": name}},
    }


def _intervals(which: str, below: int, method: Spec, tips: list[Spec]) -> list[Spec]:
    title = "coefficient with its 95 % interval"
    line = {
        "transform": [{"filter": which}],
        "mark": {"type": "rule", "strokeWidth": 2, "yOffset": below},
        "encoding": {
            "x": {"field": "ci_low", "title": title, **_FROM_TO},
            "x2": {"field": "ci_high"},
            "color": method,
        },
    }
    point = {
        "transform": [{"filter": which}],
        "mark": {"type": "point", "filled": True, "opacity": 1, "size": 70, "yOffset": below},
        "encoding": {
            "x": {"field": "coefficient", "title": title, **_FROM_TO},
            "color": method,
            "shape": {**method, "scale": {"domain": list(METHODS), "range": ["circle", "diamond", "square"]}},
            "tooltip": tips,
        },
    }
    return [line, point]


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
        _months(),
        wide=True,
    ),
    Chart(
        "nationality",
        "Who arrives",
        visitors_by_nationality,
        "Visitors by nationality",
        f"Country of citizenship. {_TOP}",
        (Shown("label", "Nationality"), Shown("i94cit", "Code"), _VISITORS, _SHARE, _HINT),
        _largest(_tip("hint_likely_residence", "hint: most live in")),
    ),
    Chart(
        "origin",
        "Who arrives",
        destination_by_origin,
        "Visitors by origin",
        f"Country of residence. {_TOP}",
        (Shown("label", "Country of residence"), Shown("i94res", "Code"), _VISITORS, _SHARE),
        _largest(),
    ),
    Chart(
        "airline",
        "Who arrives",
        visitors_by_airline,
        "Visitors by airline",
        f"Code as delivered. {_TOP}",
        (Shown("label", "Airline"), Shown("carrier", "Carrier"), _VISITORS, _SHARE),
        _largest(_tip("carrier", "carrier")),
    ),
    Chart(
        "age",
        "Who arrives",
        visitor_demographics_by_state,
        "Age and gender",
        "As recorded at arrival.",
        (Shown("age_band", "Age"), Shown("gender_label", "Gender"), _VISITORS),
        _ages(),
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
        _women(),
        added_up=False,
    ),
    Chart(
        "purpose",
        "Who arrives",
        visitor_demographics_by_state,
        "Purpose of the visit",
        "From the class of visa.",
        (Shown("visa", "Purpose"), Shown("i94visa", "Code"), _VISITORS),
        _bars("visa", [_tip("visa", "purpose"), _VISITORS_TIP], {"value": BLUE}, 64),
    ),
    Chart(
        "states",
        "Where they go",
        destination_by_origin,
        "States of the first address",
        "Each tile is a state, about where it lies; other is every code outside the list.",
        (Shown("state", "State"), Shown("i94addr", "Code"), _VISITORS),
        _tiles(),
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
        _heat(),
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
        _world(),
        wide=True,
        ratio=(_NORTH - _SOUTH) / (_EAST - _WEST),
        draws="latitude",
    ),
    Chart(
        "climate",
        "Climate",
        destination_by_climate,
        "Climate that visitors come from",
        f"Band of the country's mean yearly temperature; {UNKNOWN} where no city of it is measured.",
        (Shown("climate_band", "Climate"), _VISITORS, _SHARE),
        _bars(
            "climate_band",
            [_tip("climate_band", "climate"), _VISITORS_TIP, _SHARE_TIP],
            {"value": GREEN},
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
        _scatter(
            _TEMPERATURE,
            {**_AMOUNT, "title": "visitors", "scale": {"type": "log"}, "axis": {**_SHORT, "tickCount": 4}},
            {"value": 50},
            [_tip("origin", "country"), _tip("mean_temperature", "°C", ".1f"), _VISITORS_TIP],
            {"value": GREEN},
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
        _forest(),
        wide=True,
        added_up=False,
    ),
)
"""In the page's order."""
