"""Vega-Lite's JavaScript, which draws the charts, as one bundle from vl-convert, so that nothing is downloaded.

The bundle of a version takes three seconds to make. It is made once and kept as a file.
"""

from __future__ import annotations

import asyncio
from importlib.metadata import version

from i94_platform.lake.local import LocalStore
from i94_platform.serving.http_caching import with_gzip
from i94_platform.serving.response_cache import CachedResponse

_ENTRY_POINT = "window.vegaEmbed = vegaEmbed;"
"""The function that the page calls."""


class VegaBundle:
    """The bundle of the installed version, kept in a folder."""

    def __init__(self, folder: str) -> None:
        self.version = version("vl-convert-python")
        self._store, self._file = LocalStore(folder), f"vega-{self.version}.js"
        self._loading: asyncio.Task[CachedResponse] | None = None

    def start_loading(self) -> asyncio.Task[CachedResponse]:
        """Load the bundle, unless that was started before; a load that failed is started again."""
        if self._loading is None or (self._loading.done() and self._loading.exception()):
            self._loading = asyncio.create_task(asyncio.to_thread(self._load))
        return self._loading

    async def load(self) -> CachedResponse:
        """Return the bundle. Requests that come while it is made wait for it."""
        # the first client may disconnect while others still wait
        return await asyncio.shield(self.start_loading())

    def _load(self) -> CachedResponse:
        try:
            script = self._store.read(self._file)
        except FileNotFoundError:
            import vl_convert

            script = vl_convert.javascript_bundle(_ENTRY_POINT).encode()
            self._store.put(self._file, script)
        return with_gzip(script, "text/javascript; charset=utf-8")
