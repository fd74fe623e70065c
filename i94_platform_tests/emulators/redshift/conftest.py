"""Fixtures of the emulator's own tests: a connection to a database with one table."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import psycopg2
import pytest

from i94_platform_tests.emulators.redshift.emulator import RedshiftEmulator

TABLE = "CREATE TABLE t (code INTEGER ENCODE raw NOT NULL, name VARCHAR(3) ENCODE zstd) DISTSTYLE KEY DISTKEY (code)"


@pytest.fixture
def connection(redshift_emulator: RedshiftEmulator) -> Iterator[Any]:
    """A connection to a database with one table."""
    database = redshift_emulator.create_database()
    opened = psycopg2.connect(host="127.0.0.1", port=redshift_emulator.port, user="awsuser", dbname=database)
    opened.autocommit = True
    opened.cursor().execute(TABLE)
    with contextlib.closing(opened):
        yield opened
    redshift_emulator.drop_database(database)


@pytest.fixture
def execute(connection: Any) -> Callable[[str], list[Any]]:
    def run(sql: str) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall()) if cursor.description else []

    return run
