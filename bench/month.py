"""One month: the least it takes, scripts as people write them, and the platform on both engines.

The readings are interleaved (A B C A B C …), so that other work on the machine slows all subjects alike.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from bench.processes import Reading
from bench.results import Bound
from bench.subjects import LIMIT, Subject, Workload, build_subjects
from bench.workloads import report_progress

MAX_RATIO = {"platform on DuckDB, month": 1.5, "platform on DuckDB, command to the fact": 3.0}
"""The bounds on the seconds, as multiples of those of the limit."""

MAX_SPARK_RATIO = 2.0
"""The bound on the seconds of a month on Spark, as a multiple of the hand-written PySpark script."""

MAX_PEAK_MB = 4_000
"""The bound on the memory of a command, on every engine."""

Readings = Mapping[str, Sequence[Reading]]


def measure_month(workload: Workload, rounds: int, spark: str, spark_rounds: int) -> tuple[dict[str, Any], list[Bound]]:
    """Measure every subject; return the medians by subject, and the bounds."""
    readings = _measure_rounds(build_subjects(spark), workload, rounds, spark_rounds)
    subjects = {name: _summarize(of_subject) for name, of_subject in readings.items()}
    for subject in subjects.values():
        subject["ratio"] = subject["seconds"] / subjects[LIMIT]["seconds"]
        subject["cpu_ratio"] = subject["cpu_seconds"] / subjects[LIMIT]["cpu_seconds"]
    return {"month": workload.month, "subjects": subjects}, _list_bounds(subjects)


def _measure_rounds(subjects: Mapping[str, Subject], workload: Workload, rounds: int, spark_rounds: int) -> Readings:
    """Take the readings of each subject: one with the start of its process, and then as many as there are rounds."""
    readings: dict[str, list[Reading]] = defaultdict(list)
    for number in range(rounds + 1):
        for name, subject in subjects.items():
            if number > (spark_rounds if "Spark" in name else rounds):
                continue
            readings[name].append(subject(workload))
            report_progress(f"round {number} of {rounds}: {name}", readings[name][-1])
    return readings


def _summarize(readings: Sequence[Reading]) -> dict[str, Any]:
    """Summarize the readings but the first, which has imports and the start of Spark; that one if there is no other."""
    later = readings[1:] or readings
    seconds = [reading.seconds for reading in later]
    peaks = [reading.peak_mb for reading in later if reading.peak_mb is not None]
    return {
        "seconds": median(seconds),
        "fastest": min(seconds),
        "slowest": max(seconds),
        "cpu_seconds": median(reading.cpu_seconds for reading in later),
        "first_cpu_seconds": readings[0].cpu_seconds,
        "peak_mb": max(peaks, default=None),
        "readings": len(readings) - 1,
    }


def _list_bounds(subjects: Mapping[str, Mapping[str, Any]]) -> list[Bound]:
    bounds = [Bound(f"{name}, times the limit", subjects[name]["ratio"], most, "") for name, most in MAX_RATIO.items()]
    bounds += [
        Bound(f"{name}, memory", subject["peak_mb"], MAX_PEAK_MB, "MB")
        for name, subject in subjects.items()
        if subject["peak_mb"] is not None and "command" in name
    ]
    if script := subjects.get("hand-written PySpark script"):
        ratio = subjects["platform on Spark, month"]["seconds"] / script["seconds"]
        bounds.append(Bound("platform on Spark, month, times the PySpark script", ratio, MAX_SPARK_RATIO, ""))
    return bounds
