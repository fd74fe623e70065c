"""The checks of `i94 doctor --deep`, which do in small what a run does: they write, stage, load and publish a few rows.

Each removes what it has written, and a load is rolled back.
"""

from __future__ import annotations

import copy
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from i94_platform.contracts import i94mode
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.engine.base import Engine
from i94_platform.errors import TransientError
from i94_platform.lake.datasets import Lake, read_into_memory
from i94_platform.lake.manifest import Entry, Manifest
from i94_platform.lake.s3 import S3Store
from i94_platform.lake.store import Store
from i94_platform.operations.diagnosis import Diagnosis, catch_errors
from i94_platform.operations.platform import Platform
from i94_platform.progress import report_progress
from i94_platform.sql.query import Query
from i94_platform.warehouse.base import Warehouse

if TYPE_CHECKING:
    import pyarrow as pa

MAX_SKEW_SECONDS = 60.0
"""Clocks may differ by so much. S3 refuses requests beyond 15 minutes, and times of runs become misleading before."""

ROWS = 3
"""So many rows are staged, and one is loaded."""

_CODE = -94
"""No delivery has this code."""


class _Rollback(Exception):
    """Ends a transaction without a commit."""


def diagnose_deeply(platform: Platform) -> Iterator[Diagnosis]:
    """Write, stage, load and publish a few rows, and compare the clocks; say every two seconds what takes its time."""
    lake, warehouse = platform.lake, platform.warehouse
    store = lake.store
    if isinstance(store, S3Store):
        yield from _check("lake", "writing to it conditionally", lambda: _check_conditional_writes(store))
    else:
        yield from _check("lake", "writing to it and locking it", lambda: _check_writes_and_locks(store))
    yield from _check("engine", "staging a few rows", lambda: _check_staging(lake, platform.engine))
    if store_on_s3 := next((one for one in (store, platform.raw) if isinstance(one, S3Store)), None):
        yield from _check("clock", "asking S3", lambda: _check_clock(store_on_s3.root, store_on_s3.fetch_time))
    if platform.settings.redshift_address:
        yield from _check("clock", "asking Redshift", lambda: _check_clock(warehouse.address, warehouse.fetch_time))
    yield from _check("warehouse", "loading and publishing a row", lambda: _check_load(lake, warehouse))


def _check(subject: str, phase: str, check: Callable[[], Iterator[Diagnosis]]) -> Iterator[Diagnosis]:
    with report_progress(subject) as progress:
        progress.start(phase)
        diagnoses = list(catch_errors(subject, check))
    yield from diagnoses


def _check_conditional_writes(store: S3Store) -> Iterator[Diagnosis]:
    ignored = store.find_ignored_conditions()
    message = f"{store.root} can be written, and obeys If-None-Match and If-Match"
    if ignored:
        message = f"{store.root} ignores {' and '.join(ignored)}, so two runs could hold one lock"
        message += "; use a store that knows conditional writes"
    yield Diagnosis("lake", not ignored, message)


def _check_writes_and_locks(store: Store) -> Iterator[Diagnosis]:
    with _scratch_folder(store, "scratch") as folder:
        store.put(f"{folder}/a", b"1")
        store.put(f"{folder}/a", b"2")
        is_replaced = store.read(f"{folder}/a") == b"2"
    yield Diagnosis(
        "lake",
        is_replaced,
        f"{store.root} can be written, and a file replaced"
        if is_replaced
        else (f"{store.root} gives back another file than was written last; use a disk of this machine"),
    )
    is_exclusive = _is_lock_exclusive(store)
    message = f"{store.root} keeps a second process out of a lock"
    if not is_exclusive:
        message = f"{store.root} lets two processes hold one lock; use a file system with locks, such as a local disk"
    yield Diagnosis("lake", is_exclusive, message)


def _is_lock_exclusive(store: Store) -> bool:
    second = copy.copy(store)
    second.lock_timeout = 0.0
    name = f"doctor-{uuid.uuid4().hex}"
    try:
        with store.lock(name, ""):
            try:
                with second.lock(name, ""):
                    return False
            except TransientError:
                return True
    finally:
        store.delete([f".locks/{name}"])


def _check_staging(lake: Lake, engine: Engine) -> Iterator[Diagnosis]:
    """Stage a small relation as a run does: the engine writes files, and the lake lists them."""
    import pyarrow as pa

    started = time.monotonic()
    with _scratch_folder(lake.store, "scratch") as folder, engine.session():
        engine.register_table("doctor", pa.table({"n": list(range(ROWS))}))
        engine.write(Query("SELECT n FROM doctor", is_portable=True), lake.store.uri(f"{folder}/rows"))
        urls = [lake.store.uri(file.path) for file in lake.store.list(folder) if file.path.endswith(".parquet")]
        if not urls:
            message = f"{engine.name} wrote {lake.store.uri(folder)}, and no file is there"
            yield Diagnosis("engine", False, f"{message}; give both the same folder, or set I94_LAKE to a bucket")
            return
        engine.register_files("doctor_files", urls)
        rows = engine.fetch_row(Query("SELECT count(*) AS n FROM doctor_files", is_portable=True))["n"]
    seconds = time.monotonic() - started
    message = f"{engine.name} staged {rows} of {ROWS} rows in {seconds:.1f} s"
    yield Diagnosis("engine", rows == ROWS, message if rows == ROWS else f"{message}; look into its log")


def _check_clock(address: str, fetch_time: Callable[[], float]) -> Iterator[Diagnosis]:
    """Compare a server's clock with that of this machine, which may be anywhere within the request."""
    before = time.time()
    there = fetch_time()
    after = time.time()
    skew = there - min(max(there, before), after)
    if abs(skew) <= MAX_SKEW_SECONDS:
        yield Diagnosis("clock", True, f"this machine and {address} agree within {MAX_SKEW_SECONDS:.0f} s")
        return
    side = "behind" if skew > 0 else "ahead of"
    message = f"the clock of this machine is {abs(skew):,.0f} s {side} that of {address}"
    yield Diagnosis("clock", False, f"{message}; set it by NTP, since S3 refuses requests that are 15 minutes off")


def _check_load(lake: Lake, warehouse: Warehouse) -> Iterator[Diagnosis]:
    """Load a row by the statements of a load, export it by those of a release, and roll back."""
    if not warehouse.exists():
        return  # that is another check's diagnosis
    store = lake.store
    with _scratch_folder(store, "scratch") as source, _scratch_folder(store, "published") as target:
        manifest = _write_row(store, source)
        with suppress(_Rollback), warehouse.transaction(purpose="load and publish a row of i94 doctor") as transaction:
            transaction.copy(i94mode, manifest)
            transaction.export(i94mode, store.uri(f"{target}/{i94mode.name}"))
            raise _Rollback
        exported = sum(_count_row(store, file.path) for file in store.list(target))
    message = f"{warehouse.address} loaded a row from {store.root} and published it; it was rolled back"
    if exported != 1:
        message = f"{warehouse.address} loaded a row and published {exported}; run: i94 status, and look into its log"
    yield Diagnosis("warehouse", exported == 1, message)


def _write_row(store: Store, folder: str) -> Manifest:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = pa.table({"code": [_CODE], "label": ["row of i94 doctor"]}, schema=arrow_schema(i94mode))
    path = f"{folder}/row.parquet"
    with store.create(path) as file:
        pq.write_table(rows, file)
        size = file.tell()
    entries = (Entry(store.uri(path), size, rows.num_rows, ""),)
    return Manifest("doctor", "", "doctor", "", "", store.uri(path), entries)


def _count_row(store: Store, path: str) -> int:
    import pyarrow.parquet as pq

    with store.open(path) as file:
        rows: pa.Table = pq.read_table(read_into_memory(file))
    codes: list[Any] = rows.column("code").to_pylist()
    return codes.count(_CODE)


@contextmanager
def _scratch_folder(store: Store, parent: str) -> Iterator[str]:
    """A folder of this process, whose files are deleted when the context ends."""
    folder = f"{parent}/doctor={uuid.uuid4().hex}"
    try:
        yield folder
    finally:
        store.delete([file.path for file in store.list(folder)])
