"""Seconds from the command `i94 dev` to a usable page, on a new home and again on the same one.

The page is usable once the UI's server has loaded the code location.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from bench.results import Bound
from i94_platform_tests.support.dev import DevServer, start_dev_server

MAX_SECONDS = 15.0
"""The bound on the median of the first starts."""

ROUNDS = 3


def measure_starts() -> tuple[dict[str, Any], list[Bound]]:
    """Measure the starts; return the medians by kind of start, and the bound."""
    starts: dict[str, list[DevServer]] = {"first": [], "next": []}
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(prefix="bench-start-") as folder:
            home = {"I94_HOME": str(Path(folder, "home")), "I94_RAW": folder}
            for servers in starts.values():
                with start_dev_server(home, Path(folder, "log")) as server:
                    servers.append(server)
                    server.interrupt()
    medians = {
        kind: {name: median(getattr(server, name) for server in servers) for name in ("seconds", "cpu_seconds")}
        for kind, servers in starts.items()
    }
    return medians, [Bound("first start of `i94 dev`", medians["first"]["seconds"], MAX_SECONDS)]
