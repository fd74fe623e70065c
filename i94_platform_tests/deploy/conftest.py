"""Fixtures of the production Dagster instance: its storage on PostgreSQL, its compute logs on an S3 server."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from i94_platform.settings import PROJECT
from i94_platform_tests.emulators.postgres import Postgres, missing_server, run_postgres
from i94_platform_tests.emulators.s3 import S3Server
from i94_platform_tests.emulators.s3_roles import PLATFORM

PASSWORD = "planted-history-password-94"
"""A recognizable password, so that a test can search every output for it."""


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """Run a PostgreSQL server."""
    if reason := missing_server():
        pytest.skip(reason)
    with run_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def dagster_home(postgres_server: Postgres, s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create `<I94_HOME>/dagster` with deploy/dagster.yaml unchanged, and the database that this file names."""
    postgres_server.execute(f"CREATE ROLE dagster LOGIN PASSWORD '{PASSWORD}'", "CREATE DATABASE dagster OWNER dagster")
    home = tmp_path_factory.mktemp("production") / "dagster"
    home.mkdir()
    shutil.copy(PROJECT / "deploy" / "dagster.yaml", home)
    return home


@pytest.fixture(scope="session")
def production_environment(postgres_server: Postgres, s3_server: S3Server) -> dict[str, str]:
    """Return the variables that deploy/dagster.yaml reads and those that lead to the servers.

    PostgreSQL listens on a socket only. The address names no host, so libpq takes the socket's folder from PGHOST.
    """
    return {
        **s3_server.as_role(PLATFORM).environment,
        "AWS_ENDPOINT_URL_S3": s3_server.endpoint,
        "I94_LOGS_BUCKET": s3_server.create_bucket(),
        "I94_HISTORY_HOST": "",
        "I94_HISTORY_PASSWORD": PASSWORD,
        "PGHOST": str(postgres_server.folder),
    }


@pytest.fixture
def production_home(
    dagster_home: Path, production_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Set the environment of production and return its Dagster home. All tests share its run history."""
    for name, value in production_environment.items():
        monkeypatch.setenv(name, value)
    return dagster_home


@pytest.fixture
def production_instance(production_home: Path) -> Iterator[dg.DagsterInstance]:
    """Open the instance from its configuration alone, as Dagster's webserver and daemon do."""
    with dg.DagsterInstance.from_config(str(production_home)) as instance:
        yield instance
