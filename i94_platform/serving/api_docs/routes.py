"""Routes of the pages about the web API. They hold no figures and are open to all."""

from __future__ import annotations

from html import escape
from pathlib import Path
from string import Template

from fastapi import APIRouter, FastAPI, HTTPException, Request
from starlette.responses import Response

from i94_platform.serving.http_caching import send_page
from i94_platform.serving.problems import KINDS, ProblemKind
from i94_platform.serving.static_files import mount_static_files

_STATIC = Path(__file__).parent / "static"

_DOCS = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Web API of i94_platform</title>
<link rel="icon" href="$static/favicon-32x32.png">
<link rel="stylesheet" href="$static/swagger-ui.css">
<link rel="stylesheet" href="$static/start.css">
<script defer src="$static/swagger-ui-bundle.js"></script>
<script defer src="$static/start.js"></script>
</head>
<body>
<main id="swagger-ui">
<p>The documentation needs JavaScript; <a href="/api/v1/openapi.json">its source</a> does not.</p>
</main>
</body>
</html>
""")

_PROBLEM = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>$title</title>
</head>
<body>
<main>
$problems
<p><a href="/docs">Documentation of the web API</a></p>
</main>
</body>
</html>
""")


def add_routes(app: FastAPI) -> None:
    """Add the pages to an application."""
    static_url = mount_static_files(app, "docs", _STATIC)
    docs = _DOCS.substitute(static=static_url)
    router = APIRouter(include_in_schema=False)

    @router.get("/docs")
    async def show_docs(request: Request) -> Response:
        return send_page(request, docs)

    @router.get("/problems")
    async def show_problems(request: Request) -> Response:
        return send_page(request, _render_problems("Problems", KINDS))

    @router.get("/problems/{kind}")
    async def show_problem(request: Request, kind: str) -> Response:
        if kind not in KINDS:
            raise HTTPException(404)
        return send_page(request, _render_problems(KINDS[kind].title, {kind: KINDS[kind]}))

    app.include_router(router)


def _render_problems(title: str, kinds: dict[str, ProblemKind]) -> str:
    sections = (
        f"<h2><code>/problems/{name}</code></h2>"
        f"<p>Status {kind.status}: {escape(kind.title)}.</p><p>What to do: {escape(kind.advice)}.</p>"
        for name, kind in kinds.items()
    )
    return _PROBLEM.substitute(title=escape(title), problems=f"<h1>{escape(title)}</h1>{''.join(sections)}")
