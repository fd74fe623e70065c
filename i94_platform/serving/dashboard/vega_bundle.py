"""Vega-Lite's JavaScript, which draws the dashboard's charts: taken from vl-convert, so that nothing is downloaded.

Here: the bundle of one version, made once (three seconds) and kept as a file. Not here: the page's own scripts
(`static/`).
"""

from __future__ import annotations

import asyncio
from importlib.metadata import version

from i94_platform.lake.local import LocalStore
from i94_platform.serving.http_caching import with_gzip
from i94_platform.serving.response_cache import Page

_ENTRY = "window.vegaEmbed = vegaEmbed;"
"""What the page calls."""


class Library:
    """The scripts, kept in a folder of the server's."""

    def __init__(self, folder: str) -> None:
        self.version = version("vl-convert-python")
        self._store, self._path = LocalStore(folder), f"vega-{self.version}.js"
        self._making: asyncio.Task[Page] | None = None

    def begin(self) -> asyncio.Task[Page]:
        """Make the scripts, unless that was begun before; one that failed is begun again."""
        if self._making is None or (self._making.done() and self._making.exception()):
            self._making = asyncio.create_task(asyncio.to_thread(self._made))
        return self._making

    async def page(self) -> Page:
        """The scripts; whoever asks while they are made waits for the same making."""
        # whoever asked first may go away; the others still wait
        return await asyncio.shield(self.begin())

    def _made(self) -> Page:
        try:
            return with_gzip(self._store.read(self._path), "js")
        except FileNotFoundError:
            import vl_convert

            made = vl_convert.javascript_bundle(_ENTRY).encode()
        self._store.put(self._path, made)
        return with_gzip(made, "js")
