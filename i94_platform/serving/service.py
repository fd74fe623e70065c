"""What all routes share: the release, who may read it, cached responses, and the threads that run queries."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from starlette.requests import Request
from starlette.responses import Response

from i94_platform.lake.releases import Release
from i94_platform.serving.disclosure import DisclosureControl
from i94_platform.serving.http_caching import is_current, not_modified, send
from i94_platform.serving.metrics import Metrics
from i94_platform.serving.problems import Problem
from i94_platform.serving.queries import Query
from i94_platform.serving.release_store import NOTHING_PUBLISHED, ReleaseStore
from i94_platform.serving.response_cache import CachedResponse, ResponseCache
from i94_platform.serving.snapshot import Snapshot

if TYPE_CHECKING:
    from i94_platform.serving.auth.authenticator import Authenticator

logger = logging.getLogger(__name__)

QUERY_THREADS = 4
"""More would only wait for the processors."""

QUERIES_PER_CALLER = 2
"""Queries that run for one caller at a time; further ones wait, so that nobody takes all threads from others."""

WAIT_SECONDS = 30.0
"""Seconds that a query waits for others before the server is too busy for it: as long as a person waits."""

MakeResponse = Callable[[Snapshot, DisclosureControl, float], CachedResponse]
"""Queries a release for a caller until a deadline."""


@dataclass
class Service:
    """The state of one server."""

    release_store: ReleaseStore
    authenticator: Authenticator
    query_seconds: float
    """After these a query is stopped."""
    poll_seconds: float = 3.0
    """The time between two looks for a new release."""
    response_cache: ResponseCache = field(default_factory=ResponseCache)
    metrics: Metrics = field(default_factory=Metrics)
    valid_queries: dict[tuple[str, bytes, str], Query] = field(default_factory=dict)
    """Queries by the path, the query string and the format of requests that were valid."""
    downloads: list[str] = field(default_factory=list)
    """The callers whom an archive is being sent to."""
    executor: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(QUERY_THREADS, thread_name_prefix="query")
    )
    threads: asyncio.Semaphore = field(default_factory=partial(asyncio.Semaphore, QUERY_THREADS))
    """The queries that may still start."""
    turns: WeakValueDictionary[str, asyncio.Semaphore] = field(default_factory=WeakValueDictionary)
    """How many queries each caller may still start. That of a caller without queries is dropped."""

    def require_release(self) -> Release:
        """Return the release that is served.

        Raises:
            Problem: there is none.
        """
        if release := self.release_store.release:
            return release
        is_published = self.release_store.error != NOTHING_PUBLISHED
        detail = "No release can be loaded; the log of the server says why." if is_published else NOTHING_PUBLISHED
        raise Problem("no-release", detail, retry_after=self.poll_seconds)

    async def respond(self, request: Request, key: str, make: MakeResponse, version: str) -> Response:
        """Respond from the cache, or make the response and cache it.

        Args:
            request: the request, which may carry the ETag of an earlier response.
            key: what the response depends on apart from the release and what the caller may see.
            make: queries the release; runs in a thread.
            version: the release to read; empty for the newest.

        Raises:
            Problem: there is no such release, or the query takes too long.
        """
        with self.lease(version) as snapshot:
            # it begins with the version, by which a reader sees which release it is from
            disclosure: DisclosureControl = request.state.disclosure
            name = f"{snapshot.release.version}-{disclosure.name}-{key}"
            if is_current(request, name):
                return not_modified(name)
            cached = self.response_cache.find(name)
            request.state.cache = "hit" if cached else "miss"
            self.metrics.responses.labels(request.state.cache).inc()
            if cached is None:
                run_query = partial(self._run_query, request.state.caller, snapshot, disclosure, make)
                cached = await self.response_cache.create(name, run_query)
        return send(request, cached, name)

    @contextmanager
    def lease(self, version: str) -> Iterator[Snapshot]:
        """Keep the release of a version open, or the newest if the version is empty.

        Raises:
            Problem: there is no such release.
        """
        with self.release_store.lease(version) as snapshot:
            if snapshot is None:
                self.require_release()
                raise Problem("release-gone", "The server has no such release (any more); take the newest.")
            yield snapshot

    @contextmanager
    def take_download_slot(self, caller: str, most: int) -> Iterator[None]:
        """Count a download in progress, of which each caller may have one and all together `most`.

        Raises:
            Problem: there is no slot for it.
        """
        if caller in self.downloads or len(self.downloads) >= most:
            raise Problem("busy", "Other downloads are in progress; try again soon.", retry_after=10)
        self.downloads.append(caller)
        try:
            yield
        finally:
            self.downloads.remove(caller)

    async def _run_query(
        self, caller: str, snapshot: Snapshot, disclosure: DisclosureControl, make: MakeResponse
    ) -> CachedResponse:
        try:
            with snapshot.lease():  # the request may end before the query does
                async with self._wait_for_turn(caller):
                    deadline = time.monotonic() + self.query_seconds
                    loop = asyncio.get_running_loop()
                    return await loop.run_in_executor(self.executor, make, snapshot, disclosure, deadline)
        except TimeoutError:
            self.metrics.stopped.inc()
            detail = f"The query was stopped after {self.query_seconds:g} s; ask for less, or try again later."
            raise Problem("query-timeout", detail, retry_after=self.query_seconds) from None
        except MemoryError:
            raise Problem("query-too-large", "The query needs more memory than the server has; ask for less.") from None

    @asynccontextmanager
    async def _wait_for_turn(self, caller: str) -> AsyncIterator[None]:
        """Wait until the caller and the server may start another query.

        Raises:
            Problem: that takes too long.
        """
        turn = self.turns.setdefault(caller, asyncio.Semaphore(QUERIES_PER_CALLER))
        async with AsyncExitStack() as taken:
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    for semaphore in (turn, self.threads):
                        await taken.enter_async_context(semaphore)
            except TimeoutError:
                raise Problem("busy", "Too many queries are in progress; try again soon.", retry_after=10) from None
            yield

    async def refresh_release(self) -> None:
        """Load the newest release, if it is not served yet."""
        # not in the executor: a release must be seen even if all its threads are busy
        await asyncio.to_thread(self.release_store.refresh)
        self.metrics.load_error.set(bool(self.release_store.error))
        if release := self.release_store.release:
            self.metrics.published.set(dt.datetime.fromisoformat(release.published_at).timestamp())

    async def watch_releases(self) -> None:
        """Load new releases until cancelled."""
        while True:
            try:
                await self.refresh_release()
            except Exception:
                logger.exception("Can't look for a new release; trying again in %.0f s", self.poll_seconds)
            await asyncio.sleep(self.poll_seconds)

    def close(self) -> None:
        """Stop the threads and close the release."""
        self.executor.shutdown(wait=False, cancel_futures=True)
        self.release_store.close()


def get_service(request: Request) -> Service:
    """Return the service of the application that handles a request."""
    service: Service = request.app.state.service
    return service
