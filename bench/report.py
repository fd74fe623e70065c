"""The results of the benchmark: medians, ratios to the plain script, bounds, and the table that shows them."""

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
"""The bounds on the ratio, by subject. They hold for DuckDB as engine and warehouse."""

MAX_SPARK_RATIO = 2.0
"""The bound on a warm month on Spark, as a multiple of the hand-written PySpark script."""

MAX_PEAK_MB = 4_000
"""The bound on the memory of a command, on every engine."""


@dataclass(frozen=True)
class SubjectSummary:
    """The results of one subject. `seconds` is a median; `ratio` divides it by the median of the plain script."""

    subject: str
    seconds: float
    fastest: float
    slowest: float
    ratio: float
    max_ratio: float | None
    peak_mb: float | None
    max_peak_mb: float | None

    @property
    def meets_bounds(self) -> bool | None:
        """Whether the subject meets every bound; None if it has no bound."""
        bounds = [(self.ratio, self.max_ratio), (self.peak_mb, self.max_peak_mb)]
        results = [value <= bound for value, bound in bounds if value is not None and bound is not None]
        return all(results) if results else None


def summarize_readings(readings_by_subject: Mapping[str, Sequence[Reading]]) -> list[SubjectSummary]:
    """Summarize the readings of each subject; the first subject is the baseline of all ratios."""
    baseline_seconds = median(reading.seconds for reading in next(iter(readings_by_subject.values())))
    return [
        _summarize_subject(subject, readings, baseline_seconds) for subject, readings in readings_by_subject.items()
    ]


def _summarize_subject(subject: str, readings: Sequence[Reading], baseline_seconds: float) -> SubjectSummary:
    seconds = [reading.seconds for reading in readings]
    peak_mb = max((reading.peak_mb for reading in readings if reading.peak_mb is not None), default=None)
    return SubjectSummary(
        subject,
        median(seconds),
        min(seconds),
        max(seconds),
        median(seconds) / baseline_seconds,
        MAX_RATIO.get(subject),
        peak_mb,
        MAX_PEAK_MB if peak_mb is not None else None,
    )


def describe_spark_ratios(summaries: Sequence[SubjectSummary]) -> Iterator[str]:
    """Say how a warm month on Spark compares with the hand-written PySpark script."""
    seconds = {summary.subject: summary.seconds for summary in summaries}
    for subject, script_seconds in seconds.items():
        kind, _, engine = subject.rpartition(", ")
        if kind == "PySpark script, warm":
            ratio = seconds[f"month, warm, {engine}"] / script_seconds
            yield f"A warm month on {engine} takes {ratio:.2f} times the PySpark script, bound {MAX_SPARK_RATIO:.1f}."


def render_table(summaries: Sequence[SubjectSummary], title: str) -> Table:
    """Render the summaries as a table, one row for each subject."""
    table = Table(
        "subject", "median s", "min to max s", "ratio", "bound", "peak MB", "bound MB", "bounds met", title=title
    )
    for summary in summaries:
        table.add_row(*_format_cells(summary))
    return table


def _format_cells(summary: SubjectSummary) -> Iterator[str]:
    yield summary.subject
    yield f"{summary.seconds:.2f}"
    yield f"{summary.fastest:.2f} to {summary.slowest:.2f}"
    yield f"{summary.ratio:.2f}"
    yield "" if summary.max_ratio is None else f"≤ {summary.max_ratio:.1f}"
    yield "" if summary.peak_mb is None else f"{summary.peak_mb:,.0f}"
    yield "" if summary.max_peak_mb is None else f"≤ {summary.max_peak_mb:,.0f}"
    yield {None: "", True: "yes", False: "NO"}[summary.meets_bounds]


def results_json(summaries: Sequence[SubjectSummary], delivery: Mapping[str, Any]) -> dict[str, Any]:
    """Return the delivery, the machine and the summaries as JSON values."""
    return {
        "delivery": dict(delivery),
        "machine": machine_info(),
        "figures": [asdict(summary) | {"met": summary.meets_bounds} for summary in summaries],
    }


def machine_info() -> dict[str, str | int | float]:
    """Return the facts about the machine and its software on which the results depend."""
    return {
        "system": platform.platform(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0,
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "load_average": round(os.getloadavg()[1], 1),
        "python": platform.python_version(),
        "duckdb": version("duckdb"),
        "pyspark": version("pyspark"),
    }
