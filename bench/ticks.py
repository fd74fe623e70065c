"""The ticks of the sensors over 100,000 delivered objects. `python -m bench.ticks` measures those of the environment.

The objects are 120 months of 800 parts each and 4,000 other files, in a folder and on a local S3 server: versitygw if
it is installed, which serves the same files. Else it is the emulator in Python with a tenth of the objects, because it
takes an hour for all. Servers and other work share the processors, so the bound on time holds for the CPU time of the
process. It has loaded the code location, as Dagster's has.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from bench.results import Bound
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

MAX_ADDED_MB = 256.0
"""The bound on the memory that the process takes in addition to that of the loaded code location."""

OBJECTS, OBJECTS_ON_EMULATOR = 100_000, 10_000


def measure_stores() -> tuple[dict[str, Any], list[Bound]]:
    """Measure each store in its own process; return the ticks by store, and the bounds on the largest."""
    stores = {}
    with tempfile.TemporaryDirectory(prefix="bench-ticks-") as folder, _run_s3_server(Path(folder)) as server:
        bucket = server.create_bucket()
        raw = Path(folder, "buckets", bucket)
        for name in object_names(OBJECTS):
            Path(raw, name).parent.mkdir(parents=True, exist_ok=True)
            Path(raw, name).touch()
        stores[f"folder, {OBJECTS:,} objects"] = _measure_store(str(raw), server)
        for name in REFERENCE_FILES.values():
            Path(raw, name).unlink()
        objects = OBJECTS
        if not find_versitygw():
            objects = OBJECTS_ON_EMULATOR
            _upload_objects(server, bucket, object_names(objects))
        stores[f"S3 server, {objects:,} objects"] = _measure_store(f"s3://{bucket}", server)
    ticks = [tick for of_store in stores.values() for tick in of_store]
    return {"stores": stores}, [
        Bound("a tick of a sensor, CPU", max(tick["cpu_seconds"] for tick in ticks), MAX_CPU_SECONDS),
        Bound("a tick of a sensor, memory added", max(tick["added_mb"] for tick in ticks), MAX_ADDED_MB, "MB"),
    ]


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


def _measure_store(raw: str, server: S3Server) -> list[dict[str, Any]]:
    """Measure the ticks over the objects of an address in a new process."""
    with tempfile.TemporaryDirectory(prefix="bench-ticks-") as folder:
        settings = {"I94_RAW": raw, "I94_HOME": folder, **server.environment}
        command = [sys.executable, "-W", "ignore", "-m", "bench.ticks"]
        process = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, check=False)
    if process.returncode:
        raise RuntimeError(process.stderr)
    ticks: list[dict[str, Any]] = json.loads(process.stdout)
    return ticks


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
    """Return the highest resident memory of the process so far, in MB; `ru_maxrss` starts with that of its parent."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1e3


if __name__ == "__main__":
    print(json.dumps(measure_ticks()))
