"""`python -m bench.ticks`: what a tick of each sensor costs where 10,000 objects lie under the prefix.

120 months in 80 parts each and 400 other files, in a folder and on an S3 server on this machine: versitygw where it is
installed, else the emulator in Python, which lists so slowly that on it the process's own seconds have to keep the
bound. The process that is measured has loaded the code location, as Dagster's has. Exit code 1 where a bound was
missed. Not here: what ticks do (the tests of `automation`), and how fast S3 itself lists.
"""

from __future__ import annotations

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

SECONDS, MEGABYTES = 5.0, 200.0
"""The bounds of one tick: its time, and what the process has grown by since it loaded the code location."""

PARTS, FILES = 80, 10_000


def main() -> int:
    """Measure each place in a process of its own and print its ticks; 0 where every bound was met."""
    with tempfile.TemporaryDirectory(prefix="bench-ticks-") as folder, _s3_server(Path(folder)) as server:
        raw, bucket = Path(folder, "raw"), server.create_bucket()
        for name in names():
            Path(raw, name).parent.mkdir(parents=True, exist_ok=True)
            Path(raw, name).touch()
        _upload(server, bucket, names())
        slow = find_versitygw() is None
        met = [
            _measured(str(raw), "local", server, "seconds"),
            _measured(f"s3://{bucket}", "s3", server, "own" if slow else "seconds"),
        ]
    return 0 if all(met) else 1


def _s3_server(folder: Path) -> AbstractContextManager[S3Server]:
    program = find_versitygw()
    return run_versitygw(program, folder) if program else run_moto()


def names() -> Iterator[str]:
    """What lies there beside the reference files."""
    months = Month(2016, 1).through(Month(2025, 12))
    for month in months:
        yield from (f"{month.year}/{month.file_stem}.parquet/part-{n}.parquet" for n in range(PARTS))
    yield from (f"other/{n}.txt" for n in range(FILES - len(months) * PARTS - len(REFERENCE_FILES)))


def _upload(server: S3Server, bucket: str, found: Iterable[str]) -> None:
    client = server.create_client()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: client.put_object(Bucket=bucket, Key=name, Body=b""), found))


def _measured(raw: str, home: str, server: S3Server, bounded: str) -> bool:
    """Whether the ticks on this place kept the bounds; that of time holds for `seconds`, or for `own` ones."""
    with tempfile.TemporaryDirectory(prefix="bench-ticks-") as folder:
        settings = {"I94_RAW": raw, "I94_HOME": f"{folder}/{home}", **server.environment}
        command = [sys.executable, "-W", "ignore", "-m", "bench.ticks", "inside"]
        done = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    ticks = json.loads(done.stdout)
    for tick in ticks:
        figures = f"{tick['seconds']:6.2f} s {tick['own']:6.2f} s own {tick['megabytes']:6.1f} MB more"
        print(f"{home:<6} {tick['name']:<40} {figures}")
    return all(tick[bounded] < SECONDS and tick["megabytes"] < MEGABYTES for tick in ticks)


def inside() -> None:
    """Measure the deployment that the environment names; print JSON."""
    platform = Platform(Settings.from_env())
    platform.definitions.get_repository_def()
    before, readings = _peak(), []

    def read(name: str, tick: Callable[[], object]) -> None:
        started, own = time.perf_counter(), time.process_time()
        tick()
        readings.append(
            {
                "name": name,
                "seconds": time.perf_counter() - started,
                "own": time.process_time() - own,
                "megabytes": _peak() - before,
            }
        )

    ticks = DaemonSimulator(platform.raw, platform.lake)
    read("references, the files are not there", lambda: ticks.tick(REFERENCES_SENSOR))
    ticks.deliver_references()
    read("months, the first tick", lambda: ticks.tick(MONTHS_SENSOR))
    read("months, the first request", lambda: ticks.tick(MONTHS_SENSOR, SETTLE_SECONDS))
    while ticks.requested_months():
        pass
    read("months, all asked for", lambda: ticks.tick(MONTHS_SENSOR))
    read("references, loaded", lambda: ticks.tick(REFERENCES_SENSOR))
    completeness = CompletenessTicks(ticks)
    read("completeness of months, the first tick", completeness.tick)
    read("completeness of months, as before", completeness.tick)
    print(json.dumps(readings))


def _peak() -> float:
    """The most memory that the process ever held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    if sys.argv[1:] == ["inside"]:
        inside()
    else:
        sys.exit(main())
