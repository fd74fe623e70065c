"""`python -m bench.load` measures the web API with many clients while new releases are published.

The server runs in its own process on loopback and serves synthetic rows. The clients request pages, filters and
formats. All responses to one query of one release must be equal, and the release must have been published. The exit
code is 1 if a response is wrong. `i94_platform_tests/serving/test_load.py` runs the same clients with pauses.
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
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import uvicorn

from i94_platform.contracts import MARTS
from i94_platform.lake.from_settings import open_lake
from i94_platform.serving.auth.api_keys import SCOPES
from i94_platform.serving.server import configure_uvicorn, create_service, open_key_store
from i94_platform.settings import Settings
from i94_platform_tests.serving.synthetic_release import publish_release

PUBLISH_SECONDS = 3.0
QUERIES = ("?limit=1000", "?limit=100&order=-{last}", "?limit=5000&format=csv", "?from=2016-02&to=2016-02&limit=200")


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

    def report(self) -> str:
        """Return the measurements as text."""
        per_second = len(self.latencies) / self.seconds
        p50, p99, slowest = (self.quantile_ms(share) for share in (0.5, 0.99, 1))
        cpu_ms = 1000 * self.cpu_seconds / len(self.latencies)
        observed_releases = len({version for version, _ in self.bodies})
        return "\n".join(
            [
                f"requests  {len(self.latencies):,} in {self.seconds:.0f} s, {per_second:,.0f} a second",
                f"statuses  {dict(self.statuses)}, errors: {self.errors or 'none'}",
                f"latency   p50 {p50:.0f} ms, p99 {p99:.0f} ms, slowest {slowest:.0f} ms",
                f"CPU       {cpu_ms:.2f} ms of the server for each request",
                f"releases  {len(self.published_versions)} published, {observed_releases} seen",
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


async def _run_client(number: int, port: int, key: str, until: float, pause: float, result: LoadResult) -> None:
    """Send one query after another over one connection; `pause` is the mean pause in seconds."""
    rng = random.Random(number)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.monotonic() < until:
        mart = rng.choice(MARTS[:-1])
        query = f"/api/v1/marts/{mart.name}" + rng.choice(QUERIES).format(last=list(mart.columns)[-1].name)
        sent_at = time.monotonic()
        writer.write(f"GET {query} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        body = await reader.readexactly(int(headers["content-length"]))
        result.latencies.append(time.monotonic() - sent_at)
        result.statuses[int(head.split(" ")[1])] += 1
        # the ETag starts with the version of the release
        result.bodies[headers.get("etag", "")[3:35], query].add(hash(body))
        await asyncio.sleep(rng.uniform(0, 2 * pause))
    writer.close()


async def _publish_releases(settings: Settings, until: float, per_month: int, result: LoadResult) -> None:
    """Publish one release after another; three contents take turns."""
    number = 0
    while time.monotonic() < until:
        await asyncio.sleep(PUBLISH_SECONDS)
        number += 1
        release = await asyncio.to_thread(
            publish_release, open_lake(settings), f"load{number}", seed=94 + number % 3, per_month=per_month
        )
        result.published_versions.add(release.version)


async def _apply_load(
    settings: Settings,
    port: int,
    key: str,
    clients: int,
    seconds: float,
    per_month: int,
    pause: float,
    result: LoadResult,
) -> None:
    until = time.monotonic() + seconds
    publisher = asyncio.create_task(_publish_releases(settings, until, per_month, result))
    await asyncio.gather(*(_run_client(number, port, key, until, pause, result) for number in range(clients)))
    await publisher


def measure_load(
    folder: Path, clients: int, seconds: float, per_month: int = 300, pause: float = 0.0, warm_up: float = 5.0
) -> LoadResult:
    """Start a server, apply the load to it, and return the measurements.

    Args:
        folder: the home of the server.
        clients: the number of concurrent clients.
        seconds: the length of the measurement, after warming up.
        per_month: rows of each month and mart.
        pause: the mean pause of a client between two queries, in seconds.
        warm_up: the seconds of load before the measurement.
    """
    settings, result, warm_up_result = Settings(home=str(folder), serve_rate=1e6), LoadResult(), LoadResult()
    _, key = open_key_store(settings).add("load", SCOPES)
    result.published_versions.add(publish_release(open_lake(settings), "load0", seed=94, per_month=per_month).version)
    with run_server(settings) as (port, pid):
        asyncio.run(_apply_load(settings, port, key, clients, warm_up, per_month, pause, warm_up_result))
        result.published_versions |= warm_up_result.published_versions
        server = psutil.Process(pid)
        rss_before, cpu_before = server.memory_info().rss, server.cpu_times()
        started = time.monotonic()
        asyncio.run(_apply_load(settings, port, key, clients, seconds, per_month, pause, result))
        result.seconds = time.monotonic() - started
        result.rss_mb = (rss_before / 1e6, server.memory_info().rss / 1e6)
        result.cpu_seconds = sum(server.cpu_times()[:2]) - sum(cpu_before[:2])
    return result


def main() -> int:
    """Measure the load, print the results, and return 0 if every response is right."""
    parser = argparse.ArgumentParser(prog="python -m bench.load", description="Measure the web API under load.")
    parser.add_argument("--clients", type=int, default=200, help="concurrent clients (default 200)")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the measurement (default 60)")
    parser.add_argument("--rows", type=int, default=300, help="rows of each month and mart (default 300)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure_load(Path(folder), arguments.clients, arguments.seconds, arguments.rows)
    print(f"{arguments.clients} clients, {arguments.rows} rows of each month and mart")
    print(result.report())
    return 1 if result.errors else 0


if __name__ == "__main__":
    sys.exit(main())
