"""What a browser finds at `/`.

Here: the routes of the pages for people, which `app` mounts after those of the API: one page that lists the published
tables and leads to them as CSV. Not here: figures, which every page gets from the API.
"""

from __future__ import annotations

from html import escape

from sqlalchemy import Table
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from i94_platform.serving.access import Access

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>I-94 arrivals</title></head><body><main><h1>I-94 arrivals</h1>
<p><a href="/api/v1/status">What is published</a> · <a href="/api/v1/openapi.json">Description of the API</a></p>
{lists}</main></body></html>
"""


def routes(access: Access, tables: dict[str, tuple[Table, ...]]) -> list[BaseRoute]:
    """The pages; each asks `access` who looks at it."""
    lists = "".join(f"<h2>{layer.title()}</h2><ul>{_items(layer, found)}</ul>" for layer, found in tables.items())
    page = _PAGE.format(lists=lists)

    async def index(request: Request) -> Response:
        access.admit(request, "read:marts")
        return HTMLResponse(page, headers={"Cache-Control": "private, no-cache"})

    return [Route("/", index, methods=["GET"])]


def _items(layer: str, contracts: tuple[Table, ...]) -> str:
    return "".join(
        f'<li><a href="/api/v1/{layer}/{c.name}?format=csv">{escape(c.name)}</a> {escape(str(c.comment))}</li>'
        for c in contracts
    )
