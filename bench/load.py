"""`python -m bench.load`: what the web API bears. Many clients at once, while the release is being replaced.

A server process of its own on loopback, over synthetic rows. Clients ask for pages, filters and formats; all answers to
one question about one release must be equal, and the release must be one that was published. It prints the figures;
exit code 1 where an answer was wrong. Not here: the same as a test, by clients that pause (`serving/test_load.py`).
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
from i94_platform.serving.auth.api_keys import SCOPES
from i94_platform.serving.server import config, keys_of, lake_of, service
from i94_platform.settings import Settings
from i94_platform_tests.serving.synthetic_release import publish_release

REPLACE_SECONDS = 3.0
QUESTIONS = ("?limit=1000", "?limit=100&order=-{last}", "?limit=5000&format=csv", "?from=2016-02&to=2016-02&limit=200")


@dataclass
class Load:
    """What came of it."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    answers: dict[tuple[str, str], set[int]] = field(default_factory=lambda: defaultdict(set))
    """The different bodies that came for a question and a release."""
    published: set[str] = field(default_factory=set)
    rss: tuple[float, float] = (0, 0)
    """Megabytes of the server after warming up and at the end."""

    @property
    def wrong(self) -> list[str]:
        """Answers with an error, of a release that was never published, or not alike."""
        errors = [f"status {status}" for status in self.statuses if status != 200]
        return errors + [
            f"{question} of {version}"
            for (version, question), bodies in self.answers.items()
            if len(bodies) != 1 or version not in self.published
        ]

    def quantile(self, share: float) -> float:
        """Milliseconds within which that share of the answers came."""
        return 1000 * sorted(self.latencies)[min(len(self.latencies) - 1, int(share * len(self.latencies)))]

    def lines(self) -> list[str]:
        """The figures in words."""
        each = len(self.latencies) / self.seconds
        p50, p99, slowest = (self.quantile(share) for share in (0.5, 0.99, 1))
        seen = len({version for version, _ in self.answers})
        return [
            f"requests  {len(self.latencies):,} in {self.seconds:.0f} s, {each:,.0f} a second",
            f"answers   {dict(self.statuses)}, wrong: {self.wrong or 'none'}",
            f"time      p50 {p50:.0f} ms, p99 {p99:.0f} ms, slowest {slowest:.0f} ms",
            f"releases  {len(self.published)} published, {seen} seen",
            f"memory    {self.rss[0]:.0f} MB after warming up, {self.rss[1]:.0f} MB at the end",
        ]


@contextlib.contextmanager
def running(settings: Settings) -> Iterator[tuple[int, int]]:
    """The server in a process of its own; its port and process id."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(settings, theirs), daemon=True)
    process.start()
    try:
        if not ours.poll(60):
            raise RuntimeError("the server did not start within a minute")
        yield ours.recv(), process.pid or 0
    finally:
        process.terminate()
        process.join(20)


def _serve(settings: Settings, told: Connection) -> None:
    made = service(settings)
    made.poll_seconds = 0.5
    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    told.send(listening.getsockname()[1])
    uvicorn.Server(config(made, "127.0.0.1", 0)).run(sockets=[listening])


async def _client(number: int, port: int, key: str, until: float, pause: float, load: Load) -> None:
    """Ask one question after another over one connection, with pauses of that length on average."""
    chance = random.Random(number)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.monotonic() < until:
        mart = chance.choice(MARTS[:-1])
        question = f"/api/v1/marts/{mart.name}" + chance.choice(QUESTIONS).format(last=list(mart.columns)[-1].name)
        asked = time.monotonic()
        writer.write(f"GET {question} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        body = await reader.readexactly(int(headers["content-length"]))
        load.latencies.append(time.monotonic() - asked)
        load.statuses[int(head.split(" ")[1])] += 1
        # the ETag begins with the version of the release
        load.answers[headers.get("etag", "")[3:35], question].add(hash(body))
        await asyncio.sleep(chance.uniform(0, 2 * pause))
    writer.close()


async def _replace(settings: Settings, until: float, per_month: int, load: Load) -> None:
    """Publish one release after another; three contents in turn."""
    number = 0
    while time.monotonic() < until:
        await asyncio.sleep(REPLACE_SECONDS)
        number += 1
        made = await asyncio.to_thread(
            release, lake_of(settings), f"load{number}", seed=94 + number % 3, per_month=per_month
        )
        load.published.add(made.version)


async def _put(
    settings: Settings, port: int, key: str, clients: int, seconds: float, per_month: int, pause: float, load: Load
) -> None:
    until = time.monotonic() + seconds
    replacing = asyncio.create_task(_replace(settings, until, per_month, load))
    await asyncio.gather(*(_client(number, port, key, until, pause, load) for number in range(clients)))
    await replacing


def measured(folder: Path, clients: int, seconds: float, per_month: int = 300, pause: float = 0.0) -> Load:
    """Put the load on a server of its own, which keeps its data below a folder; clients pause so long on average."""
    settings, load = Settings(home=str(folder), serve_rate=1e6), Load()
    _, key = keys_of(settings).add("load", SCOPES)
    load.published.add(release(lake_of(settings), "load0", seed=94, per_month=per_month).version)
    with running(settings) as (port, pid):
        warm = Load()
        asyncio.run(_put(settings, port, key, clients, min(seconds, 5.0), per_month, pause, warm))
        load.published |= warm.published
        before = psutil.Process(pid).memory_info().rss / 1e6
        started = time.monotonic()
        asyncio.run(_put(settings, port, key, clients, seconds, per_month, pause, load))
        load.seconds = time.monotonic() - started
        load.rss = (before, psutil.Process(pid).memory_info().rss / 1e6)
    return load


def main() -> int:
    """Measure and print; 0 where no answer was wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__.partition("\n")[0])
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rows", type=int, default=300, help="rows of a mart's month")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        load = measured(Path(folder), arguments.clients, arguments.seconds, arguments.rows)
    print(f"{arguments.clients} clients, {arguments.rows} rows a month and mart")
    print("\n".join(load.lines()))
    return 1 if load.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
