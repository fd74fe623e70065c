"""Test that a load and a check lock the dataset that they read: another run would otherwise sweep its files.

The incident: two runs of one month at once, of which one failed because a file vanished before the load.
"""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table

from i94_platform.engine.duckdb import DuckDBEngine
from i94_platform.engine.spark import SparkEngine
from i94_platform.errors import PermanentError
from i94_platform.lake.manifest import Manifest
from i94_platform.settings import Settings
from i94_platform.sql.query import Query
from i94_platform.warehouse.duckdb import DuckDBWarehouse
from i94_platform_tests.support.deployment import SAMPLE_MONTH, Deployment
from i94_platform_tests.support.faulty_resources import override_resource


def is_locked(settings: Settings, dataset: str) -> bool:
    """Whether a process holds the lock of a dataset."""
    with Path(settings.lake, ".locks", dataset.replace("/", ".")).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


class RecordingWarehouse(DuckDBWarehouse):
    """Records for each load whether its dataset was locked."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.warehouse_path, settings.scratch)
        self.settings, self.locked = settings, dict[str, bool]()

    def replace(self, contract: Table, manifest: Manifest, run_id: str) -> int:
        folder = Path(manifest.address).parent.relative_to(self.settings.lake).as_posix()
        self.locked[folder] = is_locked(self.settings, folder)
        return super().replace(contract, manifest, run_id)


class RecordingEngine(DuckDBEngine):
    """Records for each query of the month's rows whether the month was locked."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.scratch)
        self.settings, self.locked = settings, list[bool]()

    def fetch(self, query: Query) -> Any:
        if " FROM staged" in query.text or "FROM `immigration`" in query.text:
            self.locked.append(is_locked(self.settings, f"staged/immigration/month={SAMPLE_MONTH}"))
        return super().fetch(query)


def settings_of(folder: Path) -> Settings:
    """The settings of a deployment that is copied into a folder."""
    return Settings(home=str(folder / "home"), raw=str(folder / "raw"))


def test_a_dataset_is_locked_while_it_is_loaded(loaded_deployment: Deployment, tmp_path: Path) -> None:
    recorder = RecordingWarehouse(settings_of(tmp_path))
    deployment = loaded_deployment.copy(tmp_path, override_resource("warehouse", recorder))
    assert all(result.succeeded for result in deployment.run(SAMPLE_MONTH))
    assert len(recorder.locked) == 13, "every table is loaded, the correlations too"
    assert {folder for folder, locked in recorder.locked.items() if not locked} == set()


def test_a_month_is_locked_while_it_is_checked(loaded_deployment: Deployment, tmp_path: Path) -> None:
    recorder = RecordingEngine(settings_of(tmp_path))
    deployment = loaded_deployment.copy(tmp_path, override_resource("engine", recorder))
    assert deployment.run_month(SAMPLE_MONTH).succeeded
    assert recorder.locked
    assert all(recorder.locked)


@pytest.mark.slow
def test_a_run_that_stages_no_month_starts_no_spark(loaded_deployment: Deployment, tmp_path: Path) -> None:
    starts: list[str] = []

    def start() -> Any:
        starts.append("session")
        raise PermanentError("no Spark here")

    deployment = loaded_deployment.copy(tmp_path, override_resource("engine", SparkEngine("local[2]", start)))
    assert deployment.run_reference().succeeded
    assert deployment.run_step("warehouse/immigration", SAMPLE_MONTH).succeeded
    assert deployment.run_marts(SAMPLE_MONTH).succeeded
    assert not starts
    assert not deployment.run_month(SAMPLE_MONTH).succeeded
    assert starts
