"""What the readings amount to: medians, ratios to the plain script, and whether each bound was met.

Here: the bounds, the figures and their table. Not here: how anything was measured (`subjects`).
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from statistics import median
from typing import Any

import psutil
from rich.table import Table

from bench.subjects import Reading

MAX_RATIO = {"month, warm, duckdb": 1.5, "command to the fact, duckdb": 3.0}
"""The most that the embedded default may take, as a multiple of the plain script."""

MAX_PEAK_MB = 4_000
"""The most memory that a whole command may take, whatever its engine."""


@dataclass(frozen=True)
class Figures:
    """One line of the table. Seconds are medians; `ratio` is to the median of the plain script."""

    subject: str
    seconds: float
    fastest: float
    slowest: float
    ratio: float
    max_ratio: float | None
    peak_mb: float | None
    max_peak_mb: float | None

    @property
    def met(self) -> bool | None:
        """Whether every bound of this line is kept; None where it has none."""
        bounds = [(self.ratio, self.max_ratio), (self.peak_mb, self.max_peak_mb)]
        results = [figure <= bound for figure, bound in bounds if figure is not None and bound is not None]
        return all(results) if results else None


def figures(readings: Mapping[str, Sequence[Reading]]) -> list[Figures]:
    """A line per subject, the first being the yardstick of all."""
    yardstick = median(reading.seconds for reading in next(iter(readings.values())))
    return [_line(subject, taken, yardstick) for subject, taken in readings.items()]


def _line(subject: str, taken: Sequence[Reading], yardstick: float) -> Figures:
    seconds = [reading.seconds for reading in taken]
    peak = max((reading.peak_mb for reading in taken if reading.peak_mb is not None), default=None)
    return Figures(
        subject,
        median(seconds),
        min(seconds),
        max(seconds),
        median(seconds) / yardstick,
        MAX_RATIO.get(subject),
        peak,
        MAX_PEAK_MB if peak is not None else None,
    )


def table(lines: Sequence[Figures], title: str) -> Table:
    """The lines for people."""
    shown = Table("subject", "median s", "min to max s", "ratio", "bound", "peak MB", "bound MB", "met", title=title)
    for line in lines:
        shown.add_row(*_cells(line))
    return shown


def _cells(line: Figures) -> Iterator[str]:
    yield line.subject
    yield f"{line.seconds:.2f}"
    yield f"{line.fastest:.2f} to {line.slowest:.2f}"
    yield f"{line.ratio:.2f}"
    yield "" if line.max_ratio is None else f"≤ {line.max_ratio:.1f}"
    yield "" if line.peak_mb is None else f"{line.peak_mb:,.0f}"
    yield "" if line.max_peak_mb is None else f"≤ {line.max_peak_mb:,.0f}"
    yield {None: "", True: "yes", False: "NO"}[line.met]


def as_json(lines: Sequence[Figures], delivery: Mapping[str, Any]) -> dict[str, Any]:
    """The lines, the machine and the delivery as JSON values."""
    return {
        "delivery": dict(delivery),
        "machine": machine(),
        "figures": [asdict(line) | {"met": line.met} for line in lines],
    }


def machine() -> dict[str, str | int | float]:
    """What the figures depend on beside the code."""
    return {
        "system": platform.platform(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0,
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "load_average": round(os.getloadavg()[1], 1),
        "python": platform.python_version(),
        "duckdb": version("duckdb"),
        "pyspark": version("pyspark"),
    }
