"""The HTML of the dashboard: a card for each chart, and what the page's scripts must know of the charts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from itertools import groupby
from pathlib import Path
from string import Template
from typing import Any

from sqlalchemy import Table

from i94_platform.contracts import MONTHLY_MARTS
from i94_platform.serving.dashboard.charts import Chart, load_charts
from i94_platform.serving.dashboard.summaries import SUPPORTED_FILTERS

_TEMPLATES = Path(__file__).parent / "templates"


def render_page(static_url: str, vega_url: str, layers: Mapping[str, tuple[Table, ...]]) -> str:
    """Render the page. It holds no figures, so it is the same for everybody."""
    card, links, sections = _read_template("card.html"), list[str](), list[str]()
    for number, (title, charts) in enumerate(groupby(load_charts(), key=lambda chart: chart.section)):
        id_ = f"section-{number}"
        links.append(f'<a href="#{id_}">{escape(title)}</a>')
        cards = "".join(card.substitute(_card_values(chart)) for chart in charts)
        sections.append(
            f'<section aria-labelledby="{id_}"><h2 id="{id_}">{escape(title)}</h2>'
            f'<div class="cards">{cards}</div></section>'
        )
    return _read_template("page.html").substitute(
        static=static_url,
        vega=vega_url,
        section_links="".join(links),
        sections="".join(sections),
        # so that no text can end the script element
        charts=json.dumps([_chart_json(chart) for chart in load_charts()]).replace("<", "\\u003c"),
        downloads="".join(_download_link(layer, c) for layer, contracts in layers.items() for c in contracts),
    )


def _read_template(name: str) -> Template:
    return Template((_TEMPLATES / name).read_text("utf-8"))


def _card_values(chart: Chart) -> dict[str, str]:
    values = {"name": chart.name, "title": chart.title, "description": chart.description}
    return {name: escape(value) for name, value in values.items()} | {"wide": " wide" if chart.wide else ""}


def _chart_json(chart: Chart) -> dict[str, Any]:
    monthly = any(mart.name == chart.mart for mart in MONTHLY_MARTS)
    return {**vars(chart), "filters": SUPPORTED_FILTERS[chart.mart], "monthly": monthly}


def _download_link(layer: str, contract: Table) -> str:
    url = f"/api/v1/{layer}/{contract.name}?format=csv"
    return f'<li><a href="{url}">{contract.name}</a>: {escape(str(contract.comment))}</li>'
