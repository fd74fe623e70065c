"""What a browser finds at `/`: the page, its styles and scripts, and the figures that it shows.

Here: the routes, which `app` mounts after those of the API, and the page's HTML. The page itself holds no figures and
is open to all; its figures are for those who may read the marts. Not here: what is computed (`breakdowns`), what is
drawn (`charts`), and how (`static/`).
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from html import escape
from importlib.resources import files
from itertools import groupby
from string import Template
from typing import TYPE_CHECKING, Any

from sqlalchemy import Table
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from i94_platform.contracts.model import is_monthly
from i94_platform.serving import serializers as formats
from i94_platform.serving.dashboard import summaries as breakdowns
from i94_platform.serving.dashboard.charts import CHARTS, Chart
from i94_platform.serving.http_caching import ASK_EACH_TIME, FOREVER, digest, known, sent, unchanged, with_gzip
from i94_platform.serving.problems import Problem
from i94_platform.serving.release_store import NOTHING, Running, Snapshot, described
from i94_platform.serving.response_cache import Page

if TYPE_CHECKING:
    from i94_platform.serving.app import Service

_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


def routes(service: Service, tables: Mapping[str, tuple[Table, ...]]) -> list[BaseRoute]:
    """The page, its files under an address that changes with their content, and its figures."""
    texts = {
        file.name: file.read_text("utf-8")
        for folder in ("static", "templates")
        for file in files(__package__).joinpath(folder).iterdir()
    }
    folder = f"/static/{digest(json.dumps(texts, sort_keys=True).encode())}"
    library = f"/static/vega-{service.library.version}.js"
    page = _page(texts, {"static": folder, "vega": library, "tables": _listed(tables)})
    answers: dict[str, Callable[[Request], Awaitable[Response]]] = {
        "/": partial(_index, service, _file("html", page, ASK_EACH_TIME)),
        "/dashboard/figures": partial(_figures, service),
        library: partial(_library, service),
    }
    for name, text in texts.items():
        if (kind := name.rpartition(".")[2]) != "html":
            answers[f"{folder}/{name}"] = _file(kind, text, FOREVER)
    return [Route(path, answer, methods=["GET"]) for path, answer in answers.items()]


def _file(kind: str, text: str, kept: str) -> Callable[[Request], Awaitable[Response]]:
    """An answer that is always the same."""
    page, name = with_gzip(text.encode(), kind), digest(text.encode())

    async def answer(request: Request) -> Response:
        return unchanged(name, kept) if known(request, name) else sent(request, page, _TYPES[kind], name, kept)

    return answer


async def _index(service: Service, page: Callable[[Request], Awaitable[Response]], request: Request) -> Response:
    """The page; the browser will ask for the library next."""
    service.library.begin()
    return await page(request)


async def _library(service: Service, request: Request) -> Response:
    """Vega-Lite and what it needs."""
    name = service.library.version
    if known(request, name):
        return unchanged(name, FOREVER)
    return sent(request, await service.library.page(), _TYPES["js"], name, FOREVER)


async def _figures(service: Service, request: Request) -> Response:
    """All that the page draws, for the filters of its URL."""
    service.access.admit(request, "read:marts")
    view = breakdowns.parsed(request.scope["query_string"])
    with service.shelf.taken() as snapshot:
        if snapshot is None:
            raise Problem("no-release", service.shelf.trouble or NOTHING, retry_after=service.poll_seconds)
        name = f"{snapshot.release.version}-view-{view.digest}"
        if known(request, name):
            return unchanged(name)
        page = await service.page(request, name, snapshot, partial(_answered, view))
    return sent(request, page, formats.MEDIA_TYPES["json"], name)


def _answered(view: breakdowns.View, snapshot: Snapshot, running: Running) -> Page:
    told = breakdowns.figures(view, lambda sql, values: snapshot.table(sql, values, running).to_pylist())
    return with_gzip(formats.as_json({**told, "release": described(snapshot.release)}), "json")


def _page(texts: Mapping[str, str], values: Mapping[str, str]) -> str:
    """The page with a card for each chart, in sections."""
    card, sections, cards = Template(texts["card.html"]), list[str](), list[str]()
    for number, (section, charts) in enumerate(groupby(CHARTS, key=lambda chart: chart.section)):
        name = f"section-{number}"
        sections.append(f'<a href="#{name}">{escape(section)}</a>')
        made = "".join(card.substitute(_described(chart)) for chart in charts)
        cards.append(
            f'<section aria-labelledby="{name}"><h2 id="{name}">{escape(section)}</h2>'
            f'<div class="cards">{made}</div></section>'
        )
    # in a script no text may look like its end
    charts_told = json.dumps([_told(chart) for chart in CHARTS]).replace("<", "\\u003c")
    return Template(texts["page.html"]).substitute(
        values, sections="".join(sections), cards="".join(cards), charts=charts_told
    )


def _described(chart: Chart) -> dict[str, str]:
    texts = {"name": chart.name, "title": chart.title, "says": chart.says, "wide": " wide" if chart.wide else ""}
    return {name: escape(text) for name, text in texts.items()}


def _told(chart: Chart) -> dict[str, Any]:
    """What the page's scripts must know of a chart."""
    return {
        "name": chart.name,
        "title": chart.title,
        "columns": [vars(column) for column in chart.columns],
        "spec": chart.spec,
        "ratio": chart.ratio,
        "draws": chart.draws,
        "legend": chart.legend,
        "counted": chart.added_up,
        "heeds": breakdowns.HEEDED[chart.mart.name],
        "monthly": is_monthly(chart.mart),
    }


def _listed(tables: Mapping[str, tuple[Table, ...]]) -> str:
    items = (
        f'<li><a href="/api/v1/{layer}/{c.name}?format=csv">{c.name}</a>: {escape(str(c.comment))}</li>'
        for layer, contracts in tables.items()
        for c in contracts
    )
    return f'<ul class="tables">{"".join(items)}</ul>'
