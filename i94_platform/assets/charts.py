"""Charts in metadata: a month of a table, counted by one of its columns, as a picture.

Here: one query, one Vega-Lite specification, and the PNG as Markdown. The first chart of a process costs 0.7 s, for
the renderer starts with it, so that no step of a month draws one. Not here: when (`automation.charts`), and the
dashboard's charts.
"""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg
from sqlalchemy import Date, Table

from i94_platform.assets.common import layer_key
from i94_platform.contracts import (
    destination_by_climate,
    destination_by_origin,
    immigration,
    origin_climate,
    visitor_demographics_by_state,
    visitors_by_airline,
    visitors_by_nationality,
    visitors_by_origin,
)
from i94_platform.partitions import Month
from i94_platform.warehouse.base import Warehouse, month_condition

MOST_BYTES = 100_000
"""Of a picture; it lies in the history with every materialization."""

_WIDTH, _HEIGHT, _BAR = 420, 140, 16
_MOST_BARS = 12


@dataclass(frozen=True)
class Charted:
    """A monthly table, and the column by which its months are drawn; `total` is SQL of ours for what is counted."""

    asset_key: dg.AssetKey
    contract: Table
    column: str
    total: str = "count(*)"


_GROUPS = {
    visitors_by_nationality: "nationality",
    visitors_by_origin: "origin",
    visitors_by_airline: "airline",
    destination_by_origin: "state",
    destination_by_climate: "climate_band",
    origin_climate: "region",
    visitor_demographics_by_state: "age_band",
}

CHARTED = (
    Charted(layer_key("warehouse", immigration.name), immigration, "arrdate"),
    *(Charted(layer_key("mart", mart.name), mart, column, "sum(visitors)") for mart, column in _GROUPS.items()),
)
"""Every table that is drawn."""


def observation(warehouse: Warehouse, charted: Charted, month: Month) -> dg.AssetObservation:
    """A month's chart as an observation of its asset: the UI shows it beside what was told when it was loaded."""
    chart = counted_by(warehouse, charted.contract, charted.column, month, charted.total)
    return dg.AssetObservation(charted.asset_key, partition=month.key, metadata={"chart": chart})


def counted_by(
    warehouse: Warehouse, contract: Table, column: str, month: Month, total: str = "count(*)"
) -> dg.MarkdownMetadataValue:
    """A month of a table by the values of a column: every day of a date, else the values with the largest totals."""
    by_day = isinstance(contract.columns[column].type, Date)
    where, values = month_condition(month)
    found = warehouse.query(
        f"SELECT {column} AS label, {total} AS total FROM {contract.fullname} WHERE {where} GROUP BY {column} "
        f"ORDER BY {'label' if by_day else 'total DESC, label'} LIMIT {31 if by_day else _MOST_BARS}",
        values,
    )
    figures = {_name(row["label"]): int(row["total"]) for row in found.to_pylist()}
    return bars(f"{contract.name} {month.key} by {column}", figures, upright=by_day)


def _name(label: Any) -> str | int:
    if isinstance(label, dt.date):
        return label.day
    return "not given" if label is None else str(label)


def bars(title: str, figures: Mapping[Any, int], *, upright: bool) -> dg.MarkdownMetadataValue:
    """A bar for each figure in their order, upright or lying with room for their names.

    Raises:
        ValueError: the picture is too large to be kept with every materialization.
    """
    import vl_convert

    picture: bytes = vl_convert.vegalite_to_png(_specification(title, figures, upright=upright))
    if len(picture) >= MOST_BYTES:
        raise ValueError(f"The chart {title!r} has {len(picture):,} bytes, {MOST_BYTES:,} are too many: draw less")
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{base64.b64encode(picture).decode()})")


def _specification(title: str, figures: Mapping[Any, int], *, upright: bool) -> dict[str, Any]:
    names: dict[str, Any] = {"field": "name", "type": "ordinal", "sort": None, "title": None}
    amounts: dict[str, Any] = {"field": "n", "type": "quantitative", "title": None, "axis": {"format": "~s"}}
    if upright:
        names["axis"] = {"labelAngle": 0}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "title": title,
        "background": "white",  # the UI has a dark theme too
        "width": _WIDTH,
        "height": _HEIGHT if upright else {"step": _BAR},
        "data": {"values": [{"name": name, "n": n} for name, n in figures.items()]},
        "mark": "bar",
        "encoding": {"x": names, "y": amounts} if upright else {"y": names, "x": amounts},
    }
