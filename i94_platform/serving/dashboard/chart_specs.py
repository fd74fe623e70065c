"""The dashboard's drawings, as Vega-Lite specifications.

A specification names its data `rows`; size, colours of text and background are the page's, and so are the parameters
`ink`, `paper`, `sea`, `most`, `narrow` and `present`. Not here: which chart is drawn how (`charts`), figures
(`breakdowns`), and drawing (`static/`).
"""

from __future__ import annotations

from typing import Any

from i94_platform.contracts.marts import GENDERS, METHODS, OTHER_GENDER
from i94_platform.serving.dashboard.map_layout import CONTINENTS, EAST, NORTH, SOUTH, STATE_TILES, WEST

Spec = dict[str, Any]

BLUE, ORANGE, VIOLET, GREY, GREEN = "#3b82c4", "#d9822b", "#8b6fd0", "#8a94a3", "#2f9e79"
"""Each with a contrast of 3:1 and more to both backgrounds."""


def tip(name: str, title: str, format_: str = "") -> Spec:
    """A line of what a mark tells when it is pointed at; a number where there is a format, else text."""
    kind = "quantitative" if format_ else "nominal"
    return {"field": name, "title": title, "type": kind, **({"format": format_} if format_ else {})}


SHORT: Spec = {"labelExpr": "format(datum.value, '~s')"}
"""An axis of large numbers."""
_ROWS: Spec = {"name": "rows"}
VISITORS_TIP, SHARE_TIP = tip("visitors", "visitors", ","), tip("share", "share", ".1%")
AMOUNT: Spec = {"field": "visitors", "type": "quantitative", "title": None}
_BARE: Spec = {"ticks": False, "domain": False}
_LEVEL: Spec = {"labelAngle": 0, "labelOverlap": True}


def _in_order(field: str, axis: Spec, title: str | None = None, kind: str = "nominal") -> Spec:
    """Values in the order of the rows."""
    return {"field": field, "type": kind, "sort": None, "title": title, "axis": axis}


def _figures(mark: Spec, format_: str, **encoding: Spec) -> Spec:
    """The visitors of each mark, written on it or beside it."""
    return {"mark": {"type": "text", **mark}, "encoding": {"text": {**AMOUNT, "format": format_}, **encoding}}


def bars(label: str, tips: list[Spec], colour: Any, step: int = 24) -> Spec:
    """Lying bars in the order of the rows, with their figures behind them."""
    return {
        "data": _ROWS,
        "height": {"step": step},
        "encoding": {
            "y": _in_order(label, _BARE),
            "x": {**AMOUNT, "axis": None, "scale": {"domainMax": {"expr": "most * (narrow ? 1.35 : 1.2)"}}},
        },
        "layer": [
            {
                "mark": {"type": "bar", "cornerRadiusEnd": 3, "height": {"band": 0.74}},
                "encoding": {"color": colour, "tooltip": tips},
            },
            _figures({"align": "left", "dx": 5}, ","),
        ],
    }


def largest(*tips: Spec) -> Spec:
    """Lying bars of the largest and, in grey, of all others."""
    colour = {"condition": {"test": "datum.others", "value": GREY}, "value": BLUE}
    return bars("label", [tip("label", "name"), VISITORS_TIP, SHARE_TIP, *tips], colour)


def months() -> Spec:
    """Standing bars, a month each; one that is not published leaves a gap."""
    return {
        "data": _ROWS,
        "height": 220,
        "encoding": {
            "x": _in_order("month", _LEVEL, kind="ordinal"),
            "y": {**AMOUNT, "axis": {**SHORT, "tickCount": 5}},
        },
        "layer": [
            {
                "mark": {
                    "type": "bar",
                    "cornerRadiusEnd": 3,
                    "color": BLUE,
                    "width": {"expr": "min(110, 0.7 * bandwidth('x'))"},
                },
                "encoding": {"tooltip": [tip("month", "month"), VISITORS_TIP, tip("change", "change", "+.1%")]},
            },
            _figures({"dy": -7}, ".3~s"),
        ],
    }


def tiles() -> Spec:
    """A tile for each state, about where it lies, with its code and visitors."""
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
                    "color": {**AMOUNT, "scale": {"type": "sqrt"}, "legend": _RAMP},
                    "tooltip": [tip("state", "state"), tip("i94addr", "code"), VISITORS_TIP],
                },
            },
            {
                "mark": {"type": "text", "fontWeight": 600, "fontSize": {"expr": "narrow ? 10 : 12"}, "dy": -6},
                "encoding": {"text": {"field": "label"}, "color": _on_tile(strong)},
            },
            _figures({"fontSize": {"expr": "narrow ? 8 : 10"}, "dy": 8}, ".2~s", color=_on_tile(strong)),
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
    """The colour of what is written on a tile, which is strong where a test holds."""
    return {"condition": {"test": strong, "value": {"expr": "paper"}}, "value": {"expr": "ink"}}


def world() -> Spec:
    """Circles at the countries, the largest with their names."""
    names = [{"name": name, "latitude": latitude, "longitude": longitude} for name, latitude, longitude in CONTINENTS]
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
                "data": {"graticule": {"step": [30, 30], "extent": [[WEST, SOUTH], [EAST, NORTH]]}},
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
                    "size": {**AMOUNT, "scale": {"range": [12, 900], "zero": True}, "legend": None},
                    "order": {**AMOUNT, "sort": "descending"},
                    "tooltip": [tip("origin", "country"), tip("region", "region"), VISITORS_TIP],
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


def heat() -> Spec:
    """States down, countries across: visitors in figures, their share of the state's in colour."""
    origins = {
        **_BARE,
        "orient": "top",
        "labelAngle": {"expr": "narrow ? -90 : -40"},
        "labelAlign": "left",
        "labelBaseline": "middle",
        "labelLimit": 110,
    }
    share = {
        "condition": {
            "test": "datum.named",
            "field": "tone",
            "type": "quantitative",
            "scale": {"type": "sqrt"},
            "legend": {**_RAMP, "title": "share of the state's visitors", "labelExpr": "format(datum.value, '.0%')"},
        },
        "value": {"expr": "sea"},
    }
    tips = [
        tip("state", "state"), tip("origin", "country"), VISITORS_TIP, tip("share", "share of the state", ".1%"),
    ]  # fmt: skip
    written = _on_tile("datum.tone > 0.3 * datum.most")
    return {
        "data": _ROWS,
        "transform": [
            {"calculate": "datum.named ? datum.share : null", "as": "tone"},
            {"joinaggregate": [{"op": "max", "field": "tone", "as": "most"}]},
        ],
        "height": {"step": 26},
        "encoding": {"x": _in_order("origin", origins), "y": _in_order("state", _BARE)},
        "layer": [
            {"mark": {"type": "rect", "cornerRadius": 2}, "encoding": {"color": share, "tooltip": tips}},
            _figures({"fontSize": 10, "opacity": {"expr": "narrow ? 0 : 1"}}, ".2~s", color=written),
        ],
    }


def scatter(x: Spec, y: Spec, size: Spec, tips: list[Spec], colour: Any) -> Spec:
    """A circle for each row."""
    return {
        "data": _ROWS,
        "height": 300,
        "mark": {"type": "circle", "opacity": 0.75, "stroke": {"expr": "paper"}, "strokeWidth": 0.5},
        "encoding": {"x": x, "y": y, "size": size, "tooltip": tips, "color": colour},
    }


TEMPERATURE: Spec = {
    "field": "mean_temperature",
    "type": "quantitative",
    "title": "mean yearly temperature, °C",
    "scale": {"zero": False, "nice": True},
}


def ages() -> Spec:
    """Standing bars of age bands, in layers by gender."""
    shades = [ORANGE, BLUE, VIOLET, GREEN, GREY, "#b0772b"]
    return {
        "data": _ROWS,
        "height": 260,
        "mark": {"type": "bar", "cornerRadiusEnd": 2},
        "encoding": {
            "x": _in_order("age_band", _LEVEL, "age in years"),
            "y": {**AMOUNT, "axis": SHORT},
            "color": {
                "field": "gender_label",
                "type": "nominal",
                "title": None,
                "sort": None,
                "scale": {"domain": [*GENDERS.values(), OTHER_GENDER], "range": shades},
                "legend": {"orient": "top", "columns": {"expr": "narrow ? 2 : 5"}, "values": {"expr": "present"}},
            },
            "order": {"field": "rank", "type": "quantitative"},
            "tooltip": [tip("age_band", "age"), tip("gender_label", "gender"), VISITORS_TIP],
        },
    }


def women() -> Spec:
    """A circle for each state: the share of women in its cities, and among its visitors."""

    def share(name: str, title: str) -> Spec:
        axis = {"format": ".1~%", "tickCount": 5}
        return {"field": name, "type": "quantitative", "title": title, "axis": axis, "scale": {"zero": False}}

    tips = [
        tip("state", "state"),
        tip("among_visitors", "among visitors", ".1%"),
        tip("in_cities", "in its cities", ".1%"),
        tip("visitors", "visitors", ","),
        tip("cities", "cities", ","),
        tip("city_population", "their people", ","),
    ]
    size = {**AMOUNT, "scale": {"range": [20, 600]}, "legend": None}
    return scatter(
        share("in_cities", "women in the state's cities"),
        share("among_visitors", "women among visitors"),
        size,
        tips,
        {"value": BLUE},
    )


_METHODS = "{pearson: 'Pearson', spearman: 'Spearman', cramers_v: \"Cramér's V\"}[datum.label]"


def forest() -> Spec:
    """Coefficients with their intervals below the names of their pair, Spearman's below Pearson's."""
    method: Spec = {
        "field": "method",
        "type": "nominal",
        "title": None,
        "scale": {"domain": list(METHODS), "range": [BLUE, ORANGE, VIOLET]},
        "legend": {"orient": "top", "labelExpr": _METHODS},
    }
    tips = [
        *(tip(name, name) for name in ("x", "y", "method")),
        *(tip(name, title, ".3f") for name, title in _INTERVAL),
        *(tip(name, name, ",") for name in ("n", "excluded")),
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
