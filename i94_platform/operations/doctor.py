"""Whether this machine and these settings can run the platform, and what to do where they can't.

Here: one finding per thing that a run needs; looking changes nothing. Not here: mending what is found.
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

JAVA = (17, 21)
"""The Java versions that Spark 4 supports."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: fine or not, and a sentence that says what is there or what to do."""

    subject: str
    fine: bool
    message: str


def examine(settings: Settings, raw: Store, lake: Lake, warehouse: Warehouse) -> Iterator[Finding]:
    """Every finding, in the order in which a run would need them."""
    yield Finding("python", sys.version_info >= (3, 11), f"{sys.version.split()[0]}, 3.11 or later is needed")
    yield from _raw(settings, raw)
    if is_s3(settings.lake):
        yield _guarded("I94_LAKE", lambda: _reachable("I94_LAKE", lake.store))
    else:
        yield _writable("I94_LAKE", Path(settings.lake))
    yield _writable("I94_HOME", Path(settings.home))
    yield from _engine(settings)
    yield _guarded("I94_WAREHOUSE", lambda: _warehouse(warehouse))


def _raw(settings: Settings, raw: Store) -> Iterator[Finding]:
    if not is_s3(settings.raw) and not Path(settings.raw).is_dir():
        yield Finding(
            "I94_RAW",
            False,
            f"{settings.raw} is not there; set I94_RAW, or write samples: i94 sample --out {settings.raw}",
        )
        return
    try:
        found = list_deliveries(raw.list())
    except PlatformError as failure:
        yield Finding("I94_RAW", False, str(failure))
        return
    yield Finding(
        "I94_RAW",
        bool(found.months),
        f"{settings.raw}: {len(found.months)} month(s) delivered, {len(found.unknown)} other file(s)",
    )
    missing = ", ".join(found.missing_references)
    complete = f"all {len(REFERENCE_FILES)} are there"
    yield Finding("references", not missing, f"missing: {missing}; put them under I94_RAW" if missing else complete)


def _reachable(subject: str, store: Store) -> Finding:
    next(store.list(), None)
    return Finding(subject, True, f"{store.root}, the bucket answers; whether it can be written shows in a run")


def _writable(subject: str, folder: Path) -> Finding:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    fine = os.access(there, os.W_OK)
    free = shutil.disk_usage(there).free / 1e9
    return Finding(
        subject, fine, f"{folder}, {free:,.0f} GB free" if fine else f"{there} can't be written; choose another folder"
    )


def _engine(settings: Settings) -> Iterator[Finding]:
    engine = settings.engine
    if engine == "duckdb":
        yield Finding("I94_ENGINE", True, f"duckdb, in this process, memory limit {settings.memory_limit}")
        return
    there = importlib.util.find_spec("pyspark") is not None
    yield Finding(
        "I94_ENGINE", there, engine if there else "pyspark is not installed; run: pip install 'i94-platform[spark]'"
    )
    if is_in_process(engine):
        yield _java()
        if settings.uses_s3:
            yield _jars(settings.spark_jars)
    if engine.startswith(("sc://", "spark://")):
        yield _listening(settings)
    if engine == "yarn":
        yield _yarn()
    if engine.startswith("emr-serverless://"):
        application = Application.parse(engine, aws_region())
        yield _guarded("application", lambda: _application(application))


def _java() -> Finding:
    version = java_version()
    found = "no Java" if version is None else f"Java {version}"
    fine = version in JAVA
    return Finding("java", fine, found if fine else f"{found} found; install Java 17 or 21 and set JAVA_HOME")


def _jars(jars: str) -> Finding:
    if ":" in jars:
        return Finding("jars", True, f"Spark fetches {jars} by itself when it starts")
    found = list_jars(jars)
    missing = f"none in {jars}, and Spark needs them for s3://; run: make jars, or set I94_SPARK_JARS to their folder"
    return Finding("jars", bool(found), f"{len(found)} for s3:// in {jars}" if found else missing)


def _listening(settings: Settings) -> Finding:
    address = settings.engine
    if connect.is_listening(address):
        own = "; its jars and configuration for s3:// are its own: docs/operations.md, Spark on S3"
        return Finding(
            "spark", True, f"{address} answers{own if settings.uses_s3 and address.startswith('sc://') else ''}"
        )
    start = "i94 dev starts a server there" if connect.is_local(address) else "start it, or correct I94_ENGINE"
    return Finding("spark", False, f"nothing answers at {address}; {start}")


def _yarn() -> Finding:
    folder = os.environ.get("HADOOP_CONF_DIR") or os.environ.get("YARN_CONF_DIR") or ""
    fine = Path(folder, "yarn-site.xml").is_file()
    told = (
        f"the cluster of {folder}"
        if fine
        else "set HADOOP_CONF_DIR to the folder that holds the cluster's yarn-site.xml"
    )
    return Finding("spark", fine, told)


def _application(application: Application) -> Finding:
    state = application.fetch_state(application.client())
    return Finding("application", True, f"{application} takes sessions and is {state}")


def java_version() -> int | None:
    """The major version of the Java that Spark would start, or None."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else shutil.which("java")
    if not java or not Path(java).exists():
        return None
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    match = re.search(r'version "(\d+)', told)
    return int(match[1]) if match else None


def _warehouse(warehouse: Warehouse) -> Finding:
    if not warehouse.exists():
        return Finding("I94_WAREHOUSE", True, f"{warehouse.address}, not created yet; the first run does")
    months = sum(line.table_name == "immigration" for line in warehouse.read_ledger())
    return Finding("I94_WAREHOUSE", True, f"{warehouse.address}, {months} month(s) loaded")


def _guarded(subject: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except PlatformError as failure:
        return Finding(subject, False, str(failure))
