"""The stored measurements: one JSON file for each part, in bench/results, with its date and the kind of machine."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

RESULTS = Path(__file__).with_name("results")


@dataclass(frozen=True)
class Bound:
    """A measured value and the most that it may be."""

    what: str
    value: float
    max_value: float
    unit: str = "s"

    @property
    def is_met(self) -> bool:
        """Whether the value is within the bound."""
        return self.value <= self.max_value


def store_results(part: str, values: dict[str, Any], bounds: list[Bound]) -> None:
    """Store what a part has measured, in the place of its last measurement."""
    stored = {
        "measured": dt.datetime.now(dt.UTC).date().isoformat(),
        "machine": describe_machine(),
        "software": describe_software(),
        "load_average": os.getloadavg()[1],
        "values": values,
        "bounds": [asdict(bound) for bound in bounds],
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{part}.json").write_text(json.dumps(_round_floats(stored), indent=1) + "\n", encoding="utf-8")


def read_results() -> dict[str, dict[str, Any]]:
    """Read the last measurement of each part that was measured, by part."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(RESULTS.glob("*.json"))}


def describe_machine() -> str:
    """Return the kind of machine; it has no name here."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0
    return f"{cores} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB"


def describe_software() -> str:
    """Return the versions on which the results depend."""
    versions = (f"{name} {version(package)}" for name, package in (("DuckDB", "duckdb"), ("PySpark", "pyspark")))
    return ", ".join([f"Python {platform.python_version()}", *versions])


def _round_floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _round_floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_round_floats(item) for item in value]
    return round(value, 3) if isinstance(value, float) else value
