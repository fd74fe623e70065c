"""Production's Dagster home for the tests of this folder: history on PostgreSQL, what runs print on an S3 server."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from i94_platform.settings import PROJECT
from i94_platform_tests.emulators.postgres import Postgres, missing_server, run_postgres
from i94_platform_tests.emulators.s3 import S3Server

PASSWORD = "planted-history-password-94"
"""Recognizable, so that a test can look for it everywhere."""


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """A PostgreSQL server."""
    if reason := missing_server():
        pytest.skip(reason)
    with run_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def production_home(postgres_server: Postgres, s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`<I94_HOME>/dagster` with deploy/dagster.yaml as it is, and the database that it asks for."""
    postgres_server.execute(f"CREATE ROLE dagster LOGIN PASSWORD '{PASSWORD}'", "CREATE DATABASE dagster OWNER dagster")
    home = tmp_path_factory.mktemp("production") / "dagster"
    home.mkdir()
    shutil.copy(PROJECT / "deploy" / "dagster.yaml", home)
    return home


@pytest.fixture(scope="session")
def production_environment(postgres_server: Postgres, s3_server: S3Server) -> dict[str, str]:
    """What deploy/dagster.yaml reads, and what leads to the servers.

    PostgreSQL listens on a socket only, which libpq is told by PGHOST where the address names no host.
    """
    return {
        **s3_server.environment,
        "AWS_ENDPOINT_URL_S3": s3_server.endpoint,
        "I94_LOGS_BUCKET": s3_server.create_bucket(),
        "I94_HISTORY_HOST": "",
        "I94_HISTORY_PASSWORD": PASSWORD,
        "PGHOST": str(postgres_server.folder),
    }


@pytest.fixture
def production(production_home: Path, production_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """That home, with the environment that it needs for the length of the test; tests share the history."""
    for name, value in production_environment.items():
        monkeypatch.setenv(name, value)
    return production_home


@pytest.fixture
def services(production: Path) -> Iterator[dg.DagsterInstance]:
    """The instance as Dagster's own services open it, by its configuration alone."""
    with dg.DagsterInstance.from_config(str(production)) as opened:
        yield opened
