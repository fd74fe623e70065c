"""The dashboard's charts: each is a file of `chart_specs` with texts, table columns, and a Vega-Lite specification.

A specification names its data `rows`. The page sets the size, the colours of text and background, and the parameters
`ink`, `paper`, `sea`, `most` (visitors of the largest row), `narrow` (a phone) and `present` (values of the legend).
The other colours have a contrast of at least 3:1 to the light and the dark background.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

SECTIONS: dict[str, tuple[str, ...]] = {
    "How many": ("months",),
    "Who arrives": ("nationality", "origin", "airline", "age", "women", "purpose"),
    "Where they go": ("states", "heat", "countries"),
    "Climate": ("climate", "temperature"),
    "Correlations": ("correlations",),
}
"""The charts of each section, in the order of the page."""

_SPECS = Path(__file__).parent / "chart_specs"


@dataclass(frozen=True)
class Chart:
    """A chart with its table."""

    name: str
    section: str
    mart: str
    title: str
    description: str
    columns: list[dict[str, str]]
    """Name, title and kind of each column; the kind says how the page formats it, as text unless given."""
    spec: dict[str, Any]
    wide: bool = False
    ratio: float = 0.0
    """Height by width; 0 if the specification has the height."""
    requires: str = ""
    """A column without which a row can't be drawn; the page says how many visitors such rows have."""
    legend: str = ""
    """A column whose values the legend names, only those that occur."""
    additive: bool = True
    """Whether the rows add up to all visitors that match the filters."""


@cache
def load_charts() -> tuple[Chart, ...]:
    """Load every chart, in the order of the page."""
    return tuple(
        Chart(name=name, section=section, **json.loads((_SPECS / f"{name}.json").read_text("utf-8")))
        for section, names in SECTIONS.items()
        for name in names
    )
