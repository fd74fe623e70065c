"""The checks of `i94 doctor` on what runs the staging SQL: Spark, its version, Java and jars."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from i94_platform.address_grammar import is_in_process
from i94_platform.engine import connect
from i94_platform.engine.emr import Application
from i94_platform.engine.spark import list_jars
from i94_platform.engine.spark_version import (
    SPARK_NOT_INSTALLED,
    client_version,
    fetch_server_version,
    find_version_problem,
)
from i94_platform.lake.s3_client import aws_region
from i94_platform.operations.diagnosis import Diagnosis, catch_errors
from i94_platform.settings import Settings

SUPPORTED_JAVA = (17, 21)
"""The Java versions that Spark 4 supports."""


def find_java_version() -> int | None:
    """Find the major version of the Java that Spark would start; None without Java."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else shutil.which("java")
    if not java or not Path(java).exists():
        return None
    output = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    match = re.search(r'version "(\d+)', output)
    return int(match[1]) if match else None


def check_engine(settings: Settings) -> Iterator[Diagnosis]:
    """Check whether the engine of the settings can run here, or answers where it runs."""
    engine = settings.engine
    if engine == "duckdb":
        yield Diagnosis("I94_ENGINE", True, "duckdb, in this process")
        return
    installed = importlib.util.find_spec("pyspark") is not None
    yield Diagnosis("I94_ENGINE", installed, engine if installed else SPARK_NOT_INSTALLED)
    if not installed:
        return
    if is_in_process(engine):
        yield _check_java()
        if settings.uses_s3:
            yield _check_jars(settings.spark_jars)
    if engine.startswith(("sc://", "spark://")):
        yield from catch_errors("spark", lambda: iter([_check_spark_server(settings)]))
    if engine == "yarn":
        yield _check_yarn()
    if engine.startswith("emr-serverless://"):
        application = Application.parse(engine, aws_region())
        yield from catch_errors("application", lambda: _check_application(application))


def _check_java() -> Diagnosis:
    version = find_java_version()
    java = "no Java" if version is None else f"Java {version}"
    ok = version in SUPPORTED_JAVA
    return Diagnosis("java", ok, java if ok else f"{java} found; install Java 17 or 21 and set JAVA_HOME")


def _check_jars(address: str) -> Diagnosis:
    if ":" in address:
        return Diagnosis("jars", True, f"Spark fetches {address} by itself when it starts")
    if jars := list_jars(address):
        return Diagnosis("jars", True, f"{len(jars)} for s3:// in {address}")
    todo = "run: make jars, or set I94_SPARK_JARS to their folder"
    return Diagnosis("jars", False, f"none in {address}, and Spark needs them for s3://; {todo}")


def _check_spark_server(settings: Settings) -> Diagnosis:
    address = settings.engine
    if connect.is_listening(address):
        if address.startswith("spark://"):
            return Diagnosis("spark", True, f"{address} answers")
        return _compare_versions(address, fetch_server_version(address), uses_s3=settings.uses_s3)
    todo = "i94 dev starts a server there" if connect.is_local(address) else "start it, or correct I94_ENGINE"
    return Diagnosis("spark", False, f"nothing answers at {address}; {todo}")


def _compare_versions(address: str, server: str, *, uses_s3: bool) -> Diagnosis:
    client = client_version()
    if problem := find_version_problem(server, client):
        return Diagnosis("spark", False, f"{address}: {problem}")
    note = "; its jars and configuration for s3:// are its own: docs/how-to/spark.md" if uses_s3 else ""
    return Diagnosis("spark", True, f"{address} runs Spark {server}, and PySpark {client} is here{note}")


def _check_yarn() -> Diagnosis:
    folder = os.environ.get("HADOOP_CONF_DIR") or os.environ.get("YARN_CONF_DIR") or ""
    if Path(folder, "yarn-site.xml").is_file():
        return Diagnosis("spark", True, f"the cluster of {folder}")
    return Diagnosis("spark", False, "set HADOOP_CONF_DIR to the folder that holds the cluster's yarn-site.xml")


def _check_application(application: Application) -> Iterator[Diagnosis]:
    state = application.fetch_state(application.create_client())
    yield Diagnosis("application", True, f"{application} takes sessions and is {state}")
