"""`python -m bench`: choose a delivery, take the readings side by side, print one table.

Readings are interleaved (A B C A B C …), so that whatever else the machine does falls on all alike. Exit code 1 where
a bound was missed. Not here: what is measured (`subjects`) and the bounds (`report`).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import report
from bench.subjects import Reading, Subject, Workload, subjects
from i94_platform.errors import PermanentError
from i94_platform.lake.local import LocalStore
from i94_platform.operations.doctor import SUPPORTED_JAVA, find_java_version
from i94_platform.partitions import Month
from i94_platform.settings import PROJECT
from i94_platform.sources.listing import list_deliveries

MONTH = "2016-04"
SYNTHETIC_ROWS = 3_000_000
REAL_DATA = Path(os.environ.get("I94_REAL_DATA") or PROJECT.parent / "shared" / "data")
"""Read before the environment is cleared."""

err = Console(stderr=True, highlight=False)


def main() -> int:
    """Measure and print; 0 where every bound was met."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the working folder goes then too
    for name in [name for name in os.environ if name.startswith("I94_") or name == "DAGSTER_HOME"]:
        del os.environ[name]  # a deployment in the environment is not what is measured
    (PROJECT / ".i94").mkdir(exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="bench-", dir=PROJECT / ".i94"))
    try:
        raw, source = _delivery(arguments, work)
        files = _parquet_files(raw, arguments.month)
        load = Workload(raw, arguments.month, files, work)
        readings = _measure(subjects(_engines(arguments)), load, arguments.rounds)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    lines = report.figures(readings)
    delivery = {"month": arguments.month, "source": source, "rounds": arguments.rounds}
    _print(lines, delivery, arguments.json)
    return 1 if any(line.met is False for line in lines) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="What a month costs, beside a plain script.")
    parser.add_argument("-n", "--rounds", type=int, default=5, help="readings of each subject (default 5)")
    parser.add_argument("--raw", type=Path, help="folder of a delivery in Parquet; default: the real one, or synthetic")
    parser.add_argument("--month", default=MONTH, help=f"its month (default {MONTH})")
    parser.add_argument("--synthetic", action="store_true", help="a synthetic month even where the real one is there")
    parser.add_argument("--rows", type=int, default=SYNTHETIC_ROWS, help="rows of a synthetic month")
    parser.add_argument("--spark", default="local[*]", help="address of Spark (default local[*]); empty leaves it out")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser.parse_args()


def _delivery(arguments: argparse.Namespace, work: Path) -> tuple[Path, str]:
    """The folder of the delivery, and what it is in words."""
    if arguments.raw:
        return arguments.raw.resolve(), "delivered files"
    if REAL_DATA.is_dir() and not arguments.synthetic:
        return REAL_DATA.resolve(), "the real delivery"
    from i94_platform.sample import write_sample

    err.print(f"Writing a synthetic month of {arguments.rows:,} rows …")
    write_sample(work / "raw", first=arguments.month, last=arguments.month, rows=arguments.rows)
    return work / "raw", f"synthetic, {arguments.rows:,} rows"


def _parquet_files(raw: Path, month: str) -> tuple[Path, ...]:
    """The files of the month, which the plain script reads too."""
    store = LocalStore(raw)
    delivery = list_deliveries(store.list()).require_month(Month.parse(month), store.root)
    if other := [file.path for file in delivery.files if not file.path.endswith(".parquet")]:
        raise PermanentError(f"The plain script reads Parquet only, and {other[0]} is not; give another --raw.")
    return tuple(raw / file.path for file in delivery.files)


def _engines(arguments: argparse.Namespace) -> list[str]:
    engines = ["duckdb"]
    if arguments.spark and (java := find_java_version()) not in SUPPORTED_JAVA:
        err.print(f"Spark is left out: it needs Java 17 or 21 and finds {java or 'none'}; `make bench` looks for one.")
    elif arguments.spark:
        engines.append(arguments.spark)
    return engines


def _measure(found: Mapping[str, Subject], load: Workload, rounds: int) -> dict[str, list[Reading]]:
    """Every reading by subject. A round before the first warms processes and the page cache, and is not counted."""
    readings: dict[str, list[Reading]] = defaultdict(list)
    for number in range(rounds + 1):
        for name, subject in found.items():
            if number == 0 and not _needs_warming(name):
                continue
            err.print(f"{f'round {number} of {rounds}' if number else 'warming up':<14} {name:<28}", end=" ")
            reading = subject(load)
            err.print(f"{reading.seconds:6.2f} s")
            if number:
                readings[name].append(reading)
    return dict(readings)


def _needs_warming(name: str) -> bool:
    return "command" not in name


def _print(lines: list[report.Figures], delivery: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(report.as_json(lines, delivery), indent=1))
        return
    title = f"{delivery['month']}, {delivery['source']}, {delivery['rounds']} rounds"
    Console(width=None if sys.stdout.isatty() else 110).print(report.table(lines, title))
    print(", ".join(f"{name} {value}" for name, value in report.machine().items()))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (PermanentError, RuntimeError) as failure:
        sys.exit(str(failure))
