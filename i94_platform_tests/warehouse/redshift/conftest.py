"""Fixtures of the tests on Redshift: its emulator in the place of every warehouse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from i94_platform.lake.s3 import S3Store
from i94_platform.warehouse.redshift.warehouse import RedshiftWarehouse
from i94_platform_tests.emulators.redshift.emulator import RedshiftEmulator
from i94_platform_tests.support.warehouses import Place


@pytest.fixture
def place(redshift_place: Place) -> Place:
    return redshift_place


@pytest.fixture
def files(place: Place, tmp_path: Path) -> S3Store:
    """What opens the lake's files, for warehouses that a test makes itself."""
    connect: Callable[[], Any] = place.reach.args[1]  # type: ignore[attr-defined]
    return S3Store("s3://", connect, tmp_path / "scratch")


@pytest.fixture
def database(bare: RedshiftWarehouse) -> str:
    """The name of the test's database."""
    return bare.location.database


@pytest.fixture
def sent_statements(redshift_emulator: RedshiftEmulator, warehouse: RedshiftWarehouse) -> Any:
    """The statements that are sent from now on."""
    before = len(redshift_emulator.sent_statements(warehouse.location.database))
    return lambda: redshift_emulator.sent_statements(warehouse.location.database)[before:]
