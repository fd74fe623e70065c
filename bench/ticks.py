"""`python -m bench.ticks` measures the ticks of the sensors over 100,000 delivered objects.

The objects are 120 months of 800 parts each and 4,000 other files, in a folder and on a local S3 server: versitygw if
it is installed, which serves the same files. Else it is the emulator in Python with a tenth of the objects, because it
takes an hour for all. Servers and other work share the processors, so the bound on time holds for the CPU time of the
process. It has loaded the code location, as Dagster's has. The exit code is 1 if a bound is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from i94_platform.operations.platform import Platform
from i94_platform.partitions import Month
from i94_platform.settings import Settings
from i94_platform.sources.registry import REFERENCE_FILES
from i94_platform_tests.defs.checks.test_completeness import CompletenessTicks
from i94_platform_tests.emulators.s3 import S3Server, find_versitygw, run_moto, run_versitygw
from i94_platform_tests.support.daemon_simulator import (
    MONTHS_SENSOR,
    REFERENCES_SENSOR,
    SETTLE_SECONDS,
    DaemonSimulator,
)

MAX_CPU_SECONDS = 10.0
"""The bound on the processor time of a tick."""

MAX_ADDED_MB = 200.0
"""The bound on the memory that the process takes in addition to that of the loaded code location."""

OBJECTS, OBJECTS_ON_EMULATOR = 100_000, 10_000


def main() -> int:
    """Parse the arguments, measure the ticks, and return 0 if every bound is met."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.ticks",
        description=f"Measure the ticks of the sensors over {OBJECTS:,} objects in a folder and on a local S3 server.",
    )
    parser.add_argument(
        "--in-process",
        action="store_true",
        help="measure the deployment of the environment and print JSON (the benchmark runs itself with this option)",
    )
    if parser.parse_args().in_process:
        print(json.dumps(measure_ticks()))
        return 0
    return 0 if measure_stores() else 1


def measure_stores() -> bool:
    """Measure each store in its own process, print the ticks, and return whether every bound is met."""
    with tempfile.TemporaryDirectory(prefix="bench-ticks-") as folder, _run_s3_server(Path(folder)) as server:
        bucket = server.create_bucket()
        raw = Path(folder, "buckets", bucket)
        for name in object_names(OBJECTS):
            Path(raw, name).parent.mkdir(parents=True, exist_ok=True)
            Path(raw, name).touch()
        meets_bounds = [_measure_store(str(raw), "local", server)]
        for name in REFERENCE_FILES.values():
            Path(raw, name).unlink()
        if not find_versitygw():
            _upload_objects(server, bucket, object_names(OBJECTS_ON_EMULATOR))
        meets_bounds.append(_measure_store(f"s3://{bucket}", "s3", server))
    return all(meets_bounds)


def _run_s3_server(folder: Path) -> AbstractContextManager[S3Server]:
    program = find_versitygw()
    return run_versitygw(program, folder) if program else run_moto(folder)


def object_names(objects: int) -> Iterator[str]:
    """Yield the names of all objects except the reference files; one of 25 is no part of a month."""
    months = Month(2016, 1).through(Month(2025, 12))
    parts, others = objects * 24 // 25 // len(months), objects // 25 - len(REFERENCE_FILES)
    for month in months:
        yield from (f"{month.year}/{month.file_stem}.parquet/part-{n}.parquet" for n in range(parts))
    yield from (f"other/{n}.txt" for n in range(others))


def _upload_objects(server: S3Server, bucket: str, names: Iterable[str]) -> None:
    client = server.create_client()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: client.put_object(Bucket=bucket, Key=name, Body=b""), names))


def _measure_store(raw: str, store: str, server: S3Server) -> bool:
    """Measure the ticks on one store in a new process, print them, and return whether they meet the bounds.

    Args:
        raw: the address of the objects.
        store: the name of the store in the output.
        server: the S3 server, for the settings of its clients.
    """
    with tempfile.TemporaryDirectory(prefix="bench-ticks-") as folder:
        settings = {"I94_RAW": raw, "I94_HOME": f"{folder}/{store}", **server.environment}
        command = [sys.executable, "-W", "ignore", "-m", "bench.ticks", "--in-process"]
        process = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, check=False)
    if process.returncode:
        raise RuntimeError(process.stderr)
    readings = json.loads(process.stdout)
    for reading in readings:
        values = f"{reading['seconds']:6.2f} s {reading['cpu_seconds']:6.2f} s CPU {reading['added_mb']:6.1f} MB more"
        print(f"{store:<6} {reading['name']:<40} {values}")
    return all(reading["cpu_seconds"] < MAX_CPU_SECONDS and reading["added_mb"] < MAX_ADDED_MB for reading in readings)


def measure_ticks() -> list[dict[str, Any]]:
    """Measure the ticks on the deployment of the environment: name, seconds, CPU seconds and added MB of each."""
    platform = Platform(Settings.from_env())
    platform.definitions.get_repository_def()
    initial_mb = _peak_memory_mb()
    readings: list[dict[str, Any]] = []

    def measure(name: str, tick: Callable[[], object]) -> None:
        started, cpu_started = time.perf_counter(), time.process_time()
        tick()
        readings.append(
            {
                "name": name,
                "seconds": time.perf_counter() - started,
                "cpu_seconds": time.process_time() - cpu_started,
                "added_mb": _peak_memory_mb() - initial_mb,
            }
        )

    daemon = DaemonSimulator(platform.raw, platform.lake)
    measure("references, files missing", lambda: daemon.tick(REFERENCES_SENSOR))
    daemon.deliver_references()
    measure("months, first tick", lambda: daemon.tick(MONTHS_SENSOR))
    measure("months, first run request", lambda: daemon.evaluate_sensor(MONTHS_SENSOR, SETTLE_SECONDS))
    while daemon.requested_months():
        pass
    measure("months, all runs requested", lambda: daemon.tick(MONTHS_SENSOR))
    measure("references, loaded", lambda: daemon.tick(REFERENCES_SENSOR))
    completeness = CompletenessTicks(daemon)
    measure("completeness of months, first tick", completeness.tick)
    measure("completeness of months, unchanged", completeness.tick)
    measure("all three sensors together", lambda: _tick_together(daemon, completeness))
    return readings


def _tick_together(daemon: DaemonSimulator, completeness: CompletenessTicks) -> None:
    """Tick the sensors one second apart, as the daemon does, so that they share a listing."""
    daemon.tick(REFERENCES_SENSOR)
    daemon.tick(MONTHS_SENSOR, after=1)
    completeness.evaluate(after=1)


def _peak_memory_mb() -> float:
    """Return the highest resident memory of the process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    sys.exit(main())
