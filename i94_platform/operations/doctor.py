"""The checks of `i94 doctor`: can this machine run the platform with these settings, and if not, what to do.

A check changes nothing.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sqlite3
import stat
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from sqlalchemy import MetaData

from i94_platform.address_grammar import is_s3
from i94_platform.contracts import MARTS, immigration
from i94_platform.contracts.access import ROUNDED
from i94_platform.contracts.disclosure import select_unprotected
from i94_platform.engine.duckdb import parse_bytes
from i94_platform.errors import PermanentError
from i94_platform.lake.dataset import MANIFEST_NAME, Dataset
from i94_platform.lake.datasets import Lake
from i94_platform.lake.manifest import DamagedManifestError, Manifest
from i94_platform.lake.releases import read_current_release
from i94_platform.lake.store import Store
from i94_platform.operations.diagnosis import Diagnosis, catch_errors
from i94_platform.operations.doctor_engine import check_engine
from i94_platform.operations.platform import find_raw_problem
from i94_platform.settings import Settings
from i94_platform.sources.listing import DeliveryListing, list_deliveries
from i94_platform.sources.registry import REFERENCE_FILES
from i94_platform.unknown_variables import find_unknown_variables
from i94_platform.warehouse.base import Warehouse

LEAST_FREE_BYTES = 1_000_000_000
"""A month and the release after it need less."""

LEAST_MEMORY_BYTES = 100_000_000
"""Below it the embedded engine stages no month of 3 million rows."""


def diagnose(settings: Settings, raw: Store, lake: Lake, warehouse: Warehouse) -> Iterator[Diagnosis]:
    """Check everything that a run needs, in the order in which it needs it."""
    yield Diagnosis("python", sys.version_info >= (3, 11), f"{sys.version.split()[0]}, 3.11 or later is needed")
    yield from (
        Diagnosis("variables", False, message) for message in find_unknown_variables(os.environ, Settings.model_fields)
    )
    yield from catch_errors("I94_RAW", lambda: _check_raw(settings, raw))
    if is_s3(settings.lake):
        yield from catch_errors("I94_LAKE", lambda: _check_bucket(lake.store))
    else:
        yield from catch_errors("I94_LAKE", lambda: _check_folder("I94_LAKE", Path(settings.lake)))
    yield from catch_errors("manifests", lambda: _check_manifests(lake))
    yield from catch_errors("I94_HOME", lambda: _check_folder("I94_HOME", Path(settings.home)))
    yield from catch_errors("permissions", lambda: _check_permissions(settings))
    yield from catch_errors("I94_HOME", lambda: _check_instance_config(settings.dagster_home))
    yield from catch_errors("I94_HOME", lambda: _check_sqlite_databases(Path(settings.home)))
    yield _check_memory_limit(settings)
    yield from check_engine(settings)
    yield from catch_errors("I94_WAREHOUSE", lambda: _check_warehouse(settings, warehouse))
    if settings.redshift_address is not None:
        yield from catch_errors("disclosure", lambda: _check_rounded_views(warehouse))
    yield from catch_errors("release", lambda: _check_release(lake, warehouse))


def _check_raw(settings: Settings, raw: Store) -> Iterator[Diagnosis]:
    if problem := find_raw_problem(settings):
        yield Diagnosis("I94_RAW", False, problem)
        return
    listing = list_deliveries(raw)
    counts = f"{len(listing.months)} month(s) delivered, {len(listing.unknown)} other file(s)"
    yield Diagnosis("I94_RAW", bool(listing.months), f"{settings.raw}: {counts}")
    for problem in (*listing.problems, *listing.refusals, *_find_reference_problems(listing, raw)):
        yield Diagnosis("delivery", False, problem)
    missing = ", ".join(listing.missing_references)
    complete = f"all {len(REFERENCE_FILES)} are there"
    yield Diagnosis("references", not missing, f"missing: {missing}; put them under I94_RAW" if missing else complete)


def _find_reference_problems(listing: DeliveryListing, raw: Store) -> Iterator[str]:
    """Find the references that are there but can't be opened, or that are there twice."""
    for name in listing.references:
        try:
            listing.require_reference(name, raw.root)
        except PermanentError as error:
            yield str(error)


def _check_bucket(store: Store) -> Iterator[Diagnosis]:
    next(store.list(), None)
    yield Diagnosis("I94_LAKE", True, f"{store.root}, the bucket answers; whether it can be written shows in a run")


def _check_folder(subject: str, folder: Path) -> Iterator[Diagnosis]:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir():
        yield Diagnosis(subject, False, f"{existing} is a file; remove it, or choose another folder")
    elif not os.access(existing, os.W_OK | os.X_OK):
        yield Diagnosis(subject, False, f"{existing} can't be written; choose another folder")
    elif (free := shutil.disk_usage(existing).free) < LEAST_FREE_BYTES:
        yield Diagnosis(subject, False, f"{folder}, only {free / 1e6:,.0f} MB free; free space, or choose another disk")
    else:
        yield Diagnosis(subject, True, f"{folder}, {free / 1e9:,.0f} GB free")


def _check_permissions(settings: Settings) -> Iterator[Diagnosis]:
    """Look for what others own or may use under home and lake, apart from deliveries, which have their own rules."""
    umask = int(settings.umask, 8)
    for folder in _list_own_folders(settings):
        status = os.stat(folder)
        if status.st_uid != os.geteuid():
            message = f"{folder} belongs to the user with the id {status.st_uid}, who can change all that is in it"
            yield Diagnosis("permissions", False, f"{message}; run as that user, or choose another folder")
        wider = [path for path in _walk(folder, settings.raw) if _find_mode(path) & umask]
        message = f"{folder}, nothing is wider than I94_UMASK={settings.umask}"
        if wider:
            message = f"others may use {len(wider):,} file(s) and folder(s), such as {wider[0]}"
            message += f"; run: chmod -R {_describe_umask(umask)} {shlex.quote(folder)}"
        yield Diagnosis("permissions", not wider, message)


def _list_own_folders(settings: Settings) -> list[str]:
    """List home and lake where they are, but not a lake that is part of the home."""
    lake = settings.lake if not Path(settings.lake).is_relative_to(settings.home) else ""
    return [folder for folder in (settings.home, lake) if folder and os.path.isdir(folder)]


def _walk(root: str, deliveries: str) -> Iterator[str]:
    yield root
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if os.path.join(folder, name) != deliveries]
        yield from (os.path.join(folder, name) for name in (*folders, *files))


def _find_mode(path: str) -> int:
    """Return the permissions of a file; none for a link, which has its target's, and for one that is gone by now."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return 0
    return 0 if stat.S_ISLNK(status.st_mode) else stat.S_IMODE(status.st_mode)


def _describe_umask(umask: int) -> str:
    """Say for chmod what a umask takes away, such as `g-w,o-rwx`."""
    withheld = {who: umask >> bits & 7 for who, bits in (("u", 6), ("g", 3), ("o", 0))}
    return ",".join(
        f"{who}-" + "".join(letter for letter, bit in (("r", 4), ("w", 2), ("x", 1)) if bits & bit)
        for who, bits in withheld.items()
        if bits
    )


def _check_manifests(lake: Lake) -> Iterator[Diagnosis]:
    """Read every manifest of the lake, and look for the files that it lists."""
    paths = [file.path for file in lake.store.list() if file.path.endswith(f"/{MANIFEST_NAME}")]
    damaged = False
    for path in paths:
        try:
            manifest = Manifest.from_json(lake.store.read(path), lake.store.uri(path))
            command = Dataset(manifest.dataset, manifest.partition).repair_command
            problems = [f"{problem}; run: {command}" for problem in lake.find_missing_files(manifest)]
        except DamagedManifestError as error:
            problems = [str(error)]
        damaged = damaged or bool(problems)
        yield from (Diagnosis("manifests", False, problem) for problem in problems)
    if paths and not damaged:
        yield Diagnosis("manifests", True, f"{len(paths)} in the lake, and every file that they list is there")


def _check_instance_config(dagster_home: Path) -> Iterator[Diagnosis]:
    """Read the configuration of the Dagster instance, if it is there; the error of a damaged one is the diagnosis."""
    from dagster_shared.yaml_utils import load_yaml_from_path

    if (dagster_home / "dagster.yaml").exists():
        load_yaml_from_path(str(dagster_home / "dagster.yaml"))
    yield from ()


def _check_sqlite_databases(home: Path) -> Iterator[Diagnosis]:
    """Check the run history and the keys; SQLite itself finds damaged pages."""
    for path in sorted(path for pattern in ("*.sqlite", "dagster/**/*.db") for path in home.glob(pattern)):
        try:
            with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
                (result,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.DatabaseError as error:
            result = str(error)
        if result == "ok" and not os.access(path, os.W_OK):
            yield Diagnosis("I94_HOME", False, f"{path} can't be written; give this user access")
        elif result != "ok":
            message = f"{path} is damaged; move it away: it holds records of runs or keys, loaded data is elsewhere"
            yield Diagnosis("I94_HOME", False, message)


def _check_memory_limit(settings: Settings) -> Diagnosis:
    limit = parse_bytes(settings.memory_limit)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    name, value = "I94_MEMORY_LIMIT", settings.memory_limit
    if limit < LEAST_MEMORY_BYTES:
        return Diagnosis(name, False, f"{value} is too low; {LEAST_MEMORY_BYTES // 10**6} MB are the least for a month")
    if limit > memory:
        return Diagnosis(name, False, f"{value} is more than this machine has, {memory / 1e9:.1f} GB; lower it")
    return Diagnosis(name, True, f"{value} of {memory / 1e9:.1f} GB")


def _check_warehouse(settings: Settings, warehouse: Warehouse) -> Iterator[Diagnosis]:
    if not warehouse.exists():
        todo = "run: i94 create-tables" if settings.redshift_address else "the first run does"
        yield Diagnosis("I94_WAREHOUSE", not settings.redshift_address, f"{warehouse.address}, not created yet; {todo}")
        return
    if settings.redshift_address is None and not os.access(settings.warehouse_path, os.W_OK):
        yield Diagnosis("I94_WAREHOUSE", False, f"{settings.warehouse_path} can't be written; give this user access")
        return
    months = sum(entry.table_name == immigration.name for entry in warehouse.read_ledger())
    yield Diagnosis("I94_WAREHOUSE", True, f"{warehouse.address}, {months} month(s) loaded")


def _check_rounded_views(warehouse: Warehouse) -> Iterator[Diagnosis]:
    """Ask the views that readers get in the place of the marts, and look for figures that they must not show."""
    with warehouse.transaction(purpose="look for the views", read_only=True) as transaction:
        names = transaction.list_tables()
    views = {f"{ROUNDED}.{mart.name}": (mart, mart.to_metadata(MetaData(), schema=ROUNDED)) for mart in MARTS}
    unprotected = {
        name: warehouse.query(select_unprotected(contract, view)).column("n")[0].as_py()
        for name, (contract, view) in views.items()
        if name in names
    }
    missing = sorted(views.keys() - names.keys())
    wrong = ", ".join(name for name, rows in unprotected.items() if rows)
    message = f"{len(unprotected)} view(s) of {ROUNDED} show readers rounded figures only"
    if missing:
        message += f", and {len(missing)} are absent: i94 create-tables creates them"
    if wrong:
        message = f"{wrong} shows readers figures that are not rounded; run: i94 create-tables"
    yield Diagnosis("disclosure", not wrong, message)


def _check_release(lake: Lake, warehouse: Warehouse) -> Iterator[Diagnosis]:
    """Look for the file of the release, for which only the embedded warehouse has a path."""
    path = warehouse.release_path
    if path and read_current_release(lake):
        todo = " does not exist; run 'i94 run --select published'"
        yield Diagnosis("release", path.exists(), f"{path}{', for BI tools and notebooks' if path.exists() else todo}")
