"""A PostgreSQL server for the tests of this folder, and an instance in a database of its own on it."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from i94_platform.settings import PROJECT
from i94_platform_tests.emulators.postgres import Postgres, lacking, postgres
from i94_platform_tests.emulators.s3 import S3Server

PASSWORD = "planted-history-password-94"
"""Recognizable, so that a test can look for it everywhere."""

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """A PostgreSQL server; make a database for each test."""
    if reason := lacking():
        pytest.skip(reason)
    with postgres() as server:
        yield server


@pytest.fixture
def production_home(
    postgres_server: Postgres, s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A Dagster home with deploy/dagster.yaml, and the environment that it asks for, over an empty database.

    The server listens on a socket only, which libpq is told by PGHOST where the address names no host.
    """
    database = f"dagster_{os.getpid()}_{next(_NUMBERS)}"
    postgres_server.execute(
        "DO $$ BEGIN CREATE ROLE dagster LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
        f"ALTER ROLE dagster PASSWORD '{PASSWORD}'",
        f"CREATE DATABASE {database} OWNER dagster",
    )
    bucket = s3.bucket()
    for name, value in {
        "I94_HISTORY_HOST": "",
        "I94_HISTORY_PASSWORD": PASSWORD,
        "I94_LOGS_BUCKET": bucket,
        "PGHOST": str(postgres_server.folder),
        "AWS_ENDPOINT_URL_S3": s3.endpoint,
    }.items():
        monkeypatch.setenv(name, value)
    home = tmp_path / "dagster"
    home.mkdir()
    shutil.copy(PROJECT / "deploy" / "dagster.yaml", home)
    text = (home / "dagster.yaml").read_text()
    assert text.count("db_name: dagster") == 1
    (home / "dagster.yaml").write_text(text.replace("db_name: dagster", f"db_name: {database}"))
    yield home
    postgres_server.execute(f"DROP DATABASE {database} WITH (FORCE)")
