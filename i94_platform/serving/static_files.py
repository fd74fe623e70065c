"""Static files below a URL that changes with their content, so that browsers may keep them."""

from __future__ import annotations

import os
from pathlib import Path

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from i94_platform.serving.http_caching import IMMUTABLE, compute_digest


class _ImmutableFiles(StaticFiles):
    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Return a file, which browsers may keep."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = IMMUTABLE
        return response


def mount_static_files(app: FastAPI, name: str, folder: Path) -> str:
    """Add the files of a folder to an application, and return the URL that they are below."""
    digest = compute_digest(b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()))
    url = f"/static/{name}-{digest}"
    app.mount(url, GZipMiddleware(_ImmutableFiles(directory=folder)), name=name)
    return url
