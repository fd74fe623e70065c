"""`python -m bench` times a month beside a plain script and prints one table.

The readings are interleaved (A B C A B C …), so that other work on the machine slows all subjects alike. The exit code
is 1 if a bound is missed. `subjects` says what is measured, `report` holds the bounds.
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
from bench.subjects import Reading, Subject, Workload, build_subjects
from i94_platform.errors import PermanentError
from i94_platform.lake.local import LocalStore
from i94_platform.operations.doctor_engine import SUPPORTED_JAVA, find_java_version
from i94_platform.partitions import Month
from i94_platform.settings import PROJECT
from i94_platform.sources.listing import list_deliveries

MONTH = "2016-04"
SYNTHETIC_ROWS = 3_000_000
REAL_DATA = Path(os.environ.get("I94_REAL_DATA") or PROJECT.parent / "shared" / "data")
"""Read at import, because `main` clears the environment."""

progress = Console(stderr=True, highlight=False)


def main() -> int:
    """Measure every subject, print the results, and return 0 if every bound is met."""
    arguments = _parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # run the clean-up below on SIGTERM too
    for name in [name for name in os.environ if name.startswith("I94_") or name == "DAGSTER_HOME"]:
        del os.environ[name]  # measure the defaults, not the deployment of the environment
    (PROJECT / ".i94").mkdir(exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="bench-", dir=PROJECT / ".i94"))
    try:
        raw, source = _prepare_delivery(arguments, work)
        files = _list_parquet_files(raw, arguments.month)
        workload = Workload(raw, arguments.month, files, work)
        readings = _measure_rounds(build_subjects(_list_engines(arguments)), workload, arguments.rounds)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    summaries = report.summarize_readings(readings)
    delivery = {"month": arguments.month, "source": source, "rounds": arguments.rounds}
    _print_results(summaries, delivery, arguments.json)
    return 1 if any(summary.meets_bounds is False for summary in summaries) else 0


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Time a month beside a plain script.")
    parser.add_argument("-n", "--rounds", type=int, default=5, help="readings of each subject (default 5)")
    parser.add_argument("--raw", type=Path, help="folder of a Parquet delivery (default: the real one, else synthetic)")
    parser.add_argument("--month", default=MONTH, help=f"month of the delivery (default {MONTH})")
    parser.add_argument("--synthetic", action="store_true", help="use a synthetic month even if the real one exists")
    parser.add_argument("--rows", type=int, default=SYNTHETIC_ROWS, help="rows of a synthetic month")
    parser.add_argument("--spark", default="local[*]", help="address of Spark (default local[*]; empty: no Spark)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser.parse_args()


def _prepare_delivery(arguments: argparse.Namespace, work: Path) -> tuple[Path, str]:
    """Return the folder of the delivery and a description of it; write a synthetic delivery if needed."""
    if arguments.raw:
        return arguments.raw.resolve(), "delivered files"
    if REAL_DATA.is_dir() and not arguments.synthetic:
        return REAL_DATA.resolve(), "the real delivery"
    from i94_platform.sample import write_sample

    progress.print(f"Writing a synthetic month of {arguments.rows:,} rows …")
    write_sample(work / "raw", first=arguments.month, last=arguments.month, rows=arguments.rows)
    return work / "raw", f"synthetic, {arguments.rows:,} rows"


def _list_parquet_files(raw: Path, month: str) -> tuple[Path, ...]:
    """Return the files of the month, for the plain script.

    Raises:
        PermanentError: the month is not there, or a file of it is not Parquet.
    """
    store = LocalStore(raw)
    delivery = list_deliveries(store).require_month(Month.parse(month), store.root)
    if others := [file.path for file in delivery.files if not file.path.endswith(".parquet")]:
        raise PermanentError(
            f"{raw / others[0]}: the plain script reads Parquet only. Pass a Parquet delivery as --raw."
        )
    return tuple(raw / file.path for file in delivery.files)


def _list_engines(arguments: argparse.Namespace) -> list[str]:
    engines = ["duckdb"]
    if arguments.spark and (java := find_java_version()) not in SUPPORTED_JAVA:
        progress.print(
            f"Spark is left out: it needs Java 17 or 21, found {java or 'none'}. `make bench` looks for one."
        )
    elif arguments.spark:
        engines.append(arguments.spark)
    return engines


def _measure_rounds(subjects: Mapping[str, Subject], workload: Workload, rounds: int) -> dict[str, list[Reading]]:
    """Return the readings of each subject.

    An additional round comes first. It warms the processes and the page cache, and its readings are dropped.
    """
    readings: dict[str, list[Reading]] = defaultdict(list)
    for number in range(rounds + 1):
        for name, subject in subjects.items():
            if number == 0 and not _needs_warming(name):
                continue
            progress.print(f"{f'round {number} of {rounds}' if number else 'warming up':<14} {name:<28}", end=" ")
            reading = subject(workload)
            progress.print(f"{reading.seconds:6.2f} s")
            if number:
                readings[name].append(reading)
    return dict(readings)


def _needs_warming(name: str) -> bool:
    return "command" not in name


def _print_results(summaries: list[report.SubjectSummary], delivery: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(report.results_json(summaries, delivery), indent=1))
        return
    title = f"{delivery['month']}, {delivery['source']}, {delivery['rounds']} rounds"
    Console(width=None if sys.stdout.isatty() else 110).print(report.render_table(summaries, title))
    for ratio in report.describe_spark_ratios(summaries):
        print(ratio)
    print(", ".join(f"{name} {value}" for name, value in report.machine_info().items()))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (PermanentError, RuntimeError) as failure:
        sys.exit(str(failure))
