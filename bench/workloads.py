"""The deliveries that the benchmarks load: the real April, multiples of it, and synthetic months."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import duckdb
from rich.console import Console

from bench.processes import Reading
from bench.subjects import Workload
from i94_platform.errors import PermanentError
from i94_platform.lake.local import LocalStore
from i94_platform.partitions import Month
from i94_platform.sample import write_sample
from i94_platform.settings import PROJECT
from i94_platform.sources.listing import list_deliveries
from i94_platform.sources.registry import REFERENCE_FILES

MONTH = "2016-04"
SYNTHETIC_ROWS = 3_000_000
KEY_SHIFT = 10_000_000
"""Added to the keys of each further copy; those of April are below it."""

REAL_DATA = Path(os.environ.get("I94_REAL_DATA") or PROJECT.parent / "shared" / "data")
"""Read at import, because `bench.__main__` clears the environment."""

_progress = Console(stderr=True, highlight=False)


def report_progress(name: str, reading: Reading) -> None:
    """Print a reading while the others are still to come."""
    _progress.print(f"{name:<64} {reading.seconds:8.2f} s {reading.cpu_seconds:8.2f} s CPU")


def prepare_april(raw: Path | None, work: Path) -> Workload:
    """Return the delivery of April: that of a folder, else the real one, else a synthetic one."""
    folder = raw or (REAL_DATA if REAL_DATA.is_dir() else None)
    if folder is None:
        folder = work / "synthetic"
        write_sample(folder, first=MONTH, last=MONTH, rows=SYNTHETIC_ROWS)
    return Workload(folder.resolve(), MONTH, _list_parquet_files(folder, MONTH), work)


def _list_parquet_files(raw: Path, month: str) -> tuple[Path, ...]:
    """Return the files of the month, for the plain scripts.

    Raises:
        PermanentError: the month is not there, or a file of it is not Parquet.
    """
    store = LocalStore(raw)
    delivery = list_deliveries(store).require_month(Month.parse(month), store.root)
    if others := [file.path for file in delivery.files if not file.path.endswith(".parquet")]:
        raise PermanentError(
            f"{raw / others[0]}: the plain scripts read Parquet only. Pass a Parquet delivery as --raw."
        )
    return tuple(raw / file.path for file in delivery.files)


def write_multiple(april: Workload, rows: int, work: Path) -> Workload:
    """Write a delivery of so many rows: the first ones of April, or copies of it whose keys are shifted."""
    raw = work / f"rows-{rows}"
    folder = raw / "i94_apr16_sub.parquet"
    folder.mkdir(parents=True)
    for name in REFERENCE_FILES.values():
        shutil.copy(april.raw / name, raw / name)
    files: list[Path] = []
    while rows > 0:
        files.append(folder / f"part-{len(files):05}.parquet")
        rows -= _write_copy(april.files, (len(files) - 1) * KEY_SHIFT, rows, files[-1])
    return Workload(raw, april.month, tuple(files), work)


def _write_copy(files: Sequence[Path], shift: int, most: int, target: Path) -> int:
    """Write a copy of at most so many rows; return how many it has."""
    delivered = f"SELECT * REPLACE (cicid + {shift} AS cicid) FROM read_parquet({[*map(str, files)]}) LIMIT {most}"
    (rows,) = duckdb.execute(f"COPY ({delivered}) TO '{target}' (FORMAT parquet)").fetchone() or (0,)
    return int(rows)
