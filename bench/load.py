"""`python -m bench.load` measures the web API with many clients while new releases are published.

The server runs in its own process on loopback and serves synthetic rows. The clients request pages, filters, formats
and aggregates. All responses to one query of one release must be equal, and the release must have been published. The
exit code is 1 if a response is wrong. `i94_platform_tests/serving/test_load.py` runs the same clients with pauses.

`--months 60 --cube 100000 --publish 0` is five years of a cube; the aggregates are then compared with plain DuckDB.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import random
import socket
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil
import uvicorn

from bench.cube import COUNTRIES, STATES, make_cube_month
from bench.query_cost import CUBE, QueryCost, measure_queries
from bench.results import Bound
from i94_platform.contracts import MARTS
from i94_platform.lake.from_settings import open_lake
from i94_platform.lake.releases import Release
from i94_platform.serving.auth.api_keys import SCOPES
from i94_platform.serving.server import configure_uvicorn, create_service, open_key_store
from i94_platform.settings import Settings
from i94_platform_tests.serving.synthetic_release import publish_release

FIRST_YEAR = 2016
KEYS = 20
"""Keys of the clients; of one key two queries run at a time."""

PAGES = ("?limit=1000", "?limit=100&order=-{last}", "?limit=5000&format=csv", "?from=2016-02&to=2016-02&limit=200")
AGGREGATES = (
    "?group=i94addr&order=-visitors.sum",
    "?group=i94yr,i94mon&i94addr={state}",
    "?group=i94res&i94addr={state}&order=-visitors.sum&limit=20",
    "?group=age_band,gender&i94res={country}",
    "?group=i94addr,i94res&having=visitors.sum__ge:100&order=-visitors.sum&limit=100&from=2016-02&to=2016-02",
    "?select=visitors.sum,stays.sum,stay_days.sum&i94addr={state}",
)


@dataclass(frozen=True)
class Load:
    """What clients do for how long, to what a server has."""

    clients: int
    seconds: float
    """The length of the measurement, after warming up."""
    per_month: int = 300
    """Rows of each month and mart."""
    pause: float = 0.0
    """The mean pause of a client between two queries, in seconds."""
    warm_up: float = 5.0
    """Seconds of load before the measurement."""
    months: int = 3
    cube_rows: int = 0
    """Arrivals of each month of the cube; it is like the other marts where there are none."""
    publish_seconds: float = 3.0
    """After these a new release is published, again and again; never if 0."""

    def publish(self, settings: Settings, number: int) -> Release:
        """Publish a release; three contents take turns."""
        make_cube = partial(make_cube_month, rows=self.cube_rows) if self.cube_rows else None
        months = [f"{FIRST_YEAR + n // 12}-{n % 12 + 1:02}" for n in range(self.months)]
        lake, seed = open_lake(settings), 94 + number % 3
        return publish_release(
            lake,
            f"load{number}",
            seed=seed,
            per_month=self.per_month,
            months=months,
            make_cube=make_cube,
            codes={"state": STATES, "country": COUNTRIES},
        )

    def choose_query(self, rng: random.Random) -> str:
        """Choose a page of a mart or an aggregate of the cube."""
        if rng.random() < 0.5:
            return CUBE + rng.choice(AGGREGATES).format(state=rng.choice(STATES), country=rng.choice(COUNTRIES))
        mart = rng.choice(MARTS[:-1])
        return f"/api/v1/marts/{mart.name}" + rng.choice(PAGES).format(last=list(mart.columns)[-1].name)


@dataclass
class LoadResult:
    """The measurements of one run."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    bodies: dict[tuple[str, str], set[int]] = field(default_factory=lambda: defaultdict(set))
    """Hashes of the distinct bodies by release and query."""
    published_versions: set[str] = field(default_factory=set)
    rss_mb: tuple[float, float] = (0, 0)
    """Memory of the server in MB, after warming up and at the end."""
    cpu_seconds: float = 0.0
    """CPU time of the server. Other work on the machine hardly changes it."""

    @property
    def errors(self) -> list[str]:
        """The statuses other than 200, and the queries whose responses differ or come from an unpublished release."""
        status_errors = [f"status {status}" for status in self.statuses if status != 200]
        return status_errors + [
            f"{query} of {version}"
            for (version, query), bodies in self.bodies.items()
            if len(bodies) != 1 or version not in self.published_versions
        ]

    def quantile_ms(self, share: float) -> float:
        """Return the latency in ms that this share of the responses did not exceed."""
        return 1000 * sorted(self.latencies)[min(len(self.latencies) - 1, int(share * len(self.latencies)))]

    def summarize(self) -> dict[str, float]:
        """Return the figures that docs/benchmarks.md shows."""
        return {
            "requests": len(self.latencies),
            "per_second": len(self.latencies) / self.seconds,
            "p50_ms": self.quantile_ms(0.5),
            "p99_ms": self.quantile_ms(0.99),
            "cpu_ms": 1000 * self.cpu_seconds / len(self.latencies),
            "memory_mb": self.rss_mb[1],
            "releases": len(self.published_versions),
            "errors": len(self.errors),
        }

    def report(self) -> str:
        """Return the measurements as text."""
        figures = self.summarize()
        observed_releases = len({version for version, _ in self.bodies})
        return "\n".join(
            [
                f"requests  {figures['requests']:,} in {self.seconds:.0f} s, {figures['per_second']:,.0f} a second",
                f"statuses  {dict(self.statuses)}, errors: {self.errors or 'none'}",
                f"latency   p50 {figures['p50_ms']:.0f} ms, p99 {figures['p99_ms']:.0f} ms, "
                f"slowest {self.quantile_ms(1):.0f} ms",
                f"CPU       {figures['cpu_ms']:.2f} ms of the server for each request",
                f"releases  {figures['releases']} published, {observed_releases} seen",
                f"memory    {self.rss_mb[0]:.0f} MB after warming up, {self.rss_mb[1]:.0f} MB at the end",
            ]
        )


@contextlib.contextmanager
def run_server(settings: Settings) -> Iterator[tuple[int, int]]:
    """Run the server in its own process; yield its port and process id."""
    context = multiprocessing.get_context("spawn")
    parent_end, child_end = context.Pipe()
    process = context.Process(target=_serve, args=(settings, child_end), daemon=True)
    process.start()
    try:
        if not parent_end.poll(60):
            raise RuntimeError("the server did not start within a minute")
        yield parent_end.recv(), process.pid or 0
    finally:
        process.terminate()
        process.join(20)


def _serve(settings: Settings, parent: Connection) -> None:
    service = create_service(settings)
    service.poll_seconds = 0.5
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    parent.send(listener.getsockname()[1])
    uvicorn.Server(configure_uvicorn(service, settings, "127.0.0.1", 0)).run(sockets=[listener])


async def _run_client(load: Load, number: int, port: int, key: str, until: float, result: LoadResult) -> None:
    """Send one query after another over one connection."""
    rng = random.Random(number)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.monotonic() < until:
        query = load.choose_query(rng)
        sent_at = time.monotonic()
        writer.write(f"GET {query} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        body = await reader.readexactly(int(headers["content-length"]))
        result.latencies.append(time.monotonic() - sent_at)
        result.statuses[int(head.split(" ")[1])] += 1
        # the ETag starts with the version of the release
        result.bodies[headers.get("etag", "")[3:35], query].add(hash(body))
        await asyncio.sleep(rng.uniform(0, 2 * load.pause))
    writer.close()


async def _publish_releases(load: Load, settings: Settings, until: float, result: LoadResult) -> None:
    """Publish one release after another."""
    number = 0
    while load.publish_seconds and time.monotonic() < until:
        await asyncio.sleep(load.publish_seconds)
        number += 1
        release = await asyncio.to_thread(load.publish, settings, number)
        result.published_versions.add(release.version)


async def _apply_load(
    load: Load, settings: Settings, port: int, keys: list[str], seconds: float, result: LoadResult
) -> None:
    until = time.monotonic() + seconds
    publisher = asyncio.create_task(_publish_releases(load, settings, until, result))
    clients = (
        _run_client(load, number, port, keys[number % len(keys)], until, result) for number in range(load.clients)
    )
    await asyncio.gather(*clients)
    await publisher


def measure_load(folder: Path, load: Load) -> tuple[LoadResult, list[QueryCost]]:
    """Start a server, apply the load to it, and return the measurements, with those of single queries of a cube.

    Args:
        folder: the home of the server.
        load: the load.
    """
    settings, result, warm_up_result = Settings(home=str(folder), serve_rate=1e6), LoadResult(), LoadResult()
    keys = [open_key_store(settings).add(f"load {number}", SCOPES)[1] for number in range(KEYS)]
    release = load.publish(settings, 0)
    result.published_versions.add(release.version)
    with run_server(settings) as (port, pid):
        asyncio.run(_apply_load(load, settings, port, keys, load.warm_up, warm_up_result))
        result.published_versions |= warm_up_result.published_versions
        server = psutil.Process(pid)
        rss_before, cpu_before = server.memory_info().rss, server.cpu_times()
        started = time.monotonic()
        asyncio.run(_apply_load(load, settings, port, keys, load.seconds, result))
        result.seconds = time.monotonic() - started
        result.rss_mb = (rss_before / 1e6, server.memory_info().rss / 1e6)
        result.cpu_seconds = sum(server.cpu_times()[:2]) - sum(cpu_before[:2])
        queries = [query.format(state=STATES[3], country=COUNTRIES[9]) for query in AGGREGATES]
        costs = measure_queries(settings, release, port, queries) if load.cube_rows else []
    return result, costs


def measure_api() -> tuple[dict[str, Any], list[Bound]]:
    """Measure clients without pauses, and a hundred people who look at something every five seconds."""
    results = {}
    for name, load in LOADS.items():
        with tempfile.TemporaryDirectory() as folder:
            results[name] = measure_load(Path(folder), load)[0].summarize()
    bounds = [Bound(f"web API, {name}, wrong responses", of_load["errors"], 0, "") for name, of_load in results.items()]
    return results, bounds


LOADS = {
    "200 clients without pauses": Load(clients=200, seconds=30.0),
    "100 people, a request every 5 s": Load(clients=100, seconds=30.0, pause=5.0),
}


def main() -> int:
    """Measure the load, print the results, and return 0 if every response is right."""
    parser = argparse.ArgumentParser(prog="python -m bench.load", description="Measure the web API under load.")
    parser.add_argument("--clients", type=int, default=200, help="concurrent clients (default 200)")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the measurement (default 60)")
    parser.add_argument("--rows", type=int, default=300, help="rows of each month and mart (default 300)")
    parser.add_argument("--months", type=int, default=3, help="published months (default 3)")
    parser.add_argument("--cube", type=int, default=0, help="arrivals of each month of the cube (default 0)")
    parser.add_argument("--publish", type=float, default=3.0, help="seconds between releases (default 3, 0 for one)")
    arguments = parser.parse_args()
    load = Load(
        arguments.clients,
        arguments.seconds,
        arguments.rows,
        months=arguments.months,
        cube_rows=arguments.cube,
        publish_seconds=arguments.publish,
    )
    with tempfile.TemporaryDirectory() as folder:
        result, costs = measure_load(Path(folder), load)
    print(load)
    print(result.report())
    for cost in costs:
        print(cost)
    return 1 if result.errors else 0


if __name__ == "__main__":
    sys.exit(main())
