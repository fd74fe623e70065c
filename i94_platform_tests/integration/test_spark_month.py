"""Pins that the same command on Spark ends in the tables that the embedded engine makes, value for value."""

from __future__ import annotations

from pathlib import Path

import pytest

from i94_platform_tests.engine.spark import lacking
from i94_platform_tests.integration.command import i94
from i94_platform_tests.integration.deployment import Deployment
from i94_platform_tests.integration.fixtures import MONTH

pytestmark = [pytest.mark.spark, pytest.mark.xdist_group("spark")]


def test_the_command_on_spark_makes_the_tables_of_the_embedded_engine(loaded: Deployment, tmp_path: Path) -> None:
    if reason := lacking():
        pytest.skip(reason)
    deployment = Deployment(tmp_path)
    deployment.deliver(*loaded.raw.iterdir())
    ended = i94({**deployment.environment, "I94_ENGINE": "local[*]"}, "run", "--month", MONTH)
    assert ended.code == 0, ended.output
    assert deployment.manifest("staged/immigration", MONTH).rows == loaded.manifest("staged/immigration", MONTH).rows
    assert deployment.tables() == loaded.tables()
    assert deployment.ledger() == loaded.ledger()
    assert deployment.committed() == loaded.committed()
