"""`python -m bench` measures, stores the results in bench/results, and writes docs/benchmarks.md and its charts.

`python -m bench PART…` measures some parts; `--page` measures nothing. The exit code is 1 if a bound is missed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.results import Bound, store_results
from i94_platform.errors import PermanentError
from i94_platform.settings import PROJECT

Results = tuple[dict[str, Any], list[Bound]]


def main() -> int:
    """Measure the chosen parts, write the page, and return 0 if every bound is met."""
    arguments = _parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # run the clean-up below on SIGTERM too
    for name in [name for name in os.environ if name.startswith("I94_") or name == "DAGSTER_HOME"]:
        del os.environ[name]  # measure the defaults, not the deployment of the environment
    missed = []
    for part in [] if arguments.page else arguments.parts or list(PARTS):
        (PROJECT / ".i94").mkdir(exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix="bench-", dir=PROJECT / ".i94"))
        try:
            values, bounds = PARTS[part](arguments, work)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        store_results(part, values, bounds)
        missed += [bound for bound in bounds if not bound.is_met]
    from bench.page import write_page

    write_page()
    for bound in missed:
        print(f"{bound.what}: {bound.value:,.2f} {bound.unit}, bound {bound.max_value:,.1f} {bound.unit}")
    return 1 if missed else 0


def _measure_suites(_: argparse.Namespace, __: Path) -> Results:
    from bench.suites import count_tests

    return count_tests(), []


def _measure_month(arguments: argparse.Namespace, work: Path) -> Results:
    from bench.month import measure_month
    from bench.workloads import prepare_april

    april, spark = prepare_april(arguments.raw, work), _find_spark(arguments.spark)
    return measure_month(april, arguments.rounds, spark, arguments.spark_rounds)


def _measure_rows(arguments: argparse.Namespace, work: Path) -> Results:
    from bench.growth import measure_rows
    from bench.workloads import prepare_april

    return measure_rows(prepare_april(arguments.raw, work), work, arguments.max_rows), []


def _measure_months(_: argparse.Namespace, work: Path) -> Results:
    from bench.growth import measure_months

    return measure_months(work), []


def _measure_api(_: argparse.Namespace, __: Path) -> Results:
    from bench.load import measure_api

    return measure_api()


def _measure_dashboard(_: argparse.Namespace, work: Path) -> Results:
    from bench.dashboard import measure_dashboard

    return measure_dashboard(work)


def _measure_start(_: argparse.Namespace, __: Path) -> Results:
    from bench.start import measure_starts

    return measure_starts()


def _measure_ticks(_: argparse.Namespace, __: Path) -> Results:
    from bench.ticks import measure_stores

    return measure_stores()


PARTS: dict[str, Callable[[argparse.Namespace, Path], Results]] = {
    "suites": _measure_suites,
    "month": _measure_month,
    "rows": _measure_rows,
    "months": _measure_months,
    "api": _measure_api,
    "dashboard": _measure_dashboard,
    "start": _measure_start,
    "ticks": _measure_ticks,
}
"""The parts, in the order in which they are measured."""


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure, and write docs/benchmarks.md.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"all unless given: {', '.join(PARTS)}")
    parser.add_argument("--page", action="store_true", help="measure nothing: write the page from the stored results")
    parser.add_argument("-n", "--rounds", type=int, default=4, help="warm readings of each subject (default 4)")
    parser.add_argument("--spark-rounds", type=int, default=1, help="the same of subjects on Spark (default 1)")
    parser.add_argument("--raw", type=Path, help="folder of a Parquet delivery of April 2016 (default: the real one)")
    parser.add_argument("--max-rows", type=int, default=30_000_000, help="rows of the largest delivery")
    parser.add_argument("--spark", default="local[*]", help="address of Spark (default local[*]; empty: no Spark)")
    arguments = parser.parse_args()
    if unknown := {*arguments.parts} - {*PARTS}:
        parser.error(f"no part {', '.join(sorted(unknown))}")
    return arguments


def _find_spark(address: str) -> str:
    from i94_platform.operations.doctor_engine import SUPPORTED_JAVA, find_java_version

    java = find_java_version()
    if address and java not in SUPPORTED_JAVA:
        print(f"Spark is left out: it needs Java 17 or 21, found {java or 'none'}.", file=sys.stderr)
        return ""
    return address


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (PermanentError, RuntimeError) as failure:
        sys.exit(str(failure))
