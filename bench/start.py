"""Seconds from the command `i94 dev` to a usable page, on a new home and again on the same one.

The page is usable once the UI's server has loaded the code location.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from bench.results import Bound
from i94_platform_tests.support.dev import start_dev_server

MAX_SECONDS = 15.0
"""The bound on the median of the first starts."""

ROUNDS = 3


def measure_starts() -> tuple[dict[str, Any], list[Bound]]:
    """Measure the starts; return the medians by kind of start, and the bound."""
    seconds: dict[str, list[float]] = {"first": [], "next": []}
    cpu_seconds: dict[str, list[float]] = {"first": [], "next": []}
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(prefix="bench-start-") as folder:
            home = {"I94_HOME": str(Path(folder, "home")), "I94_RAW": folder}
            for kind_of_start in ("first", "next"):
                with start_dev_server(home, Path(folder, "log")) as server:
                    seconds[kind_of_start].append(server.seconds)
                    cpu_seconds[kind_of_start].append(server.cpu_seconds)
                    server.interrupt()
    medians = {
        kind: {"seconds": median(seconds[kind]), "cpu_seconds": median(cpu_seconds[kind])} for kind in ("first", "next")
    }
    return medians, [Bound("first start of `i94 dev`", medians["first"]["seconds"], MAX_SECONDS)]
