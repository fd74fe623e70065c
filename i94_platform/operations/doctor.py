"""The checks of `i94 doctor`: can this machine run the platform with these settings, and if not, what to do.

A check changes nothing.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from i94_platform.engine import connect
from i94_platform.engine.emr import Application
from i94_platform.engine.spark import list_jars
from i94_platform.errors import PlatformError
from i94_platform.lake.datasets import Lake
from i94_platform.lake.s3_client import aws_region
from i94_platform.lake.store import Store
from i94_platform.settings import Settings, is_in_process, is_s3
from i94_platform.sources.listing import list_deliveries
from i94_platform.sources.registry import REFERENCE_FILES
from i94_platform.warehouse.base import Warehouse

SUPPORTED_JAVA = (17, 21)
"""The Java versions that Spark 4 supports."""


@dataclass(frozen=True)
class Finding:
    """The result of one check; the message says what is there or what to do."""

    subject: str
    ok: bool
    message: str


def diagnose(settings: Settings, raw: Store, lake: Lake, warehouse: Warehouse) -> Iterator[Finding]:
    """Check everything that a run needs, in the order in which it needs it."""
    yield Finding("python", sys.version_info >= (3, 11), f"{sys.version.split()[0]}, 3.11 or later is needed")
    yield from _check_raw(settings, raw)
    if is_s3(settings.lake):
        yield _catch_errors("I94_LAKE", lambda: _check_bucket("I94_LAKE", lake.store))
    else:
        yield _check_folder("I94_LAKE", Path(settings.lake))
    yield _check_folder("I94_HOME", Path(settings.home))
    yield from _check_engine(settings)
    yield _catch_errors("I94_WAREHOUSE", lambda: _check_warehouse(warehouse))


def find_java_version() -> int | None:
    """Find the major version of the Java that Spark would start; None without Java."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else shutil.which("java")
    if not java or not Path(java).exists():
        return None
    output = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    match = re.search(r'version "(\d+)', output)
    return int(match[1]) if match else None


def _check_raw(settings: Settings, raw: Store) -> Iterator[Finding]:
    if not is_s3(settings.raw) and not Path(settings.raw).is_dir():
        message = f"{settings.raw} is not there; set I94_RAW, or write samples: i94 sample --out {settings.raw}"
        yield Finding("I94_RAW", False, message)
        return
    try:
        listing = list_deliveries(raw)
    except PlatformError as error:
        yield Finding("I94_RAW", False, str(error))
        return
    counts = f"{len(listing.months)} month(s) delivered, {len(listing.unknown)} other file(s)"
    yield Finding("I94_RAW", bool(listing.months), f"{settings.raw}: {counts}")
    missing = ", ".join(listing.missing_references)
    complete = f"all {len(REFERENCE_FILES)} are there"
    yield Finding("references", not missing, f"missing: {missing}; put them under I94_RAW" if missing else complete)


def _check_bucket(subject: str, store: Store) -> Finding:
    next(store.list(), None)
    return Finding(subject, True, f"{store.root}, the bucket answers; whether it can be written shows in a run")


def _check_folder(subject: str, folder: Path) -> Finding:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(existing, os.W_OK):
        return Finding(subject, False, f"{existing} can't be written; choose another folder")
    return Finding(subject, True, f"{folder}, {shutil.disk_usage(existing).free / 1e9:,.0f} GB free")


def _check_engine(settings: Settings) -> Iterator[Finding]:
    engine = settings.engine
    if engine == "duckdb":
        yield Finding("I94_ENGINE", True, f"duckdb, in this process, memory limit {settings.memory_limit}")
        return
    installed = importlib.util.find_spec("pyspark") is not None
    install = "pyspark is not installed; run: pip install 'i94-platform[spark]'"
    yield Finding("I94_ENGINE", installed, engine if installed else install)
    if is_in_process(engine):
        yield _check_java()
        if settings.uses_s3:
            yield _check_jars(settings.spark_jars)
    if engine.startswith(("sc://", "spark://")):
        yield _check_spark_server(settings)
    if engine == "yarn":
        yield _check_yarn()
    if engine.startswith("emr-serverless://"):
        application = Application.parse(engine, aws_region())
        yield _catch_errors("application", lambda: _check_application(application))


def _check_java() -> Finding:
    version = find_java_version()
    java = "no Java" if version is None else f"Java {version}"
    ok = version in SUPPORTED_JAVA
    return Finding("java", ok, java if ok else f"{java} found; install Java 17 or 21 and set JAVA_HOME")


def _check_jars(address: str) -> Finding:
    if ":" in address:
        return Finding("jars", True, f"Spark fetches {address} by itself when it starts")
    if jars := list_jars(address):
        return Finding("jars", True, f"{len(jars)} for s3:// in {address}")
    todo = "run: make jars, or set I94_SPARK_JARS to their folder"
    return Finding("jars", False, f"none in {address}, and Spark needs them for s3://; {todo}")


def _check_spark_server(settings: Settings) -> Finding:
    address = settings.engine
    if connect.is_listening(address):
        needs_jars = settings.uses_s3 and address.startswith("sc://")
        note = "; its jars and configuration for s3:// are its own: docs/operations.md, Spark on S3"
        return Finding("spark", True, f"{address} answers{note if needs_jars else ''}")
    todo = "i94 dev starts a server there" if connect.is_local(address) else "start it, or correct I94_ENGINE"
    return Finding("spark", False, f"nothing answers at {address}; {todo}")


def _check_yarn() -> Finding:
    folder = os.environ.get("HADOOP_CONF_DIR") or os.environ.get("YARN_CONF_DIR") or ""
    if Path(folder, "yarn-site.xml").is_file():
        return Finding("spark", True, f"the cluster of {folder}")
    return Finding("spark", False, "set HADOOP_CONF_DIR to the folder that holds the cluster's yarn-site.xml")


def _check_application(application: Application) -> Finding:
    state = application.fetch_state(application.client())
    return Finding("application", True, f"{application} takes sessions and is {state}")


def _check_warehouse(warehouse: Warehouse) -> Finding:
    if not warehouse.exists():
        return Finding("I94_WAREHOUSE", True, f"{warehouse.address}, not created yet; the first run does")
    months = sum(entry.table_name == "immigration" for entry in warehouse.read_ledger())
    return Finding("I94_WAREHOUSE", True, f"{warehouse.address}, {months} month(s) loaded")


def _catch_errors(subject: str, check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except PlatformError as error:
        return Finding(subject, False, str(error))
