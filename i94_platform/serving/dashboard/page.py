"""The HTML of the dashboard: one document for all pages, and what its scripts must know of charts and contracts."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from sqlalchemy import BigInteger, Table

from i94_platform.contracts import MONTHLY_MARTS
from i94_platform.contracts.disclosure import MIN_BASE
from i94_platform.contracts.groups import AGE_BANDS, CLIMATE_BANDS, GENDERS, NO_CODE, NOT_GIVEN, UNKNOWN
from i94_platform.contracts.model import MONTH_COLUMNS, key_columns
from i94_platform.serving.api.layers import LAYERS
from i94_platform.serving.dashboard.charts import load_charts

PAGES = {
    "overview": "Overview",
    "who": "Who arrives",
    "where": "Where they go",
    "climate": "Climate",
    "together": "What goes together",
    "ports": "Ports and stays",
    "about": "About the data",
}
"""The title of each page; the first is at the root, every other at its name."""

_FOLDER = Path(__file__).parent


def page_path(name: str) -> str:
    """Return the path of a page."""
    return "/" if name == next(iter(PAGES)) else f"/{name}"


def render_page(static_url: str, vega_url: str) -> str:
    """Render the document. It holds no figures, so it is the same for everybody and for every page."""
    links = "".join(f'<a id="nav-{name}" href="{page_path(name)}">{escape(title)}</a>' for name, title in PAGES.items())
    modules = sorted(path.name for path in (_FOLDER / "static").glob("*.js"))
    return Template((_FOLDER / "templates" / "page.html").read_text("utf-8")).substitute(
        static=static_url,
        vega=vega_url,
        modules="".join(f'<link rel="modulepreload" href="{static_url}/{module}">\n' for module in modules),
        links=links,
        # so that no text can end the script element
        config=json.dumps(_describe_contracts()).replace("<", "\\u003c"),
    )


def _download_url(layer: str, contract: Table) -> str:
    """Return where all rows are: a month's table may have more than a page of CSV, an archive has them all."""
    if contract in MONTHLY_MARTS:
        return f"/api/v1/download/latest.zip?tables={contract.name}"
    return f"/api/v1/{layer}/{contract.name}?format=csv"


def _describe_contracts() -> dict[str, Any]:
    return {
        "routes": [{"name": name, "title": title, "path": page_path(name)} for name, title in PAGES.items()],
        "charts": load_charts(),
        "min_base": MIN_BASE,
        "climate_bands": CLIMATE_BANDS,
        "values": {
            "gender": GENDERS,
            "age_band": {name: name for name, *_ in (*AGE_BANDS, (UNKNOWN, None, None))},
            "visatype": {NOT_GIVEN: NOT_GIVEN},
            **{name: {str(NO_CODE): NOT_GIVEN} for name in ("i94cit", "i94res", "i94mode")},
        },
        "marts": [
            {
                "name": mart.name,
                "keys": [name for name in key_columns(mart) if name not in MONTH_COLUMNS],
                "measures": [c.name for c in mart.columns if c.info["statistic"] and isinstance(c.type, BigInteger)],
            }
            for mart in MONTHLY_MARTS
        ],
        "downloads": [
            {"url": _download_url(layer, contract), "name": contract.name, "description": contract.comment}
            for layer, contracts in LAYERS.items()
            for contract in contracts
        ],
        **json.loads((_FOLDER / "templates" / "about.json").read_text("utf-8")),
    }
