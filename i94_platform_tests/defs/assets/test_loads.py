"""Pins that a load and a check hold what they read: another run that commits meanwhile would sweep the files.

Two runs of one month at once used to be able to fail with a file that was gone between the look and the load.
"""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import Any

from sqlalchemy import Table

from i94_platform.engine.duckdb import DuckDBEngine
from i94_platform.lake.manifest import Manifest
from i94_platform.settings import Settings
from i94_platform.sql.query import Query
from i94_platform.warehouse.duckdb import DuckDBWarehouse
from i94_platform_tests.support.deployment import SAMPLE_MONTH, Deployment
from i94_platform_tests.support.faulty_resources import override_resource


def is_held(settings: Settings, dataset: str) -> bool:
    """Whether somebody holds a dataset's lock."""
    with Path(settings.lake, ".locks", dataset.replace("/", ".")).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


class WatchingWarehouse(DuckDBWarehouse):
    """Notes for each load whether its dataset was held."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.warehouse_path, settings.scratch)
        self.settings, self.held = settings, dict[str, bool]()

    def replace(self, contract: Table, manifest: Manifest, run_id: str) -> int:
        folder = Path(manifest.address).parent.relative_to(self.settings.lake).as_posix()
        self.held[folder] = is_held(self.settings, folder)
        return super().replace(contract, manifest, run_id)


class WatchingEngine(DuckDBEngine):
    """Notes whether the month was held whenever its rows were read."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.scratch)
        self.settings, self.held = settings, list[bool]()

    def fetch(self, query: Query) -> Any:
        if " FROM staged" in query.text or "FROM `immigration`" in query.text:
            self.held.append(is_held(self.settings, f"staged/immigration/month={SAMPLE_MONTH}"))
        return super().fetch(query)


def settings_of(folder: Path) -> Settings:
    """The settings of a copy in a folder."""
    return Settings(home=str(folder / "home"), raw=str(folder / "raw"))


def test_no_dataset_can_be_swept_while_it_is_loaded(loaded_deployment: Deployment, tmp_path: Path) -> None:
    watching = WatchingWarehouse(settings_of(tmp_path))
    deployment = loaded_deployment.copy(tmp_path, override_resource("warehouse", watching))
    assert all(outcome.succeeded for outcome in deployment.run(SAMPLE_MONTH))
    assert len(watching.held) == 13, "every table is loaded, the correlations too"
    assert {folder for folder, held in watching.held.items() if not held} == set()


def test_no_month_can_be_swept_while_it_is_checked(loaded_deployment: Deployment, tmp_path: Path) -> None:
    watching = WatchingEngine(settings_of(tmp_path))
    deployment = loaded_deployment.copy(tmp_path, override_resource("engine", watching))
    assert deployment.run_month(SAMPLE_MONTH).succeeded
    assert watching.held
    assert all(watching.held)
